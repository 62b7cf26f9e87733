//! The daemon's logs: to standard error, filtered by `RUST_LOG`.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How much is logged when `RUST_LOG` does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logs {
    /// A daemon's: from `info` on.
    Daemon,
    /// Inside the CLI, whose standard error belongs to its user: errors, and warnings about telemetry.
    Embedded,
}

/// Begins logging for the whole process. Only the first call has an effect.
pub fn init(logs: Logs) {
    let fallback = match logs {
        Logs::Daemon => "info",
        Logs::Embedded => "error,sonded::telemetry=warn",
    };
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.trim().is_empty() => {
            EnvFilter::builder().with_default_directive(LevelFilter::ERROR.into()).parse_lossy(directives)
        }
        _ => EnvFilter::new(fallback),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));
    // A second call finds a subscriber in place, and leaves it.
    subscriber.try_init().ok();
}
