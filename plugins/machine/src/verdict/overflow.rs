//! The neighbour tables of the machine.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::system::{Family, NeighbourUse};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::Observations;

/// The table that new entries found no room in during the window: in the second look, and how many.
pub(crate) fn overflows(observed: &Observations) -> Option<(&NeighbourUse, u64)> {
    let [first, second] = observed.machine()?;
    second.neighbour_tables.iter().find_map(|now| {
        let before = first.neighbour_tables.iter().find(|table| table.family == now.family)?;
        Some((now, now.overflows.checked_sub(before.overflows)?)).filter(|(_, grew)| *grew > 0)
    })
}

/// Judges them.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let Some((table, grew)) = overflows(observed) else { return };
    let protocol = if table.family == Family::Ipv4 { "ARP" } else { "neighbour discovery" };
    let limit = table.limit.map_or_else(|| "an unknown number".to_owned(), |limit| limit.to_string());
    let sentence = format!(
        "the {protocol} table of this machine, of all its namespaces, has {} entries and may have {limit}: {grew} new ones found no room \
         in the window",
        table.entries
    );
    let finding = supports("l2.neighbor_table_overflow")
        .about(format!("{protocol} table"))
        .because(&sentence)
        .citing(observed.machine_looks())
        .measuring(Measure::count("table_fulls", u32::try_from(grew).unwrap_or(u32::MAX).into()));
    // What is being collected at this very moment is no longer an entry.
    let is_full = table.limit.is_some_and(|limit| table.entries.saturating_mul(10) >= limit.saturating_mul(9));
    if let Some(listed) = observed.neighbours.as_ref().filter(|_| is_full) {
        let failed = listed.outcome.iter().flatten().filter(|entry| entry.state == "FAILED").count();
        let one_of_them = refutes("l2.neighbor_unresolved")
            .strong()
            .about(format!("{protocol} table"))
            .because(format!(
                "no single neighbour is what fails: of the {} of this namespace {failed} are FAILED, and none can be added",
                listed.total
            ))
            .citing([listed.evidence]);
        verdict.prove(sentence, finding, [one_of_them]);
    } else {
        verdict.doubt(sentence, finding);
    }
}
