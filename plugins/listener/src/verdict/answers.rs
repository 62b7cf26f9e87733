//! Our own SYN reached a listener of this host, and its answer did not come back: a filter of this host took the answer.
//!
//! The half-open connection shows that the SYN arrived. An answer that is dropped on its way out is never received; one that is
//! dropped on its way in is received and not delivered, and that concerns only connections from this host to itself.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::EvidenceId;

use super::Verdict;
use crate::observe::{Dial, Observations, Watched, endpoint, is_silent, undelivered};

/// Judges the silent dial that was watched in a quiet window.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let silent = |d: &&Dial| is_silent(&d.dial) && watched.iter().any(|w| w.now().serves(&d.address));
    let silent: Vec<&Dial> = observed.dials.iter().filter(silent).collect();
    let Some(last) = silent.iter().rev().find(|d| d.dial.deltas.is_some()) else { return };
    let Some(look) = arrived(observed, last) else { return };
    let same: Vec<EvidenceId> = silent.iter().filter(|d| d.address == last.address).map(|d| d.dial.evidence).collect();
    let name = endpoint(&last.address, watched.first().map_or(0, |w| w.now().port));
    let dropped = undelivered(&last.dial, &last.address);
    if dropped != Some(0) || same.len() < 2 {
        // Whoever comes from outside may be served all the same.
        let sentence = format!("SYNs from this host to its own listener {name} arrive, and the answers are lost");
        let id = if dropped.is_some_and(|n| n > 0) { "fw.drop_local_input" } else { "fw.drop_local_output" };
        verdict.findings.push(supports(id).strong().about(&name).because(&sentence).citing(same).build());
        verdict.doubts.push(sentence);
        return;
    }
    let sentence =
        format!("SYNs from this host to its own listener {name} arrive, and its output filter drops the answers");
    verdict
        .findings
        .push(supports("fw.drop_local_output").proof().about(&name).because(&sentence).citing(same).build());
    verdict.findings.push(
        refutes("fw.drop_remote")
            .proof()
            .about(&name)
            .because("the SYN of this host is half open at its own listener: nothing beyond this host is involved")
            .citing([look])
            .build(),
    );
    verdict
        .next
        .get_or_insert_with(|| "list this host's output rules: nft list ruleset, iptables -S OUTPUT".to_owned());
    verdict.faults.push(sentence);
}

/// The census in which the dial is half open at the listener.
fn arrived(observed: &Observations, dial: &Dial) -> Option<EvidenceId> {
    let local = dial.dial.connection.local.as_ref()?;
    let port = local.port.to_string();
    let census = observed.half_open.as_ref()?;
    let ours = |key: &[String]| matches!(key, [peer, at] if *peer == local.address && *at == port);
    census.outcome.as_ref().ok()?.iter().any(|group| ours(&group.key)).then_some(census.evidence)
}
