//! A silent port of this very host: its queue is full, or a filter of this host takes the SYN or the answer.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::EvidenceId;

use super::Case;
use crate::observe::{Path, undelivered};

/// Judges it.
pub(super) fn judge(path: &Path) -> Case<'_> {
    let silent: Vec<EvidenceId> = path.dials.iter().map(|d| d.evidence).collect();
    let moved = |name: &str| path.dials.iter().filter_map(|d| d.deltas.as_ref()?.moved(name)).max();
    let case = Case::unclear(path, format!("{} is this host, and yet it does not answer", path.endpoint));
    let Some((table, listeners)) = path.listeners() else { return case };
    if let Some(full) = listeners.iter().find(|l| l.serves(&path.endpoint.address) && l.queued > l.backlog)
        && moved("TcpExt.ListenOverflows").is_some_and(|n| n > 0)
    {
        let sentence =
            format!("the accept queue of {} is full: {} wait, {} may", path.endpoint, full.queued, full.backlog);
        return Case::proven(path, "tcp.accept_queue_overflow", sentence.clone())
            .with(supports("tcp.accept_queue_overflow").proof().because(&sentence).citing(silent))
            .with(
                refutes("tcp.syn_queue_full")
                    .strong()
                    .because("connections wait to be accepted; half-open ones do not fill the queue")
                    .citing([table]),
            );
    }
    if moved("TcpExt.TCPRetransFail").is_some_and(|n| n > 0) {
        return case.with(
            supports("fw.drop_local_output").strong().because("the kernel fails to send the SYN").citing(silent),
        );
    }
    if let Some(case) = answers_are_kept(path) {
        return case;
    }
    let still = ["TcpExt.ListenDrops", "TcpExt.IPReversePathFilter"].iter().all(|name| moved(name) == Some(0));
    if !still {
        return case;
    }
    let sentence = format!("this host's own input filter drops SYNs to {}", path.endpoint);
    Case::proven(path, "fw.drop_local_input", sentence.clone())
        .with(supports("fw.drop_local_input").proof().because(&sentence).citing(silent))
        .with(
            refutes("tcp.accept_queue_overflow")
                .proof()
                .because("no listener's queue is full, and no SYN was dropped at a listener")
                .citing([table]),
        )
}

/// Our SYN is half open at the listener, so it arrived. An answer that was never received was dropped on its way out.
fn answers_are_kept(path: &Path) -> Option<Case<'_>> {
    let census = path.half_open.as_ref()?;
    let groups = census.outcome.as_ref().ok()?;
    let arrived: Vec<_> = path
        .dials
        .iter()
        .filter(|d| {
            d.connection.local.as_ref().is_some_and(|local| {
                let port = local.port.to_string();
                groups.iter().any(|g| matches!(g.key.as_slice(), [peer, at] if *peer == local.address && *at == port))
            })
        })
        .collect();
    if arrived.is_empty() {
        return None;
    }
    let silent: Vec<EvidenceId> = path.dials.iter().map(|d| d.evidence).collect();
    let lost: Vec<i64> = arrived.iter().filter_map(|d| undelivered(d, path.endpoint.is_ipv6())).collect();
    if !lost.is_empty() && lost.iter().all(|n| *n == 0) && silent.len() >= 2 {
        let sentence = format!("SYNs to {} arrive, and this host's own output filter drops the answers", path.endpoint);
        return Some(
            Case::proven(path, "fw.drop_local_output", sentence.clone())
                .with(supports("fw.drop_local_output").proof().because(&sentence).citing(silent))
                .with(
                    refutes("fw.drop_remote")
                        .proof()
                        .because("the SYNs are half open at this host's own listener: nothing beyond it is involved")
                        .citing([census.evidence]),
                ),
        );
    }
    let dropped_in = lost.iter().any(|n| *n > 0);
    let id = if dropped_in { "fw.drop_local_input" } else { "fw.drop_local_output" };
    let sentence = format!("SYNs to {} arrive, and a filter of this host drops the answers", path.endpoint);
    Some(
        Case::unclear(path, sentence.clone())
            .with(supports(id).strong().because(&sentence).citing(silent.into_iter().chain([census.evidence]))),
    )
}
