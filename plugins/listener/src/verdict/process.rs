//! The accept queue, and the process that should empty it.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::Process;
use sonde_sdk::types::{EvidenceId, Measure, Reason};

use super::{OVERFLOWS, STEADY, Verdict};
use crate::observe::{Observations, Watched, endpoint, holders, is_stopped, is_without_descriptors};

/// Judges one listener. Who cannot run or has no descriptors explains its full queue.
pub(super) fn judge(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    if !listener.is_stuck() {
        if is_crowded(observed, listener) {
            overflow(observed, listener, verdict);
        } else if observed.port.is_some() {
            deaf(observed, listener, verdict);
        }
        return;
    }
    let frozen = |process: &Process| observed.frozen(process.pid);
    if let Some(kept) = listener.kept_from_accepting(is_stopped) {
        stopped(observed, listener, &kept, "stopped (state T)", observed.look(2), verdict);
    } else if let Some(kept) =
        listener.kept_from_accepting(|looks| is_stopped(looks) || looks.iter().any(|process| frozen(process).is_some()))
    {
        let cgroup = kept.iter().find_map(|process| frozen(process)).unwrap_or(observed.look(2));
        stopped(observed, listener, &kept, "frozen with its cgroup", cgroup, verdict);
    } else if let Some(kept) = listener.kept_from_accepting(is_without_descriptors) {
        no_descriptors(observed, listener, &kept, verdict);
    } else if listener.is_full() || is_crowded(observed, listener) {
        overflow(observed, listener, verdict);
    } else if observed.port.is_some() {
        idle(observed, listener, verdict);
    }
}

/// It overflows all the time, and was seen without room: whoever takes a connection now and then makes room for one.
fn is_crowded(observed: &Observations, listener: &Watched) -> bool {
    let overflows = observed.grew(OVERFLOWS).unwrap_or(0);
    let without_room = listener.looks_without_room();
    observed.kept_growing(OVERFLOWS) && (without_room == 3 || (without_room > 0 && overflows >= STEADY))
}

/// ` of its 3 processes`, where there are several.
fn of_several(listener: &Watched, kept: &[&Process]) -> String {
    match holders(listener.now()).count() {
        0 | 1 => String::new(),
        all => format!(" (as {} of the {all} processes that share it)", kept.len()),
    }
}

fn waiting(listener: &Watched) -> Measure {
    Measure::count("queued", listener.now().queued.into())
}

/// `0.0.0.0:80`, and the first of those who cannot accept.
fn whose(listener: &Watched, kept: &[&Process]) -> String {
    let now = listener.now();
    let address = endpoint(&now.address, now.port);
    kept.first().map_or_else(|| address.clone(), |one| format!("{address} of {} (pid {})", one.command, one.pid))
}

/// `proof` is the evidence that it is so.
fn stopped(
    observed: &Observations,
    listener: &Watched,
    kept: &[&Process],
    how: &str,
    proof: EvidenceId,
    verdict: &mut Verdict,
) {
    let sentence = format!(
        "the process of {} is {how}{} while {} connections wait",
        whose(listener, kept),
        of_several(listener, kept),
        listener.now().queued
    );
    verdict.findings.push(
        supports("host.process_stopped")
            .proof()
            .about(listener.name())
            .because(&sentence)
            .citing([observed.look(2), proof])
            .measuring(waiting(listener))
            .build(),
    );
    verdict.findings.push(
        refutes("app.not_responding")
            .proof()
            .about(listener.name())
            .because(format!("it is {how}, and took none of them from the first look on: it has no chance to accept"))
            .citing([observed.look(0), observed.look(1)])
            .build(),
    );
    verdict.faults.push(sentence);
    verdict.next.get_or_insert_with(|| "send it SIGCONT, detach its debugger, or thaw its cgroup".to_owned());
}

fn no_descriptors(observed: &Observations, listener: &Watched, kept: &[&Process], verdict: &mut Verdict) {
    let count = |of: fn(&Process) -> Option<u64>| kept.first().and_then(|process| of(process)).unwrap_or(0);
    let sentence = format!(
        "{} has {} of {} file descriptors open{}, and {} connections wait",
        whose(listener, kept),
        count(|process| process.open_files),
        count(|process| process.open_files_limit),
        of_several(listener, kept),
        listener.now().queued
    );
    verdict.findings.push(
        supports("host.fd_process_limit")
            .proof()
            .about(listener.name())
            .because(&sentence)
            .citing([observed.look(2)])
            .measuring(waiting(listener))
            .build(),
    );
    verdict.findings.push(
        refutes("app.not_responding")
            .strong()
            .about(listener.name())
            .because("no descriptor was free in any look: accept cannot succeed")
            .citing([observed.look(0), observed.look(1)])
            .build(),
    );
    let opened: Vec<EvidenceId> = observed
        .dials
        .iter()
        .filter(|d| !matches!(d.dial.outcome.as_ref().err().map(|f| &f.reason), Some(Reason::SystemFileLimit)))
        .map(|d| d.dial.evidence)
        .collect();
    if !opened.is_empty() {
        verdict.findings.push(
            refutes("host.fd_system_limit")
                .proof()
                .about(listener.name())
                .because("another process, this one, can still open sockets")
                .citing(opened)
                .build(),
        );
    }
    verdict.faults.push(sentence);
}

/// More wait than may, and somebody suffers from it now: we, or clients that the counters show.
fn overflow(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    let now = listener.now();
    let overflows = observed.grew(OVERFLOWS).unwrap_or(0);
    let ignored: Vec<&TcpDial> = observed
        .dials
        .iter()
        .filter(|d| now.serves(&d.address) && d.dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut))
        .map(|d| &d.dial)
        .collect();
    let most = listener.queued().into_iter().max().unwrap_or(now.queued);
    let sentence = format!("the accept queue of {} is full: {most} wait, {} may", listener.name(), now.backlog);
    let finding = supports("tcp.accept_queue_overflow")
        .about(listener.name())
        .because(&sentence)
        .citing([observed.look(1), observed.look(2)].into_iter().chain(ignored.iter().map(|d| d.evidence)))
        .measuring(waiting(listener))
        .measuring(Measure::count(OVERFLOWS, overflows));
    if overflows <= 0 {
        verdict.doubt(sentence, finding);
        return;
    }
    verdict.findings.push(finding.proof().build());
    verdict.findings.push(
        refutes("tcp.syn_queue_full")
            .proof()
            .about(listener.name())
            .because(format!("ListenOverflows grew by {overflows}: it is the accept queue that is full, not the one of half-open connections"))
            .citing(observed.snapshots())
            .build(),
    );
    verdict.findings.push(
        refutes("fw.drop_remote")
            .strong()
            .about(listener.name())
            .because("SYNs arrive here and are dropped at the listener, as its counters show")
            .citing(observed.snapshots())
            .build(),
    );
    verdict.faults.push(sentence);
}

/// Accept queues overflow all the time, and none was full when it was looked at: one is so between the looks.
pub(super) fn overflows_somewhere(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let overflows = observed.grew(OVERFLOWS).unwrap_or(0);
    if overflows < STEADY || !observed.kept_growing(OVERFLOWS) {
        return;
    }
    let fullest = watched.iter().max_by_key(|w| w.queued().into_iter().max());
    let subject = fullest.filter(|w| w.queued() != [0; 3]).map_or_else(|| "listeners".to_owned(), Watched::name);
    let sentence =
        format!("{overflows} connections found some accept queue of this host full, and none was in any look");
    let finding = supports("tcp.accept_queue_overflow")
        .about(subject)
        .because(&sentence)
        .citing(observed.snapshots())
        .measuring(Measure::count(OVERFLOWS, overflows));
    verdict.doubt(sentence, finding);
}

/// The process sleeps, has descriptors, and takes nothing: not even our own connection. Beside connections that it has taken, it may
/// take one at a time, and be waiting for what one of them asked for.
fn idle(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    let [first, second, _] = listener.queued();
    let own = u32::try_from(observed.own_connections(listener.now())).unwrap_or(u32::MAX);
    if own == 0 || !listener.sleeps() || second < first.saturating_add(own) {
        return;
    }
    let sentence = format!(
        "{} accepts nothing: {} connections wait, and ours joined them",
        listener.name(),
        listener.now().queued
    );
    let finding = supports("app.not_responding")
        .about(listener.name())
        .because(&sentence)
        .citing([observed.look(1), observed.look(2)])
        .measuring(waiting(listener));
    if observed.serves_somebody() {
        verdict.doubt(sentence, finding);
        return;
    }
    verdict.findings.push(finding.proof().build());
    verdict.findings.push(
        refutes("host.process_stopped")
            .proof()
            .about(listener.name())
            .because("its process is not stopped (state S or D in every look)")
            .citing([observed.look(0)])
            .build(),
    );
    if listener.now().process.as_ref().is_some_and(|p| p.open_files < p.open_files_limit) {
        verdict.findings.push(
            refutes("host.fd_process_limit")
                .proof()
                .about(listener.name())
                .because("its process has file descriptors to spare")
                .citing([observed.look(0)])
                .build(),
        );
    }
    verdict.faults.push(sentence);
}

/// Nobody waited before us, nobody is being served, the process sleeps, and our own connections stay where they are. It may be at
/// something else for a while: so short a time proves nothing.
fn deaf(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    let [first, second, third] = listener.queued();
    let own = u32::try_from(observed.own_connections(listener.now())).unwrap_or(u32::MAX);
    let serves_nobody = observed.sees_all_sockets() && (0..3).all(|n| observed.sockets(n, "ESTAB").is_empty());
    if own == 0 || first != 0 || second < own || third < second || !listener.sleeps() || !serves_nobody {
        return;
    }
    let sentence =
        format!("{} serves nobody, and its process sleeps and does not accept our own connection", listener.name());
    verdict.findings.push(
        supports("app.not_responding")
            .strong()
            .about(listener.name())
            .because(&sentence)
            .citing([observed.look(1), observed.look(2)])
            .measuring(waiting(listener))
            .build(),
    );
    verdict.next.get_or_insert_with(|| "look again in a while; what its process waits for, its stack tells".to_owned());
    verdict.doubts.push(sentence);
}
