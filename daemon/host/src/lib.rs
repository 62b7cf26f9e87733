//! The wasm host: guests, their limits, their imports and the evidence ledger.
//!
//! One module for each interface of the guest contract, with the same name: it parses the arguments, converts, and leaves
//! the work to `sonde-probe`. What all host calls have in common (budget, deadline, grant, ledger) happens in one place,
//! `call`. A host call never traps; what ends a guest is a limit or its own bug, and is named by a
//! [`sonde_core::manifest::Stop`].

mod bindings;
mod cache;
mod call;
mod check;
mod connection;
mod dial;
mod dns;
mod engine;
mod execute;
mod history;
mod host;
mod inspection;
mod ledger;
mod limits;
mod load;
mod log;
mod manifest;
mod memory;
mod messages;
mod meter;
mod path;
mod report;
mod run;
mod session;
mod sockets;
mod stdio;
mod stop;
mod system;
mod text;
mod timer;
mod types;
mod weight;

pub use check::{Check, Origin};
pub use host::{Host, HostConfig, HostError};
pub use limits::Limits;
pub use load::LoadError;
pub use manifest::ManifestError;
pub use run::{HostEvent, LogLevel, Past, Run};
