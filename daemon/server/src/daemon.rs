//! A whole daemon without its listeners: host, checks, dispatcher, API and exporter, and their end in the right order.

use std::sync::Arc;
use std::time::Duration;

use sonde_host::{Host, HostConfig, HostError, Limits};
use sonde_probe::clock::RunClock;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tracing::warn;

use crate::checks;
use crate::config::Config;
use crate::dispatcher::{DRAIN, Task};
use crate::listen::BindError;
use crate::recorder;
use crate::rpc::{self, Shared};
use crate::telemetry::Exporter;

/// Why a daemon does not start, or stops. Messages complete "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The wasm host or a built-in check.
    #[error("start the wasm host")]
    Host(#[source] HostError),
    /// A place to listen at.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The descriptors of the API: a bug in the build.
    #[error("describe the API for reflection: {0}")]
    Reflection(String),
    /// The connection inside this process.
    #[error("connect to the daemon inside this process: {0}")]
    Connect(String),
    /// Accepting clients.
    #[error("serve clients: {0}")]
    Serve(String),
}

/// A daemon that can be served.
#[derive(Debug)]
pub(crate) struct Daemon {
    routes: Routes,
    exporter: Option<Arc<Exporter>>,
    tasks: JoinSet<()>,
    /// Ends the runs; the streams of their clients end with them.
    ending: CancellationToken,
    _host: Arc<Host>,
}

impl Daemon {
    /// Puts it together, with a flight recorder where it `records` and the configuration has one. To be called on the runtime that shall do the daemon's I/O.
    pub(crate) async fn start(config: Config, records: bool) -> Result<Self, StartError> {
        let limits = limits(&config);
        let host = Host::new(HostConfig { cache_dir: config.cache_directory(), limits }).map_err(StartError::Host)?;
        let host = Arc::new(host);
        let checks = checks::load(&host, config.checks_directory.as_deref()).await.map_err(StartError::Host)?;
        let exporter = Exporter::from_environment().map(Arc::new);
        let ending = CancellationToken::new();
        let task = Task {
            host: Arc::clone(&host),
            exporter: exporter.clone(),
            bounds: config.runs.clone(),
            ending: ending.clone(),
        };
        let (dispatcher, dispatching) = task.start();
        let mut tasks = JoinSet::new();
        tasks.spawn(dispatching);
        let recording = (records && config.recorder.enabled).then(|| {
            let (recording, task) = recorder::start(config.recorder.clone(), ending.clone());
            tasks.spawn(task);
            recording
        });
        let shared = Arc::new(Shared {
            config,
            host: Arc::clone(&host),
            checks,
            dispatcher,
            vantages: Arc::default(),
            recording,
            started_at: RunClock::wall_now(),
            exports_traces: exporter.is_some(),
        });
        let routes = rpc::routes(&shared).await.map_err(|error| StartError::Reflection(error.to_string()))?;
        Ok(Self { routes, exporter, tasks, ending, _host: host })
    }

    /// The API, for one listener.
    pub(crate) fn router(&self) -> Router {
        router(self.routes.clone())
    }

    /// Ends every run and refuses new ones; their streams end.
    pub(crate) fn end_runs(&self) {
        self.ending.cancel();
    }

    /// Waits (bounded) for the runs to end, and sends the last spans (bounded).
    pub(crate) async fn shutdown(mut self) {
        self.ending.cancel();
        drop(self.routes);
        let drained = timeout(DRAIN, async { while self.tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            warn!("a run did not end in time, and is left behind");
        }
        self.tasks.shutdown().await;
        if let Some(exporter) = &self.exporter {
            exporter.shutdown(FLUSH).await;
        }
    }
}

/// The way that any API is served.
pub(crate) fn router(routes: Routes) -> Router {
    Server::builder()
        .trace_fn(|request| tracing::info_span!("rpc", method = request.uri().path()))
        // A client that vanished without a word is noticed, and its runs end.
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(MOST_STREAMS)
        .add_routes(routes)
}

fn limits(config: &Config) -> Limits {
    let default = Limits::default();
    Limits {
        memory_bytes: config.limits.memory_bytes.unwrap_or(default.memory_bytes),
        cpu: config.limits.cpu.unwrap_or(default.cpu),
        host_calls: config.limits.host_calls.unwrap_or(default.host_calls),
        ..default
    }
}

/// Of one connection.
const MOST_STREAMS: u32 = 256;

/// How long the last spans may take: a command must not hang on a dead collector.
const FLUSH: Duration = Duration::from_secs(2);
