//! The interface `dns`.

mod answer;
mod config;
mod query;
mod resolve;
mod walk;

use sonde_core::observation::dns as core;
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::dns as wit;
use crate::session::Session;
use crate::types;

/// RFC 1035 section 3.1, in presentation format with every byte escaped as `\DDD`.
const NAME_BYTES: usize = 1020;

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn query(accessor: &Accessor<Session, Self>, request: wit::QueryRequest) -> wit::Exchange {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        query::exchange(&caller, &request).await
    }

    async fn config(accessor: &Accessor<Session, Self>, request: wit::ConfigRequest) -> wit::ResolverConfig {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        config::read(&caller, &request).await
    }

    async fn resolve(accessor: &Accessor<Session, Self>, request: wit::ResolveRequest) -> wit::Resolution {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        resolve::resolve(&caller, &request).await
    }

    async fn walk(accessor: &Accessor<Session, Self>, request: wit::WalkRequest) -> wit::WalkResult {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        walk::walk(&caller, &request).await
    }
}

fn name(text: &str) -> Result<String, String> {
    types::word("name", text, NAME_BYTES)
}

impl From<core::Transport> for wit::Transport {
    fn from(transport: core::Transport) -> Self {
        match transport {
            core::Transport::Udp => Self::Udp,
            core::Transport::Tcp => Self::Tcp,
            core::Transport::Tls => Self::Tls,
            core::Transport::Https => Self::Https,
            core::Transport::Quic => Self::Quic,
        }
    }
}

impl From<wit::Transport> for core::Transport {
    fn from(transport: wit::Transport) -> Self {
        match transport {
            wit::Transport::Udp => Self::Udp,
            wit::Transport::Tcp => Self::Tcp,
            wit::Transport::Tls => Self::Tls,
            wit::Transport::Https => Self::Https,
            wit::Transport::Quic => Self::Quic,
        }
    }
}
