//! Gathers: first a few datagrams to each address, and then what tells the reasons of their fate apart.
//!
//! Calls with counter deltas run in quiet windows, one at a time.

use std::time::Duration;

use sonde_sdk::check::Budget;
use sonde_sdk::dial::{UdpRequest, udp};
use sonde_sdk::path::{EchoRequest, PathMtuRequest, TraceRequest, echo, path_mtu, trace};
use sonde_sdk::sockets::{CensusFilter, SocketOrder, SocketsAnswer, counters, find};
use sonde_sdk::system::{default_routes, links, neighbour};
use sonde_sdk::timer::{self, Allowance};
use sonde_sdk::types::{Endpoint, Reason};
use sonde_sdk::wait;
use sonde_sdk::way::{Met, is_time_exceeded, next_hop, watched};

use crate::observe::{Burst, Control, Observations, Path};
use crate::protocol::Protocol;

/// At most so many failing addresses are looked into.
const FOLLOWED: usize = 3;
/// Of the first datagrams, and how far apart they are: all of them leave before the last is waited for.
const FIRST: Duration = Duration::from_millis(1300);
const DATAGRAMS: u16 = 3;
const APART: Duration = Duration::from_millis(200);
/// Longer than the three seconds after which the kernel gives a neighbour up.
const UNRESOLVED: Duration = Duration::from_millis(3500);
/// A dial that took longer than the first may was the one that waited for the kernel.
const GAVE_UP: Duration = Duration::from_millis(1550);
/// Together with the first dial longer than the three seconds after which a router gives its neighbour up.
const LAST_ROUTER: Duration = Duration::from_millis(2400);
/// Longer than a series waits for the answer to its last datagram.
const AFTER_THE_LAST: Duration = Duration::from_millis(1100);
/// The long dial's datagram is on its way by then, also on a busy machine.
const AHEAD: Duration = Duration::from_millis(30);
/// What `traceroute` sends to first: hardly a service is there, so the host itself says that nothing is.
const CONTROL_PORT: u16 = 33_434;
/// To a host whose port is silent.
const ECHOES: u16 = 3;
/// Of a burst that must stand out from what others send.
const AT_ONCE: u16 = 12;
const CLOSE: Duration = Duration::from_millis(4);
const MOMENT: Duration = Duration::from_millis(400);
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
/// Sockets of one port.
const SOCKETS: u32 = 16;

/// Sends and looks closer.
pub(crate) async fn observe(endpoints: Vec<Endpoint>, budget: Budget) -> Observations {
    let allowance = Allowance::of(budget);
    // A single address gets its counters at once; several are first tried side by side, which spoils counters.
    let alone = endpoints.len() == 1;
    let mut paths = wait::all(endpoints.into_iter().map(|endpoint| first(endpoint, alone, allowance))).await;
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
        if !path.is_echoed() {
            look_closer(path, allowance).await;
        }
        // Also one that echoes at the second attempt only: how much is lost?
        if path.is_echoed() {
            measure(path, allowance).await;
        }
    }))
    .await;
    observed.paths = paths;
    observed
}

/// The first datagrams, and meanwhile the route and the next hop's neighbour entry.
async fn first(endpoint: Endpoint, deltas: bool, allowance: Allowance) -> Path {
    let number = u64::try_from(timer::now().as_nanos()).unwrap_or(u64::MAX);
    let request = || {
        let request = ask(&endpoint, number);
        if deltas { request.with_deltas() } else { request }
    };
    let (dial, seen) = watched(udp(request().within(allowance.bound(FIRST))), &endpoint.address, async || ()).await;
    // The neighbour does not answer: start again, and this time see how the kernel gives up.
    let dial = match dial {
        Some(dial) => dial,
        None => udp(patient(request(), allowance.bound(UNRESOLVED))).await,
    };
    let mut path = Path::new(endpoint, number, dial);
    if let Some((hop, ())) = seen {
        path.known.keep(hop);
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

/// What tells the reasons of a failure apart, by the failure.
async fn look_closer(path: &mut Path, allowance: Allowance) {
    let Some(reason) = path.failure().map(|(_, failure)| failure.reason.clone()) else { return };
    let again = |path: &Path| udp(ask(&path.endpoint, path.number).within(allowance.bound(FIRST)).with_deltas());
    match reason {
        Reason::Denied(_) | Reason::BudgetExhausted(_) | Reason::InvalidRequest(_) | Reason::Unavailable(_) => return,
        Reason::TimedOut => silence(path, allowance).await,
        _ if path.dials.iter().any(|dial| dial.timing.elapsed() > GAVE_UP) => {}
        Reason::Refused => {
            let dial = again(path).await;
            path.dials.push(dial);
        }
        // A route, a rule, a filter, or a router's word: is it about this port only?
        _ => {
            let dial = again(path).await;
            path.dials.push(dial);
            path.controls = vec![control(path, allowance).await];
            if reason == Reason::NotPermitted {
                path.counters = Some(counters().await);
            }
            let ipv6 = path.endpoint.is_ipv6();
            let dies = path.failure().and_then(|(_, f)| f.icmp.as_ref()).is_some_and(|e| is_time_exceeded(e, ipv6));
            if dies {
                let request = TraceRequest::to(path.endpoint.clone()).over_udp().up_to(HOPS).probing(1).waiting(HOP);
                path.known.trace = Some(trace(request.within(allowance.bound(LONG))).await);
            }
        }
    }
    if path.is_answered() {
        return;
    }
    let hop = next_hop(&path.endpoint.address).await;
    let unresolved = hop.is_unresolved();
    path.known.keep(hop);
    if path.is_local() && path.sockets.is_empty() {
        path.sockets = vec![sockets(path).await];
    }
    if unresolved && path.route().is_some_and(|(_, route)| route.gateway.is_none()) {
        let defaults = default_routes().await;
        let gateways = defaults.outcome.iter().flatten().filter_map(|route| route.gateway.clone());
        let gateway = gateways.into_iter().find(|gateway| gateway.contains(':') == path.endpoint.is_ipv6());
        if let Some(gateway) = gateway {
            path.known.gateway = Some(neighbour(gateway).await);
        }
    }
}

/// Is it silent always? On this host, what becomes of the datagrams; elsewhere, is the host alive, does the last router give up on it?
async fn silence(path: &mut Path, allowance: Allowance) {
    if path.is_local() {
        return silence_here(path, allowance).await;
    }
    if !allowance.has(LAST_ROUTER) || answers_end_here(path, allowance).await {
        return;
    }
    // The long dial goes first: a router answers what it queued in order, and limits how many errors it sends.
    let late = udp(patient(ask(&path.endpoint, path.number), allowance.bound(LAST_ROUTER)));
    let pings = EchoRequest::of(&path.endpoint.address).times(ECHOES).every(APART).within(allowance.bound(FIRST));
    let life = async {
        timer::sleep(AHEAD).await;
        wait::join(control(path, allowance), echo(pings)).await
    };
    let (late, (control, echo)) = wait::join(late, life).await;
    path.dials.push(late);
    path.controls = vec![control];
    path.echo = Some(echo);
}

/// True: answers come back and are dropped by this host, as far as counters tell, and nothing else need be asked.
async fn answers_end_here(path: &mut Path, allowance: Allowance) -> bool {
    if !path.ends_here(1) {
        return false;
    }
    let request = ask(&path.endpoint, path.number).within(allowance.bound(FIRST));
    path.dials.push(udp(request.with_deltas()).await);
    if !path.is_silent() || !path.ends_here(2) || !allowance.has(LAST_ROUTER) {
        return path.is_answered();
    }
    path.burst = Some(burst(path, allowance).await);
    path.met() != Met::Fewer
}

/// Many datagrams at once, for a moment, and the same moment without.
async fn burst(path: &Path, allowance: Allowance) -> Burst {
    let many = ask(&path.endpoint, path.number).times(AT_ONCE).every(CLOSE).within(allowance.bound(MOMENT));
    let dial = udp(many.with_deltas()).await;
    let before = counters().await;
    timer::sleep(MOMENT).await;
    Burst { dial, idle: [before, counters().await] }
}

/// Two quiet windows: a counter that moves in one of them may have moved for others.
async fn silence_here(path: &mut Path, allowance: Allowance) {
    path.sockets.push(sockets(path).await);
    for _ in 0..2 {
        if !path.is_answered() && allowance.has(FIRST) {
            let request = ask(&path.endpoint, path.number).within(allowance.bound(FIRST));
            path.dials.push(udp(request.with_deltas()).await);
        }
    }
    path.sockets.push(sockets(path).await);
    if path.is_silent() && path.ends_here(2) && allowance.has(FIRST) {
        path.burst = Some(burst(path, allowance).await);
    }
}

/// So far apart that what comes late is still waited for: a series ends a second after its last datagram.
fn patient(request: UdpRequest, timeout: Duration) -> UdpRequest {
    let apart = timeout.saturating_sub(AFTER_THE_LAST) / u32::from(DATAGRAMS - 1);
    request.every(apart.max(APART)).within(timeout)
}

/// Whoever receives on the port, on whatever address.
async fn sockets(path: &Path) -> SocketsAnswer {
    find(CensusFilter::udp().local_port(path.endpoint.port), SocketOrder::Drops, SOCKETS).await
}

/// Another port of the same address.
async fn control(path: &Path, allowance: Allowance) -> Control {
    let port = if path.endpoint.port == CONTROL_PORT { CONTROL_PORT + 1 } else { CONTROL_PORT };
    let request = UdpRequest::echo(Endpoint::new(&path.endpoint.address, port)).times(DATAGRAMS).every(APART);
    Control { port, dial: udp(request.within(allowance.bound(FIRST))).await }
}

/// Of a service that echoes: how many datagrams come back, and do large ones?
async fn measure(path: &mut Path, allowance: Allowance) {
    let many = || UdpRequest::echo(path.endpoint.clone()).times(SERIES).every(PACE).within(allowance.bound(LONG));
    let series = udp(many()).await;
    let lossy = series.received < series.sent;
    path.series.push(series);
    if lossy && allowance.has(LONG) {
        let pings = EchoRequest::of(&path.endpoint.address).times(SERIES).every(PACE).within(allowance.bound(LONG));
        let (series, pings) = wait::join(udp(many()), echo(pings)).await;
        path.series.push(series);
        path.pings = Some(pings);
    }
    if !allowance.has(LONG) {
        return;
    }
    let bytes = if path.endpoint.is_ipv6() { FULL_IPV6 } else { FULL_IPV4 };
    let large = UdpRequest::echo(path.endpoint.clone()).times(LARGE).every(PACE).of_size(bytes);
    let large = udp(large.within(allowance.bound(FIRST))).await;
    let vanish = large.received == 0 && large.sent > 0;
    path.large = Some(large);
    if vanish && allowance.has(LONG) {
        let ladder = PathMtuRequest::to(path.endpoint.clone()).attempting(2).without_tcp();
        path.mtu = Some(path_mtu(ladder.within(allowance.bound(UNRESOLVED))).await);
    }
}
