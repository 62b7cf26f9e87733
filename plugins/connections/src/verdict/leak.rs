//! Connections that the peer has closed and a process of this host has not: CLOSE-WAIT.
//!
//! A pool that has not yet noticed holds some too, and a busy server those of clients that gave up: for a while. What grows, lasts or
//! is more than any of them is a leak, and so is what was noticed or left nothing to do; less is a doubt.

use std::collections::BTreeMap;
use std::time::Duration;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Strength;
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::Measure;

use super::{PILED_UP, Verdict, count, counted, lasted};
use crate::observe::{Look, Observations, Watched, owner};

/// Of one process: more than any pool keeps by mistake.
const MANY: usize = 200;
/// Half of them for so long are no process that is about to close.
const AGED: Duration = Duration::from_mins(1);
/// Growth by one part in so many is more than a close or two in flight.
const GROWTH: usize = 10;

/// The processes that hold many of them: whether one is frozen with its cgroup is worth knowing.
pub(crate) fn suspects(observed: &Observations) -> Vec<u32> {
    holders(observed).values().filter_map(|sockets| Some(sockets.first()?.now.process()?.pid)).collect()
}

/// Judges them.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let Some(lasted) = lasted(observed, |look| &look.unclosed) else { return };
    let [before, now] = observed.looks.each_ref().map(|look| look.unclosed.total);
    for (owner, sockets) in holders(observed) {
        let process = sockets.iter().find_map(|watched| watched.now.process());
        if let Some(cgroup) = process.and_then(|process| observed.frozen(process.pid)) {
            verdict.notes.push(format!(
                "{owner} is frozen with the cgroup {cgroup}, and cannot close {} that its peers closed",
                counted(sockets.len(), "connection")
            ));
            continue;
        }
        // Of more than a search brings there is only the sum.
        let of_all = sockets.len() == observed.looks[1].unclosed.sockets().len();
        let held = if of_all { usize::try_from(now).unwrap_or(usize::MAX) } else { sockets.len() };
        let oldest = sockets.iter().filter_map(|watched| closed_for(watched.now)).max().unwrap_or(lasted).max(lasted);
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
        let has_no_use = sockets.iter().all(|watched| is_done(observed, watched));
        let is_proven = known && (held >= MANY || is_aged(&sockets) || grows(observed, &owner) || has_no_use);
        let mut finding = supports("tcp.close_wait_leak")
            .strength(if is_proven { Strength::Proof } else { Strength::Strong })
            .about(&owner)
            .because(&sentence)
            .citing(observed.evidence(|look| &look.unclosed))
            .measuring(Measure::count("CLOSE-WAIT", count(held)))
            .measuring(Measure::duration("oldest", oldest));
        if let Some(open) = process.and_then(|process| process.open_files) {
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
        if is_proven {
            verdict.faults.push(sentence);
        } else {
            verdict.doubts.push(sentence);
            let next = if known {
                "look again in a minute: a pool or a busy server closes them when their turn comes, a leak keeps them"
            } else {
                "run sonde with CAP_SYS_PTRACE to see which process holds them"
            };
            verdict.next.get_or_insert_with(|| next.to_owned());
        }
    }
}

/// Those that stayed from the first look to the second, by who holds them, of who holds many.
fn holders(observed: &Observations) -> BTreeMap<String, Vec<Watched<'_>>> {
    let mut holders: BTreeMap<String, Vec<Watched<'_>>> = BTreeMap::new();
    for watched in observed.watched(|look| &look.unclosed).into_iter().filter(|watched| can_close(watched.now)) {
        holders.entry(holder(watched.now)).or_default().push(watched);
    }
    holders.retain(|_, sockets| sockets.len() >= PILED_UP);
    holders
}

/// What was never accepted is nobody's yet, and who is stopped cannot close.
fn can_close(socket: &Socket) -> bool {
    socket.inode != 0 && !socket.process().is_some_and(|process| matches!(process.state.as_str(), "T" | "t"))
}

fn holder(socket: &Socket) -> String {
    owner(socket).unwrap_or_else(|| format!("a process of user {}", socket.uid))
}

/// There is nothing to wait for before it is closed. Of what this process opened: it has read the end, as the empty queue says, and
/// sends nothing more. Of what it accepted: the peer sent nothing but the end. An end counts as a byte, queued or received.
fn is_done(observed: &Observations, watched: &Watched<'_>) -> bool {
    let [before, now] = [watched.before, watched.now];
    let (Some(earlier), Some(later)) = (&before.info, &now.info) else { return false };
    if observed.is_accepted(now) {
        later.bytes_received == 1
    } else {
        before.receive_queue_bytes == 0 && now.send_queue_bytes == 0 && earlier.bytes_sent == later.bytes_sent
    }
}

/// Half of them for long.
fn is_aged(sockets: &[Watched<'_>]) -> bool {
    let aged = sockets.iter().filter(|watched| closed_for(watched.now).is_some_and(|closed| closed >= AGED));
    aged.count() * 2 >= sockets.len()
}

/// Since the peer closed, or longer: its end is an acknowledgement too, and what may come after is later.
fn closed_for(socket: &Socket) -> Option<Duration> {
    Some(Duration::from_millis(socket.info.as_ref()?.last_ack_received_ms.into()))
}

/// It holds more than before.
fn grows(observed: &Observations, owner: &str) -> bool {
    let held = |look: &Look| {
        look.unclosed.sockets().iter().filter(|socket| can_close(socket) && holder(socket) == owner).count()
    };
    let [before, now] = observed.looks.each_ref().map(held);
    now.saturating_sub(before) * GROWTH >= now
}
