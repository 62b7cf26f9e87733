//! Connections that one side has closed and the other has not: CLOSE-WAIT is this side's, FIN-WAIT the peer's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::Measure;

use super::{Verdict, count, counted};
use crate::observe::{Observations, Watched, owner, silence};

/// Of one process, or towards one side, from which on they are no accident.
const PILED_UP: usize = 50;
/// A close in flight takes less.
const IN_FLIGHT: Duration = Duration::from_secs(1);

/// Judges them.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    leak(observed, verdict);
    stuck(observed, verdict);
}

/// The peer closed, the process does not.
fn leak(observed: &Observations, verdict: &mut Verdict) {
    let mut by_owner: BTreeMap<String, Vec<Watched<'_>>> = BTreeMap::new();
    // What was never accepted is nobody's yet, and who is stopped cannot close.
    let could_close = |socket: &Socket| {
        socket.inode != 0 && !socket.process().is_some_and(|process| matches!(process.state.as_str(), "T" | "t"))
    };
    let lasted = observed.between(|look| &look.unclosed);
    if lasted < IN_FLIGHT {
        return;
    }
    let closeable = |watched: &Watched<'_>| could_close(watched.now);
    for watched in observed.watched(|look| &look.unclosed).into_iter().filter(closeable) {
        let owner = owner(watched.now).unwrap_or_else(|| format!("a process of user {}", watched.now.uid));
        by_owner.entry(owner).or_default().push(watched);
    }
    let [before, now] = observed.looks.each_ref().map(|look| look.unclosed.total);
    for (owner, sockets) in by_owner.into_iter().filter(|(_, sockets)| sockets.len() >= PILED_UP) {
        // Of more than a search brings there is only the sum.
        let of_all = sockets.len() == observed.looks[1].unclosed.sockets().len();
        let held = if of_all { usize::try_from(now).unwrap_or(usize::MAX) } else { sockets.len() };
        let oldest = sockets.iter().filter_map(|watched| silence(watched.now)).max().unwrap_or(lasted).max(lasted);
        let more = match now.saturating_sub(before) {
            grown @ 1.. if of_all => format!(", and {grown} more came meanwhile"),
            _ => String::new(),
        };
        let sentence = format!(
            "{owner} keeps {held} connections in CLOSE-WAIT, the oldest for {} s or more: their peers closed, it does not{more}",
            oldest.as_secs()
        );
        // Of a user there may be several processes, and whether they are stopped is not known.
        let known = sockets.iter().all(|watched| watched.now.process().is_some());
        let finding = supports("tcp.close_wait_leak");
        let mut finding = if known { finding.proof() } else { finding.strong() };
        finding = finding
            .about(&owner)
            .because(&sentence)
            .citing(observed.evidence(|look| &look.unclosed))
            .measuring(Measure::count("CLOSE-WAIT", count(held)))
            .measuring(Measure::duration("oldest", oldest));
        if let Some(open) = sockets.iter().find_map(|watched| watched.now.process()?.open_files) {
            finding = finding.measuring(Measure::count("open files", i64::try_from(open).unwrap_or(i64::MAX)));
        }
        verdict.findings.push(finding.build());
        verdict.findings.push(
            refutes("tcp.fin_wait_stuck")
                .proof()
                .about(&owner)
                .because("it is this side that has not closed: what waits for its peer is in FIN-WAIT or LAST-ACK")
                .citing(observed.evidence(|look| &look.closing))
                .build(),
        );
        if known {
            verdict.faults.push(sentence);
        } else {
            verdict.doubts.push(sentence);
            verdict
                .next
                .get_or_insert_with(|| "run sonde with CAP_SYS_PTRACE to see which process holds them".to_owned());
        }
    }
}

/// We closed, the peer does not, or does not even acknowledge it.
fn stuck(observed: &Observations, verdict: &mut Verdict) {
    // Of connections within this host the other end is the one at fault.
    let own: BTreeSet<&str> =
        observed.looks[1].unclosed.sockets().iter().map(|socket| socket.local.address.as_str()).collect();
    let waiting: Vec<Watched<'_>> = observed
        .watched(|look| &look.closing)
        .into_iter()
        .filter(|watched| watched.before.state == watched.now.state && waits(watched.now))
        .filter(|watched| watched.now.peer.as_ref().is_none_or(|peer| !own.contains(peer.address.as_str())))
        .collect();
    if waiting.len() < PILED_UP || observed.between(|look| &look.closing) < IN_FLIGHT {
        return;
    }
    // Single clients of a busy server fall asleep with a close under way; a peer that completes none is another matter.
    let mut peers: BTreeMap<&str, usize> = BTreeMap::new();
    for peer in waiting.iter().filter_map(|watched| watched.now.peer.as_ref()) {
        *peers.entry(peer.address.as_str()).or_default() += 1;
    }
    if peers.values().all(|count| *count * 2 <= waiting.len()) {
        verdict
            .notes
            .push(format!("{} that this host closed wait for as many peers", counted(waiting.len(), "connection")));
        return;
    }
    let orphans = waiting.iter().filter(|watched| watched.now.inode == 0).count();
    let subject = subject(&waiting);
    let held = if waiting.len() == observed.looks[1].closing.sockets().len() {
        usize::try_from(observed.looks[1].closing.total).unwrap_or(usize::MAX)
    } else {
        waiting.len()
    };
    let sentence = format!(
        "{} that this host closed wait for their peers ({}), {orphans} of {} looked at without a process any more",
        counted(held, "connection"),
        states(&waiting),
        waiting.len()
    );
    verdict.findings.push(
        supports("tcp.fin_wait_stuck")
            .proof()
            .about(&subject)
            .because(&sentence)
            .citing(observed.evidence(|look| &look.closing))
            .measuring(Measure::count("unfinished closes", count(held)))
            .measuring(Measure::count("orphans", count(orphans)))
            .build(),
    );
    verdict.findings.push(
        refutes("tcp.close_wait_leak")
            .proof()
            .about(&subject)
            .because(format!("this side has closed them: {} are in CLOSE-WAIT here", observed.looks[1].unclosed.total))
            .citing(observed.evidence(|look| &look.unclosed))
            .build(),
    );
    verdict.faults.push(sentence);
}

/// A FIN that is repeated or cannot be sent, or one that the peer has acknowledged and not returned.
fn waits(socket: &Socket) -> bool {
    match socket.state.as_str() {
        "FIN-WAIT-1" => {
            socket.timer_name() == Some("persist") || socket.info.as_ref().is_some_and(|info| info.backoff > 0)
        }
        _ => true,
    }
}

/// What most of them have in common.
fn subject(waiting: &[Watched<'_>]) -> String {
    let mut peers: BTreeMap<String, usize> = BTreeMap::new();
    let mut ports: BTreeMap<u16, usize> = BTreeMap::new();
    for watched in waiting {
        *ports.entry(watched.now.local.port).or_default() += 1;
        if let Some(peer) = &watched.now.peer {
            *peers.entry(peer.to_string()).or_default() += 1;
        }
    }
    let most = |count: usize| count * 2 > waiting.len();
    let peer = peers.into_iter().find(|(_, count)| most(*count)).map(|(peer, _)| peer);
    let port = || ports.into_iter().find(|(_, count)| most(*count)).map(|(port, _)| format!(":{port}"));
    peer.or_else(port).unwrap_or_else(|| "host".to_owned())
}

/// `60 FIN-WAIT-2, 3 LAST-ACK`.
fn states(waiting: &[Watched<'_>]) -> String {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for watched in waiting {
        *states.entry(watched.now.state.as_str()).or_default() += 1;
    }
    states.into_iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}
