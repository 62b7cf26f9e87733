//! The fault lab: scenarios as data, each on four namespaces of its own.
//!
//! ```text
//! client (c0) --- router --- (s0) server
//!                   \------- (d0) dns
//! ```

pub mod names;
pub mod pki;
pub mod scenario;
pub mod topology;
pub mod trial;
