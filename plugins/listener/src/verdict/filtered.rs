//! Our own SYN to a listener of this host vanishes: it never left the machine, so a filter of this host took it.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::EvidenceId;

use super::Verdict;
use crate::observe::{Dial, Observations, Watched, endpoint, is_silent};

/// Counters of what else drops a SYN on arrival.
const OTHERS: [&str; 4] =
    ["TcpExt.ListenDrops", "TcpExt.ListenOverflows", "TcpExt.TCPReqQFullDrop", "TcpExt.IPReversePathFilter"];

/// Judges the silent dials, the last of which was watched in a quiet window.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let to_room = |d: &&Dial| {
        is_silent(&d.dial)
            && watched.iter().any(|w| w.now().serves(&d.address) && w.looks.iter().all(|l| l.queued <= l.backlog))
    };
    let silent: Vec<&Dial> = observed.dials.iter().filter(to_room).collect();
    let Some(last) = silent.iter().rev().find(|d| d.dial.deltas.is_some()) else { return };
    let same: Vec<EvidenceId> = silent.iter().filter(|d| d.address == last.address).map(|d| d.dial.evidence).collect();
    let moved = |name: &str| last.dial.deltas.as_ref().and_then(|d| d.moved(name));
    let name = endpoint(&last.address, watched.first().map_or(0, |w| w.now().port));
    if same.len() < 2 || last.dial.connection.syn_retransmits == 0 || moved(OTHERS[0]).is_none() {
        verdict.doubts.push(format!("a local connection to {name} got no answer"));
        return;
    }
    if moved("TcpExt.TCPRetransFail").is_some_and(|n| n > 0) {
        let sentence = format!("this host's own output filter drops SYNs to {name}");
        verdict
            .findings
            .push(supports("fw.drop_local_output").strong().about(&name).because(&sentence).citing(same).build());
        verdict.doubts.push(sentence);
        return;
    }
    if OTHERS.iter().any(|counter| moved(counter).is_some_and(|n| n > 0)) {
        verdict.doubts.push(format!("a local connection to {name} got no answer"));
        return;
    }
    let sentence = format!("a SYN from this host to its own listener {name} vanishes: its input filter drops it");
    if observed.is_reached_from_outside() {
        // The rule may be about connections of this host to itself only.
        let finding = supports("fw.drop_local_input").strong().about(&name).because(&sentence).citing(same);
        verdict.findings.push(finding.build());
        verdict.doubts.push(sentence);
        return;
    }
    verdict.findings.push(supports("fw.drop_local_input").proof().about(&name).because(&sentence).citing(same).build());
    verdict.findings.push(
        refutes("tcp.accept_queue_overflow")
            .proof()
            .about(&name)
            .because("the listener's queue has room in every look, and no SYN was dropped at it")
            .citing([observed.look(0), observed.look(2)])
            .build(),
    );
    verdict.next.get_or_insert_with(|| "list this host's input rules: nft list ruleset, iptables -S INPUT".to_owned());
    verdict.faults.push(sentence);
}
