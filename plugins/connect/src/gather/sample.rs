//! An open address: does it accept each time, at once, and over a path of steady length?

use std::collections::HashMap;
use std::time::Duration;

use sonde_sdk::dial::{TcpDial, tcp};
use sonde_sdk::sockets::{Flow, conntrack, counters};
use sonde_sdk::system::links;
use sonde_sdk::timer::{self, Allowance};
use sonde_sdk::types::{Endpoint, EvidenceId, Reason};
use sonde_sdk::wait;
use sonde_sdk::way::gateways;

use super::{FIRST, aside, dial, is_loopback};
use crate::observe::{Control, Path, has_lost, has_lost_before, is_loaded, is_silent, is_steady};
use crate::verdict::{DEAD, SINGLY};

/// Between the repetitions that a round trip is judged by: a queue fills and drains meanwhile.
const PAUSE: Duration = Duration::from_millis(120);
const MEASURES: u32 = 5;
/// A queue that others fill rises and falls over seconds.
const LOADED_PAUSE: Duration = Duration::from_millis(250);
const LOADED_MEASURES: u32 = 7;
/// An address so near is dialled a few times more: one of several backends behind it may fail, or the path lose packets.
const NEAR: Duration = Duration::from_millis(50);
const SAMPLE: usize = 3;
const SAMPLED_OF_A_FAMILY: usize = 2;
/// Where the namespace has lost packets before, so many handshakes in so many rounds, until one of them loses one.
const SUSPECTED: usize = 8;
const SUSPECTED_ROUNDS: usize = 3;
/// Where a handshake failed, so many more tell a share from an accident, in at most so many rounds.
const LOSSES: usize = 8;
const LOSS_ROUNDS: usize = 3;
const FLAPS: usize = 8;
/// After a burst, until a small server has dealt with it.
const SETTLE: Duration = Duration::from_millis(500);
/// Three SYNs of one flow, so that a loss heals where a dead backend does not.
const HEALING: Duration = Duration::from_millis(2200);
/// A port that hardly anything listens on: its RST comes from the kernel, so a lost one is lost on the path.
const LOSS_PORT: u16 = 1;
/// Flows looked up in connection tracking.
const FLOWS: usize = 16;

/// Measures an address that accepted over a long path.
pub(super) async fn time_again(path: &mut Path, latency: Duration, allowance: Allowance) {
    let trips = || path.dials.iter().filter_map(|d| d.connection.rtt());
    let loaded = path.dials.iter().any(is_loaded);
    if trips().any(|rtt| rtt > latency || (loaded && rtt > NEAR)) {
        measure(path, latency, allowance).await;
    }
}

/// Dials the open addresses a few times more, one address after the other so that they do not disturb each other.
pub(super) async fn several(paths: &mut [Path], allowance: Allowance) {
    let mut sampled: HashMap<bool, usize> = HashMap::new();
    for path in paths.iter_mut().filter(|p| p.is_open() && p.dials.len() == 1) {
        let count = sampled.entry(path.endpoint.is_ipv6()).or_default();
        *count += 1;
        if *count > SAMPLED_OF_A_FAMILY {
            continue;
        }
        again(path, allowance).await;
        // What fails once it is dialled more often fails at the other addresses too, or there is enough to say of this one.
        if path.dials.iter().any(|d| has_lost(d) || is_refused(d)) {
            return;
        }
    }
}

async fn again(path: &mut Path, allowance: Allowance) {
    let near = path.dials.iter().filter_map(|d| d.connection.rtt()).all(|rtt| rtt < NEAR);
    if near && !is_loopback(&path.endpoint.address) {
        dial_together(path, SAMPLE, allowance).await;
        if !path.dials.iter().any(|d| has_lost(d) || is_refused(d)) {
            suspect(path, allowance).await;
        }
    }
    shares(path, allowance).await;
}

/// Where this namespace has lost packets before, a loss is looked for.
async fn suspect(path: &mut Path, allowance: Allowance) {
    let before = counters().await;
    if !has_lost_before(&before) {
        return;
    }
    path.counters = Some(before);
    for _ in 0..SUSPECTED_ROUNDS {
        if path.dials.iter().any(has_lost) {
            return;
        }
        dial_together(path, SUSPECTED, allowance).await;
    }
}

/// Some dials of an open address failed: which share of many?
pub(super) async fn shares(path: &mut Path, allowance: Allowance) {
    if path.dials.iter().any(has_lost) && allowance.has(FIRST) {
        lossy(path, allowance).await;
    } else if path.dials.iter().any(is_refused) {
        flap(path, allowance).await;
        aside::claims(path).await;
    }
}

/// Beside each round another port is dialled as often.
async fn lossy(path: &mut Path, allowance: Allowance) {
    let before = links().await;
    let other = Endpoint::new(&path.endpoint.address, LOSS_PORT);
    for round in 0..LOSS_ROUNDS {
        let allowed = if round == 0 { HEALING } else { FIRST };
        if !allowance.has(allowed) || (round > 0 && is_decided(path)) {
            break;
        }
        let others = wait::all((0..LOSSES).map(|_| tcp(dial(&other, FIRST, allowance))));
        let dials = wait::all((0..LOSSES).map(|_| tcp(dial(&path.endpoint, allowed, allowance))));
        let (dials, others) = wait::join(dials, others).await;
        path.dials.extend(dials);
        path.controls.extend(others.into_iter().map(|dial| Control { port: LOSS_PORT, dial }));
    }
    path.around = Some((before, links().await));
    if path.dials.iter().any(is_silent) {
        path.known.gateways = Some(gateways().await);
    }
    singly(path, allowance).await;
    if path.dials.iter().any(is_silent) {
        track(path).await;
    }
}

/// A small server drops what comes many at a time: where only this port loses, it is dialled one at a time.
async fn singly(path: &mut Path, allowance: Allowance) {
    let elsewhere = path.controls.iter().any(|c| has_lost(&c.dial));
    let recovers =
        path.dials.iter().any(|d| d.outcome.is_ok() && has_lost(d)) || path.after_silence().any(|d| d.outcome.is_ok());
    if elsewhere || !recovers || is_dead_backend(path) {
        return;
    }
    timer::sleep(SETTLE).await;
    while path.singly.len() < SINGLY && allowance.has(FIRST) && path.singly.iter().filter(|d| has_lost(d)).count() < 2 {
        timer::sleep(PAUSE).await;
        path.singly.push(tcp(dial(&path.endpoint, FIRST, allowance)).await);
    }
}

/// More rounds would say nothing new: both ports have lost something, or whole flows stay silent beside later ones that are
/// answered, or everything has been silent since.
fn is_decided(path: &Path) -> bool {
    let here = path.dials.iter().filter(|d| has_lost(d)).count();
    let elsewhere = path.controls.iter().filter(|c| has_lost(&c.dial)).count();
    let ended = path.after_silence().count() >= LOSSES && path.after_silence().all(is_silent);
    (here > 0 && elsewhere > 0 && here + elsewhere > 2) || is_dead_backend(path) || ended
}

fn is_dead_backend(path: &Path) -> bool {
    let silent = path.dials.iter().filter(|d| is_silent(d)).count();
    let later = path.after_silence().filter(|d| d.outcome.is_ok() && !has_lost(d)).count();
    silent >= DEAD && later >= DEAD && !path.dials.iter().any(|d| d.outcome.is_ok() && has_lost(d))
}

/// To which backend did each flow go? Known only where this namespace itself translates.
async fn track(path: &mut Path) {
    let flows: Vec<(EvidenceId, Flow)> = path
        .dials
        .iter()
        .rev()
        .filter_map(|d| Some((d.evidence, Flow::tcp(d.connection.local.clone()?, path.endpoint.clone()))))
        .take(FLOWS)
        .collect();
    let Some(((dial, flow), rest)) = flows.split_first() else { return };
    let first = conntrack(flow.clone()).await;
    // Without the privilege, or without tracking, one question is enough.
    if first.outcome.as_ref().is_ok_and(Option::is_some) {
        path.flows = wait::all(rest.iter().map(|(dial, flow)| {
            let (dial, flow) = (*dial, flow.clone());
            async move { (dial, conntrack(flow).await) }
        }))
        .await;
    }
    path.flows.push((*dial, first));
}

/// One after the other: what refuses in between is one of several backends, what refused before is one that started.
async fn flap(path: &mut Path, allowance: Allowance) {
    for _ in 0..FLAPS {
        if !allowance.has(FIRST) {
            return;
        }
        path.dials.push(tcp(dial(&path.endpoint, FIRST, allowance)).await);
    }
}

async fn measure(path: &mut Path, latency: Duration, allowance: Allowance) {
    let loaded = path.dials.iter().any(is_loaded);
    let (rounds, pause) = if loaded { (LOADED_MEASURES, LOADED_PAUSE) } else { (MEASURES, PAUSE) };
    for round in 0..rounds {
        let over = path.dials.iter().any(|d| d.connection.rtt().is_some_and(|rtt| rtt > latency));
        if !allowance.has(FIRST) || (round >= 2 && is_steady(path) && (over || !loaded)) {
            return;
        }
        timer::sleep(pause).await;
        path.dials.push(tcp(dial(&path.endpoint, FIRST, allowance)).await);
    }
}

async fn dial_together(path: &mut Path, count: usize, allowance: Allowance) {
    if allowance.has(FIRST) {
        let dials = wait::all((0..count).map(|_| tcp(dial(&path.endpoint, FIRST, allowance)))).await;
        path.dials.extend(dials);
    }
}

fn is_refused(dial: &TcpDial) -> bool {
    dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused)
}
