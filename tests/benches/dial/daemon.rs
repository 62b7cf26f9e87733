//! sonde: a daemon with the guest `prober`, asked over its unix socket.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper_util::rt::TokioIo;
use sonde_proto::v1::check_service_client::CheckServiceClient;
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::{CheckArgument, Diagnosis, RunCheckRequest, run_check_request};
use sonde_tests::daemon::Daemon;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint, Uri};

use super::servers::Servers;
use super::{AT_ONCE, Kind, as_f64, cpu_of, resident_of};

/// Host calls that one run may make.
const CALLS: usize = 2000;

/// A running daemon; it ends when dropped.
pub(crate) struct Sonde {
    daemon: Daemon,
    pid: u32,
    _checks: tempfile::TempDir,
}

impl Sonde {
    pub(crate) fn start(servers: &Servers) -> Result<Self> {
        let checks = tempfile::tempdir()?;
        std::fs::copy(sonde_tests::guests::component("prober")?, checks.path().join("prober.wasm"))?;
        // One run for each of the client's requests in flight; else as it comes.
        let config =
            format!("checks_directory = \"{}\"\n[runs]\nconcurrent = {}\n", checks.path().display(), 2 * AT_ONCE);
        let authority = servers.authority();
        // No backtraces that a developer's shell may ask for, and no other roots than the floor trusts.
        let variables = [
            ("SSL_CERT_FILE", authority.as_os_str()),
            ("SSL_CERT_DIR", OsStr::new("")),
            ("RUST_LIB_BACKTRACE", OsStr::new("0")),
        ];
        let mut daemon = Daemon::start_with(&config, &variables)?;
        let pid = daemon.process().pid();
        Ok(Self { daemon, pid, _checks: checks })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The daemon's CPU for each of `probes`, in microseconds: runs of 2,000 host calls, one run after the other.
    pub(crate) async fn batch(&self, kind: Kind, target: SocketAddr, probes: usize) -> Result<f64> {
        let client = self.client().await?;
        let before = cpu_of(self.pid)?;
        for _ in 0..probes / CALLS {
            let evidence = ask(client.clone(), kind, target, CALLS, AT_ONCE).await?.1;
            ensure!(evidence == CALLS, "{evidence} lines of evidence came of {CALLS} host calls");
        }
        Ok((cpu_of(self.pid)? - before) / as_f64(probes))
    }

    /// The same for runs of one host call each, 64 of them at once.
    pub(crate) async fn one_by_one(&self, kind: Kind, target: SocketAddr, probes: usize) -> Result<f64> {
        let client = self.client().await?;
        let before = cpu_of(self.pid)?;
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (next, client) = (Arc::clone(&next), client.clone());
            tasks.spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < probes {
                    ask(client.clone(), kind, target, 1, 1).await?;
                }
                Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok((cpu_of(self.pid)? - before) / as_f64(probes))
    }

    /// What its memory grows by, in KiB, with so many requests waiting for a silent server.
    pub(crate) async fn growth(&self, servers: &Servers, at_once: usize) -> Result<usize> {
        let client = self.client().await?;
        ask(client.clone(), Kind::Http, servers.of(Kind::Http), 1, 1).await?;
        let (idle, sockets) = (resident_of(self.pid)?, self.daemon.sockets()?);
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        for _ in 0..at_once / AT_ONCE {
            let (client, silent) = (client.clone(), servers.silent);
            tasks.spawn(async move {
                let (summary, _) = all_of(client, Kind::Http, silent, AT_ONCE, AT_ONCE).await?;
                ensure!(summary.starts_with("0 of "), "{summary}");
                Ok(())
            });
        }
        let (mut most, mut in_flight) = (idle, 0);
        while !tasks.is_empty() {
            most = most.max(resident_of(self.pid)?);
            in_flight = in_flight.max(self.daemon.sockets()?.saturating_sub(sockets));
            if let Ok(Some(ended)) = tokio::time::timeout(Duration::from_millis(20), tasks.join_next()).await {
                ended??;
            }
        }
        ensure!(in_flight >= at_once, "only {in_flight} probes were in flight");
        Ok(most - idle)
    }

    async fn client(&self) -> Result<CheckServiceClient<Channel>> {
        let path = self.daemon.socket();
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://sonded.invalid").connect_with_connector(connector).await?;
        Ok(CheckServiceClient::new(channel))
    }
}

/// One run, every probe of which must succeed.
async fn ask(
    client: CheckServiceClient<Channel>,
    kind: Kind,
    target: SocketAddr,
    count: usize,
    at_once: usize,
) -> Result<(String, usize)> {
    let (summary, evidence) = all_of(client, kind, target, count, at_once).await?;
    ensure!(summary == format!("{count} of {count} answered"), "{summary}");
    Ok((summary, evidence))
}

/// One run: what its check says in the end, and how many lines of evidence were streamed.
async fn all_of(
    mut client: CheckServiceClient<Channel>,
    kind: Kind,
    target: SocketAddr,
    count: usize,
    at_once: usize,
) -> Result<(String, usize)> {
    let argument = |name: &str, value: String| CheckArgument { name: name.to_owned(), value };
    let request = RunCheckRequest {
        check: Some(run_check_request::Check::Name("prober".to_owned())),
        target: format!("tcp://{target}"),
        arguments: vec![
            argument("kind", kind.name().to_owned()),
            argument("count", count.to_string()),
            argument("at-once", at_once.to_string()),
        ],
        // Each line of it was streamed.
        omit_evidence: true,
        ..RunCheckRequest::default()
    };
    let mut events = client.run_check(request).await?.into_inner();
    let (mut evidence, mut last) = (0, None);
    while let Some(response) = events.message().await? {
        match response.event.and_then(|event| event.event) {
            Some(Event::Evidence(_)) => evidence += 1,
            Some(Event::Finished(diagnosis)) => last = Some(diagnosis),
            _ => {}
        }
    }
    let last: Box<Diagnosis> = last.context("a run that finished")?;
    let summary = last.checks.first().map(|check| check.summary.clone()).unwrap_or_default();
    Ok((summary, evidence))
}
