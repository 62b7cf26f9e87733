//! Gathers: first a few datagrams to each address, and then what tells the reasons of their fate apart.
//!
//! Calls with counter deltas run in quiet windows, one at a time.

use std::time::Duration;

use sonde_sdk::check::Budget;
use sonde_sdk::dial::{EchoRequest, PathMtuRequest, TraceRequest, UdpRequest, echo, path_mtu, trace, udp};
use sonde_sdk::sockets::counters;
use sonde_sdk::system::{default_routes, links, neighbour};
use sonde_sdk::types::{Endpoint, Reason};
use sonde_sdk::way::{NextHop, is_time_exceeded, next_hop, watched};
use sonde_sdk::{timer, wait};

use crate::observe::{Control, Observations, Path};
use crate::protocol::Protocol;

/// At most so many failing addresses are looked into.
const FOLLOWED: usize = 3;
/// Of the first datagrams, and how far apart they are: all of them leave before the last is waited for.
const FIRST: Duration = Duration::from_millis(1300);
const DATAGRAMS: u16 = 3;
const APART: Duration = Duration::from_millis(200);
/// Longer than the three seconds after which the kernel gives a neighbour up.
const UNRESOLVED: Duration = Duration::from_millis(3500);
/// Together with the first dial longer than the three seconds after which a router gives its neighbour up.
const LAST_ROUTER: Duration = Duration::from_millis(2200);
/// What `traceroute` sends to first: hardly a service is there, so the host itself says that nothing is.
const CONTROL_PORT: u16 = 33_434;
/// To a host whose port is silent.
const ECHOES: u16 = 3;
/// Of a series: enough to see a loss of a few percent, in half a second.
const SERIES: u16 = 50;
const PACE: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(2);
/// Fill an Ethernet packet with the headers of IP and UDP.
const FULL_IPV4: u16 = 1472;
const FULL_IPV6: u16 = 1452;
const LARGE: u16 = 5;
/// Of the way that datagrams die on.
const HOPS: u8 = 20;
const HOP: Duration = Duration::from_millis(600);
/// Kept back for the judgement.
const RESERVE: Duration = Duration::from_millis(200);

/// The run's time.
#[derive(Clone, Copy)]
struct Clock {
    deadline: Duration,
    probe: Duration,
}

impl Clock {
    fn bound(self, timeout: Duration) -> Duration {
        let left = self.deadline.saturating_sub(timer::now()).max(Duration::from_millis(1));
        timeout.min(self.probe).min(left)
    }

    fn has(self, time: Duration) -> bool {
        timer::now() + time < self.deadline
    }
}

/// Sends and looks closer.
pub(crate) async fn observe(endpoints: Vec<Endpoint>, budget: Budget) -> Observations {
    let clock =
        Clock { deadline: timer::now() + budget.remaining().saturating_sub(RESERVE), probe: budget.probe_timeout() };
    // A single address gets its counters at once; several are first tried side by side, which spoils counters.
    let alone = endpoints.len() == 1;
    let mut paths = wait::all(endpoints.into_iter().map(|endpoint| first(endpoint, alone, clock))).await;
    let mut observed = Observations { paths: vec![], links: None, defaults: None };
    if paths.iter().any(|path| !path.is_answered()) {
        observed.links = Some(links().await);
        let no_network = |path: &Path| path.failure().is_some_and(|(_, f)| f.reason == Reason::NetworkUnreachable);
        if paths.iter().any(no_network) {
            observed.defaults = Some(default_routes().await);
        }
    }
    let (answered, failed): (Vec<&mut Path>, Vec<&mut Path>) = paths.iter_mut().partition(|path| path.is_answered());
    let echoing = answered.into_iter().find(|path| path.is_echoed()).into_iter();
    let work = echoing.chain(failed.into_iter().take(FOLLOWED));
    wait::all(work.map(|path| async move {
        if path.is_echoed() {
            measure(path, clock).await;
        } else {
            look_closer(path, clock).await;
        }
    }))
    .await;
    observed.paths = paths;
    observed
}

/// The first datagrams, and meanwhile the route and the next hop's neighbour entry.
async fn first(endpoint: Endpoint, deltas: bool, clock: Clock) -> Path {
    let number = u64::try_from(timer::now().as_nanos()).unwrap_or(u64::MAX);
    let request = |timeout| {
        let request = ask(&endpoint, number).within(clock.bound(timeout));
        if deltas { request.with_deltas() } else { request }
    };
    let (dial, seen) = watched(udp(request(FIRST)), &endpoint.address, async || ()).await;
    // The neighbour does not answer: start again, and this time see how the kernel gives up.
    let dial = match dial {
        Some(dial) => dial,
        None => udp(request(UNRESOLVED)).await,
    };
    let mut path = Path::new(endpoint, number, dial);
    if let Some((hop, ())) = seen {
        keep(&mut path, hop);
    }
    path
}

/// The question of the port's protocol, or numbered datagrams.
fn ask(endpoint: &Endpoint, number: u64) -> UdpRequest {
    let request = match Protocol::of(endpoint.port).question(number) {
        Some(question) => UdpRequest::sending(endpoint.clone(), question),
        None => UdpRequest::echo(endpoint.clone()),
    };
    request.times(DATAGRAMS).every(APART)
}

fn keep(path: &mut Path, NextHop { route, neighbour }: NextHop) {
    if route.outcome.is_ok() || path.route.is_none() {
        path.route = Some(route);
    }
    path.neighbour = neighbour.or(path.neighbour.take());
}

/// What tells the reasons of a failure apart, by the failure.
async fn look_closer(path: &mut Path, clock: Clock) {
    let Some(reason) = path.failure().map(|(_, failure)| failure.reason.clone()) else { return };
    let again = |path: &Path| udp(ask(&path.endpoint, path.number).within(clock.bound(FIRST)).with_deltas());
    match reason {
        Reason::Denied(_) | Reason::BudgetExhausted(_) | Reason::InvalidRequest(_) | Reason::Unavailable(_) => return,
        Reason::TimedOut => silence(path, clock).await,
        Reason::Refused => {
            let dial = again(path).await;
            path.dials.push(dial);
        }
        // A route, a rule, a filter, or a router's word: is it about this port only?
        _ => {
            let dial = again(path).await;
            path.dials.push(dial);
            path.controls = vec![control(path, clock).await];
            if reason == Reason::NotPermitted {
                path.counters = Some(counters().await);
            }
            let ipv6 = path.endpoint.is_ipv6();
            let dies = path.failure().and_then(|(_, f)| f.icmp.as_ref()).is_some_and(|e| is_time_exceeded(e, ipv6));
            if dies {
                let request = TraceRequest::to(path.endpoint.clone()).over_udp().up_to(HOPS).probing(1).waiting(HOP);
                path.trace = Some(trace(request.within(clock.bound(LONG))).await);
            }
        }
    }
    if path.is_answered() {
        return;
    }
    let hop = next_hop(&path.endpoint.address).await;
    let unresolved = hop.is_unresolved();
    keep(path, hop);
    if unresolved && path.route().is_some_and(|(_, route)| route.gateway.is_none()) {
        let defaults = default_routes().await;
        let gateways = defaults.outcome.iter().flatten().filter_map(|route| route.gateway.clone());
        let gateway = gateways.into_iter().find(|gateway| gateway.contains(':') == path.endpoint.is_ipv6());
        if let Some(gateway) = gateway {
            path.gateway = Some(neighbour(gateway).await);
        }
    }
}

/// Is it silent always, is the host alive, does the last router give up on it, what becomes of the datagrams here?
async fn silence(path: &mut Path, clock: Clock) {
    // Two quiet windows: a counter that moves in one of them may have moved for others.
    for _ in 0..2 {
        if !clock.has(FIRST) || path.dials.len() > 2 {
            break;
        }
        let dial = udp(ask(&path.endpoint, path.number).within(clock.bound(FIRST)).with_deltas()).await;
        path.dials.push(dial);
        let hop = next_hop(&path.endpoint.address).await;
        keep(path, hop);
        if path.is_answered() || !path.is_local() {
            break;
        }
    }
    if path.is_answered() || path.is_local() || !clock.has(FIRST) {
        return;
    }
    let pings = EchoRequest::of(&path.endpoint.address).times(ECHOES).every(APART).within(clock.bound(FIRST));
    let late = ask(&path.endpoint, path.number).within(clock.bound(LAST_ROUTER));
    let (control, echo, late) = wait::join3(control(path, clock), echo(pings), udp(late)).await;
    path.controls = vec![control];
    path.echo = Some(echo);
    path.dials.push(late);
}

/// Another port of the same address.
async fn control(path: &Path, clock: Clock) -> Control {
    let port = if path.endpoint.port == CONTROL_PORT { CONTROL_PORT + 1 } else { CONTROL_PORT };
    let request = UdpRequest::echo(Endpoint::new(&path.endpoint.address, port)).times(DATAGRAMS).every(APART);
    Control { port, dial: udp(request.within(clock.bound(FIRST))).await }
}

/// Of a service that echoes: how many datagrams come back, and do large ones?
async fn measure(path: &mut Path, clock: Clock) {
    let many = || UdpRequest::echo(path.endpoint.clone()).times(SERIES).every(PACE).within(clock.bound(LONG));
    let series = udp(many()).await;
    let lossy = series.received < series.sent;
    path.series.push(series);
    if lossy && clock.has(LONG) {
        let pings = EchoRequest::of(&path.endpoint.address).times(SERIES).every(PACE).within(clock.bound(LONG));
        let (series, pings) = wait::join(udp(many()), echo(pings)).await;
        path.series.push(series);
        path.pings = Some(pings);
    }
    if !clock.has(LONG) {
        return;
    }
    let bytes = if path.endpoint.is_ipv6() { FULL_IPV6 } else { FULL_IPV4 };
    let large = UdpRequest::echo(path.endpoint.clone()).times(LARGE).every(PACE).of_size(bytes);
    let large = udp(large.within(clock.bound(FIRST))).await;
    let vanish = large.received == 0 && large.sent > 0;
    path.large = Some(large);
    if vanish && clock.has(LONG) {
        let ladder = PathMtuRequest::to(path.endpoint.clone()).attempting(2).without_tcp();
        path.mtu = Some(path_mtu(ladder.within(clock.bound(UNRESOLVED))).await);
    }
}
