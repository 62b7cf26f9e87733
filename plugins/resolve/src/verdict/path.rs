//! Below DNS: this host's filter, its routes, its neighbours, and routers that say no.

use std::net::IpAddr;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::system::RouteKind;
use sonde_sdk::types::{Failure, IcmpError, Reason};

use super::{called, ids};
use crate::case::{Asked, Case};

/// The kernel refused to send the query.
pub(super) fn forbidden(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let refused: Vec<&Asked> =
        case.of_server(server).filter(|a| a.failure().is_some_and(|f| f.reason == Reason::NotPermitted)).collect();
    let route = case.route(address);
    let prohibited = route.filter(|answer| matches!(&answer.outcome, Ok(route) if route.kind == RouteKind::Prohibit));
    if let Some(route) = prohibited {
        return vec![
            supports("l3.route_policy_reject")
                .proof()
                .about(address)
                .because(format!("a prohibit route of this host refuses packets to {address}"))
                .citing(ids(refused))
                .build(),
            refutes("fw.reject_icmp")
                .proof()
                .about(address)
                .because("the route lookup itself says prohibit; nothing left this host")
                .citing([route.evidence])
                .build(),
        ];
    }
    let first = ids(refused.iter().copied().take(1));
    let mut again = ids(refused.iter().copied().skip(1));
    let mut sentence = "the kernel refuses every query itself (EPERM); no packet leaves this host".to_owned();
    let discarded =
        refused.iter().find_map(|asked| asked.exchange.deltas.as_ref()?.moved("Ip.OutDiscards").filter(|n| *n > 0));
    if let Some(count) = discarded {
        sentence = format!("Ip.OutDiscards grew by {count}: the query was discarded inside this host");
    }
    again.extend(route.map(|answer| answer.evidence));
    if let Some((evidence, dropped)) = refused.iter().find_map(|asked| untracked(asked)).filter(|_| !again.is_empty()) {
        // What has no room in the table is refused with the very EPERM of a filter.
        again.retain(|id| *id != evidence);
        return vec![
            supports("nf.conntrack_full")
                .proof()
                .about(address)
                .because(format!(
                    "connection tracking of this host takes no new flow: it dropped {dropped} packets during the query to {address}"
                ))
                .citing([evidence])
                .build(),
            refutes("fw.drop_remote").proof().about(address).because(&sentence).citing(again).build(),
        ];
    }
    vec![
        supports("fw.drop_local_output")
            .proof()
            .about(address)
            .because(format!("this host's own filter does not let DNS queries to {address} out (EPERM)"))
            .citing(first)
            .build(),
        refutes("fw.drop_remote").proof().about(address).because(&sentence).citing(again.iter().copied()).build(),
        refutes("dns.server_unreachable").proof().about(address).because(sentence).citing(again).build(),
    ]
}

/// Packets that connection tracking dropped while the query was sent.
fn untracked(asked: &Asked) -> Option<(u64, i64)> {
    let deltas = asked.exchange.deltas.as_ref()?;
    let moved = |name| deltas.moved(name).unwrap_or(0);
    let dropped = moved("conntrack.drop");
    // A clash of two packets of one flow counts as both.
    (dropped > 0 && moved("conntrack.insert_failed") == 0).then_some((asked.evidence(), dropped))
}

/// Routing ended it: here, or at a router that says so.
pub(super) fn unroutable(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let failed: Vec<(&Asked, &Failure)> = case
        .of_server(server)
        .filter_map(|asked| Some((asked, asked.failure()?)))
        .filter(|(_, f)| {
            matches!(f.reason, Reason::NetworkUnreachable | Reason::HostUnreachable | Reason::InvalidArgument)
        })
        .collect();
    let Some((_, failure)) = failed.first() else { return Vec::new() };
    let first = vec![failed[0].0.evidence()];
    let mut others = ids(failed.iter().skip(1).map(|(asked, _)| *asked));
    if let Some(icmp) = failure.icmp.as_ref().filter(|icmp| icmp.sender.is_some()) {
        return from_router(case, server, icmp, first, others);
    }
    others.extend(case.route(address).map(|answer| answer.evidence));
    let pair = |cause: &str, sentence: String, look_alike: &str, why: &str| {
        let mut findings =
            vec![supports(cause).proof().about(address).because(sentence).citing(first.iter().copied()).build()];
        if !others.is_empty() {
            findings
                .push(refutes(look_alike).proof().about(address).because(why).citing(others.iter().copied()).build());
        }
        findings
    };
    let v6 = address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
    match failure.reason {
        Reason::InvalidArgument => pair(
            "l3.route_blackhole",
            format!("a blackhole route of this host discards packets to {address}"),
            "l3.route_policy_reject",
            "asked again, the kernel says EINVAL at once: it discards, where a route that refuses says so",
        ),
        Reason::NetworkUnreachable => pair(
            if v6 { "l3.ipv6_no_route" } else { "l3.no_route" },
            format!("this host has no route to {}", called(case, server)),
            if v6 { "l3.ipv6_blackhole" } else { "l3.icmp_unreachable" },
            "the kernel's route lookup fails here, at once and without any ICMP message",
        ),
        _ if failure.elapsed_us < AT_ONCE_US => pair(
            "l3.route_policy_reject",
            format!("an unreachable route of this host refuses packets to {address}"),
            "l2.gateway_unresolved",
            "it fails at once, without waiting for a neighbour",
        ),
        _ => neighbour(case, server),
    }
}

fn from_router(case: &Case, server: usize, icmp: &IcmpError, first: Vec<u64>, again: Vec<u64>) -> Vec<Finding> {
    let address = &case.servers[server];
    let sender = icmp.sender.as_deref().unwrap_or("?");
    let v6 = address.contains(':');
    let exceeded = icmp.icmp_type == if v6 { 3 } else { 11 };
    let prohibited = matches!((v6, icmp.code), (false, 9 | 10 | 13) | (true, 1 | 5 | 6));
    let late = waited(case, server) > LATE_US;
    let (id, sentence, look_alike, why) = if exceeded {
        (
            "l3.routing_loop",
            "packets circle until their TTL ends",
            "l3.icmp_unreachable",
            "the message is time exceeded",
        )
    } else if prohibited {
        (
            "fw.reject_icmp",
            "a filter rejects DNS queries",
            "l3.icmp_unreachable",
            "the ICMP code is administratively prohibited",
        )
    } else if late {
        (
            "l3.host_down",
            "the last router cannot find the server",
            "l3.icmp_unreachable",
            "the message took seconds, as a failed ARP does",
        )
    } else {
        ("l3.icmp_unreachable", "a router has no route to the server", "l3.host_down", "the message comes at once")
    };
    let mut findings = vec![
        supports(id)
            .proof()
            .about(address)
            .because(format!("{sentence} ({address}): ICMP type {} code {} from {sender}", icmp.icmp_type, icmp.code))
            .citing(first)
            .build(),
    ];
    if !again.is_empty() {
        findings.push(
            refutes(look_alike).proof().about(address).because(format!("asked again, {why}")).citing(again).build(),
        );
    }
    findings
}

/// How long the server was asked until the first error came: a router that waits for it errs about every query at once then.
fn waited(case: &Case, server: usize) -> u64 {
    let times = |asked: &Asked| (asked.exchange.timing.at_us, asked.exchange.timing.at_us + asked.elapsed_us());
    let begin = case.of_server(server).map(|asked| times(asked).0).min().unwrap_or(0);
    let told = case.of_server(server).filter(|asked| asked.failure().is_some_and(|failure| failure.icmp.is_some()));
    told.map(|asked| times(asked).1).min().map_or(0, |end| end.saturating_sub(begin))
}

/// A port-unreachable that another host than the server sent: a filter.
pub(super) fn rejected(case: &Case, server: usize) -> Option<Vec<Finding>> {
    let address = &case.servers[server];
    let by_other: Vec<(&Asked, &str)> = case
        .of_server(server)
        .filter_map(|asked| Some((asked, asked.failure()?.icmp.as_ref()?.sender.as_deref()?)))
        .filter(|(_, sender)| sender != address)
        .collect();
    let (first, sender) = by_other.first()?;
    let again: Vec<u64> = ids(by_other.iter().skip(1).map(|(asked, _)| *asked));
    if again.is_empty() {
        return None;
    }
    Some(vec![
        supports("fw.reject_icmp")
            .proof()
            .about(address)
            .because(format!("{sender} rejects DNS queries to {address} with ICMP port unreachable"))
            .citing([first.evidence()])
            .build(),
        refutes("l3.icmp_unreachable")
            .proof()
            .about(address)
            .because("the ICMP code is port unreachable, not net or host unreachable")
            .citing(again)
            .build(),
    ])
}

/// The server, or the gateway on the way to it, does not answer ARP or ND.
pub(super) fn neighbour(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let Some(lookup) = case.route(address) else { return Vec::new() };
    let Ok(route) = &lookup.outcome else { return Vec::new() };
    let hop = route.gateway.as_ref().unwrap_or(address);
    let Some(entry) = case.neighbour(hop) else { return Vec::new() };
    let dead = entry.outcome.as_ref().is_ok_and(|entry| matches!(entry.state.as_str(), "FAILED" | "INCOMPLETE"));
    if !dead {
        return Vec::new();
    }
    let silent = ids(case.of_server(server).filter(|asked| asked.failure().is_some()));
    let (id, sentence, look_alike, why) = if route.gateway.is_some() {
        (
            "l2.gateway_unresolved",
            format!("the gateway {hop} on the way to {} does not answer ARP or ND", called(case, server)),
            "l2.neighbor_unresolved",
            format!("{address} is behind a gateway, not on this link"),
        )
    } else {
        (
            "l2.neighbor_unresolved",
            format!("{} is on this link, but does not answer ARP or ND", called(case, server)),
            "l3.wrong_netmask",
            format!("{address} is on-link by the route {}", route.prefix.as_deref().unwrap_or("of this host")),
        )
    };
    vec![
        supports(id).proof().about(hop).because(sentence).citing(std::iter::once(entry.evidence).chain(silent)).build(),
        refutes(look_alike).strong().about(address).because(why).citing([lookup.evidence]).build(),
    ]
}

/// Faster than any answer from outside this host can be relied on to be.
const AT_ONCE_US: u64 = 20_000;
/// A router gives up on ARP after about three seconds.
const LATE_US: u64 = 2_000_000;
