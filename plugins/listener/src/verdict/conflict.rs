//! Another host claims an address that the listener is reached at: part of its clients talk to that one.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::EvidenceId;

use super::Verdict;
use crate::observe::{Observations, Watched};

/// Judges what ARP said of this host's own addresses.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let Some((evidence, question)) = observed.arp.as_ref().and_then(|arp| Some((arp.evidence, arp.stolen()?))) else {
        return;
    };
    let Some(listener) = watched.iter().find(|w| w.now().serves(&question.address)) else { return };
    let claims: Vec<&str> = question.claims.iter().map(|claim| claim.link_address.as_str()).collect();
    let claims = claims.join(" and ");
    let sentence = format!(
        "{}, where {} listens, is also claimed by {claims} on {}: clients reach whichever answers first",
        question.address,
        listener.name(),
        question.device
    );
    verdict.findings.push(
        supports("l2.address_conflict").proof().about(&question.address).because(&sentence).citing([evidence]).build(),
    );
    let answered: Vec<EvidenceId> =
        observed.dials.iter().filter(|d| d.dial.outcome.is_ok()).map(|d| d.dial.evidence).collect();
    verdict.findings.push(
        refutes("tcp.port_closed")
            .proof()
            .about(&question.address)
            .because("this host has a listener on the port, so it is not this host that refuses")
            .citing([observed.look(0), observed.look(2)].into_iter().chain(answered))
            .build(),
    );
    verdict.next = Some(format!("find the host with {claims} and change its address"));
    verdict.faults.push(sentence);
}
