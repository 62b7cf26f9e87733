//! How the service ends its connections: with data of the client unread, its kernel sends RST, and the client may lose the answer.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Strength;
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::{Observations, UNREAD, Watched};

/// In the window: fewer are clients that changed their mind.
const ABORTED: i64 = 3;

/// Most connections of the window were ended so.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let (Some(listener), Some(aborted), Some(opened)) =
        (watched.first(), observed.grew(UNREAD), observed.opened_by_others())
    else {
        return;
    };
    let on_purpose = observed.grew("TcpExt.TCPAbortOnData").unwrap_or(0);
    if opened < 1
        || aborted < ABORTED
        || !observed.kept_growing(UNREAD)
        || aborted * 2 < opened
        || on_purpose * 4 > aborted
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
    let sentence = if alone {
        format!(
            "{name} closes connections before it has read what their clients sent, {aborted} in the window: each ends in a RST"
        )
    } else {
        format!(
            "a service of this host, perhaps {name}, closed {aborted} connections in the window with data unread: each ends in a RST"
        )
    };
    let strength = if alone { Strength::Proof } else { Strength::Strong };
    verdict.findings.push(
        supports("tcp.rst_unread_data")
            .strength(strength)
            .about(&name)
            .because(&sentence)
            .citing([first, second].into_iter().chain(observed.table.as_ref().map(|t| t.evidence)))
            .measuring(Measure::count(UNREAD, aborted))
            .build(),
    );
    verdict.findings.push(
        refutes("tcp.rst_linger0")
            .proof()
            .about(&name)
            .because(format!("TCPAbortOnData grew by {on_purpose} only: they are not aborted on purpose"))
            .citing([third])
            .build(),
    );
    if alone { &mut verdict.faults } else { &mut verdict.doubts }.push(sentence);
}
