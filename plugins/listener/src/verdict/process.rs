//! The accept queue, and the process that should empty it.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure, Reason};

use super::Verdict;
use crate::observe::{Observations, Watched};

/// Judges one listener. A process that cannot run or has no descriptors explains its full queue.
pub(super) fn judge(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    if !listener.is_stuck() {
        if observed.port.is_some() {
            deaf(observed, listener, verdict);
        }
        return;
    }
    if matches!(listener.steady_state(), Some("T" | "t")) {
        stopped(observed, listener, "stopped (state T)", observed.look(2), verdict);
    } else if let Some(cgroup) = observed.frozen(listener) {
        stopped(observed, listener, "frozen with its cgroup", cgroup, verdict);
    } else if let Some((open, limit)) = listener.without_descriptors() {
        no_descriptors(observed, listener, open, limit, verdict);
    } else if listener.is_full() {
        overflow(observed, listener, verdict);
    } else if observed.port.is_some() {
        idle(observed, listener, verdict);
    }
}

fn waiting(listener: &Watched) -> Measure {
    Measure::count("queued", listener.now().queued.into())
}

/// `proof` is the evidence that it is so.
fn stopped(observed: &Observations, listener: &Watched, how: &str, proof: EvidenceId, verdict: &mut Verdict) {
    let sentence =
        format!("the process of {} is {how} while {} connections wait", listener.name(), listener.now().queued);
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

fn no_descriptors(observed: &Observations, listener: &Watched, open: u64, limit: u64, verdict: &mut Verdict) {
    let sentence = format!(
        "{} has {open} of {limit} file descriptors open, and {} connections wait",
        listener.name(),
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
    let overflows = observed.grew("TcpExt.ListenOverflows").unwrap_or(0);
    let ignored: Vec<&TcpDial> = observed
        .dials
        .iter()
        .filter(|d| now.serves(&d.address) && d.dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut))
        .map(|d| &d.dial)
        .collect();
    let sentence = format!("the accept queue of {} is full: {} wait, {} may", listener.name(), now.queued, now.backlog);
    let finding = supports("tcp.accept_queue_overflow")
        .about(listener.name())
        .because(&sentence)
        .citing([observed.look(1), observed.look(2)].into_iter().chain(ignored.iter().map(|d| d.evidence)))
        .measuring(waiting(listener))
        .measuring(Measure::count("TcpExt.ListenOverflows", overflows));
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

/// The process sleeps, has descriptors, and takes nothing: not even our own connection. Beside connections that it has taken, it may
/// take one at a time, and be waiting for what one of them asked for.
fn idle(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    let [first, second, _] = listener.queued();
    let own = u32::try_from(observed.own_connections(listener.now())).unwrap_or(u32::MAX);
    let sleeps = matches!(listener.steady_state(), Some("S" | "D"));
    if own == 0 || !sleeps || second < first.saturating_add(own) {
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
    let sleeps = matches!(listener.steady_state(), Some("S" | "D"));
    let serves_nobody = observed.sees_all_sockets() && (0..3).all(|n| observed.sockets(n, "ESTAB").is_empty());
    if own == 0 || first != 0 || second < own || third < second || !sleeps || !serves_nobody {
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
