//! Connections that the peer has closed and a process of this host has not: CLOSE-WAIT.
//!
//! A pool that has not yet noticed holds some too, and a busy server those of clients that gave up: for a while. What grows, lasts or
//! is more than any of them is a leak, and so is what was noticed or left nothing to do; less is a doubt.

use std::collections::{BTreeMap, BTreeSet};
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
/// Processes whose cgroup is read.
const SUSPECTS: usize = 16;
/// Growth by one part in so many is more than a close or two in flight.
const GROWTH: usize = 10;

/// The processes that hold many of them: whether one is frozen with its cgroup is worth knowing.
pub(crate) fn suspects(observed: &Observations) -> Vec<u32> {
    holders(observed).iter().flat_map(|holder| &holder.pids).copied().take(SUSPECTS).collect()
}

/// Judges them.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let Some(lasted) = lasted(observed, |look| &look.unclosed) else { return };
    let [before, now] = observed.looks.each_ref().map(|look| look.unclosed.total);
    for holder in holders(observed) {
        let Holder { name: owner, sockets, .. } = &holder;
        let process = sockets.iter().find_map(|watched| watched.now.process());
        if let Some(cgroup) = holder.frozen(observed) {
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
        let is_proven = known && (held >= MANY || is_aged(sockets) || holder.grows(observed) || has_no_use);
        let mut finding = supports("tcp.close_wait_leak")
            .strength(if is_proven { Strength::Proof } else { Strength::Strong })
            .about(owner)
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
                .about(owner)
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

/// Who holds many.
struct Holder<'a> {
    name: String,
    /// None where they cannot be seen.
    pids: BTreeSet<u32>,
    /// Those that stayed from the first look to the second.
    sockets: Vec<Watched<'a>>,
}

/// Single processes, and of those that hold few each the processes of one program together: a server of many workers leaks as one.
fn holders(observed: &Observations) -> Vec<Holder<'_>> {
    let mut processes: BTreeMap<String, Vec<Watched<'_>>> = BTreeMap::new();
    for watched in observed.watched(|look| &look.unclosed).into_iter().filter(|watched| can_close(watched.now)) {
        processes.entry(holder(watched.now)).or_default().push(watched);
    }
    let (many, few): (Vec<_>, Vec<_>) = processes.into_iter().partition(|(_, sockets)| sockets.len() >= PILED_UP);
    let mut programs: BTreeMap<(String, u32), Vec<Watched<'_>>> = BTreeMap::new();
    for watched in few.into_iter().flat_map(|(_, sockets)| sockets) {
        if let Some(process) = watched.now.process() {
            programs.entry((process.command.clone(), watched.now.uid)).or_default().push(watched);
        }
    }
    let of_process = many.into_iter().map(|(name, sockets)| Holder { name, pids: pids(&sockets), sockets });
    let of_program =
        programs.into_iter().filter(|(_, sockets)| sockets.len() >= PILED_UP).map(|((command, _), sockets)| {
            let pids = pids(&sockets);
            Holder { name: format!("{command} ({} processes)", pids.len()), pids, sockets }
        });
    of_process.chain(of_program).collect()
}

fn pids(sockets: &[Watched<'_>]) -> BTreeSet<u32> {
    sockets.iter().filter_map(|watched| Some(watched.now.process()?.pid)).collect()
}

impl Holder<'_> {
    /// The cgroup with which all of them are frozen.
    fn frozen<'a>(&self, observed: &'a Observations) -> Option<&'a str> {
        let all = self.pids.iter().all(|pid| observed.frozen(*pid).is_some());
        self.pids.first().filter(|_| all).and_then(|pid| observed.frozen(*pid))
    }

    /// It holds more than before.
    fn grows(&self, observed: &Observations) -> bool {
        let is_its = |socket: &Socket| match socket.process() {
            Some(process) => self.pids.contains(&process.pid),
            None => holder(socket) == self.name,
        };
        let held =
            |look: &Look| look.unclosed.sockets().iter().filter(|socket| can_close(socket) && is_its(socket)).count();
        let [before, now] = observed.looks.each_ref().map(held);
        now.saturating_sub(before) * GROWTH >= now
    }
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
