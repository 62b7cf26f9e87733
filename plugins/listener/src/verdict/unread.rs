//! Established connections that the process forgets: data it does not read.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::{Observations, Watched};

/// Unread by so many connections at once, the whole process is meant and not one of its peers.
const CONNECTIONS: usize = 2;
/// More than a request is a stream, which a reader may throttle on purpose.
const REQUEST_BYTES: u64 = 64 * 1024;

/// Judges the connections of one port.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let Some(listener) = watched.first() else { return };
    silence(observed, listener, verdict);
}

/// Requests lie unread in every connection that has one, over the whole window.
fn silence(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    let looks = [0, 1, 2].map(|n| observed.sockets(n, "ESTAB"));
    let [early, middle, late] = &looks;
    let unread: Vec<_> = early.iter().filter(|(_, g)| g.receive_queue_bytes > 0).collect();
    let untouched = unread
        .iter()
        .filter(|(peer, g)| {
            [middle, late].iter().all(|l| l.get(*peer).is_some_and(|h| h.receive_queue_bytes == g.receive_queue_bytes))
        })
        .filter(|(_, g)| g.receive_queue_bytes <= REQUEST_BYTES)
        .count();
    let (Some(first), Some(second), Some(last)) =
        (observed.socket_look(0), observed.socket_look(1), observed.socket_look(2))
    else {
        return;
    };
    if untouched < CONNECTIONS || untouched < unread.len() {
        return;
    }
    // Who reads others may be at work for them, and these wait for their turn: a worker is free for them later, or never.
    let at_work = early.iter().any(|(peer, group)| {
        group.receive_queue_bytes == 0 && [middle, late].iter().all(|look| look.contains_key(peer))
    });
    let runs = matches!(listener.steady_state(), Some("S" | "R" | "D"));
    let name = listener.name();
    let sentence = format!("{name} accepted {untouched} connections and reads none of their requests");
    let finding = supports("app.not_responding")
        .about(&name)
        .because(&sentence)
        .citing([first, last])
        .measuring(Measure::count("unread connections", i64::try_from(untouched).unwrap_or(i64::MAX)));
    if !runs || at_work {
        verdict.doubt(sentence, finding);
        return;
    }
    let against = [
        refutes("host.process_stopped")
            .proof()
            .about(&name)
            .because("its process is not stopped in any look")
            .citing([observed.look(0), observed.look(2)]),
        refutes("app.dependency_hung")
            .strong()
            .about(&name)
            .because("the requests were not even read")
            .citing([second]),
    ];
    verdict.prove(sentence, finding, against);
}
