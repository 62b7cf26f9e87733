//! Who is dialled: a listener of this program's for TCP, one that never answers, and an nginx for HTTP and TLS.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sonde_tests::process::{Process, eventually};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;

use super::Kind;

/// All of them; they end when dropped.
pub(crate) struct Servers {
    _processes: [Process; 3],
    dir: tempfile::TempDir,
    tcp: SocketAddr,
    http: SocketAddr,
    tls: SocketAddr,
    pub(crate) silent: SocketAddr,
}

impl Servers {
    pub(crate) fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let [tcp, http, tls, silent] = addresses()?;
        certificates(dir.path())?;
        let processes =
            [listener(dir.path(), tcp, "close")?, listener(dir.path(), silent, "hold")?, nginx(dir.path(), http, tls)?];
        for address in [tcp, http, tls, silent] {
            eventually(Duration::from_secs(10), &format!("a listener at {address}"), || {
                Ok(std::net::TcpStream::connect(address).is_ok())
            })?;
        }
        Ok(Self { _processes: processes, dir, tcp, http, tls, silent })
    }

    pub(crate) fn of(&self, kind: Kind) -> SocketAddr {
        match kind {
            Kind::Tcp => self.tcp,
            Kind::Http => self.http,
            Kind::Tls => self.tls,
        }
    }

    /// What signed the certificate of the TLS server, in PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }
}

/// What a listener does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Waits for the peer's end.
    Close,
    /// Reads, and never answers.
    Hold,
}

/// Serves until it is killed.
pub(crate) fn listen(address: SocketAddr, manner: Manner) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(4096)?;
        let mut serving = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await?;
            serving.spawn(async move {
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
                if manner == Manner::Close {
                    // The peer closed first: a reset now frees its port at once, and thousands of dials do not run out of ports.
                    drop(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
                }
            });
            while serving.try_join_next().is_some() {}
        }
    })
}

fn listener(dir: &Path, address: SocketAddr, manner: &str) -> Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    Process::start(command.args(["listen", &address.to_string(), manner]), &dir.join("listener.log"))
}

fn nginx(dir: &Path, http: SocketAddr, tls: SocketAddr) -> Result<Process> {
    let root = dir.display();
    let configuration = format!(
        "daemon off; worker_processes 1; user root; pid {root}/pid; error_log {root}/error.log;
         events {{ worker_connections 4096; }}
         http {{
           access_log off; client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};
           uwsgi_temp_path {root}; scgi_temp_path {root};
           ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;
           ssl_protocols TLSv1.3; ssl_session_tickets off;
           server {{ listen {http} backlog=4096; location / {{ return 200 \"answer\\n\"; }} }}
           server {{ listen {tls} ssl backlog=4096; location / {{ return 200 \"answer\\n\"; }} }}
         }}"
    );
    let path = dir.join("nginx.conf");
    std::fs::write(&path, configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-e").arg(dir.join("error.log")).arg("-c").arg(&path);
    Process::start(&mut command, &dir.join("nginx.log"))
}

/// A root, and a leaf for the loopback address, both P-256.
fn certificates(dir: &Path) -> Result<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec![Ipv4Addr::LOCALHOST.to_string()])?.signed_by(&key, &authority)?;
    std::fs::write(dir.join("authority.pem"), authority.pem())?;
    std::fs::write(dir.join("server.pem"), leaf.pem())?;
    std::fs::write(dir.join("server.key"), key.serialize_pem())?;
    Ok(())
}

/// Free ones, all held at once so that they differ.
pub(crate) fn addresses<const COUNT: usize>() -> Result<[SocketAddr; COUNT]> {
    let held = (0..COUNT).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<Vec<_>, _>>()?;
    let addresses = held.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    addresses.try_into().ok().context("as many as asked for")
}
