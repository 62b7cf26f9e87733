//! The built-in check `resolve`: does the name lead to addresses, and if not, who is at fault - the name, a server, the
//! way to it, or this host's own configuration?
//!
//! This file only carries questions to the host; `plan` decides what to ask and `verdict` what it means.

mod case;
mod forward;
mod names;
mod plan;
mod reading;
mod verdict;

use std::time::Duration;

use sonde_sdk::prelude::*;

use case::{Asked, Budgets, Case, Question, Request, Step, Variant};

/// The check.
struct Resolve;

impl Check for Resolve {
    fn describe() -> Manifest {
        use TargetKind::{Dns, Grpc, Grpcs, Host, Http, Https, Tcp, Tls, Udp};
        Manifest::new(
            "resolve",
            env!("CARGO_PKG_VERSION"),
            "Resolves the target's name as this host would, asking each name server directly.",
        )
        .serving([Https, Http, Tcp, Tls, Udp, Dns, Host, Grpc, Grpcs])
        .calling(["dns", "dial", "sockets", "system"])
        .taking(budget_parameter("in-cluster", "300ms", "the cluster's own DNS, or this host's"))
        .taking(budget_parameter("cross-zone", "1200ms", "a server of a private network"))
        .taking(budget_parameter("external", "3s", "a server with a public address"))
        .deciding(CAUSES.iter().copied())
        .costing(CostClass::Moderate)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let allowance = timer::Allowance::of(budget);
        let Some(request) = request(&target) else {
            return Ok(Outcome::skipped("the target is an address, so no name needs to be resolved"));
        };
        let config = dns::config(request.name.as_deref()).await;
        let mut case = Case::new(&request, config);
        case.budgets = budgets(&arguments)?;
        for _ in 0..MOST_ROUNDS {
            let steps = plan::next(&case);
            let left = allowance.left();
            if steps.is_empty() || left.is_zero() {
                break;
            }
            let longest = left.min(budget.probe_timeout());
            let servers = &case.servers;
            let (name, qtype) = case.first_question();
            let calls = steps.into_iter().map(|step| {
                let patience = match &step {
                    Step::Query(question) => Duration::from_micros(plan::patience_us(&case, question)).min(longest),
                    _ => DIAL.min(longest),
                };
                take(step, servers, case.port, (&name, qtype), patience)
            });
            for seen in wait::all(calls).await {
                seen.put(&mut case);
            }
        }
        Ok(verdict::judge(&case).report())
    }
}

sonde_sdk::export!(Resolve);

fn budget_parameter(name: &str, default: &str, of: &str) -> Parameter {
    let summary = format!("how long an answer may take: {of}");
    Parameter::new(name, ParameterType::Duration, &summary).with_default(default)
}

fn budgets(arguments: &Arguments) -> Result<Budgets, String> {
    let micros = |name: &str| {
        arguments.required::<Duration>(name).map(|budget| u64::try_from(budget.as_micros()).unwrap_or(u64::MAX))
    };
    Ok(Budgets {
        in_cluster_us: micros("in-cluster")?,
        cross_zone_us: micros("cross-zone")?,
        external_us: micros("external")?,
    })
}

/// What the target asks; none where it has no name.
fn request(target: &Target) -> Option<Request> {
    if target.kind == TargetKind::Host {
        let subject = "this host".to_owned();
        return Some(Request { subject, name: None, qtype: None, server: None, port: None });
    }
    let name = target.host.clone().filter(|host| host.parse::<std::net::IpAddr>().is_err())?;
    Some(Request {
        subject: name.clone(),
        name: Some(name),
        qtype: target.qtype,
        server: target.server.clone(),
        // What `plan` asks of the port is TCP.
        port: target.port.filter(|_| target.kind != TargetKind::Udp),
    })
}

/// What came of a step.
enum Seen {
    Asked(Box<Asked>),
    Route(String, system::RouteAnswer),
    Neighbour(String, system::NeighbourAnswer),
    Clock(system::ClockAnswer),
    Listeners(sockets::ListenersAnswer),
    Dial(String, Box<dial::TcpDial>),
    Upstreams(String, Box<dns::Exchange>),
    Behind(String, Box<dns::Exchange>),
}

impl Seen {
    fn put(self, case: &mut Case) {
        match self {
            Self::Asked(asked) => case.asked.push(*asked),
            Self::Route(address, answer) => case.routes.push((address, answer)),
            Self::Neighbour(address, answer) => case.neighbours.push((address, answer)),
            Self::Clock(answer) => case.clock = Some(answer),
            Self::Listeners(answer) => case.listeners = Some(answer),
            Self::Dial(address, dial) => case.dials.push((address, *dial)),
            Self::Upstreams(address, exchange) => case.upstreams.push((address, *exchange)),
            Self::Behind(address, exchange) => case.behind.push((address, *exchange)),
        }
    }
}

async fn take(
    step: Step,
    servers: &[String],
    port: Option<u16>,
    (name, qtype): (&str, u16),
    patience: Duration,
) -> Seen {
    match step {
        Step::Query(question) => {
            let server = servers.get(question.server).map_or("", String::as_str);
            let exchange = dns::query(query(&question, server).within(patience)).await;
            Seen::Asked(Box::new(Asked { question, exchange }))
        }
        Step::Route(address) => Seen::Route(address.clone(), system::route_to(address).await),
        Step::Neighbour(address) => Seen::Neighbour(address.clone(), system::neighbour(address).await),
        Step::Clock => Seen::Clock(system::clock().await),
        Step::Listeners => Seen::Listeners(sockets::listeners(Some(53)).await),
        Step::Dial(address) => {
            let request = dial::TcpRequest::to(Endpoint::new(&address, port.unwrap_or(0))).within(patience);
            Seen::Dial(address, Box::new(dial::tcp(request).await))
        }
        Step::Upstreams(address) => {
            let mut query = dns::Query::new(&address, forward::UPSTREAMS, dns::qtype::TXT).within(DIAL.min(patience));
            query.qclass = forward::CHAOS;
            Seen::Upstreams(address, Box::new(dns::query(query).await))
        }
        Step::Behind(address) => {
            let query = dns::Query::new(&address, name, qtype).within(DIAL.min(patience));
            Seen::Behind(address, Box::new(dns::query(query).await))
        }
    }
}

fn query(question: &Question, server: &str) -> dns::Query {
    let query = dns::Query::new(server, &question.name, question.qtype);
    match question.variant {
        Variant::Udp => query,
        Variant::Plain => query.without_edns(),
        Variant::CheckingDisabled => query.checking_disabled().dnssec_ok(),
        Variant::Tcp => query.over_tcp(),
        Variant::Counted => query.with_deltas(),
    }
}

/// Causes that this check can support or refute.
const CAUSES: &[&str] = &[
    "dns.nxdomain",
    "dns.nodata",
    "dns.srv_missing",
    "dns.srv_dangling",
    "dns.cname_loop",
    "dns.cname_chain_too_long",
    "dns.stale_answer",
    "dns.resolver_disagreement",
    "dns.split_horizon",
    "dns.servfail_upstream",
    "dns.dnssec_bogus",
    "dns.dnssec_expired",
    "dns.dnssec_not_yet_valid",
    "dns.dnssec_anchor_mismatch",
    "dns.refused",
    "dns.not_implemented",
    "dns.lame_delegation",
    "dns.server_port_closed",
    "dns.server_unreachable",
    "dns.first_server_dead",
    "dns.no_nameserver",
    "dns.stub_down",
    "dns.stub_upstream_dead",
    "dns.resolved_degraded",
    "dns.forward_loop",
    "dns.wrong_source",
    "dns.hostnetwork_policy",
    "dns.headless_not_ready",
    "k8s.nodelocal_dns_down",
    "dns.slow_server",
    "dns.packet_loss",
    "dns.ndots_amplification",
    "dns.search_capture",
    "dns.search_missing",
    "dns.search_slow",
    "dns.aaaa_dropped",
    "dns.aaaa_wrong_rcode",
    "dns.tc_tcp_blocked",
    "dns.udp_blocked",
    "dns.edns_blocked",
    "dns.edns_rejected",
    "dns.nsswitch_order",
    "dns.hosts_override",
    "nf.conntrack_full",
    "nf.dns_insert_race",
    "fw.drop_local_output",
    "fw.drop_remote",
    "fw.reject_icmp",
    "l2.gateway_unresolved",
    "l2.neighbor_unresolved",
    "l3.no_route",
    "l3.ipv6_no_route",
    "l3.ipv6_blackhole",
    "l3.icmp_unreachable",
    "l3.host_down",
    "l3.high_latency",
    "l3.route_blackhole",
    "l3.route_policy_reject",
    "l3.routing_loop",
    "l3.wrong_netmask",
    "host.clock_skew",
];

/// Enough for the longest chain of follow-ups; a plan that wants more is cut.
const MOST_ROUNDS: usize = 32;
/// Of a connection that only tells a serving address from a dead one.
const DIAL: Duration = Duration::from_millis(1500);
