//! What arrived and was thrown away for lack of room.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::{Socket, SocketMemory};
use sonde_sdk::types::{EvidenceId, Measure};

use super::Verdict;
use crate::observe::{Observations, Scope, Watched, name, owner};

/// Datagrams dropped between the looks, below which it is a burst.
const DATAGRAMS: i64 = 10;
/// Whoever reads so many more than it loses has had a burst.
const READ: i64 = 1_000;
/// Segments thrown away between the looks, below which it is a burst.
const SEGMENTS: i64 = 10;
/// Counters of data that a TCP receiver discards (`linux/snmp.h`).
const DISCARDED: [&str; 3] = ["TcpExt.RcvPruned", "TcpExt.TCPRcvQDrop", "TcpExt.TCPBacklogDrop"];

/// How often TCP threw away what it had received between the looks; none where that is nothing to speak of.
pub(crate) fn discarded(observed: &Observations) -> Option<i64> {
    let lost: i64 = DISCARDED.iter().filter_map(|name| observed.grew(name)).sum();
    // The counters are the whole namespace's, and one packet too many for a locked socket is no fault.
    (lost >= SEGMENTS && observed.scope == Scope::Host).then_some(lost)
}

/// Judges it.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    datagrams(observed, verdict);
    pruned(observed, verdict);
}

/// A UDP socket's buffer overflows: its own drops grow, and the namespace counts them as that.
fn datagrams(observed: &Observations, verdict: &mut Verdict) {
    let counted: i64 = ["Udp.RcvbufErrors", "Udp6.RcvbufErrors"].iter().filter_map(|name| observed.grew(name)).sum();
    let dropped = |watched: &Watched<'_>| {
        let drops = |socket: &Socket| socket.memory.as_ref().map(|memory| i64::from(memory.drops));
        Some(drops(watched.now)? - drops(watched.before)?)
    };
    let watched = observed.watched(|look| &look.datagrams);
    let worst = watched.iter().filter_map(|watched| Some((watched, dropped(watched)?))).max_by_key(|(_, lost)| *lost);
    let Some((watched, lost)) = worst.filter(|(_, lost)| *lost >= DATAGRAMS && counted >= *lost / 2) else {
        if counted >= DATAGRAMS && observed.scope == Scope::Host {
            let sentence =
                format!("{counted} datagrams were dropped because the receive buffer of some UDP socket is full");
            let finding = supports("udp.rcvbuf_overflow").strong().about("udp").because(&sentence);
            verdict.findings.push(finding.citing(observed.snapshots()).build());
            verdict.doubts.push(sentence);
        }
        return;
    };
    let whose = owner(watched.now).map(|owner| format!(" of {owner}")).unwrap_or_default();
    let is_full_throughout =
        [watched.before, watched.now].iter().all(|s| s.memory.as_ref().is_some_and(SocketMemory::is_receive_full));
    let read: i64 = ["Udp.InDatagrams", "Udp6.InDatagrams"].iter().filter_map(|name| observed.grew(name)).sum();
    if !is_full_throughout && read / READ > lost {
        verdict
            .notes
            .push(format!("{lost} datagrams to {}{whose} were dropped, of {read} that UDP took", watched.now.local));
        return;
    }
    let subject = format!("udp://{}{whose}", watched.now.local);
    let room = watched.now.memory.as_ref().map_or(0, |memory| memory.receive_buffer_bytes);
    let sentence = format!(
        "{lost} datagrams to {}{whose} were dropped meanwhile: its receive buffer of {room} bytes is full",
        watched.now.local
    );
    verdict.findings.push(
        supports("udp.rcvbuf_overflow")
            .proof()
            .about(&subject)
            .because(&sentence)
            .citing(observed.evidence(|look| &look.datagrams))
            .measuring(Measure::count("dropped", lost))
            .measuring(Measure::count("receive buffer", room.into()))
            .build(),
    );
    verdict.findings.push(
        refutes("l3.packet_loss")
            .proof()
            .about(&subject)
            .because(format!("the datagrams did arrive: UDP counts {counted} at full buffers"))
            .citing(observed.snapshots())
            .build(),
    );
    verdict.faults.push(sentence);
}

/// TCP throws away what it has received, and a socket is there whose buffer is full.
fn pruned(observed: &Observations, verdict: &mut Verdict) {
    let Some(lost) = discarded(observed) else { return };
    let watched = observed.watched(|look| &look.unread);
    let Some(full) = watched.iter().find(|watched| is_full(watched.before) && is_full(watched.now)) else { return };
    let subject = name(full.now);
    let room = full.now.memory.as_ref().map_or(0, |memory| memory.receive_buffer_bytes);
    let sentence = format!(
        "TCP discarded received data {lost} times: {} bytes of {subject} lie unread, and its buffer of {room} bytes is full",
        full.now.receive_queue_bytes
    );
    let mut finding = supports("tcp.rcvbuf_prune").about(&subject).because(&sentence).citing(observed.snapshots());
    for name in DISCARDED {
        if let Some(grown) = observed.grew(name).filter(|grown| *grown > 0) {
            finding = finding.measuring(Measure::count(name, grown));
        }
    }
    // Under pressure the kernel takes from every buffer, and a full one is nobody's fault.
    let Some((evidence, pages, pressure)) = without_pressure(observed) else {
        verdict.doubt(sentence, finding);
        return;
    };
    let against = refutes("host.tcp_mem_pressure")
        .proof()
        .about(&subject)
        .because(format!("all of TCP on this machine holds {pages} pages, and pressure begins at {pressure}"))
        .citing([evidence]);
    verdict.prove(sentence, finding, [against]);
}

/// The pages of TCP's memory and where pressure begins, with the evidence; none where it has, or where nobody can tell.
fn without_pressure(observed: &Observations) -> Option<(EvidenceId, u64, u64)> {
    let answer = observed.machine.as_ref()?;
    let facts = answer.outcome.as_ref().ok()?;
    let (pages, (_, pressure, _)) = facts.tcp_memory_pages.zip(facts.tcp_memory_limits_pages)?;
    (pages < pressure).then_some((answer.evidence, pages, pressure))
}

/// Its memory is used up by what nobody reads.
fn is_full(socket: &Socket) -> bool {
    socket.receive_queue_bytes > 0 && socket.memory.as_ref().is_some_and(SocketMemory::is_receive_full)
}
