//! Facts of real network namespaces, compared with what `ip` and `ss` say of them. Needs root; see [`lab`].

mod config;
mod honest;
mod lab;
mod segment;
mod sockets;
mod system;
mod vantage;
