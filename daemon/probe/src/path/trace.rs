//! `path.trace`: how far packets to one port come, by their TTL (RFC 1812 section 5.3.1; hop limit, RFC 8200 section 3).
//!
//! A router that a TTL ends at says so by ICMP, and the kernel hands that to the very socket: no privilege is needed. The
//! probes of some TTLs are in flight at one time, but not of all, so that the destination is not knocked at thirty times over.

mod conclusion;
mod probe;
mod window;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sonde_core::observation::Failure;
use sonde_core::observation::path::{Hop, HopProbe, Trace, TraceRequest, TraceTransport};
use tokio::time::{Instant, sleep_until, timeout_at};

use self::conclusion::{conclude, is_final};
pub(super) use self::probe::syn;
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::error_queue;
use crate::vantage::Vantage;

/// From the first probe of a TTL to its second: a router's limit on ICMP errors is a few at once, then one a second.
const PACE: Duration = Duration::from_millis(20);

/// Finds out how far the packets come.
pub async fn trace(vantage: &Vantage, clock: &RunClock, request: &TraceRequest) -> Trace {
    let _announced = vantage.probing().await;
    let attempt = Attempt::begin(clock, request.timeout);
    let mut hops: Vec<Hop> = Vec::new();
    while let Some(ttls) = window::next(&hops, request.max_hops) {
        let before = hops.len();
        hops.extend(ttls.map(|ttl| Hop { ttl, probes: Vec::new() }));
        let fresh = hops.get_mut(before..).unwrap_or_default();
        let ended = sweep(vantage, &attempt, request, fresh).await;
        if let Some(last) = hops.iter().position(|hop| hop.probes.iter().any(|probe| is_final(&probe.answer))) {
            hops.truncate(last + 1);
            break;
        }
        if !ended {
            break;
        }
    }
    // Not asked before the deadline.
    hops.retain(|hop| !hop.probes.is_empty());
    let (reached, outcome) = conclude(&hops, request);
    let outcome = outcome.map_err(|(fault, icmp)| match unsent(&hops) {
        Some(failure) => failure,
        None => attempt.failure(fault, icmp),
    });
    let icmp_visible = request.transport == TraceTransport::Udp || error_queue::visible_in_syn_sent();
    Trace { timing: attempt.timing(), hops, reached, icmp_visible, outcome }
}

/// Probes all of `hops` at once. False: the deadline of the call passed.
async fn sweep(vantage: &Vantage, attempt: &Attempt, request: &TraceRequest, hops: &mut [Hop]) -> bool {
    let begun = Instant::now();
    let mut probes = FuturesUnordered::new();
    for hop in hops.iter() {
        for round in 0..request.probes_per_hop {
            let ttl = hop.ttl;
            probes.push(async move {
                sleep_until(begun + PACE * u32::from(round)).await;
                let wait = request.probe_timeout.min(attempt.remaining());
                (ttl, round, probe::send(vantage, attempt.clock(), request, ttl, Instant::now() + wait).await)
            });
        }
    }
    let first = hops.first().map_or(0, |hop| hop.ttl);
    let mut seen: Vec<Vec<Option<HopProbe>>> = vec![vec![None; request.probes_per_hop.into()]; hops.len()];
    let mut ended = true;
    loop {
        match timeout_at(attempt.deadline(), probes.next()).await {
            Ok(Some((ttl, round, probe))) => {
                if let Some(place) =
                    seen.get_mut(usize::from(ttl - first)).and_then(|hop| hop.get_mut(usize::from(round)))
                {
                    *place = Some(probe);
                }
            }
            Ok(None) => break,
            Err(_) => {
                ended = false;
                break;
            }
        }
        // What is farther than the end of the path need not be waited for.
        let end = seen.iter().position(|hop| hop.iter().flatten().any(|probe| is_final(&probe.answer)));
        if end.is_some_and(|end| seen.iter().take(end + 1).all(|hop| hop.iter().all(Option::is_some))) {
            break;
        }
    }
    for (hop, seen) in hops.iter_mut().zip(seen) {
        hop.probes.extend(seen.into_iter().flatten());
    }
    ended
}

/// Why this host let no probe out.
fn unsent(hops: &[Hop]) -> Option<Failure> {
    use sonde_core::observation::path::ProbeAnswer::Unsent;
    let mut failures = hops.iter().flat_map(|hop| &hop.probes).map(|probe| match &probe.answer {
        Unsent(failure) => Some(failure.clone()),
        _ => None,
    });
    let first = failures.next()??;
    failures.all(|failure| failure.is_some()).then_some(first)
}
