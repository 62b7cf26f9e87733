//! The daemon.

pub mod config;
mod convert;
mod dispatcher;
mod listen;
mod rpc;
pub mod telemetry;

pub use self::telemetry::ENVIRONMENT;
