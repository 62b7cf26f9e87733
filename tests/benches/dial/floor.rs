//! What a probe cannot do without: tokio's connect, a request, and rustls' handshake with a verified certificate. Connections are
//! closed with FIN, as sonde closes those that went well; nothing is resumed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sonde_core::observation::dial::KeyShare;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::{AT_ONCE, Kind, as_f64};

/// Microseconds of this process's CPU for each of `probes`, after some that only warm it.
pub(crate) fn cpu_each(kind: Kind, address: SocketAddr, authority: &Path, probes: usize) -> Result<f64> {
    let connector = TlsConnector::from(Arc::new(config(authority)?));
    // One for each processor, as `sonded` has; `sonde daemon run`, which is measured, has three.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(many(kind, address, &connector, probes / 10))?;
    let before = cpu();
    runtime.block_on(many(kind, address, &connector, probes))?;
    Ok((cpu() - before) / as_f64(probes))
}

/// The cryptography and the key exchanges of sonde's own handshakes.
fn config(authority: &Path) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(authority)? {
        roots.add(root?)?;
    }
    let provider = sonde_probe::dial::crypto_provider(KeyShare::PostQuantum);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

async fn many(kind: Kind, address: SocketAddr, connector: &TlsConnector, probes: usize) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, connector) = (Arc::clone(&next), connector.clone());
        tasks.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < probes {
                tokio::time::timeout(Duration::from_secs(3), probe(kind, address, &connector)).await??;
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn probe(kind: Kind, address: SocketAddr, connector: &TlsConnector) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    match kind {
        Kind::Tcp => {}
        Kind::Http => {
            stream.set_nodelay(true)?;
            let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::with_capacity(1024);
            stream.read_to_end(&mut answer).await?;
            ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
        }
        Kind::Tls => {
            stream.set_nodelay(true)?;
            let mut stream = connector.connect(ServerName::from(address.ip()), stream).await?;
            stream.shutdown().await?;
        }
    }
    Ok(())
}

/// Of this process so far, in microseconds.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default().as_secs_f64() * 1e6
}
