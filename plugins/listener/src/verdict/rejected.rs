//! Our own SYN to a listener of this host is turned away: the listener would take it, so a filter of this host answers instead.
//!
//! A RST that the kernel sends itself is counted (`OutRsts`), one that a filter sends is not. What is turned away on its way in was
//! received and not delivered; what is turned away on its way out concerns nobody but this host.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Reason};

use super::Verdict;
use crate::observe::{Dial, Observations, Watched, endpoint, is_turned_away, undelivered};

/// Judges the dials that were turned away, the last of which was watched in a quiet window.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let of_listener = |d: &&Dial| is_turned_away(&d.dial) && watched.iter().any(|w| w.now().serves(&d.address));
    let turned: Vec<&Dial> = observed.dials.iter().filter(of_listener).collect();
    let Some(last) = turned.iter().rev().find(|d| d.dial.deltas.is_some()) else { return };
    let same: Vec<&Dial> = observed.dials.iter().filter(|d| d.address == last.address).collect();
    if same.len() < 2 || !same.iter().all(|d| is_turned_away(&d.dial)) {
        return;
    }
    let by_icmp = |d: &&Dial| d.dial.outcome.as_ref().is_err_and(|f| f.icmp.is_some());
    let by_rst = |d: &&Dial| d.dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused && f.icmp.is_none());
    let (cause, how) = if same.iter().all(by_icmp) {
        ("fw.reject_icmp", "an ICMP error")
    } else if same.iter().all(|d| by_rst(d) && d.dial.connection.icmp_visible) {
        ("fw.reject_rst", "a RST that this host's TCP did not send")
    } else {
        return;
    };
    let own_rsts = last.dial.deltas.as_ref().and_then(|w| w.moved("Tcp.OutRsts"));
    // The listener may be bound to a device: then the kernel itself refuses what comes by another.
    if cause == "fw.reject_rst" && own_rsts.is_some_and(|n| n > 0) {
        return;
    }
    let name = endpoint(&last.address, watched.first().map_or(0, |w| w.now().port));
    let sentence =
        format!("a connection from this host to its own listener {name} is answered with {how}: a filter rejects it");
    let cited: Vec<EvidenceId> = same.iter().map(|d| d.dial.evidence).collect();
    let finding = supports(cause).about(&name).because(&sentence).citing(cited);
    let on_its_way_in = undelivered(&last.dial, &last.address).is_some_and(|n| n > 0);
    let unseen = cause == "fw.reject_rst" && own_rsts.is_none();
    verdict.next.get_or_insert_with(|| "list this host's rules: nft list ruleset, iptables -S".to_owned());
    if !on_its_way_in || unseen || observed.is_reached_from_outside() {
        verdict.doubt(sentence, finding);
        return;
    }
    let against = refutes("tcp.port_closed")
        .proof()
        .about(&name)
        .because("a socket listens on this address and port in every look")
        .citing([observed.look(0), observed.look(2)]);
    verdict.prove(sentence, finding, [against]);
}
