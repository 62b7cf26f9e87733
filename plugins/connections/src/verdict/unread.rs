//! What clients sent to a process and it does not read.
//!
//! Of a port the check `listener` says so of requests; here it is what fills a buffer. Who reads nothing because it cannot send on is no
//! slow reader: it has something unsent.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::SocketMemory;
use sonde_sdk::types::Measure;

use super::{Verdict, count, lasted};
use crate::observe::{Observations, Scope, Watched, name, owner};

/// Unread by so many connections at once, the whole process is meant and not one of its peers.
const CONNECTIONS: usize = 2;

/// Judges it, where nothing of all that clients sent was read.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let process = match observed.scope {
        Scope::Host => return,
        Scope::Port(_) => false,
        Scope::Process(_) => true,
    };
    if lasted(observed, |look| &look.unread).is_none() {
        return;
    }
    let watched = observed.watched(|look| &look.unread);
    let accepted: Vec<&Watched<'_>> = watched.iter().filter(|watched| observed.is_accepted(watched.now)).collect();
    let (unread, others): (Vec<&Watched<'_>>, Vec<&Watched<'_>>) = accepted.into_iter().partition(|w| is_untouched(w));
    let Some(first) = unread.first() else { return };
    // Who reads others may be at work for them.
    let is_full = unread.iter().all(|watched| is_full(watched));
    if !others.is_empty() || (unread.len() < CONNECTIONS && !is_full) || (!process && !is_full) || !can_read(first) {
        return;
    }
    let subject = name(first.now);
    let whose = owner(first.now).unwrap_or_else(|| "the process".to_owned());
    let what = if is_full { "their buffers are full" } else { "whole requests lie there" };
    let sentence = format!(
        "{whose} reads nothing of what {} sent: {} bytes in the first of them, untouched, and {what}",
        super::counted(unread.len(), "connection"),
        first.now.receive_queue_bytes
    );
    let cause = if is_full { "tcp.peer_zero_window" } else { "app.not_responding" };
    let finding = supports(cause)
        .about(&subject)
        .because(&sentence)
        .citing(observed.evidence(|look| &look.unread))
        .measuring(Measure::count("unread connections", count(unread.len())));
    let sends = observed.looks[1].unsent.sockets().iter().any(|socket| socket.send_queue_bytes > 0);
    if !process || sends {
        verdict.doubt(sentence, finding);
        return;
    }
    let against = if is_full {
        refutes("l3.packet_loss")
            .because("what was sent did arrive: it lies here, and nothing of this process waits to be acknowledged")
            .citing(observed.evidence(|look| &look.unsent))
    } else {
        refutes("app.dependency_hung")
            .strong()
            .because("the requests were not even read")
            .citing(observed.evidence(|look| &look.unsent))
    };
    verdict.prove(sentence, finding, [against.about(subject)]);
}

/// Something is there in both looks, and nothing of it was read.
fn is_untouched(watched: &Watched<'_>) -> bool {
    watched.before.receive_queue_bytes > 0 && watched.before.receive_queue_bytes == watched.now.receive_queue_bytes
}

fn is_full(watched: &Watched<'_>) -> bool {
    [watched.before, watched.now].iter().all(|s| s.memory.as_ref().is_some_and(SocketMemory::is_receive_full))
}

/// Somebody holds it, and is not stopped.
fn can_read(watched: &Watched<'_>) -> bool {
    watched.now.process().is_some_and(|process| !matches!(process.state.as_str(), "T" | "t" | "Z"))
}
