//! Serving until told to stop: listeners, accepting, and an end in order: no new clients, no more runs, a bounded wait.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Router;
use tracing::{info, warn};

use crate::config::{Config, Listen};
use crate::corked::Corked;
use crate::daemon::{Daemon, StartError};
use crate::listen::Listener;

/// What a command line says over the configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// In place of the configured places, where not empty.
    pub listen: Vec<Listen>,
}

/// Serves until `shutdown` is ready, and ends within a few seconds of it.
pub async fn serve(
    mut config: Config,
    overrides: Overrides,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    if !overrides.listen.is_empty() {
        config.listen = overrides.listen;
    }
    // Before anything else: the cheapest thing that can fail.
    let mut listeners = Vec::new();
    for listen in &config.listen {
        listeners.push(Listener::open(listen).await?);
    }
    let daemon = Daemon::start(config, true).await?;
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    for listener in listeners {
        info!(place = listener.place(), "listening");
        serving.spawn(serve_one(listener, daemon.router(), stop.clone()));
    }
    let ended = tokio::select! {
        () = shutdown => Ok(()),
        // No listener ends by itself but by an error.
        Some(ended) = serving.join_next() => ended.unwrap_or_else(|error| Err(StartError::Serve(error.to_string()))),
    };
    info!("shutting down");
    stop.cancel();
    daemon.end_runs();
    let drained = timeout(DRAIN, async { while serving.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        warn!("some clients are still connected, and are left behind");
    }
    serving.shutdown().await;
    daemon.shutdown().await;
    ended
}

async fn serve_one(listener: Listener, router: Router, stop: CancellationToken) -> Result<(), StartError> {
    let stopped = stop.cancelled_owned();
    let served = match listener {
        Listener::Tcp(listener) => {
            let clients = accepted(move |context| {
                // Events are small, and late ones are of no use.
                let quick = |(stream, _): (TcpStream, _)| stream.set_nodelay(true).map(|()| Corked::new(stream));
                listener.poll_accept(context).map(|accepted| accepted.and_then(quick))
            });
            router.serve_with_incoming_shutdown(clients, stopped).await
        }
        // The file goes when clients can no longer be served.
        Listener::Unix(listener, _file) => {
            let clients =
                accepted(move |context| listener.poll_accept(context).map_ok(|(stream, _)| Corked::new(stream)));
            router.serve_with_incoming_shutdown(clients, stopped).await
        }
    };
    served.map_err(|error| StartError::Serve(crate::chain(&error)))
}

/// The clients of a listener. What fails (no descriptors left) is tried again: a daemon does not end by it.
fn accepted<S: Send>(
    accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<S>> + Send,
) -> impl Stream<Item = io::Result<S>> + Send {
    futures_util::stream::unfold(accept, |mut accept| async move {
        loop {
            match poll_fn(&mut accept).await {
                Ok(stream) => return Some((Ok(stream), accept)),
                Err(error) => {
                    warn!(%error, "a client was not accepted");
                    sleep(RETRY).await;
                }
            }
        }
    })
}

/// Resolves at the first SIGTERM or SIGINT.
pub async fn terminated() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}

/// How long clients may take to read what they are owed.
const DRAIN: Duration = Duration::from_secs(3);

/// Between attempts to accept.
const RETRY: Duration = Duration::from_millis(100);
