//! Walks down real delegations: BIND serves a root, a top-level zone and a leaf zone of our own in a network namespace, signed
//! with dnssec-signzone. Needs root, `named`, `dnssec-keygen` and `dnssec-signzone`; see [`lab`].

mod chain;
mod delegation;
mod lab;
mod tree;
