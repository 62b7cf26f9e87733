//! Judges the listeners. Pure.

mod answers;
mod bound;
mod closing;
mod conflict;
mod filtered;
mod half_open;
mod process;
mod rejected;
mod reverse_path;
#[cfg(test)]
mod tests;
mod unread;
mod unseen;
mod way_back;

use sonde_sdk::check::Outcome;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::{Judgement, Verdict};

use crate::observe::{Observations, Watched};

/// Of a whole host's listeners, so many are reported.
const REPORTED: usize = 8;
/// SYNs that found an accept queue full.
const OVERFLOWS: &str = "TcpExt.ListenOverflows";
/// Of them so many in the window are no single burst.
const STEADY: i64 = 10;
/// Datagrams lost for lack of buffer in the window, below which it is a burst.
const DATAGRAMS: i64 = 10;

/// The judgement.
pub(crate) fn judge(observed: &Observations) -> Judgement {
    let watched = match observed.watched() {
        Ok(watched) => watched,
        Err(failure) => {
            let outcome = Outcome::unclear(format!("the listeners cannot be read: {}", failure.detail));
            return outcome.into();
        }
    };
    let mut verdict = Verdict::default();
    match observed.port {
        Some(port) if watched.is_empty() => bound::absent(observed, port, &mut verdict),
        Some(_) => one(observed, &watched, &mut verdict),
        None => whole(observed, &watched, &mut verdict),
    }
    verdict.end(|| Outcome::works(in_order(observed, &watched)))
}

fn one(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    for listener in watched {
        process::judge(observed, listener, verdict);
    }
    if verdict.faults.is_empty() {
        answers::judge(observed, watched, verdict);
    }
    half_open::judge(observed, watched, verdict);
    if verdict.faults.is_empty() && verdict.doubts.is_empty() {
        filtered::judge(observed, watched, verdict);
        rejected::judge(observed, watched, verdict);
    }
    if verdict.faults.is_empty() {
        unread::judge(observed, watched, verdict);
        bound::judge(observed, watched, verdict);
    }
    conflict::judge(observed, watched, verdict);
    if verdict.faults.is_empty() && verdict.doubts.is_empty() {
        closing::judge(observed, watched, verdict);
    }
    if verdict.faults.is_empty() && verdict.doubts.is_empty() {
        unseen::judge(observed, watched, verdict);
    }
}

fn whole(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    for listener in watched.iter().filter(|w| w.queued()[2] > 0 || w.looks_without_room() > 0).take(REPORTED) {
        process::judge(observed, listener, verdict);
    }
    if verdict.faults.is_empty() && verdict.doubts.is_empty() {
        process::overflows_somewhere(observed, watched, verdict);
    }
}

/// Datagrams are lost in some socket's buffer, all the time.
fn datagrams(observed: &Observations, verdict: &mut Verdict) -> bool {
    let (lost, errors) = (observed.grew("Udp.RcvbufErrors").unwrap_or(0), observed.grew("Udp.InErrors").unwrap_or(0));
    if lost < DATAGRAMS || lost < errors || !observed.kept_growing("Udp.RcvbufErrors") {
        return false;
    }
    let sentence = format!("{lost} datagrams were dropped in the window because a UDP socket's receive buffer is full");
    let [first, second, third] = observed.snapshots();
    verdict
        .findings
        .push(supports("udp.rcvbuf_overflow").strong().about("udp").because(&sentence).citing([first, second]).build());
    verdict.findings.push(
        refutes("l3.packet_loss")
            .proof()
            .about("udp")
            .because("the datagrams did arrive: they are counted at a full socket buffer, again and again")
            .citing([second, third])
            .build(),
    );
    verdict.doubts.push(sentence);
    true
}

fn in_order(observed: &Observations, watched: &[Watched]) -> String {
    match (observed.port, watched) {
        (Some(_), [one]) => format!("{} accepts: {} of {} wait", one.name(), one.now().queued, one.now().backlog),
        (Some(port), _) => format!("port {port} has {} listeners, and none keeps connections waiting", watched.len()),
        (None, _) => format!("{} listeners, and none keeps connections waiting", watched.len()),
    }
}
