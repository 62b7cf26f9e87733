//! Silence in which this host's TCP resets what comes in: the answers bear another address than was dialled.
//!
//! A service address that is translated to a backend on this host's own segment is answered by the backend itself, past the
//! translator. No socket waits for that address, so the kernel sends a RST for each answer.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure};
use sonde_sdk::way::Met;

use super::Case;
use crate::observe::{Path, answers_are_reset_here};

/// A RST for each SYN, in every quiet window, and none while nothing is dialled.
pub(super) fn judge(path: &Path) -> Option<Case<'_>> {
    let windows: Vec<&TcpDial> = path.windows().collect();
    let [first, others @ ..] = windows.as_slice() else { return None };
    let met = path.burst_is_reset();
    if !path.is_silent() || met == Met::Fewer || !windows.iter().all(|d| answers_are_reset_here(d)) {
        return None;
    }
    let sentence = format!(
        "answers to the SYNs to {} come from another address, and this host resets them: the address is translated back into its own segment",
        path.endpoint
    );
    let resets = first.deltas.as_ref().and_then(|w| w.moved("Tcp.OutRsts")).unwrap_or(0);
    let finding = supports("k8s.hairpin")
        .because(&sentence)
        .citing([first.evidence])
        .measuring(Measure::count("Tcp.OutRsts", resets));
    let next =
        "masquerade what the service address translates, or turn on hairpin mode; for a bridge see `sysctl net.bridge`";
    let again: Vec<EvidenceId> = others.iter().map(|d| d.evidence).collect();
    let burst = path.burst.as_ref().filter(|_| met == Met::AsMany && !again.is_empty());
    let Some(burst) = burst else {
        // This host may be refusing others.
        return Some(
            Case::unclear(path, format!("{} does not answer, and this host sends resets meanwhile", path.endpoint))
                .with(finding.strong())
                .with(
                    supports("fw.drop_remote")
                        .strong()
                        .because("the resets may be for others, and the SYNs unanswered")
                        .citing(windows.iter().map(|d| d.evidence)),
                )
                .next(next),
        );
    };
    Some(
        Case::proven(path, "k8s.hairpin", sentence)
            .with(finding.proof())
            .with(
                refutes("k8s.netpol_drop")
                    .proof()
                    .because("repeated, something answers each SYN again: this host resets it, and nothing when it does not dial")
                    .citing(again.into_iter().chain(burst.evidence())),
            )
            .next(next),
    )
}
