//! The harness of the end-to-end tests: the real binaries, processes that end with their owner, the fault lab,
//! and the proof of the resolver personalities.
//!
//! Nothing depends on this crate. Everything it starts lives in namespaces that it made, or on loopback.

pub mod binaries;
pub mod crowd;
pub mod daemon;
pub mod guests;
pub mod lab;
pub mod personality;
pub mod process;
