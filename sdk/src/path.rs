//! The way to a destination: `trace`, `path-mtu`, `echo`; requests, and readings of what they found.

use std::collections::HashSet;
use std::time::Duration;

pub use crate::bindings::sonde::check::path::{
    EchoRequest, EchoResult, Hop, HopProbe, MtuConclusion, MtuMethod, PathMtuRequest, PathMtuResult, ProbeAnswer, Rung,
    RungOutcome, TraceRequest, TraceResult, TraceTransport, echo, path_mtu, trace,
};
use crate::dial::DEFAULT_TIMEOUT;
use crate::types::{Endpoint, IcmpError, loss};
use crate::wait::microseconds;

impl TraceRequest {
    /// SYNs, three of each TTL up to 30, a second for each.
    pub fn to(remote: Endpoint) -> Self {
        Self {
            remote,
            transport: TraceTransport::Tcp,
            max_hops: 30,
            probes_per_hop: 3,
            probe_timeout_us: 1_000_000,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
        }
    }

    /// Datagrams instead of SYNs.
    #[must_use]
    pub fn over_udp(mut self) -> Self {
        self.transport = TraceTransport::Udp;
        self
    }

    /// The highest TTL to try, from 1 to 64.
    #[must_use]
    pub fn up_to(mut self, hops: u8) -> Self {
        self.max_hops = hops;
        self
    }

    /// Probes of each TTL, from 1 to 10.
    #[must_use]
    pub fn probing(mut self, probes: u8) -> Self {
        self.probes_per_hop = probes;
        self
    }

    /// How long to wait for what comes back of one probe.
    #[must_use]
    pub fn waiting(mut self, timeout: Duration) -> Self {
        self.probe_timeout_us = microseconds(timeout);
        self
    }
}

impl Hop {
    /// The ICMP errors that came back of its probes.
    pub fn errors(&self) -> impl Iterator<Item = &IcmpError> {
        self.probes.iter().filter_map(HopProbe::error)
    }

    /// Who sent them, each once, in the order they came.
    pub fn senders(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        self.errors().filter_map(|error| error.sender.as_deref()).filter(|sender| seen.insert(*sender)).collect()
    }

    /// Nothing came back of any probe.
    pub fn is_silent(&self) -> bool {
        self.probes.iter().all(|probe| matches!(probe.answer, ProbeAnswer::Silent))
    }
}

impl HopProbe {
    /// The ICMP error that came back.
    pub fn error(&self) -> Option<&IcmpError> {
        match &self.answer {
            ProbeAnswer::Icmp(error) => Some(error),
            _ => None,
        }
    }

    /// Until the kernel received what came back.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt_us.map(Duration::from_micros)
    }
}

impl TraceResult {
    /// The last hop that anything came back from.
    pub fn last_heard(&self) -> Option<&Hop> {
        self.hops.iter().rev().find(|hop| !hop.is_silent())
    }

    /// A router that sent "time exceeded" at two TTLs which are not neighbours: the packets come by again.
    ///
    /// At neighbouring TTLs one router may answer twice: where it forwards without counting, or by two ways of one length.
    pub fn looping(&self) -> Option<&str> {
        self.hops.iter().enumerate().find_map(|(at, hop)| {
            let earlier = self.hops.get(..at.saturating_sub(1))?;
            hop.senders().into_iter().find(|sender| earlier.iter().any(|before| before.senders().contains(sender)))
        })
    }
}

impl PathMtuRequest {
    /// The usual sizes, three attempts each, with a TCP connection.
    pub fn to(remote: Endpoint) -> Self {
        Self { remote, sizes_bytes: vec![], attempts: 3, tcp: true, timeout_us: microseconds(DEFAULT_TIMEOUT) }
    }

    /// These sizes of whole IP packets.
    #[must_use]
    pub fn sizes(mut self, bytes: impl IntoIterator<Item = u32>) -> Self {
        self.sizes_bytes.extend(bytes);
        self
    }

    /// How often a size is sent before its silence counts, from 1 to 10.
    #[must_use]
    pub fn attempting(mut self, attempts: u8) -> Self {
        self.attempts = attempts;
        self
    }

    /// Opens no TCP connection.
    #[must_use]
    pub fn without_tcp(mut self) -> Self {
        self.tcp = false;
        self
    }
}

impl PathMtuResult {
    /// The largest size that passed and the smallest that vanished, where larger packets vanish without a notice.
    pub fn black_hole(&self) -> Option<(u32, u32)> {
        match self.conclusion {
            MtuConclusion::BlackHole => self.mtu_bytes.zip(self.lost_from_bytes),
            _ => None,
        }
    }

    /// What routers said of sizes they refused.
    pub fn notices(&self) -> impl Iterator<Item = &IcmpError> {
        self.rungs.iter().filter_map(|rung| match &rung.outcome {
            RungOutcome::TooBig(error) => Some(error),
            _ => None,
        })
    }
}

impl EchoRequest {
    /// Ten requests of 56 bytes, 20 ms apart.
    pub fn of(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            count: 10,
            interval_us: 20_000,
            payload_bytes: 56,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
        }
    }

    /// ICMP payload.
    #[must_use]
    pub fn carrying(mut self, bytes: u16) -> Self {
        self.payload_bytes = bytes;
        self
    }
}

impl EchoResult {
    /// The share of requests that were not answered, from 0 to 1; none where none was sent.
    pub fn loss(&self) -> Option<f64> {
        loss(self.sent, self.received)
    }
}

#[cfg(test)]
mod tests {
    use crate::testkit::{exceeded, path_mtu_result, silent_hop, trace_result};

    #[test]
    fn a_router_that_answers_at_distant_hops_is_in_a_loop() {
        let looping = trace_result(1, vec![exceeded(1, "10.0.0.1"), exceeded(2, "10.0.1.1"), exceeded(3, "10.0.0.1")]);
        assert_eq!(looping.looping(), Some("10.0.0.1"));
        let twice = trace_result(1, vec![exceeded(1, "10.0.0.1"), exceeded(2, "10.0.0.1"), exceeded(3, "10.0.1.1")]);
        assert_eq!(twice.looping(), None);
    }

    #[test]
    fn the_last_hop_heard_is_before_the_silence() {
        let trace =
            trace_result(1, vec![exceeded(1, "10.0.0.1"), silent_hop(2), exceeded(3, "10.0.2.1"), silent_hop(4)]);
        assert_eq!(trace.last_heard().map(|hop| hop.ttl), Some(3));
    }

    #[test]
    fn a_black_hole_is_only_what_was_concluded_as_one() {
        let mut found = path_mtu_result(1, 1400);
        found.lost_from_bytes = Some(1401);
        assert_eq!(found.black_hole(), None);
        found.conclusion = super::MtuConclusion::BlackHole;
        assert_eq!(found.black_hole(), Some((1400, 1401)));
    }
}
