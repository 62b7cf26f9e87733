//! Connections that the receiver's window holds back.

use std::time::Duration;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::Measure;

use super::{Verdict, are_most, count};
use crate::observe::{Observations, Scope, Watched, name};

/// Of the time that the window held a connection back, from which on it is what limits it: the kernel counts only what is left of a
/// round trip once all that fits is sent.
const LIMITED: f64 = 0.25;
/// A window that no buffer of today's defaults would announce for long.
const SMALL_BYTES: u32 = 65_535;
/// Of what a whole window in each round trip would carry, from which on it is the window's size and no slow reader.
const FILLED: f64 = 0.5;
/// Below it no window is too small for the path.
const FAR: Duration = Duration::from_millis(2);

/// Judges those that a process has opened itself, and those that it has accepted where they are most of its connections.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let between = observed.between(|look| &look.unsent);
    // Any server has clients that read slowly.
    let of_a_client =
        |watched: &Watched<'_>| !matches!(observed.scope, Scope::Process(_)) || observed.is_accepted(watched.now);
    let (clients, mut watched): (Vec<_>, Vec<_>) =
        observed.watched(|look| &look.unsent).into_iter().partition(of_a_client);
    let is_held = |watched: &&Watched<'_>| is_stalled(watched) || held_back(watched, between).is_some();
    if are_most(observed, clients.iter().filter(is_held).count()) {
        watched.extend(clients);
    } else if let Some(first) = clients.iter().find(|watched| is_stalled(watched)) {
        verdict.notes.push(format!("{} does not read what it is sent: its window is zero", name(first.now)));
    }
    let stalled: Vec<_> = watched.iter().filter(|watched| is_stalled(watched)).collect();
    if let Some(first) = stalled.first() {
        zero(observed, first, stalled.len(), verdict);
        return;
    }
    let held: Vec<_> = watched.iter().filter_map(|watched| Some((watched, held_back(watched, between)?))).collect();
    let most = held.iter().max_by(|(_, a), (_, b)| a.share.total_cmp(&b.share));
    if let Some((watched, held)) = most {
        small(observed, watched, *held, verdict);
    }
}

/// The window is closed in both looks, nothing was taken meanwhile, and the peer's kernel says so when it is asked.
fn is_stalled(watched: &Watched<'_>) -> bool {
    let [Some(before), Some(now)] = [watched.before, watched.now].map(|socket| socket.info.as_ref()) else {
        return false;
    };
    let waits = |socket: &Socket| socket.timer_name() == Some("persist") && socket.send_queue_bytes > 0;
    // Probes that got an answer are not counted any more.
    let answered = watched.now.timer.as_ref().is_some_and(|timer| timer.retransmits <= 1);
    waits(watched.before)
        && waits(watched.now)
        && before.bytes_acked == now.bytes_acked
        && now.unacked == 0
        && now.lost == 0
        && answered
}

fn zero(observed: &Observations, watched: &Watched<'_>, stalled: usize, verdict: &mut Verdict) {
    let subject = name(watched.now);
    let waiting =
        watched.now.flow.as_ref().map_or(Duration::ZERO, |flow| Duration::from_millis(flow.last_data_sent_ms.into()));
    let sentence = format!(
        "{subject} does not read: its window is {} bytes, and {} bytes have waited for {:.1} s",
        watched.now.info.as_ref().map_or(0, |info| info.snd_wnd),
        watched.now.send_queue_bytes,
        waiting.as_secs_f64()
    );
    let mut finding = supports("tcp.peer_zero_window")
        .proof()
        .about(&subject)
        .because(&sentence)
        .citing(observed.evidence(|look| &look.unsent))
        .measuring(Measure::count("stalled connections", count(stalled)))
        .measuring(Measure::duration("stalled for", waiting));
    if let Some(probes) = observed.grew("TcpExt.TCPWinProbe") {
        finding = finding.measuring(Measure::count("TcpExt.TCPWinProbe", probes));
    }
    verdict.findings.push(finding.build());
    verdict.findings.push(
        refutes("l3.packet_loss")
            .proof()
            .about(&subject)
            .because("nothing of it is unacknowledged or lost, and the peer answers the window probes")
            .citing(observed.evidence(|look| &look.unacknowledged))
            .build(),
    );
    verdict.findings.push(
        refutes("http.server_slow")
            .strong()
            .about(&subject)
            .because("the peer has not even taken what it was sent")
            .citing(observed.evidence(|look| &look.unacknowledged))
            .build(),
    );
    verdict.faults.push(sentence);
}

/// How a window holds back a connection that goes on.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Of the time.
    share: f64,
    /// The larger of both looks.
    window: u32,
    /// Bytes a second.
    rate: f64,
    /// Smallest seen.
    round_trip: Duration,
}

#[expect(clippy::cast_precision_loss, reason = "shares of bytes and microseconds far below 2^52")]
fn held_back(watched: &Watched<'_>, between: Duration) -> Option<Held> {
    let (before, now) = (watched.before.info.as_ref()?, watched.now.info.as_ref()?);
    let limited = now.rwnd_limited_us.checked_sub(before.rwnd_limited_us)?;
    let seconds = between.as_secs_f64();
    if seconds <= 0.0 || now.total_retransmits != before.total_retransmits {
        return None;
    }
    let round_trip = Duration::from_micros(now.min_rtt_us.into());
    let held = Held {
        share: (limited as f64 / 1e6 / seconds).min(1.0),
        window: now.snd_wnd.max(before.snd_wnd),
        rate: now.bytes_acked.saturating_sub(before.bytes_acked) as f64 / seconds,
        round_trip,
    };
    let congestion = u64::from(watched.now.flow.as_ref()?.congestion_window) * u64::from(now.snd_mss);
    let fills = held.rate * round_trip.as_secs_f64() >= FILLED * f64::from(held.window);
    let small = held.window > 0 && held.window <= SMALL_BYTES && congestion > u64::from(held.window);
    (held.share >= LIMITED && small && fills && round_trip >= FAR).then_some(held)
}

fn small(observed: &Observations, watched: &Watched<'_>, held: Held, verdict: &mut Verdict) {
    let subject = name(watched.now);
    let sentence = format!(
        "{subject} announces a window of {} bytes only: with {:.1} ms there and back that carries {:.0} kB/s, whatever the path could",
        held.window,
        held.round_trip.as_secs_f64() * 1e3,
        held.rate / 1e3
    );
    verdict.findings.push(
        supports("tcp.small_window")
            .proof()
            .about(&subject)
            .because(&sentence)
            .citing(observed.evidence(|look| &look.unsent))
            .measuring(Measure::new("limited by the window", held.share * 100.0, "%"))
            .measuring(Measure::count("window", held.window.into()))
            .build(),
    );
    verdict.findings.push(
        refutes("l3.packet_loss")
            .proof()
            .about(&subject)
            .because("nothing of it was sent again between the looks")
            .citing(observed.evidence(|look| &look.unacknowledged))
            .build(),
    );
    verdict.findings.push(
        refutes("tcp.peer_zero_window")
            .strong()
            .about(&subject)
            .because("the receiver goes on reading: bytes were acknowledged between the looks")
            .citing(observed.evidence(|look| &look.unsent))
            .build(),
    );
    verdict.faults.push(sentence);
}
