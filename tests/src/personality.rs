//! The proof that sonde's resolver personalities behave as the originals.
//!
//! A case is a resolver configuration, the scripts of its name servers, and one name. The original (a C program linked with
//! glibc or musl, a Go program without cgo) looks the name up in a network namespace of its own, with an `/etc` of its own,
//! against a DNS server that records every query it gets; then sonde does the same as that personality, in a second
//! namespace. The two recordings, the final outcomes and the waits must be equal, and sonde must have reported the steps
//! that it really made.
//!
//! ```text
//! sandbox (thread) ── network, mount and UTS namespace
//!  ├── recorder: one scripted DNS server per address, UDP and TCP
//!  └── the program under observation, with the case's /etc and environment
//! ```

pub mod case;
pub mod comparison;
pub mod emulation;
pub mod generate;
pub mod original;
pub mod recorder;
pub mod report;
pub mod rule;
pub mod sandbox;
pub mod trial;
pub mod wire;
