//! One name server: is it there? What it does with the queries it takes is judged in `queries` and `quality`.

use std::net::IpAddr;

use sonde_sdk::dns::StrayKind;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::{Finding, Strength};
use sonde_sdk::types::Reason;

use super::{called, cluster, ids, ms, path, queries, stub};
use crate::case::{Asked, Case, Variant};
use crate::reading::{self, Reach};

/// Everything that is wrong with one server; `most` is the strength of what would otherwise be proven.
pub(super) fn judge(case: &Case, server: usize, most: Strength) -> Vec<Finding> {
    let mut findings = match reading::reach(case, server) {
        Reach::Silent => quiet(case, server),
        Reach::Closed => closed(case, server),
        Reach::Forbidden => path::forbidden(case, server),
        Reach::Unroutable => path::unroutable(case, server),
        Reach::Untested => Vec::new(),
        Reach::Answers => queries::judge(case, server),
    };
    for finding in &mut findings {
        finding.strength = finding.strength.min(most);
    }
    findings
}

/// A server before the first useful one does not answer: every lookup waits for it.
pub(super) fn first_dead(case: &Case, server: usize, reference: usize) -> Vec<Finding> {
    let dead = called(case, server);
    let live = called(case, reference);
    let prompt: Vec<&Asked> =
        case.of_server(reference).filter(|asked| asked.answer().is_some() && !asked.slow()).collect();
    let mut findings = vec![
        supports("dns.first_server_dead")
            .proof()
            .about(&case.servers[server])
            .because(format!(
                "{dead} does not answer although {live} does, so every lookup waits {} s for it first",
                case.config.timeout_s
            ))
            .citing(ids(case.of_server(server).filter(|asked| asked.failure().is_some())))
            .build(),
    ];
    if let Some(fastest) = prompt.iter().min_by_key(|asked| asked.elapsed_us()) {
        findings.push(
            refutes("dns.slow_server")
                .proof()
                .about(&case.servers[reference])
                .because(format!("asked alone, {live} answers in {}", ms(fastest.elapsed_us())))
                .citing(ids(prompt.iter().copied()))
                .build(),
        );
    }
    findings
}

/// resolv.conf names no server, and glibc's default does not answer either.
pub(super) fn none_configured(case: &Case) -> Vec<Finding> {
    let mut findings = vec![
        supports("dns.no_nameserver")
            .proof()
            .about(&case.subject)
            .because("resolv.conf names no name server, so lookups go to 127.0.0.1, where none answers")
            .citing([case.config.evidence])
            .build(),
    ];
    let mut evidence = ids(&case.asked);
    evidence.extend(case.listeners.as_ref().map(|answer| answer.evidence));
    if !evidence.is_empty() {
        findings.push(
            refutes("dns.stub_down")
                .strong()
                .about("127.0.0.1")
                .because("no local resolver is configured that could be down, and none listens on port 53")
                .citing(evidence)
                .build(),
        );
    }
    findings
}

/// UDP is never answered.
fn quiet(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let who = called(case, server);
    let udp: Vec<&Asked> =
        case.of_server(server).filter(|a| a.question.variant != Variant::Tcp && a.silent()).collect();
    let elsewhere = wrong_source(address, &who, &udp);
    if !elsewhere.is_empty() {
        return elsewhere;
    }
    let behind = stub::judge(case, server);
    if !behind.is_empty() {
        return behind;
    }
    let tcp: Vec<&Asked> = case.of_server(server).filter(|a| a.question.variant == Variant::Tcp).collect();
    if tcp.iter().any(|asked| asked.answer().is_some()) {
        return vec![
            supports("dns.udp_blocked")
                .proof()
                .about(address)
                .because(format!("{who} answers over TCP, but {} queries over UDP got no answer", udp.len()))
                .citing(ids(udp))
                .build(),
            refutes("dns.server_unreachable")
                .proof()
                .about(address)
                .because(format!("{who} answers over TCP"))
                .citing(ids(tcp))
                .build(),
        ];
    }
    let accepted: Vec<&Asked> = tcp.iter().copied().filter(|asked| asked.accepted()).collect();
    if !accepted.is_empty() {
        return waiting(address, &who, &udp, &accepted);
    }
    let mut findings = path::neighbour(case, server);
    findings.extend(cluster::node_local(case, server, &udp));
    let tcp_silent = tcp.iter().any(|asked| asked.silent());
    let unreachable = supports("dns.server_unreachable")
        .about(address)
        .because(format!(
            "{who} answers neither over UDP nor over TCP; {} queries waited in vain",
            udp.len() + tcp.len()
        ))
        .citing(ids(udp.iter().copied()));
    // Where a neighbour explains it, or TCP says something else, silence of the server is not the last word.
    let proven = tcp_silent && findings.is_empty() && udp.len() > 1;
    findings.push(if proven { unreachable.proof() } else { unreachable.strong() }.build());
    if tcp_silent {
        findings.push(
            refutes("dns.udp_blocked")
                .proof()
                .about(address)
                .because("TCP to port 53 is silent as well")
                .citing(ids(tcp))
                .build(),
        );
    }
    findings
}

/// Replies come, but from an address that was not asked, so that every resolver drops them.
fn wrong_source(address: &str, who: &str, udp: &[&Asked]) -> Vec<Finding> {
    let source = |asked: &Asked| {
        asked
            .exchange
            .strays
            .iter()
            .find(|stray| stray.kind == StrayKind::WrongSource)
            .map(|stray| stray.from.to_string())
    };
    let seen: Vec<(&Asked, String)> = udp.iter().filter_map(|asked| Some((*asked, source(asked)?))).collect();
    let [(first, from), again @ ..] = &seen[..] else { return Vec::new() };
    let support = supports("dns.wrong_source")
        .about(address)
        .because(format!("replies to queries to {address} come from {from}, which was not asked, and are dropped"))
        .citing([first.evidence()]);
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(address)
            .because(format!("packets do return from {who}, only from another address"))
            .citing(ids(again.iter().map(|(asked, _)| *asked)))
            .build(),
    ]
}

/// It takes the connection and keeps the query: it is there, and waits for something itself.
fn waiting(address: &str, who: &str, udp: &[&Asked], accepted: &[&Asked]) -> Vec<Finding> {
    let waited = format!("{who} takes queries and does not answer them in time");
    let candidate = |cause: &str, because: String| {
        supports(cause).about(address).because(because).citing(ids(accepted.iter().chain(udp).copied()))
    };
    vec![
        refutes("dns.server_unreachable")
            .proof()
            .about(address)
            .because(format!("{who} accepts a connection to its TCP port 53"))
            .citing(ids(accepted.iter().copied()))
            .build(),
        candidate("dns.servfail_upstream", format!("{waited}, as a resolver does whose upstream is silent"))
            .strong()
            .build(),
        candidate("dns.slow_server", format!("{waited}; it may be slow with everything")).build(),
    ]
}

/// Nothing listens on UDP port 53 there.
fn closed(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let who = called(case, server);
    let of = |tcp: bool| case.of_server(server).filter(move |a| (a.question.variant == Variant::Tcp) == tcp);
    let refused: Vec<&Asked> =
        of(false).filter(|a| a.failure().is_some_and(|failure| failure.reason == Reason::Refused)).collect();
    let tcp: Vec<&Asked> = of(true).collect();
    let first: Vec<u64> = ids(refused.iter().copied().take(1));
    let again: Vec<u64> = ids(refused.iter().copied().skip(1).chain(tcp.iter().copied()));
    if tcp.iter().any(|asked| asked.answer().is_some()) {
        return vec![
            supports("dns.udp_blocked")
                .proof()
                .about(address)
                .because(format!("{who} answers over TCP, but UDP port 53 is refused"))
                .citing(ids(refused))
                .build(),
            refutes("dns.server_unreachable")
                .proof()
                .about(address)
                .because(format!("{who} answers over TCP"))
                .citing(ids(tcp))
                .build(),
        ];
    }
    if let Some(finding) = path::rejected(case, server) {
        return finding;
    }
    let answered_in = refused.first().map_or(0, |asked| asked.elapsed_us());
    let loopback = address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let at_once = refutes("dns.server_unreachable")
        .proof()
        .about(address)
        .because(format!("asked again it refuses at once ({}): the host is there", ms(answered_in)))
        .citing(again);
    if loopback {
        return vec![
            supports("dns.stub_down")
                .proof()
                .about(address)
                .because(format!("the local resolver {address} is configured, but nothing listens there"))
                .citing(first)
                .build(),
            refutes("dns.no_nameserver")
                .proof()
                .about(address)
                .because(format!("{address} is configured as name server"))
                .citing([case.config.evidence])
                .build(),
            at_once.build(),
        ];
    }
    let mut findings = vec![
        supports("dns.server_port_closed")
            .proof()
            .about(address)
            .because(format!(
                "{who} is up, but no DNS server listens on port 53 there (refused in {})",
                ms(answered_in)
            ))
            .citing(first)
            .build(),
        at_once.build(),
    ];
    if let Some(route) = case.route(address) {
        findings.push(
            refutes("dns.stub_down")
                .strong()
                .about(address)
                .because("it is not an address of this host")
                .citing([route.evidence])
                .build(),
        );
    }
    findings
}
