//! `sonde daemon run|status`: being the daemon, and asking one about itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sonde_proto::json;
use sonde_proto::v1::GetInfoRequest;
use sonde_proto::v1::daemon_service_client::DaemonServiceClient;

use crate::arguments::Global;
use crate::command::{answer, deadline};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::catalogue;
use crate::render::out::Output;

/// Run the daemon, or ask a running one about itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Daemon {
    /// Run the daemon in the foreground, as `sonded` does
    Run(Run),
    /// Ask a running daemon what it is and what it can do here
    Status,
}

/// Run the daemon in the foreground.
#[derive(Debug, Args)]
#[cfg_attr(feature = "embedded", command(after_help = sonded::config::help()))]
pub(crate) struct Run {
    /// Its configuration file, TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, in place of the configuration: unix:PATH or a loopback ADDRESS:PORT; can be repeated
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
}

impl Daemon {
    /// Serves until it is told to stop, or prints the answer.
    pub(crate) async fn run(self, global: &Global, output: &Output) -> Result<u8, CommandError> {
        match self {
            Self::Run(run) => run.run().await,
            Self::Status => status(global, output).await,
        }
    }
}

async fn status(global: &Global, output: &Output) -> Result<u8, CommandError> {
    let session = Session::open_running(global).await?;
    let mut client = DaemonServiceClient::new(session.channel());
    let info = answer(deadline(global), client.get_info(session.request(GetInfoRequest {}, deadline(global)))).await?;
    output.message(
        &info,
        |info| Ok(vec![json::to_string(info)?]),
        |info, width| catalogue::daemon(info, session.origin(), width),
    )?;
    Ok(exit::HEALTHY)
}

impl Run {
    /// Until SIGTERM or SIGINT. Its log goes to stderr.
    #[cfg(feature = "embedded")]
    async fn run(self) -> Result<u8, CommandError> {
        let daemon = |error: Box<dyn std::error::Error + Send + Sync>| CommandError::Daemon(error);
        let listen = self.listen.iter().map(|text| text.parse());
        let overrides = sonded::Overrides {
            listen: listen
                .collect::<Result<_, _>>()
                .map_err(|error: sonded::config::ListenError| daemon(error.into()))?,
        };
        let config = sonded::config::Config::load(self.config.as_deref()).map_err(|error| daemon(error.into()))?;
        sonded::telemetry::init(sonded::telemetry::Logs::Daemon);
        // Signals that cannot be received end the daemon at once: better than one that cannot be ended.
        let mut signals = Ok(());
        let shutdown = async { signals = sonded::terminated().await };
        sonded::serve(config, overrides, shutdown).await.map_err(|error| daemon(error.into()))?;
        signals.map_err(CommandError::Runtime)?;
        Ok(exit::HEALTHY)
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(clippy::unused_async, reason = "with the daemon inside, it waits")]
    async fn run(self) -> Result<u8, CommandError> {
        drop((self.config, self.listen));
        Err(CommandError::Usage("this sonde was built without a daemon; run sonded".into()))
    }
}
