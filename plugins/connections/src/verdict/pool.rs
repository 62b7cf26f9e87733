//! Connections of one process to one peer, all of which wait for an answer: what a used-up pool looks like, and a slow server too.
//! Which of both it is only the program knows, so this is a note and no finding.

use std::collections::BTreeMap;

use sonde_sdk::sockets::Socket;

use super::Verdict;
use crate::observe::{Observations, Scope, Watched};

/// Fewer are no pool.
const POOL: usize = 4;

/// Notes it.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let answers = observed.looks.each_ref().map(|look| &look.unacknowledged);
    // All of them must have been seen, and no other one have come or gone.
    let seen =
        answers.iter().all(|answer| usize::try_from(answer.total).is_ok_and(|total| total == answer.sockets().len()));
    if !matches!(observed.scope, Scope::Process(_)) || !seen {
        return;
    }
    let mut peers: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for socket in answers[1].sockets().iter().filter(|socket| socket.state == "ESTAB") {
        peers.entry(peer(socket)).or_default().0 += 1;
    }
    for watched in observed.watched(|look| &look.unacknowledged).iter().filter(|watched| waits(watched)) {
        peers.entry(peer(watched.now)).or_default().1 += 1;
    }
    let before = |wanted: &str| answers[0].sockets().iter().filter(|s| s.state == "ESTAB" && peer(s) == wanted).count();
    for (peer, (open, waiting)) in peers {
        if open >= POOL && waiting == open && before(&peer) == open {
            verdict.notes.push(format!(
                "all {open} connections to {peer} have waited for an answer since the first look, none is idle and none was added: \
                 a pool of {open} that is used up looks so, and so does a slow server"
            ));
        }
    }
}

/// It sent something after the last that it received, and nothing has come since.
fn waits(watched: &Watched<'_>) -> bool {
    let asked =
        |socket: &Socket| socket.flow.as_ref().is_some_and(|flow| flow.last_data_sent_ms < flow.last_data_received_ms);
    let sent = |socket: &Socket| socket.info.as_ref().map(|info| (info.bytes_sent, info.bytes_received));
    let same = sent(watched.before) == sent(watched.now) && sent(watched.now).is_some_and(|(sent, _)| sent > 0);
    same && asked(watched.before) && asked(watched.now)
}

fn peer(socket: &Socket) -> String {
    socket.peer.as_ref().map(ToString::to_string).unwrap_or_default()
}
