//! A policy rule (`ip rule`) that refuses this very port: the lookup, which asks for no port, finds a route all the same.
//!
//! `prohibit` gives EACCES, `unreachable` ENETUNREACH, `blackhole` EINVAL; a table with such a route gives its errno. No packet
//! leaves, and no ICMP error comes. A filter's EPERM is none of these.

use super::{Explained, Way};
use crate::finding::{refutes, supports};
use crate::types::{EvidenceId, Failure, Reason};

/// Judges an errno at once, without ICMP, beside a lookup that finds a way.
pub(super) fn judge(way: &Way<'_>, lookup: EvidenceId) -> Explained {
    let failure = way.failure;
    let (id, look_alike, does) = if failure.reason == Reason::InvalidArgument {
        ("l3.route_blackhole", "l3.route_policy_reject", "discards")
    } else {
        ("l3.route_policy_reject", "fw.reject_icmp", "refuses")
    };
    let name = failure.errno_name.as_deref().unwrap_or("an error");
    let again: Vec<EvidenceId> = way.others().collect();
    let passing = passing(way, &failure.reason);
    let sentence = format!(
        "a routing rule of this host {does} {} to {}: {name} at once, while the route lookup for the address finds a way",
        way.transport.traffic(),
        way.endpoint
    );
    let finding = supports(id).because(&sentence).citing([way.evidence, lookup]);
    let next = "see `ip rule` (and `ip -6 rule`): a rule for this port or protocol, and the table it leads to";
    // EACCES comes from a rule alone; the others have more than one source.
    if again.is_empty() || (passing.is_empty() && failure.reason != Reason::NotPermitted) {
        return way.unclear(sentence).with(finding.strong()).next(next);
    }
    let case = way
        .proven(id, sentence)
        .with(finding.proof())
        .with(
            refutes(look_alike)
                .proof()
                .because(format!("repeated, the kernel gives {name} at once again, and no ICMP error was received"))
                .citing(again),
        )
        .next(next);
    if id == "l3.route_blackhole" {
        return case.with(
            refutes("l3.no_route")
                .proof()
                .because("there is a way: what goes to another port of the address takes it")
                .citing(passing),
        );
    }
    case
}

/// Attempts at other ports that are not stopped by the same error.
fn passing(way: &Way<'_>, reason: &Reason) -> Vec<EvidenceId> {
    let passes = |failure: Option<&Failure>| failure.is_none_or(|f| f.reason != *reason && !f.is_our_own());
    way.elsewhere.iter().filter(|e| passes(e.failure)).map(|e| e.evidence).collect()
}
