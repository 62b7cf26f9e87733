//! One host call in words: what was asked, and what came back.

mod dns;
mod history;
mod host;
mod http;
mod path;
mod segment;
mod sockets;
mod tcp;
mod tls;

use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{DefaultRoutes, Endpoint, Evidence, Failure, Listener, Route, RouteKind, TcpDial};

use crate::render::text::{count, elapsed, micros, socket};

/// What was asked.
pub(crate) fn question(evidence: &Evidence) -> String {
    match &evidence.call {
        Some(Call::DnsQuery(query)) => dns::query(query),
        Some(Call::DnsConfig(_)) => "resolver configuration".to_owned(),
        Some(Call::DnsResolution(resolution)) => dns::resolution(resolution),
        Some(Call::DnsWalk(walk)) => dns::walk(walk),
        Some(Call::TcpDial(dial)) => endpoint(dial.remote.as_ref()),
        Some(Call::TcpSeries(series)) => tcp::series(series),
        Some(Call::TlsDial(dial)) => tls::dialled(dial),
        Some(Call::TlsHelloDial(dial)) => tls::hello(dial),
        Some(Call::HttpExchange(exchange)) => http::requested(exchange),
        Some(Call::Trace(trace)) => path::trace(trace),
        Some(Call::PathMtu(ladder)) => path::path_mtu(ladder),
        Some(Call::Echo(echo)) => path::echo(echo),
        Some(Call::UdpDial(dial)) => path::udp(dial),
        Some(Call::Listeners(listeners)) if listeners.port != 0 => format!("listeners of port {}", listeners.port),
        Some(Call::Listeners(_)) => "listeners".to_owned(),
        Some(Call::Census(_)) => "socket census".to_owned(),
        Some(Call::SocketSearch(search)) => sockets::asked(search),
        Some(Call::Counters(_)) => "kernel counters".to_owned(),
        Some(Call::ConntrackLookup(lookup)) => segment::flow(lookup),
        Some(Call::RouteLookup(lookup)) => format!("route to {}", lookup.address),
        Some(Call::DefaultRoutes(_)) => "default routes".to_owned(),
        Some(Call::NeighbourLookup(lookup)) => format!("neighbour {}", lookup.address),
        Some(Call::Links(_)) => "links".to_owned(),
        Some(Call::ClockState(_)) => "clock".to_owned(),
        Some(Call::ArpLookup(lookup)) => segment::asked(lookup),
        Some(Call::Proxies(proxies)) if proxies.pid != 0 => format!("proxy variables of process {}", proxies.pid),
        Some(Call::Proxies(_)) => "proxy variables".to_owned(),
        Some(Call::PolicyRules(_)) => "policy rules".to_owned(),
        Some(Call::RouteTable(_)) => "routes".to_owned(),
        Some(Call::NeighbourTable(_)) => "neighbours".to_owned(),
        Some(Call::Sysctls(asked)) => host::settings(asked),
        Some(Call::ProcessFacts(facts)) => format!("process {}", facts.pid),
        Some(Call::Environment(asked)) => host::variables(asked),
        Some(Call::CgroupFacts(facts)) => format!("cgroup of process {}", facts.pid),
        Some(Call::HostFacts(_)) => "machine".to_owned(),
        Some(Call::History(history)) => history::asked(history),
        Some(Call::Rejected(rejected)) => rejected.function.clone(),
        None => "a call of a newer daemon".to_owned(),
    }
}

/// What came back.
pub(crate) fn answer(evidence: &Evidence) -> String {
    if let Some(failure) = &evidence.failure {
        return failed(failure, evidence);
    }
    match &evidence.call {
        Some(Call::DnsQuery(query)) => dns::answered(query),
        Some(Call::DnsConfig(config)) => dns::configured(config),
        Some(Call::DnsResolution(resolution)) => dns::resolved(resolution),
        Some(Call::DnsWalk(walk)) => dns::walked(walk),
        Some(Call::TcpDial(dial)) => connected(dial),
        Some(Call::TcpSeries(series)) => tcp::spread(series),
        Some(Call::TlsDial(dial)) => tls::session(dial),
        Some(Call::TlsHelloDial(dial)) => tls::chosen(dial),
        Some(Call::HttpExchange(exchange)) => http::responded(exchange),
        Some(Call::Trace(trace)) => path::traced(trace),
        Some(Call::PathMtu(ladder)) => path::measured(ladder),
        Some(Call::Echo(echo)) => path::echoed(echo),
        Some(Call::UdpDial(dial)) => path::came(dial),
        Some(Call::Listeners(listeners)) => match listeners.listeners.as_slice() {
            [] => "nobody listens".to_owned(),
            [one] => listener(one),
            all => {
                let fullest =
                    all.iter().max_by_key(|one| u64::from(one.queued) * 1_000 / u64::from(one.backlog).max(1));
                format!("{}, the fullest {}", all.len(), fullest.map(listener).unwrap_or_default())
            }
        },
        Some(Call::Census(census)) => format!("{} sockets in {} groups", census.total, census.groups.len()),
        Some(Call::SocketSearch(search)) => sockets::found(search),
        Some(Call::Counters(counters)) => count(counters.counters.len(), "counter", "counters"),
        Some(Call::ConntrackLookup(lookup)) => segment::tracked(lookup),
        Some(Call::RouteLookup(lookup)) => lookup.route.as_ref().map_or_else(|| "none".to_owned(), route),
        Some(Call::DefaultRoutes(DefaultRoutes { routes })) => match routes.as_slice() {
            [] => "none".to_owned(),
            [first, ..] => route(first),
        },
        Some(Call::NeighbourLookup(lookup)) => match lookup.link_address.as_str() {
            "" => format!("{} on {}", lookup.state, lookup.device),
            address => format!("{} at {address} on {}", lookup.state, lookup.device),
        },
        Some(Call::Links(links)) => count(links.links.len(), "link", "links"),
        Some(Call::ClockState(clock)) => {
            if clock.synchronised { "synchronised" } else { "not synchronised" }.to_owned()
        }
        Some(Call::ArpLookup(lookup)) => segment::claimed(lookup),
        Some(Call::Proxies(proxies)) => host::set(&proxies.variables),
        Some(Call::PolicyRules(found)) => count(found.rules.len(), "rule", "rules"),
        Some(Call::RouteTable(table)) => host::of_table(table.total, "route", "routes"),
        Some(Call::NeighbourTable(table)) => host::of_table(table.total, "neighbour", "neighbours"),
        Some(Call::Sysctls(found)) => host::values(found),
        Some(Call::ProcessFacts(facts)) => host::process(facts),
        Some(Call::Environment(found)) => host::set(&found.variables),
        Some(Call::CgroupFacts(facts)) => host::cgroup(facts),
        Some(Call::HostFacts(facts)) => host::machine(facts),
        Some(Call::History(history)) => history::told(history),
        Some(Call::Rejected(_)) => "refused".to_owned(),
        None => String::new(),
    }
}

/// How a call failed, with the ICMP error behind it and the certificate in front of it.
fn failed(failure: &Failure, evidence: &Evidence) -> String {
    let call = evidence.call.as_ref();
    let mut text = if failure.detail.is_empty() {
        failure.error_type.replace('_', " ")
    } else {
        unrepeated(&failure.detail, &question(evidence))
    };
    if failure.detail.is_empty() && !failure.reason.is_empty() {
        text = format!("{text}: {}", failure.reason);
    }
    if let Some(icmp) = failure.icmp.as_ref().filter(|icmp| !icmp.sender.is_empty() && !text.contains(&icmp.sender)) {
        text = format!("{text} (ICMP from {})", icmp.sender);
    }
    let seen = match call {
        Some(Call::TlsDial(dial)) => dial.session.as_ref(),
        Some(Call::HttpExchange(exchange)) => exchange.session.as_ref(),
        Some(Call::DnsQuery(query)) => query.session.as_ref(),
        _ => None,
    };
    match seen.and_then(|session| session.chain.first()) {
        Some(leaf) => format!("{text}; {}", tls::certificate(leaf)),
        None => text,
    }
}

/// `connect to 10.0.0.5:80: connection refused` without what the question has said.
fn unrepeated(detail: &str, question: &str) -> String {
    match detail.split_once(": ") {
        Some((asked, rest)) if asked.rsplit(' ').next().is_some_and(|last| question.contains(last)) => rest.to_owned(),
        _ => detail.to_owned(),
    }
}

fn connected(dial: &TcpDial) -> String {
    let connection = dial.connection.as_ref();
    let rtt = connection.and_then(|connection| connection.info.as_ref()).and_then(|info| info.rtt.as_ref());
    // The kernel's round trip says nothing once the SYN was sent twice.
    match (connection.map_or(0, |connection| connection.syn_retransmits), rtt) {
        (0, None) => "connected".to_owned(),
        (0, Some(rtt)) => format!("connected, rtt {}", elapsed(micros(Some(rtt)))),
        (again, _) => format!("connected, {}", count(again as usize, "SYN retransmit", "SYN retransmits")),
    }
}

fn listener(listener: &Listener) -> String {
    let owner = listener.process.as_ref().map(|process| format!(" {} ({})", process.command, process.pid));
    format!(
        "{}{}, queue {} of {}",
        socket(&listener.address, listener.port),
        owner.unwrap_or_default(),
        listener.queued,
        listener.backlog
    )
}

fn route(route: &Route) -> String {
    let kind = match route.kind() {
        RouteKind::Unicast | RouteKind::Local | RouteKind::Unspecified => "",
        RouteKind::Broadcast => "broadcast ",
        RouteKind::Multicast => "multicast ",
        RouteKind::Blackhole => return "blackhole".to_owned(),
        RouteKind::Unreachable => return "unreachable".to_owned(),
        RouteKind::Prohibit => return "prohibited".to_owned(),
        RouteKind::Throw => return "another table".to_owned(),
        RouteKind::None => return "none".to_owned(),
        RouteKind::Other => "another kind ",
    };
    let via = if route.gateway.is_empty() { "on-link".to_owned() } else { format!("via {}", route.gateway) };
    format!("{kind}{via} dev {}", route.device)
}

fn endpoint(endpoint: Option<&Endpoint>) -> String {
    endpoint.map_or_else(|| "?".to_owned(), |endpoint| socket(&endpoint.address, endpoint.port))
}
