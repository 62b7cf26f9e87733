//! One line of the ledger.

use sonde_core::observation::{Call, Observation};
use sonde_proto::v1;
use sonde_proto::v1::evidence::Call as Message;

use super::{dial, dns, duration, failure, history, path, sockets, system, timestamp};

/// The evidence that a client sees. A call that failed before there was an answer shows what was asked.
pub(crate) fn evidence(observation: &Observation) -> v1::Evidence {
    v1::Evidence {
        id: observation.id.to_string(),
        check: observation.check.clone(),
        at: Some(duration(observation.timing.at)),
        elapsed: Some(duration(observation.timing.elapsed)),
        started_at: Some(timestamp(observation.started_at)),
        network_namespace: observation.vantage,
        failure: observation.call.failure().map(failure::failure),
        call: Some(call(&observation.call)),
    }
}

fn call(call: &Call) -> Message {
    match call {
        Call::DnsQuery { request, answer } => Message::DnsQuery(dns::query(request, answer)),
        Call::DnsConfig { request, answer } => Message::DnsConfig(dns::config(request, answer)),
        Call::DnsResolve { request, answer } => Message::DnsResolution(dns::resolution(request, answer)),
        Call::DnsWalk { request, answer } => Message::DnsWalk(dns::walk(request, answer)),
        Call::DialTcp { request, answer } => Message::TcpDial(dial::tcp(request, answer)),
        Call::DialTcpSeries { request, answer } => Message::TcpSeries(dial::series(request, answer)),
        Call::DialTls { request, answer } => Message::TlsDial(dial::tls(request, answer)),
        Call::DialTlsHello { request, answer } => Message::TlsHelloDial(dial::hello(request, answer)),
        Call::DialHttp { request, answer } => Message::HttpExchange(dial::http(request, answer)),
        Call::DialUdp { request, answer } => Message::UdpDial(dial::udp(request, answer)),
        Call::Trace { request, answer } => Message::Trace(path::trace(request, answer)),
        Call::PathMtu { request, answer } => Message::PathMtu(path::path_mtu(request, answer)),
        Call::Echo { request, answer } => Message::Echo(path::echo(request, answer)),
        Call::Listeners { port, answer } => {
            Message::Listeners(sockets::listeners(*port, answer.as_deref().unwrap_or_default()))
        }
        Call::Census { request, answer } => {
            let empty = sonde_core::observation::sockets::Census::default();
            Message::Census(sockets::census(request, answer.as_ref().unwrap_or(&empty)))
        }
        Call::Find { request, answer } => Message::SocketSearch(sockets::search(request, answer.as_ref().ok())),
        Call::Counters { host, answer } => Message::Counters(sockets::counters(*host, answer.as_ref().ok())),
        Call::Conntrack { flow, answer } => {
            Message::ConntrackLookup(sockets::conntrack(flow, answer.as_ref().ok().and_then(Option::as_ref)))
        }
        Call::RouteTo { address, answer } => Message::RouteLookup(system::route_lookup(*address, answer.as_ref().ok())),
        Call::DefaultRoutes { answer } => {
            Message::DefaultRoutes(system::default_routes(answer.as_deref().unwrap_or_default()))
        }
        Call::Neighbour { address, answer } => {
            Message::NeighbourLookup(system::neighbour_lookup(*address, answer.as_ref().ok()))
        }
        Call::Links { answer } => Message::Links(system::links(answer.as_deref().unwrap_or_default())),
        Call::Clock { answer } => {
            Message::ClockState(answer.as_ref().map_or_else(|_| v1::ClockState::default(), system::clock_state))
        }
        Call::Arp { towards, answer } => {
            Message::ArpLookup(system::arp(*towards, answer.as_deref().unwrap_or_default()))
        }
        Call::Proxies { pid, answer } => Message::Proxies(system::proxies(*pid, answer.as_deref().unwrap_or_default())),
        Call::Rules { answer } => Message::PolicyRules(system::rules(answer.as_deref().unwrap_or_default())),
        Call::Routes { answer } => {
            Message::RouteTable(answer.as_ref().map_or_else(|_| v1::RouteTable::default(), system::routes))
        }
        Call::Neighbours { answer } => {
            Message::NeighbourTable(answer.as_ref().map_or_else(|_| v1::NeighbourTable::default(), system::neighbours))
        }
        Call::Sysctls { names, answer } => Message::Sysctls(system::sysctls(names, answer.as_deref().ok())),
        Call::Process { pid, answer } => Message::ProcessFacts(system::process(*pid, answer.as_ref().ok())),
        Call::Environment { pid, names, answer } => {
            Message::Environment(system::environment(*pid, names, answer.as_deref().unwrap_or_default()))
        }
        Call::Cgroup { pid, answer } => Message::CgroupFacts(system::cgroup(*pid, answer.as_ref().ok())),
        Call::Host { answer } => {
            Message::HostFacts(answer.as_ref().map_or_else(|_| v1::HostFacts::default(), system::host))
        }
        Call::History { request, answer } => Message::History(history::history(request, answer.as_ref().ok())),
        Call::Rejected { function, .. } => Message::Rejected(v1::RejectedCall { function: function.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use sonde_core::observation::connection::Connection;
    use sonde_core::observation::dial::{TcpDial, TcpRequest};
    use sonde_core::observation::{Endpoint, EvidenceId, Failure, Phase, Reason, Timing};
    use sonde_proto::json;

    use super::*;

    fn refused_dial() -> Observation {
        let remote = Endpoint { address: Ipv4Addr::new(10, 0, 0, 5).into(), port: 5432 };
        let timing = Timing { at: Duration::from_millis(3), elapsed: Duration::from_micros(180) };
        Observation {
            id: EvidenceId(0xab),
            check: "connect".into(),
            timing,
            started_at: Duration::from_secs(1_795_000_000),
            vantage: 4_026_531_840,
            call: Call::DialTcp {
                request: TcpRequest::new(remote, Duration::from_secs(2)),
                answer: TcpDial {
                    timing,
                    connection: Connection { connect: timing, icmp_visible: true, ..Connection::default() },
                    outcome: Err(Failure {
                        phase: Phase::Connect,
                        reason: Reason::Refused,
                        errno: Some(111),
                        icmp: None,
                        elapsed: Duration::from_micros(180),
                        detail: "connection refused".into(),
                    }),
                    deltas: None,
                },
            },
        }
    }

    #[test]
    fn a_refused_dial_has_the_form_that_clients_read() {
        let value = json::to_value(&evidence(&refused_dial())).expect("it belongs to sonde.v1");

        assert_eq!(value["id"], "00000000000000ab");
        assert_eq!(value["networkNamespace"], "4026531840");
        assert_eq!(value["failure"]["phase"], "PHASE_CONNECT");
        assert_eq!(value["failure"]["errnoName"], "ECONNREFUSED");
        assert_eq!(value["tcpDial"]["remote"], serde_json::json!({"address": "10.0.0.5", "port": 5432}));
        assert_eq!(value["tcpDial"]["connection"]["connect"]["elapsed"], "0.000180s");
    }

    #[test]
    fn a_failed_neighbour_lookup_still_says_whom_it_asked_for() {
        let failure = Failure {
            phase: Phase::Inspect,
            reason: Reason::Unavailable("CAP_NET_ADMIN".into()),
            errno: Some(1),
            icmp: None,
            elapsed: Duration::ZERO,
            detail: "needs CAP_NET_ADMIN".into(),
        };
        let observation = Observation {
            call: Call::Neighbour { address: Ipv4Addr::new(10, 0, 0, 9).into(), answer: Err(failure) },
            ..refused_dial()
        };

        let value = json::to_value(&evidence(&observation)).expect("it belongs to sonde.v1");

        assert_eq!(value["neighbourLookup"]["address"], "10.0.0.9");
        assert_eq!(value["failure"]["reason"], "CAP_NET_ADMIN");
    }
}
