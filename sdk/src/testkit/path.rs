//! Answers of `trace`, `path-mtu` and `echo`.

use super::{evidence, failure, icmp, timing};
use crate::path::{
    EchoResult, Hop, HopProbe, MtuConclusion, MtuMethod, PathMtuResult, ProbeAnswer, Rung, RungOutcome, TraceResult,
};
use crate::types::{Phase, Reason, Reply, RoundTrips};

/// Three probes of a TTL that all got this answer; 1 ms a hop.
pub fn hop(ttl: u8, answer: &ProbeAnswer) -> Hop {
    let silent = matches!(answer, ProbeAnswer::Silent | ProbeAnswer::Unsent(_));
    let rtt_us = (!silent).then(|| 1_000 * u64::from(ttl));
    Hop { ttl, probes: vec![HopProbe { at_us: 0, rtt_us, answer: answer.clone() }; 3] }
}

/// "Time exceeded" from a router.
pub fn exceeded(ttl: u8, router: &str) -> Hop {
    let icmp_type = if router.contains(':') { 3 } else { 11 };
    hop(ttl, &ProbeAnswer::Icmp(icmp(router, icmp_type, 0)))
}

/// Nothing came back.
pub fn silent_hop(ttl: u8) -> Hop {
    hop(ttl, &ProbeAnswer::Silent)
}

/// Reached where the last hop answered or reset, else timed out.
pub fn trace_result(n: u64, hops: Vec<Hop>) -> TraceResult {
    let last = hops.last().and_then(|hop| Some((hop.ttl, hop.probes.first()?.answer.clone())));
    let (reached, outcome) = match last {
        Some((ttl, ProbeAnswer::Answered)) => (Some(ttl), Ok(())),
        Some((ttl, ProbeAnswer::Reset)) => (Some(ttl), Err(failure(Phase::Connect, Reason::Refused, 1))),
        _ => (None, Err(failure(Phase::Connect, Reason::TimedOut, 1000))),
    };
    TraceResult { evidence: evidence(n), timing: timing(1000), hops, reached, icmp_visible: true, outcome }
}

/// A size.
pub fn rung(size_bytes: u32, outcome: RungOutcome) -> Rung {
    let rtt_us = matches!(outcome, RungOutcome::Answered).then_some(1_000);
    Rung { size_bytes, at_us: 0, attempts: 1, rtt_us, outcome }
}

/// Measured by echo on a link of 1500, without a TCP connection: the link's size was answered, or refused by a router.
pub fn path_mtu_result(n: u64, mtu: u32) -> PathMtuResult {
    let mut rungs = vec![];
    if mtu < 1500 {
        let mut notice = icmp("192.0.2.1", 3, 4);
        notice.mtu = Some(mtu);
        rungs.push(rung(1500, RungOutcome::TooBig(notice)));
    }
    rungs.push(rung(mtu, RungOutcome::Answered));
    PathMtuResult {
        evidence: evidence(n),
        timing: timing(10),
        method: Some(MtuMethod::IcmpEcho),
        rungs,
        conclusion: MtuConclusion::Measured,
        mtu_bytes: Some(mtu),
        lost_from_bytes: None,
        link_mtu_bytes: Some(1500),
        route_mtu_bytes: Some(1500),
        mss_bytes: None,
        tcp_pmtu_bytes: None,
        outcome: Ok(()),
    }
}

/// All of one round trip.
pub fn round_trips(rtt_us: u64) -> RoundTrips {
    RoundTrips { min_us: rtt_us, median_us: rtt_us, max_us: rtt_us, jitter_us: 0 }
}

/// So many requests and replies, 1 ms each; timed out where none came.
pub fn echo_result(n: u64, sent: u16, received: u16) -> EchoResult {
    EchoResult {
        evidence: evidence(n),
        timing: timing(100),
        sent: sent.into(),
        received: received.into(),
        duplicates: 0,
        reordered: 0,
        corrupted: 0,
        round_trips: (received > 0).then(|| round_trips(1_000)),
        replies: replies(received),
        icmp: None,
        outcome: if received > 0 { Ok(()) } else { Err(failure(Phase::Wait, Reason::TimedOut, 100)) },
    }
}

fn replies(count: u16) -> Vec<Reply> {
    (0..count).map(|sequence| Reply { sequence, rtt_us: 1_000 }).collect()
}
