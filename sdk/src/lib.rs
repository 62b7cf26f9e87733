//! The guest contract of sonde and its Rust SDK.
