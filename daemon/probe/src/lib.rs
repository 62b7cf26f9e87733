//! Everything that measures. Only this crate opens probe sockets, netlink and /proc, and reads the measuring clock.
//!
//! One module for each interface of the guest contract, with the same name. Every function takes the [`vantage::Vantage`] it
//! works in and the run's [`clock::RunClock`]; a network failure is data, never an `Err` that stops a run.

mod attempt;
mod cgroup_tree;
pub mod clock;
mod deltas;
pub mod dial;
pub mod dns;
mod error_queue;
mod failure;
pub mod history;
mod inspection;
mod message;
mod netlink;
mod options;
mod packet;
pub mod path;
mod process;
mod ready;
pub mod sockets;
mod stamp;
pub mod system;
pub mod tcp_info;
pub mod vantage;
