//! Gathers: first one dial of each address, and only where that fails or is slow, what tells the reasons apart.
//!
//! A SYN is repeated after one second, so 1.3 s show one repetition and with it whether packets leave at all. A neighbour
//! that does not answer needs three seconds to become an error; that longer dial is made only when the neighbour entry says
//! that it is being waited for.

mod aside;
mod sample;
mod suspicion;

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::time::Duration;

use sonde_sdk::check::Budget;
use sonde_sdk::dial::{TcpRequest, tcp};
use sonde_sdk::path::{EchoRequest, TraceRequest, TraceResult, echo, trace};
use sonde_sdk::sockets::{CensusFilter, CensusKey, census, listeners};
use sonde_sdk::system::{default_routes, links};
use sonde_sdk::timer::{self, Allowance};
use sonde_sdk::types::{Endpoint, Reason};
use sonde_sdk::wait::{self, Either, select};
use sonde_sdk::way::{gateways, is_time_exceeded, next_hop, watched};

use crate::observe::{Control, Observations, Path, answered_by_host, waits_here};

/// At most so many failing addresses of one family are looked into.
const FOLLOWED_OF_A_FAMILY: usize = 2;
/// Shows one repetition of the SYN.
const FIRST: Duration = Duration::from_millis(1300);
/// A dial that took longer than the first may was the one that waited for the kernel.
const GAVE_UP: Duration = Duration::from_millis(1550);
/// Longer than the three seconds after which the kernel gives a neighbour up.
const UNRESOLVED: Duration = Duration::from_millis(3500);
/// Together with the first dial longer than the three seconds after which a router gives its neighbour up.
const LAST_ROUTER: Duration = Duration::from_millis(2200);
/// The long dial's SYN is on its way by then, also on a busy machine.
const AHEAD: Duration = Duration::from_millis(30);
/// Ports that hosts often have open, and one that they hardly have: a host that is alive accepts or refuses, unless filtered.
const CONTROL_PORTS: [u16; 4] = [443, 80, 22, 1];
const CONTROLS: usize = 3;
/// Further dials of a silent port. Not many: a router that has to report each of them limits its errors.
const AGAIN: usize = 3;
/// Of a port that fails with an error.
const ELSEWHERE: usize = 2;
/// Of the way to a silent port: two rounds of probes fit into the time of one dial.
const HOPS: u8 = 20;
const HOP: Duration = Duration::from_millis(600);
/// A peer that ends what it has accepted does so at once; a path of more than this is not waited for.
const HOLD: Duration = Duration::from_millis(80);
const HELD: usize = 2;
/// Requests to a host whose port is silent.
const ECHOES: u16 = 2;

/// Dials and looks closer where needed.
pub(crate) async fn observe(endpoints: Vec<Endpoint>, latency: Duration, budget: Budget) -> Observations {
    let allowance = Allowance::of(budget);
    // A single address gets its counters at once; several are first dialled side by side, which spoils counters.
    let alone = endpoints.len() == 1;
    let mut paths = wait::all(endpoints.into_iter().map(|endpoint| first(endpoint, alone, allowance))).await;
    let mut observed = Observations { paths: vec![], links: None, defaults: None, latency, host: None };
    if paths.iter().any(|p| !p.is_open()) {
        let no_network = paths.iter().any(|p| p.failure().is_some_and(|(_, f)| f.reason == Reason::NetworkUnreachable));
        observed.links = Some(links().await);
        if no_network {
            observed.defaults = Some(default_routes().await);
        }
    }
    let open: HashSet<bool> = paths.iter().filter(|p| p.is_open()).map(|p| p.endpoint.is_ipv6()).collect();
    let mut followed: HashMap<bool, usize> = HashMap::new();
    let mut work = vec![];
    for path in &mut paths {
        let family = path.endpoint.is_ipv6();
        if path.is_open() {
            work.push(Work::Timing(path));
        } else {
            let count = followed.entry(family).or_default();
            *count += 1;
            if *count <= FOLLOWED_OF_A_FAMILY {
                let elsewhere = open.iter().any(|other| *other != family);
                work.push(Work::Failure { path, elsewhere });
            }
        }
    }
    wait::all(work.into_iter().map(|work| async move {
        match work {
            Work::Timing(path) => sample::time_again(path, latency, allowance).await,
            Work::Failure { path, elsewhere } => look_closer(path, elsewhere, allowance).await,
        }
    }))
    .await;
    sample::several(&mut paths, allowance).await;
    observed.paths = paths;
    observed
}

/// Where everything accepts: is a connection that says nothing left alone? A peer that ends it at once is looked at twice.
pub(crate) async fn hold(observed: &mut Observations, budget: Budget) {
    let allowance = Allowance::of(budget);
    if observed.paths.iter().any(|path| path.dials.iter().any(|dial| dial.outcome.is_err())) {
        return;
    }
    let Some(path) = observed.paths.first_mut() else { return };
    while path.held.len() < HELD && allowance.has(FIRST) {
        path.held.push(tcp(dial(&path.endpoint, FIRST, allowance).holding(HOLD)).await);
        if path.held.iter().any(|dial| dial.outcome.is_ok()) {
            return;
        }
    }
}

enum Work<'a> {
    Timing(&'a mut Path),
    /// `elsewhere`: the other family works.
    Failure {
        path: &'a mut Path,
        elsewhere: bool,
    },
}

/// A dial that keeps to the budget.
fn dial(endpoint: &Endpoint, timeout: Duration, allowance: Allowance) -> TcpRequest {
    TcpRequest::to(endpoint.clone()).within(allowance.bound(timeout))
}

/// The first dial, and meanwhile the route and the next hop's neighbour entry.
async fn first(endpoint: Endpoint, deltas: bool, allowance: Allowance) -> Path {
    let request = |timeout| {
        let request = dial(&endpoint, timeout, allowance);
        if deltas { request.with_deltas() } else { request }
    };
    let (dial, seen) = watched(tcp(request(FIRST)), &endpoint.address, suspicion::snapshot).await;
    // The neighbour does not answer: start again, and this time see how the kernel gives up.
    let dial = match dial {
        Some(dial) => dial,
        None => tcp(request(UNRESOLVED)).await,
    };
    let evidence = dial.evidence;
    let mut path = Path::new(endpoint, dial);
    if let Some((hop, early)) = seen {
        path.known.keep(hop);
        if path.windows().next().is_some() {
            // Of the answers to the SYN's repetition this sees what the whole window would.
            path.beside.push((evidence, suspicion::since(early).await));
        }
        if path.is_local() && path.is_silent() {
            // The kernel forgets a half-open connection after a second if it cannot send its answer.
            let filter = CensusFilter::all().local_port(path.endpoint.port).in_states(["SYN-RECV"]);
            path.half_open = Some(census(vec![CensusKey::PeerAddress, CensusKey::PeerPort], filter).await);
        }
    }
    path
}

/// What tells the reasons of a failure apart, by the failure.
async fn look_closer(path: &mut Path, elsewhere: bool, allowance: Allowance) {
    let Some(reason) = path.failure().map(|(_, f)| f.reason.clone()) else { return };
    let gave_up = path.dials.iter().any(|d| d.timing.elapsed() > GAVE_UP);
    match reason {
        Reason::TimedOut => silence(path, elsewhere, allowance).await,
        Reason::AddressNotAvailable => {
            path.dials.push(tcp(dial(&path.endpoint, FIRST, allowance).with_deltas()).await);
            let filter = CensusFilter::all().peer(&path.endpoint.address, Some(path.endpoint.port));
            path.census = Some(census(vec![CensusKey::LocalAddress], filter).await);
            path.controls = controls(path, 1, allowance).await;
        }
        Reason::Denied(_) | Reason::BudgetExhausted(_) | Reason::InvalidRequest(_) | Reason::Unavailable(_) => return,
        _ if gave_up => {}
        Reason::Refused => path.dials.push(tcp(dial(&path.endpoint, FIRST, allowance).with_deltas()).await),
        // A route, a rule, a filter, or a router's word: is it about this port only?
        _ => {
            path.dials.push(tcp(dial(&path.endpoint, FIRST, allowance).with_deltas()).await);
            path.controls = controls(path, ELSEWHERE, allowance).await;
            if path
                .failures()
                .any(|(_, f)| f.icmp.as_ref().is_some_and(|e| is_time_exceeded(e, path.endpoint.is_ipv6())))
            {
                path.known.trace = Some(way(path).await);
            }
        }
    }
    if path.is_open() {
        return sample::shares(path, allowance).await;
    }
    path.known.keep(next_hop(&path.endpoint.address).await);
    if path.known.is_unresolved() && path.route().is_some_and(|(_, r)| r.gateway.is_none()) {
        path.known.gateway = aside::gateway(path).await;
    }
    if path.is_local() {
        path.listeners = Some(listeners(Some(path.endpoint.port)).await);
    } else {
        aside::claims(path).await;
    }
}

/// Is it silent always, is the host alive, does a router give up on it, do packets leave at all?
async fn silence(path: &mut Path, elsewhere: bool, allowance: Allowance) {
    // A first dial beside others, or one whose window was shared, is repeated in a quiet one.
    if path.windows().next().is_none() {
        suspicion::watch(path, allowance).await;
    }
    if path.is_open() || !allowance.has(FIRST) {
        return;
    }
    if path.windows().any(waits_here) {
        // The kernel's own word on whom it waits for comes late.
        path.dials.push(tcp(dial(&path.endpoint, UNRESOLVED, allowance)).await);
        path.known.gateways = Some(gateways().await);
        if !path.is_silent() || !allowance.has(FIRST) {
            return;
        }
    }
    if suspicion::follow(path, allowance).await {
        return;
    }
    // Where only IPv6 is silent, the other family says that the host is alive.
    if elsewhere && path.endpoint.is_ipv6() {
        path.dials.push(tcp(dial(&path.endpoint, FIRST, allowance).with_deltas()).await);
        return;
    }
    let last = {
        let quick = pin!(async {
            timer::sleep(AHEAD).await;
            // Several at once: of some backends one may be silent.
            let again = wait::all((0..AGAIN).map(|_| tcp(dial(&path.endpoint, FIRST, allowance))));
            let echo = echo(EchoRequest::of(&path.endpoint.address).times(ECHOES).within(FIRST));
            wait::join4(again, controls(path, CONTROLS, allowance), way(path), echo).await
        });
        // The long dial goes first: a router answers what it queued in order, and limits how many errors it sends.
        let long = pin!(tcp(dial(&path.endpoint, LAST_ROUTER, allowance)));
        match select(long, quick).await {
            Either::Left((long, quick)) => (quick.await, Some(long)),
            Either::Right((quick, long)) => {
                let (again, controls, _, echo) = &quick;
                let alive = again.iter().any(|d| d.outcome.is_ok())
                    || echo.received > 0
                    || controls.iter().any(|c| answered_by_host(&c.dial));
                // Only a router's late word is still of interest.
                let long = if alive { None } else { Some(long.await) };
                (quick, long)
            }
        }
    };
    let ((again, controls, way, echo), long) = last;
    path.dials.extend(again);
    path.dials.extend(long);
    path.controls = controls;
    path.known.trace = Some(way);
    path.echo = Some(echo);
    // A source that is answered on another port is the right one.
    if !path.is_open() && path.echoed().is_none() && path.answered_controls().next().is_none() {
        aside::other_sources(path, allowance).await;
    }
}

/// How far SYNs to the very port come.
async fn way(path: &Path) -> TraceResult {
    trace(TraceRequest::to(path.endpoint.clone()).up_to(HOPS).probing(1).waiting(HOP).within(FIRST)).await
}

fn is_loopback(address: &str) -> bool {
    address.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

async fn controls(path: &Path, count: usize, allowance: Allowance) -> Vec<Control> {
    let ports = CONTROL_PORTS.into_iter().filter(|port| *port != path.endpoint.port).take(count);
    let dials = ports.map(|port| async move {
        let endpoint = Endpoint::new(&path.endpoint.address, port);
        Control { port, dial: tcp(dial(&endpoint, FIRST, allowance)).await }
    });
    wait::all(dials).await
}
