//! DNS: one exchange with one server, and the resolver configuration of the vantage.
//!
//! Absent on purpose: caches, retries, search lists, fallback to TCP. A check decides.

mod config;
mod exchange;
mod message;
mod name;
mod rdata;
mod reader;

pub use self::config::config;
pub use self::exchange::query;
