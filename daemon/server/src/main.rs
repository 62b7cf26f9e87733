//! `sonded`: the daemon as a program of its own. `sonde daemon run` is the same.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use sonded::config::{Config, Listen};
use sonded::telemetry::{self, Logs};
use sonded::{Overrides, serve, terminated};

/// Diagnoses networks for whoever asks over gRPC.
#[derive(Debug, Parser)]
#[command(name = "sonded", version, after_help = environment())]
struct Arguments {
    /// The configuration; /etc/sonde/sonded.toml where it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, in place of the configuration: unix:PATH or ADDRESS:PORT (loopback). Can be repeated.
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<Listen>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("{error:#}");
            // There is no one else to tell.
            std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("sonded: failed to {line}\n")).ok();
            ExitCode::from(TOOL_ERROR)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(Logs::Daemon);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the daemon's threads")?;
    runtime.block_on(async {
        let shutdown = async {
            if let Err(error) = terminated().await {
                tracing::error!(%error, "signals cannot be received; end the daemon with SIGKILL");
                std::future::pending::<()>().await;
            }
        };
        serve(config, Overrides { listen: arguments.listen }, shutdown).await
    })?;
    Ok(())
}

fn environment() -> String {
    let lines = sonded::ENVIRONMENT.iter().map(|(name, meaning)| format!("\n  {name}  {meaning}"));
    format!("Environment:\n  RUST_LOG  what is logged, info unless given{}", lines.collect::<String>())
}

/// As the exit codes of `sonde`.
const TOOL_ERROR: u8 = 2;
