//! Open connections whose packets are not acknowledged any more.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::Measure;

use super::{Verdict, are_most, count, counted};
use crate::observe::{Observations, Scope, Watched, name, silence};

/// Timeouts in a row, below which it may be a lost packet or two.
const TIMEOUTS: u8 = 2;
/// Lost clients that are no accident of one of them.
const SEVERAL: usize = 2;
/// Keepalive probes without an answer, below which one may have been lost.
const PROBES: u32 = 2;

/// Judges them.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let between = observed.between(|look| &look.unacknowledged);
    let silent: Vec<Watched<'_>> = observed
        .watched(|look| &look.unacknowledged)
        .into_iter()
        .filter(|watched| watched.now.state == "ESTAB" && watched.stayed_silent(between))
        .collect();
    let (lost, idle): (Vec<_>, Vec<_>) =
        silent.into_iter().filter(|watched| is_lost(watched) || is_forgotten(watched)).partition(is_lost);
    // Clients vanish from every busy server.
    let vanished =
        |watched: &Watched<'_>| !matches!(observed.scope, Scope::Process(_)) || observed.is_accepted(watched.now);
    let (clients, mut lost): (Vec<_>, Vec<_>) = lost.into_iter().partition(vanished);
    let idle: Vec<_> = idle.into_iter().filter(|watched| !vanished(watched)).collect();
    if clients.len() >= SEVERAL && are_most(observed, clients.len()) {
        lost.extend(clients);
    } else if let Some(first) = clients.first() {
        let sentence = format!(
            "{} of those that are open get no acknowledgement any more, such as {}",
            counted(clients.len(), "connection"),
            name(first.now)
        );
        if is_most_of_a_port(observed, clients.len()) {
            let cited = observed.evidence(|look| &look.unacknowledged);
            let finding = supports("tcp.established_blackhole").about(name(first.now)).because(&sentence).citing(cited);
            verdict.doubt(sentence, finding);
        } else {
            verdict.notes.push(sentence);
        }
    }
    blackhole(observed, &lost, verdict);
    if lost.is_empty() {
        forgotten(observed, &idle, verdict);
    }
}

/// Of a port's connections more than half are lost: their path may be, or they are clients of a quiet service that vanished one by one.
fn is_most_of_a_port(observed: &Observations, lost: usize) -> bool {
    let open = usize::try_from(observed.looks[1].unacknowledged.total).unwrap_or(usize::MAX);
    matches!(observed.scope, Scope::Port(_)) && lost > SEVERAL && lost.saturating_mul(2) > open
}

/// Timeouts follow one another, and the same bytes stay unacknowledged.
fn is_lost(watched: &Watched<'_>) -> bool {
    let [Some(before), Some(now)] = [watched.before, watched.now].map(|socket| socket.info.as_ref()) else {
        return false;
    };
    now.backoff >= TIMEOUTS
        && now.unacked > 0
        && before.unacked > 0
        && before.bytes_acked == now.bytes_acked
        && watched.now.timer_name() == Some("on")
}

/// An idle connection whose keepalive probes nobody answers.
fn is_forgotten(watched: &Watched<'_>) -> bool {
    let probes = |socket: &Socket| {
        socket.timer.as_ref().filter(|timer| timer.name == "keepalive").map_or(0, |timer| timer.retransmits)
    };
    probes(watched.now) >= PROBES
}

fn blackhole(observed: &Observations, lost: &[Watched<'_>], verdict: &mut Verdict) {
    let Some(worst) = lost.iter().max_by_key(|watched| silence(watched.now)) else { return };
    let silent = silence(worst.now).unwrap_or_default();
    let info = worst.now.info.as_ref();
    let subject = name(worst.now);
    let sentence = format!(
        "{} lost its peer: {} unacknowledged, {} timeouts in a row, nothing came for {:.1} s",
        if lost.len() == 1 {
            format!("the connection to {subject}")
        } else {
            format!("{} connections, among them that to {subject},", lost.len())
        },
        counted(info.map_or(0, |info| usize::try_from(info.unacked).unwrap_or(usize::MAX)), "segment"),
        info.map_or(0, |info| info.backoff),
        silent.as_secs_f64()
    );
    verdict.findings.push(
        supports("tcp.established_blackhole")
            .proof()
            .about(&subject)
            .because(&sentence)
            .citing(observed.evidence(|look| &look.unacknowledged))
            .measuring(Measure::count("connections", count(lost.len())))
            .measuring(Measure::duration("silence", silent))
            .build(),
    );
    // The other search saw the same socket, by the bytes in its queue.
    let queued =
        observed.watched(|look| &look.unsent).into_iter().find(|watched| watched.now.cookie == worst.now.cookie);
    if let Some(queued) = queued.filter(|watched| watched.before.send_queue_bytes > 0) {
        verdict.findings.push(
            refutes("http.server_slow")
                .proof()
                .about(&subject)
                .because(format!(
                    "not even the peer's kernel answers: {} bytes stay unacknowledged in both looks",
                    queued.now.send_queue_bytes
                ))
                .citing(observed.evidence(|look| &look.unsent))
                .build(),
        );
    }
    verdict.faults.push(sentence);
    verdict.next.get_or_insert_with(|| {
        "connect to the same peer afresh: where that works, a device on the way has forgotten the connection".to_owned()
    });
}

fn forgotten(observed: &Observations, idle: &[Watched<'_>], verdict: &mut Verdict) {
    let Some(first) = idle.first() else { return };
    let subject = name(first.now);
    let probes = first.now.timer.as_ref().map_or(0, |timer| timer.retransmits);
    let sentence = format!("the idle connection to {subject} is dead: {probes} keepalive probes got no answer");
    for cause in ["tcp.half_open_idle", "tcp.established_blackhole"] {
        let cited = observed.evidence(|look| &look.unacknowledged);
        verdict.findings.push(supports(cause).strong().about(&subject).because(&sentence).citing(cited).build());
    }
    verdict.doubts.push(sentence);
    verdict.next.get_or_insert_with(|| {
        "connect to the same peer afresh: where that works, a device on the way has forgotten the connection".to_owned()
    });
}
