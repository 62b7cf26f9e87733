//! Packets that never leave because this host's connection tracking takes no more flows.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure};

use super::Case;
use crate::observe::{Path, ours_fail_here};

/// Percent of the maximum from which on the table counts as full: 95 is critical.
const FULL: i64 = 95;

/// The table is full, and drops with our SYNs.
pub(super) fn judge(path: &Path) -> Option<Case<'_>> {
    let counters = path.counters.as_ref()?;
    let (entries, most) = (counters.value("conntrack.entries")?, counters.value("conntrack.max")?);
    let dropped = |names: &[&str]| -> Vec<EvidenceId> {
        let grew = |w: &sonde_sdk::types::CounterDeltas| names.iter().any(|n| w.moved(n).is_some_and(|n| n > 0));
        let kept = path.dials.iter().filter(|d| ours_fail_here(d));
        kept.filter(|d| d.deltas.as_ref().is_some_and(grew)).map(|d| d.evidence).collect()
    };
    let drops = dropped(&["conntrack.drop", "conntrack.early_drop"]);
    if most <= 0 || entries.saturating_mul(100) < most.saturating_mul(FULL) || drops.is_empty() {
        return None;
    }
    let sentence = format!("connection tracking of this host is full ({entries} of {most}) and drops new flows");
    Some(
        Case::proven(path, "nf.conntrack_full", sentence.clone())
            .with(
                supports("nf.conntrack_full")
                    .proof()
                    .because(&sentence)
                    .citing([counters.evidence])
                    .measuring(Measure::count("conntrack.entries", entries)),
            )
            .with(
                refutes("fw.drop_remote")
                    .proof()
                    .because("the kernel fails to send the SYN, and connection tracking counts a drop with each")
                    .citing(drops),
            )
            .next("see `sysctl net.netfilter.nf_conntrack_max`, and `conntrack -L` for who fills the table"),
    )
}
