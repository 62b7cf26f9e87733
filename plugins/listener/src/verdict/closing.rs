//! How the service ends its connections: with data of the client unread its kernel sends RST, and aborted on purpose too. The client may
//! lose the answer.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::{ON_PURPOSE, Observations, UNREAD, Watched};

/// In the window: fewer are clients that changed their mind.
const ABORTED: i64 = 3;

/// An end that is no end.
struct Abort {
    cause: &'static str,
    counter: &'static str,
    how: &'static str,
    look_alike: &'static str,
    other: &'static str,
    why_not: &'static str,
}

const ABORTS: [Abort; 2] = [
    Abort {
        cause: "tcp.rst_unread_data",
        counter: UNREAD,
        how: "before it has read what their clients sent",
        look_alike: "tcp.rst_linger0",
        other: ON_PURPOSE,
        why_not: "they are not aborted on purpose",
    },
    Abort {
        cause: "tcp.rst_linger0",
        counter: ON_PURPOSE,
        how: "without waiting for what it sent to arrive (SO_LINGER with a time of 0)",
        look_alike: "tcp.rst_unread_data",
        other: UNREAD,
        why_not: "it is not that it leaves data unread",
    },
];

/// Most connections of the window were ended so.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    for abort in &ABORTS {
        ended(observed, watched, abort, verdict);
    }
}

fn ended(observed: &Observations, watched: &[Watched], abort: &Abort, verdict: &mut Verdict) {
    let (Some(listener), Some(aborted), Some(opened)) =
        (watched.first(), observed.grew(abort.counter), observed.opened_by_others())
    else {
        return;
    };
    let otherwise = observed.grew(abort.other).unwrap_or(0);
    if opened < 1
        || aborted < ABORTED
        || !observed.kept_growing(abort.counter)
        || aborted * 2 < opened
        || otherwise * 4 > aborted
    {
        return;
    }
    let name = listener.name();
    let [first, second, third] = observed.snapshots();
    // The counter is the whole namespace's: it is this service's where no other could have opened the connections.
    let alone =
        observed.table.as_ref().and_then(|t| t.outcome.as_ref().ok()).is_some_and(|listeners| {
            listeners.iter().all(|other| watched.iter().any(|w| w.now().inode == other.inode))
        }) && observed.begun_by_others().is_some_and(|begun| begun <= 0);
    let how = abort.how;
    let sentence = if alone {
        format!("{name} closes connections {how}, {aborted} in the window: each ends in a RST")
    } else {
        format!(
            "a service of this host, perhaps {name}, closed {aborted} connections in the window {how}: each ends in a RST"
        )
    };
    let finding = supports(abort.cause)
        .about(&name)
        .because(&sentence)
        .citing([first, second].into_iter().chain(observed.table.as_ref().map(|t| t.evidence)))
        .measuring(Measure::count(abort.counter, aborted));
    let against = refutes(abort.look_alike)
        .proof()
        .about(&name)
        .because(format!("{} grew by {otherwise} only: {}", abort.other, abort.why_not))
        .citing([third]);
    if alone {
        verdict.prove(sentence, finding, [against]);
    } else {
        verdict.findings.push(against.build());
        verdict.doubt(sentence, finding);
    }
}
