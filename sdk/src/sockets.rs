//! The vantage's socket tables and counters.

pub use crate::bindings::sonde::check::sockets::{
    CensusAnswer, CensusFilter, CensusGroup, CensusKey, CountersAnswer, Listener, ListenersAnswer, Process, census,
    counters, listeners,
};
use crate::types::value_of;

impl CensusFilter {
    /// Every TCP socket.
    pub fn all() -> Self {
        Self { states: vec![], local_port: None, peer_address: None, peer_port: None }
    }

    /// Those in one of these states, as in ss: `ESTAB`, `TIME-WAIT`.
    #[must_use]
    pub fn in_states<'a>(mut self, states: impl IntoIterator<Item = &'a str>) -> Self {
        self.states.extend(states.into_iter().map(str::to_owned));
        self
    }

    /// Those of one local port.
    #[must_use]
    pub fn local_port(mut self, port: u16) -> Self {
        self.local_port = Some(port);
        self
    }

    /// Those with this peer.
    #[must_use]
    pub fn peer(mut self, address: &str, port: Option<u16>) -> Self {
        self.peer_address = Some(address.to_owned());
        self.peer_port = port;
        self
    }
}

impl CountersAnswer {
    /// The counter of this name, `TcpExt.ListenOverflows`; none where it or the snapshot is missing.
    pub fn value(&self, name: &str) -> Option<i64> {
        value_of(self.outcome.as_ref().ok()?, name)
    }
}
