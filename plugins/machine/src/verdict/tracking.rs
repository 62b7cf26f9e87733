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
    let dropped: i64 = DROPS.iter().filter_map(|name| observed.grew(name)).map(|n| n.max(0)).sum();
    let sentence =
        format!("connection tracking here holds {} of {limit} flows, and dropped {dropped} in the window", entries[1]);
    let [first, between, last] = observed.snapshots();
    let finding = supports("nf.conntrack_full")
        .about("conntrack")
        .because(&sentence)
        .citing([first, last])
        .measuring(Measure::count("conntrack.entries", entries[1]));
    if let Some([early, late]) = halves(observed).filter(|halves| halves.iter().sum::<i64>() > 0) {
        let elsewhere = refutes("fw.drop_remote")
            .proof()
            .about("conntrack")
            .because(format!(
                "what is lost is lost on this very host: its own table counts {early} drops up to the middle of the window and {late} after \
                 it"
            ))
            .citing([between]);
        verdict.prove(sentence, finding, [elsewhere]);
    } else {
        verdict.doubt(sentence, finding);
    }
}

/// Flows that were dropped in each half of the window, as the snapshot between them has it; none without that.
fn halves(observed: &Observations) -> Option<[i64; 2]> {
    let grown: Vec<[i64; 2]> = DROPS.iter().filter_map(|name| observed.growth(name)).collect();
    let sum = |half: fn(&[i64; 2]) -> i64| grown.iter().map(|halves| half(halves).max(0)).sum();
    (!grown.is_empty()).then(|| [sum(|[early, _]| *early), sum(|[_, late]| *late)])
}

/// What counts a flow that found no room, or was taken for another.
const DROPS: [&str; 2] = ["conntrack.drop", "conntrack.early_drop"];
/// Catalogue of causes, thresholds: in percent of the limit.
const CRITICAL: i64 = 95;
