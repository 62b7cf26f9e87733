//! A policy rule (`ip rule`) that refuses this very port: the lookup, which asks for no port, finds a route all the same.
//!
//! `prohibit` gives EACCES, `unreachable` ENETUNREACH, `blackhole` EINVAL; a table with such a route gives its errno. No packet
//! leaves, and no ICMP error comes. A filter's EPERM is none of these.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Failure, Reason};

use super::Case;
use crate::observe::Path;

/// Judges an errno at once, without ICMP, beside a lookup that finds a way.
pub(super) fn judge<'a>(path: &'a Path, dial: &TcpDial, failure: &Failure, lookup: EvidenceId) -> Case<'a> {
    let (id, look_alike, does) = if failure.reason == Reason::InvalidArgument {
        ("l3.route_blackhole", "l3.route_policy_reject", "discards")
    } else {
        ("l3.route_policy_reject", "fw.reject_icmp", "refuses")
    };
    let name = failure.errno_name.as_deref().unwrap_or("an error");
    let again: Vec<EvidenceId> = path.other_dials(dial.evidence).collect();
    let passing = passing(path, &failure.reason);
    let sentence = format!(
        "a routing rule of this host {does} connections to {}: {name} at once, while the route lookup for the address finds a way",
        path.endpoint
    );
    let finding = supports(id).because(&sentence).citing([dial.evidence, lookup]);
    let next = "see `ip rule` (and `ip -6 rule`): a rule for this port or protocol, and the table it leads to";
    // EACCES comes from a rule alone; the others have more than one source.
    if again.is_empty() || (passing.is_empty() && failure.reason != Reason::NotPermitted) {
        return Case::unclear(path, sentence).with(finding.strong()).next(next);
    }
    let case = Case::proven(path, id, sentence)
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
                .because("there is a way: connections to another port of the address take it")
                .citing(passing),
        );
    }
    case
}

/// Connections to other ports that are not stopped by the same error.
fn passing(path: &Path, reason: &Reason) -> Vec<EvidenceId> {
    let passes = |failure: Option<&Failure>| failure.is_none_or(|f| f.reason != *reason && !f.is_our_own());
    path.controls.iter().filter(|c| passes(c.dial.outcome.as_ref().err())).map(|c| c.dial.evidence).collect()
}
