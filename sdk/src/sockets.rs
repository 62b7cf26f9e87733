//! The vantage's socket tables and counters.

pub use crate::bindings::sonde::check::sockets::{
    CensusAnswer, CensusFilter, CensusGroup, CensusKey, ConntrackAnswer, CountersAnswer, Flow, FlowProtocol, FlowTuple,
    Listener, ListenersAnswer, Process, Socket, SocketMemory, SocketOrder, SocketTimer, SocketsAnswer, TcpFlow,
    TrackedFlow, census, conntrack, counters, find, host_counters, listeners,
};
use crate::types::{Endpoint, value_of};

impl Flow {
    /// A TCP flow from one of this host's own sockets.
    pub fn tcp(source: Endpoint, destination: Endpoint) -> Self {
        Self { protocol: FlowProtocol::Tcp, source, destination }
    }
}

impl TrackedFlow {
    /// Whom the first packet really went to; the destination itself where nothing translated it.
    pub fn backend(&self) -> &Endpoint {
        &self.reply.source
    }

    /// Something between the socket and the network changed the destination.
    pub fn is_translated(&self) -> bool {
        self.reply.source != self.original.destination
    }
}

impl CensusFilter {
    /// Every TCP socket.
    pub fn all() -> Self {
        Self {
            protocols: vec![],
            states: vec![],
            local_address: None,
            local_port: None,
            peer_address: None,
            peer_port: None,
            pid: None,
        }
    }

    /// Every UDP socket.
    pub fn udp() -> Self {
        Self { protocols: vec![FlowProtocol::Udp], ..Self::all() }
    }

    /// Those of this process.
    #[must_use]
    pub fn of_process(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self
    }

    /// Those of this local endpoint.
    #[must_use]
    pub fn local(mut self, endpoint: &Endpoint) -> Self {
        self.local_address = Some(endpoint.address.clone());
        self.local_port = Some(endpoint.port);
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

impl SocketsAnswer {
    /// What was found; nothing where the search failed.
    pub fn sockets(&self) -> &[Socket] {
        self.outcome.as_deref().unwrap_or_default()
    }
}

impl Socket {
    /// The process that holds it, of several the one with the lowest id.
    pub fn process(&self) -> Option<&Process> {
        self.processes.first()
    }

    /// The timer that runs, as in ss: `on`, `keepalive`, `timewait`, `persist`.
    pub fn timer_name(&self) -> Option<&str> {
        self.timer.as_ref().map(|timer| timer.name.as_str())
    }
}

impl Listener {
    /// It takes connections to this address.
    pub fn serves(&self, address: &str) -> bool {
        match self.address.as_str() {
            "0.0.0.0" => !address.contains(':'),
            "::" => address.contains(':') || !self.v6only,
            bound => bound == address,
        }
    }
}

impl SocketMemory {
    /// What has arrived and was not read leaves less of the receive buffer than a tenth, or than one more packet takes.
    pub fn is_receive_full(&self) -> bool {
        let (held, room) = (u64::from(self.receive_allocated_bytes), u64::from(self.receive_buffer_bytes));
        held * 2 >= room && held + PACKET_BYTES.max(room / 10) >= room
    }
}

/// What the kernel counts for a packet that fills an Ethernet frame (`SKB_TRUESIZE`).
const PACKET_BYTES: u64 = 2_304;

impl CountersAnswer {
    /// The counter of this name, `TcpExt.ListenOverflows`; none where it or the snapshot is missing.
    pub fn value(&self, name: &str) -> Option<i64> {
        value_of(self.outcome.as_ref().ok()?, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_full_that_takes_no_further_packet() {
        let is_full = |held, room| {
            SocketMemory {
                receive_allocated_bytes: held,
                receive_buffer_bytes: room,
                send_allocated_bytes: 0,
                send_buffer_bytes: 0,
                drops: 0,
            }
            .is_receive_full()
        };
        // As the kernel leaves them, by the size of the datagrams.
        for (held, room) in [(7_680, 8_192), (6_912, 8_192), (2_304, 4_096), (129_024, 131_072), (5_000, 4_608)] {
            assert!(is_full(held, room), "{held} of {room}");
        }
        for (held, room) in [(0, 2_304), (768, 2_304), (4_608, 8_192), (100_000, 131_072)] {
            assert!(!is_full(held, room), "{held} of {room}");
        }
    }
}
