//! A daemon inside another process, reached over memory: the same server, the same API, no socket and no file.

use std::io;

use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Router;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::config::Config;
use crate::daemon::{self, Daemon, StartError};
use crate::rpc;

/// A running daemon and the way to it.
#[derive(Debug)]
pub struct Embedded {
    /// Speaks to it; cheap to clone.
    pub channel: Channel,
    /// Absent where only tables are served.
    daemon: Option<Daemon>,
    serving: JoinSet<()>,
}

/// Starts one on the current runtime. `config.listen` is not used; nothing is recorded: it does not live long enough.
pub async fn embedded(config: Config) -> Result<Embedded, StartError> {
    start(config, false).await
}

/// Starts one with its flight recorder, for a process that lives as long as a daemon does.
pub async fn embedded_recording(config: Config) -> Result<Embedded, StartError> {
    start(config, true).await
}

async fn start(config: Config, records: bool) -> Result<Embedded, StartError> {
    let daemon = Daemon::start(config, records).await?;
    let (channel, serving) = serve(daemon.router()).await?;
    Ok(Embedded { channel, daemon: Some(daemon), serving })
}

/// Starts what serves the kernel's tables alone: no wasm engine, no checks, no history.
pub async fn embedded_tables() -> Result<Embedded, StartError> {
    let (channel, serving) = serve(daemon::router(rpc::table_routes())).await?;
    Ok(Embedded { channel, daemon: None, serving })
}

/// Serves over memory; the way there.
async fn serve(router: Router) -> Result<(Channel, JoinSet<()>), StartError> {
    let (dials, incoming) = mpsc::channel::<DuplexStream>(1);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let incoming = ReceiverStream::new(incoming).map(Ok::<_, io::Error>);
        if let Err(error) = router.serve_with_incoming(incoming).await {
            tracing::error!(%error, "the embedded daemon stopped serving");
        }
    });
    let connector = tower::service_fn(move |_: Uri| {
        let dials = dials.clone();
        async move {
            let (ours, theirs) = duplex(PIPE);
            dials.send(theirs).await.map_err(|_| io::Error::other("the embedded daemon ended"))?;
            io::Result::Ok(TokioIo::new(ours))
        }
    });
    // A placeholder: the connector goes through memory.
    let channel = Endpoint::from_static("http://embedded.invalid")
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_frame_size(FRAME)
        .connect_with_connector(connector)
        .await
        .map_err(|error| StartError::Connect(crate::chain(&error)))?;
    Ok((channel, serving))
}

impl Embedded {
    /// Ends its runs, and sends the last spans. Bounded to a few seconds.
    pub async fn shutdown(mut self) {
        drop(self.channel);
        if let Some(daemon) = &self.daemon {
            daemon.end_runs();
        }
        self.serving.shutdown().await;
        if let Some(daemon) = self.daemon {
            daemon.shutdown().await;
        }
    }
}

/// Bytes that the daemon may send ahead: a listing of many sockets must not wait for its reader's word at every batch.
const WINDOW: u32 = 1 << 20;

/// Bytes of a frame at most: a batch of a listing.
const FRAME: u32 = 256 << 10;

/// Bytes in flight, each way: a few batches of a listing.
const PIPE: usize = 256 << 10;
