//! The memory of all TCP sockets, and those that no process holds any more. Both are of the whole machine: they prove something about
//! the machine, and about this namespace only where its own counters say that it suffers.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::system::HostFacts;

use super::Verdict;
use crate::observe::Observations;

const KILLED: &str = "TcpExt.TCPAbortOnMemory";

/// Judges both.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let Some(looks) = observed.machine() else { return };
    if !pressed(observed, looks, verdict) {
        orphans(observed, looks, verdict);
    }
}

/// Above the pressure threshold in both looks.
fn pressed(observed: &Observations, looks: [&HostFacts; 2], verdict: &mut Verdict) -> bool {
    let [_, now] = looks;
    let above = |facts: &HostFacts| {
        facts.tcp_memory_pages.zip(facts.tcp_memory_limits_pages).filter(|(pages, (_, pressure, _))| pages >= pressure)
    };
    let (Some(_), Some((pages, (_, pressure, high)))) = (above(looks[0]), above(now)) else { return false };
    let is_critical = looks
        .iter()
        .all(|facts| facts.tcp_memory_pages.is_some_and(|pages| pages.saturating_mul(10) >= high.saturating_mul(9)));
    let suffered: i64 = [KILLED, "TcpExt.TCPMemoryPressures"].iter().filter_map(|name| observed.grew(name)).sum();
    let sentence = format!(
        "TCP on this machine, in all its namespaces, holds {pages} pages: pressure begins at {pressure}, sockets are killed at {high}"
    );
    let [_, _, last] = observed.snapshots();
    let finding = supports("host.tcp_mem_pressure")
        .about("the machine's TCP memory")
        .because(&sentence)
        .citing([observed.machine_looks()[1], last]);
    if suffered > 0 || is_critical {
        let one_buffer = refutes("tcp.rcvbuf_prune")
            .proof()
            .about("the machine's TCP memory")
            .because("it is the sum over all sockets that is too large, in the first look as well, not one application's buffer")
            .citing([observed.machine_looks()[0]]);
        verdict.prove(sentence, finding, [one_buffer]);
    } else {
        verdict.doubt(sentence, finding);
    }
    true
}

/// At least half of the limit in both looks. From there on the kernel may kill the next one (`tcp_check_oom`, `net/ipv4/tcp.c`).
fn orphans(observed: &Observations, looks: [&HostFacts; 2], verdict: &mut Verdict) {
    let many = |facts: &HostFacts| {
        let (orphans, limit) = facts.tcp_orphans.zip(facts.tcp_orphans_limit)?;
        (limit > 0 && orphans.saturating_mul(2) >= limit).then_some((orphans, limit))
    };
    let (Some(_), Some((orphans, limit))) = (many(looks[0]), many(looks[1])) else { return };
    let killed = observed.grew(KILLED).unwrap_or(0);
    let sentence = format!(
        "{orphans} TCP sockets on this machine, in all its namespaces, belong to no process any more, and {limit} may; {killed} \
         connections were killed for it here in the window"
    );
    let finding = supports("host.orphan_limit").about("orphaned sockets").because(&sentence);
    let [first, _, last] = observed.snapshots();
    let finding = finding.citing([observed.machine_looks()[1], first, last]);
    let below = looks[0].tcp_memory_pages.zip(looks[0].tcp_memory_limits_pages);
    if let Some((pages, (_, pressure, _))) = below.filter(|(pages, (_, pressure, _))| pages < pressure && killed > 0) {
        let memory = refutes("host.tcp_mem_pressure")
            .proof()
            .about("orphaned sockets")
            .because(format!("TCP holds {pages} pages, and pressure begins at {pressure}"))
            .citing([observed.machine_looks()[0]]);
        verdict.prove(sentence, finding, [memory]);
    } else {
        verdict.doubt(sentence, finding);
    }
}
