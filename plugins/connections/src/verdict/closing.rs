//! Connections that this host has closed and the peer has not: FIN-WAIT and LAST-ACK.

use std::collections::{BTreeMap, BTreeSet};

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::Measure;

use super::{PILED_UP, Verdict, count, counted, lasted};
use crate::observe::{Observations, Watched};

/// Judges them: the peer does not close, or does not even acknowledge that we did.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    // Of connections within this host the other end is the one at fault.
    let own: BTreeSet<&str> =
        observed.looks[1].unclosed.sockets().iter().map(|socket| socket.local.address.as_str()).collect();
    let waiting: Vec<Watched<'_>> = observed
        .watched(|look| &look.closing)
        .into_iter()
        .filter(|watched| watched.before.state == watched.now.state && waits(watched.now))
        .filter(|watched| watched.now.peer.as_ref().is_none_or(|peer| !own.contains(peer.address.as_str())))
        .collect();
    if waiting.len() < PILED_UP || lasted(observed, |look| &look.closing).is_none() {
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
