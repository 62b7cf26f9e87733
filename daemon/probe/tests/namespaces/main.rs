//! Facts of real network namespaces, compared with what `ip` and `ss` say of them. Needs root; see [`lab`].

mod chain;
mod config;
mod datagrams;
mod honest;
mod lab;
mod machine;
mod path_mtu;
mod recorder;
mod segment;
mod sockets;
mod system;
mod tables;
mod trace;
mod vantage;
