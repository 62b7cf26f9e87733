//! Debian's `prometheus-blackbox-exporter`, asked over HTTP connections that are kept alive.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sonde_tests::process::{Process, eventually, run};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::servers::{Servers, addresses};
use super::{AT_ONCE, Kind, as_f64, cpu_of, resident_of};

/// A running exporter; it ends when dropped.
pub(crate) struct Blackbox {
    process: Process,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Blackbox {
    pub(crate) fn start(servers: &Servers) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let [address] = addresses()?;
        let path = dir.path().join("blackbox.yml");
        let authority = servers.authority();
        let modules = format!(
            "modules:\n  tcp: {{prober: tcp, timeout: 5s}}\n  http: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4}}}}\n  \
             tls: {{prober: tcp, timeout: 5s, tcp: {{tls: true, tls_config: {{ca_file: {}}}}}}}\n",
            authority.display()
        );
        std::fs::write(&path, modules)?;
        let mut command = Command::new(exporter()?);
        command.arg(format!("--config.file={}", path.display())).arg(format!("--web.listen-address={address}"));
        let process = Process::start(&mut command, &dir.path().join("log"))?;
        eventually(
            Duration::from_secs(10),
            "a serving exporter",
            || Ok(std::net::TcpStream::connect(address).is_ok()),
        )?;
        Ok(Self { process, address, _dir: dir })
    }

    /// Its CPU for each of `probes`, in microseconds.
    pub(crate) async fn probe(&self, kind: Kind, target: SocketAddr, probes: usize) -> Result<f64> {
        let before = cpu_of(self.process.pid())?;
        self.many(kind, target, probes, AT_ONCE, "1").await?;
        Ok((cpu_of(self.process.pid())? - before) / as_f64(probes))
    }

    /// What its memory grows by, in KiB, with so many requests waiting for a silent server.
    pub(crate) async fn growth(&self, servers: &Servers, at_once: usize) -> Result<usize> {
        self.many(Kind::Http, servers.of(Kind::Http), 1, 1, "1").await?;
        let idle = resident_of(self.process.pid())?;
        let mut asking = std::pin::pin!(self.many(Kind::Http, servers.silent, at_once, at_once, "0"));
        let mut most = idle;
        loop {
            tokio::select! {
                ended = &mut asking => break ended?,
                () = tokio::time::sleep(Duration::from_millis(20)) => most = most.max(resident_of(self.process.pid())?),
            }
        }
        Ok(most - idle)
    }

    async fn many(&self, kind: Kind, target: SocketAddr, probes: usize, at_once: usize, success: &str) -> Result<()> {
        let scheme = if kind == Kind::Http { "http://" } else { "" };
        let path = format!("/probe?module={}&target={scheme}{target}", kind.name());
        let wanted = format!("\nprobe_success {success}\n");
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        for _ in 0..at_once {
            let (next, address, path, wanted) = (Arc::clone(&next), self.address, path.clone(), wanted.clone());
            tasks.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                let asking = async {
                    while next.fetch_add(1, Ordering::Relaxed) < probes {
                        let request = http::Request::get(path.as_str()).header("host", "blackbox");
                        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
                        let body = answer.into_body().collect().await?.to_bytes();
                        let text = String::from_utf8_lossy(&body);
                        ensure!(text.contains(&wanted), "{text}");
                    }
                    drop(sender);
                    Ok(())
                };
                let (asked, connection) = tokio::join!(asking, connection);
                asked.and(connection.context("the exporter's connection"))
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// The program: installed, else fetched and unpacked once.
fn exporter() -> Result<PathBuf> {
    const NAME: &str = "prometheus-blackbox-exporter";
    let installed = Path::new("/usr/bin").join(NAME);
    if installed.exists() {
        return Ok(installed);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/blackbox");
    let program = folder.join("usr/bin").join(NAME);
    if !program.exists() {
        std::fs::create_dir_all(&folder)?;
        let script = format!("apt-get download {NAME} && dpkg-deb -x {NAME}_*.deb .");
        let output = run(Command::new("sh").args(["-c", &script]).current_dir(&folder), Duration::from_mins(2))?;
        ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(program)
}
