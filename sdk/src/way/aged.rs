//! Packets that die of their age on the way: they circle, or they were sent with too few hops to live.
//!
//! In a loop of two routers it is always the same one that reports the end, as with a small `ip_default_ttl`. A trace, which
//! sets every TTL itself, tells them apart.

use std::collections::BTreeSet;

use super::icmp::is_time_exceeded;
use super::{Explained, Way};
use crate::finding::{refutes, supports};
use crate::types::{EvidenceId, Measure};

/// Judges the "time exceeded" that `sender` sent.
pub(super) fn judge(way: &Way<'_>, sender: &str, code: &str, elapsed: Measure) -> Explained {
    let address = &way.endpoint.address;
    let trace = way.known.trace.as_ref();
    let exceeded: Vec<(EvidenceId, &str)> = way
        .failures()
        .filter_map(|(id, f)| {
            let error = f.icmp.as_ref().filter(|e| is_time_exceeded(e, way.endpoint.is_ipv6()))?;
            Some((id, error.sender.as_deref()?))
        })
        .collect();
    let senders: BTreeSet<&str> = exceeded.iter().map(|(_, sender)| *sender).collect();
    let reached = trace.is_some_and(|t| t.reached.is_some());
    let looping = trace.and_then(|t| Some((t.evidence, t.looping()?)));
    if looping.is_none() && (senders.len() < 2 || reached) {
        let sentence =
            format!("{sender} reports that packets to {address} die of their age ({code}), and no hop repeats");
        return way
            .unclear(sentence.clone())
            .with(
                supports("l3.routing_loop")
                    .because(sentence)
                    .citing([way.evidence].into_iter().chain(trace.map(|t| t.evidence))),
            )
            .next("compare `sysctl net.ipv4.ip_default_ttl` with the length of the way, and trace it again");
    }
    let (seen, how) = match looping {
        Some((evidence, router)) => (vec![evidence], format!("a trace meets {router} again and again")),
        None => (vec![], format!("{} report it in turn", senders.iter().copied().collect::<Vec<_>>().join(" and "))),
    };
    let sentence =
        format!("packets to {address} circle until their time to live ends: {sender} reports it ({code}), and {how}");
    let case = way.proven("l3.routing_loop", sentence.clone()).with(
        supports("l3.routing_loop")
            .proof()
            .because(&sentence)
            .citing([way.evidence].into_iter().chain(seen))
            .measuring(elapsed),
    );
    let again: Vec<EvidenceId> = exceeded.iter().map(|(id, _)| *id).filter(|id| *id != way.evidence).collect();
    if again.is_empty() {
        return case;
    }
    case.with(
        refutes("l3.icmp_unreachable")
            .proof()
            .because("repeated, it is time exceeded again: no router says that it lacks a route")
            .citing(again),
    )
}
