//! A daemon inside another process, reached over memory: the same server, the same API, no socket and no file.

use std::io;

use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::config::Config;
use crate::daemon::{Daemon, StartError};

/// A running daemon and the way to it.
#[derive(Debug)]
pub struct Embedded {
    /// Speaks to it; cheap to clone.
    pub channel: Channel,
    daemon: Daemon,
    serving: JoinSet<()>,
}

/// Starts one on the current runtime. `config.listen` is not used.
pub async fn embedded(config: Config) -> Result<Embedded, StartError> {
    let daemon = Daemon::start(config).await?;
    let (dials, incoming) = mpsc::channel::<DuplexStream>(1);
    let router = daemon.router();
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
        .connect_with_connector(connector)
        .await
        .map_err(|error| StartError::Connect(crate::chain(&error)))?;
    Ok(Embedded { channel, daemon, serving })
}

impl Embedded {
    /// Ends its runs, and sends the last spans. Bounded to a few seconds.
    pub async fn shutdown(mut self) {
        drop(self.channel);
        self.daemon.end_runs();
        self.serving.shutdown().await;
        self.daemon.shutdown().await;
    }
}

/// Bytes in flight, each way: one HTTP/2 window.
const PIPE: usize = 64 << 10;
