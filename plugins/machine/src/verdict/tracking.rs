//! This namespace's own table of connection tracking. Its limit is the machine's, its entries are its own.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::Observations;

/// Judges it.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let (Some(entries), Some([_, limit])) = (observed.values("conntrack.entries"), observed.values("conntrack.max"))
    else {
        return;
    };
    let is_full = |entries: i64| limit > 0 && entries.saturating_mul(100) >= limit.saturating_mul(CRITICAL);
    if !entries.iter().all(|entries| is_full(*entries)) {
        return;
    }
    let dropped: i64 = ["conntrack.drop", "conntrack.early_drop"]
        .iter()
        .filter_map(|name| observed.grew(name))
        .map(|n| n.max(0))
        .sum();
    let sentence =
        format!("connection tracking here holds {} of {limit} flows, and dropped {dropped} in the window", entries[1]);
    let [first, between, last] = observed.snapshots();
    let finding = supports("nf.conntrack_full")
        .about("conntrack")
        .because(&sentence)
        .citing([first, last])
        .measuring(Measure::count("conntrack.entries", entries[1]));
    if dropped > 0 {
        verdict.findings.push(finding.proof().build());
        verdict.findings.push(
            refutes("fw.drop_remote")
                .proof()
                .about("conntrack")
                .because("what is lost is lost on this very host: its own table counts it")
                .citing([between])
                .build(),
        );
        verdict.faults.push(sentence);
    } else {
        verdict.findings.push(finding.strong().build());
        verdict.doubts.push(sentence);
    }
}

/// Catalogue of causes, thresholds: in percent of the limit.
const CRITICAL: i64 = 95;
