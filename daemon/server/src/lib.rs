//! The daemon: configuration, the catalogue of checks, the dispatcher of runs, the API and telemetry.
//!
//! It decides nothing about networks: `core` plans and judges, `host` runs checks, `probe` measures. Two ways to have one:
//! [`serve`] listens on sockets, [`embedded`] is reached through memory.

mod abilities;
mod checks;
pub mod config;
mod convert;
mod corked;
mod daemon;
mod dispatcher;
mod embedded;
mod listen;
mod random;
mod recorder;
mod rpc;
mod serve;
pub mod telemetry;

pub use self::daemon::StartError;
pub use self::embedded::{Embedded, embedded, embedded_recording, embedded_tables};
pub use self::listen::BindError;
pub use self::serve::{Overrides, serve, terminated};
pub use self::telemetry::ENVIRONMENT;

/// What the programs tell jemalloc (its manual, TUNING), a C string. A daemon has few threads, and two arenas keep a third less memory
/// than the four for each processor that are usual, at no cost in CPU.
pub const ALLOCATOR_SETTINGS: &[u8; 10] = b"narenas:2\0";

/// An error with its causes, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors repeat their cause in their own words.
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
