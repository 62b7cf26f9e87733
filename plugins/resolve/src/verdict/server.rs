//! One name server: is it there, and does it take the queries that a resolver sends?

use std::net::IpAddr;

use sonde_sdk::dns::qtype::{A, AAAA};
use sonde_sdk::dns::rcode::{self, BADVERS, FORMERR, NOERROR, NXDOMAIN};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::{Finding, Strength};
use sonde_sdk::types::{Measure, Reason};

use super::{called, dnssec, ids, ms, path};
use crate::case::{Asked, Case, SLOW_US, Variant, Wish};
use crate::names;
use crate::reading::{self, Reach, Says};

/// Everything that is wrong with one server; `most` is the strength of what would otherwise be proven.
pub(super) fn judge(case: &Case, server: usize, most: Strength) -> Vec<Finding> {
    let mut findings = match reading::reach(case, server) {
        Reach::Silent => quiet(case, server),
        Reach::Closed => closed(case, server),
        Reach::Forbidden => path::forbidden(case, server),
        Reach::Unroutable => path::unroutable(case, server),
        Reach::Untested => Vec::new(),
        Reach::Answers => answering(case, server),
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
    let mut findings = path::neighbour(case, server);
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

/// Some UDP queries are answered: which are not, and how well?
fn answering(case: &Case, server: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = reading::decisive(case, server)
        .and_then(|index| case.candidates.get(index))
        .or_else(|| case.candidates.first())
        .map_or(".", |candidate| candidate.name.as_str());
    let said = reading::says(case, server, name);
    if case.wish != Wish::Alive {
        match said {
            Says::ServFail => findings.extend(dnssec::servfail(case, server, name)),
            Says::Refused => findings.extend(refused(case, server, name)),
            Says::NotImplemented => findings.extend(not_implemented(case, server, name)),
            Says::Truncated => findings.extend(truncated(case, server, name)),
            _ => {}
        }
    }
    findings.extend(edns(case, server, name));
    findings.extend(families(case, server, name));
    findings.extend(loss(case, server));
    findings.extend(late(case, server));
    findings
}

fn refused(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    let address = &case.servers[server];
    let who = called(case, server);
    let root: Vec<&Asked> = case.of(server, ".", sonde_sdk::dns::qtype::NS, Variant::Udp).collect();
    let everything = root.iter().any(|asked| asked.rcode() == Some(rcode::REFUSED));
    let mut elsewhere = ids(root);
    elsewhere.push(case.config.evidence);
    vec![
        supports("dns.refused")
            .proof()
            .about(address)
            .because(format!("{who} refuses to answer this client for {name} (REFUSED)"))
            .citing(ids(of_code(case, server, name, rcode::REFUSED)))
            .build(),
        refutes("dns.lame_delegation")
            .strong()
            .about(address)
            .because(if everything {
                "it refuses the root zone as well, so it is not one zone's delegation"
            } else {
                "it refuses as this host's resolver, not as the delegated server of a zone"
            })
            .citing(elsewhere)
            .build(),
    ]
}

fn not_implemented(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    let address = &case.servers[server];
    let answers = of_code(case, server, name, rcode::NOTIMP);
    let first = ids(answers.iter().copied().take(1));
    let again = ids(answers.into_iter().skip(1));
    vec![
        supports("dns.not_implemented")
            .proof()
            .about(address)
            .because(format!("{} does not implement the query for {name} (NOTIMP)", called(case, server)))
            .citing(first)
            .build(),
        refutes("dns.refused")
            .proof()
            .about(address)
            .because("asked again it says NOTIMP, not REFUSED")
            .citing(again)
            .build(),
    ]
    .into_iter()
    .filter(|finding| !finding.evidence.is_empty())
    .collect()
}

fn truncated(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    let address = &case.servers[server];
    let cut: Vec<&Asked> = case.of_server(server).filter(|asked| reading::truncated(asked)).collect();
    let tcp: Vec<&Asked> = case
        .of_server(server)
        .filter(|asked| asked.question.variant == Variant::Tcp && asked.failure().is_some())
        .collect();
    let (Some(first), Some(failed)) = (cut.first(), tcp.first()) else { return Vec::new() };
    let failure = failed.failure().map_or("", |failure| failure.detail.as_str());
    vec![
        supports("dns.tc_tcp_blocked")
            .proof()
            .about(address)
            .because(format!(
                "the answer for {name} does not fit into UDP, and TCP port 53 of {address} fails: {failure}"
            ))
            .citing([first.evidence(), failed.evidence()])
            .build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(address)
            .because("UDP queries are answered, with the truncation bit set")
            .citing(ids(cut.iter().copied().skip(1)))
            .build(),
    ]
    .into_iter()
    .filter(|finding| !finding.evidence.is_empty())
    .collect()
}

/// EDNS is dropped or rejected while plain queries work.
fn edns(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    let address = &case.servers[server];
    let who = called(case, server);
    let plain: Vec<&Asked> = case
        .of_server(server)
        .filter(|a| a.question.variant == Variant::Plain && matches!(a.rcode(), Some(NOERROR | NXDOMAIN)))
        .collect();
    if plain.is_empty() {
        return Vec::new();
    }
    let with: Vec<&Asked> = case.of_server(server).filter(|asked| asked.question.variant == Variant::Udp).collect();
    let lost: Vec<&Asked> = with.iter().copied().filter(|asked| asked.silent()).collect();
    if lost.len() > 1 && with.iter().all(|asked| asked.answer().is_none()) {
        return vec![
            supports("dns.edns_blocked")
                .proof()
                .about(address)
                .because(format!("{who} answers plain queries, but {} queries with EDNS got no answer", lost.len()))
                .citing(ids(lost))
                .build(),
            refutes("dns.server_unreachable")
                .proof()
                .about(address)
                .because(format!("{who} answers the same query without EDNS"))
                .citing(ids(plain))
                .build(),
        ];
    }
    let rejecting =
        |asked: &&Asked| matches!(asked.rcode(), Some(FORMERR | BADVERS)) && names::same(&asked.question.name, name);
    let rejected: Vec<&Asked> = with.into_iter().filter(rejecting).collect();
    let Some(first) = rejected.first() else { return Vec::new() };
    let code = rcode::name(first.rcode().unwrap_or(FORMERR));
    vec![
        supports("dns.edns_rejected")
            .proof()
            .about(address)
            .because(format!("{who} answers plain queries, but {code} to those with EDNS"))
            .citing([first.evidence()])
            .build(),
        refutes("dns.edns_blocked")
            .proof()
            .about(address)
            .because("queries with EDNS are answered, not dropped")
            .citing(ids(rejected.iter().copied().skip(1).chain(plain)))
            .build(),
    ]
}

/// One address family is dropped or answered with an error while the other works.
fn families(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    if case.wish != Wish::Addresses {
        return Vec::new();
    }
    let address = &case.servers[server];
    let who = called(case, server);
    let v4: Vec<&Asked> = case.of(server, name, A, Variant::Udp).collect();
    let v6: Vec<&Asked> = case.of(server, name, AAAA, Variant::Udp).collect();
    let answered = |all: &[&Asked]| all.iter().filter(|asked| asked.answer().is_some()).count();
    if v6.len() > 2 && v6.iter().all(|asked| asked.silent()) && answered(&v4) == v4.len() && v4.len() > 1 {
        return vec![
            supports("dns.aaaa_dropped")
                .proof()
                .about(address)
                .because(format!("{who} answers A for {name} at once, but AAAA never; lookups of both wait for it"))
                .citing(ids(v6.iter().copied().take(1).chain(v4.iter().copied().take(1))))
                .build(),
            refutes("nf.dns_insert_race")
                .proof()
                .about(address)
                .because(format!(
                    "it repeats: {} AAAA queries are silent and {} A queries answered",
                    v6.len(),
                    v4.len()
                ))
                .citing(ids(v6.iter().copied().skip(1).chain(v4.iter().copied().skip(1))))
                .build(),
        ];
    }
    let exists: Vec<&Asked> = v4.iter().copied().filter(|asked| !asked.records().is_empty()).collect();
    let errors: Vec<&Asked> =
        v6.iter().copied().filter(|asked| asked.rcode().is_some_and(|code| code != NOERROR)).collect();
    let unvalidated =
        case.of(server, name, AAAA, Variant::CheckingDisabled).any(|asked| asked.rcode() == Some(NOERROR));
    if exists.is_empty() || errors.len() < 2 || errors.len() < v6.len() || unvalidated {
        return Vec::new();
    }
    let code = rcode::name(errors[0].rcode().unwrap_or_default());
    vec![
        supports("dns.aaaa_wrong_rcode")
            .proof()
            .about(address)
            .because(format!("{who} answers AAAA for {name} with {code} although the name has an A record"))
            .citing(ids(errors))
            .build(),
        refutes("dns.nxdomain")
            .proof()
            .about(name)
            .because(format!("{name} exists: {}", exists[0].records().join(", ")))
            .citing(ids(exists))
            .build(),
    ]
}

/// The same query is sometimes answered at once and sometimes not at all.
fn loss(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let mut lost: Vec<&Asked> = Vec::new();
    let mut kept: Vec<&Asked> = Vec::new();
    for qtype in case.types() {
        for candidate in &case.candidates {
            let all: Vec<&Asked> = case.of(server, &candidate.name, qtype, Variant::Udp).collect();
            let answered: Vec<&Asked> =
                all.iter().copied().filter(|asked| asked.answer().is_some() && !asked.slow()).collect();
            let silent: Vec<&Asked> = all.iter().copied().filter(|asked| asked.silent()).collect();
            if !answered.is_empty() && !silent.is_empty() {
                lost.extend(silent);
                kept.extend(answered);
            }
        }
    }
    if lost.is_empty() || kept.is_empty() {
        return Vec::new();
    }
    let total = lost.len() + kept.len();
    let finding = supports("dns.packet_loss")
        .about(address)
        .because(format!(
            "{} of {total} equal queries to {} got no answer, the others at once",
            lost.len(),
            called(case, server)
        ))
        .citing(ids(lost.iter().copied()))
        .measuring(Measure::count("lost queries", i64::try_from(lost.len()).unwrap_or(i64::MAX)));
    // One lost datagram happens on healthy paths; two within a dozen do not.
    vec![
        if lost.len() > 1 { finding.proof() } else { finding }.build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(address)
            .because("other queries are answered")
            .citing(ids(kept))
            .build(),
    ]
}

/// Every answer is late although the network is not.
fn late(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let who = called(case, server);
    let answered: Vec<&Asked> = case.of_server(server).filter(|asked| asked.answer().is_some()).collect();
    let udp: Vec<&Asked> = answered.iter().copied().filter(|asked| asked.question.variant == Variant::Udp).collect();
    if answered.len() < 2 || udp.is_empty() || !repeated(&answered) || !answered.iter().all(|asked| asked.slow()) {
        return Vec::new();
    }
    let fastest = answered.iter().map(|asked| asked.elapsed_us()).min().unwrap_or(SLOW_US);
    let round_trip = case.of_server(server).filter(|asked| asked.question.variant == Variant::Tcp).find_map(|asked| {
        let refused =
            asked.failure().filter(|f| matches!(f.reason, Reason::Refused | Reason::Reset)).map(|f| f.elapsed_us);
        asked.exchange.kernel_rtt_us.map(u64::from).or(refused).map(|rtt| (rtt, asked.evidence()))
    });
    let slow = supports("dns.slow_server")
        .about(address)
        .because(format!("{who} needs {} or more for every answer", ms(fastest)))
        .measuring(Measure::new("fastest answer", fastest as f64, "us"));
    match round_trip {
        Some((rtt, evidence)) if rtt.saturating_mul(3) < fastest => vec![
            slow.proof().citing(ids(udp)).build(),
            refutes("l3.high_latency")
                .proof()
                .about(address)
                .because(format!("the network round trip is {}", ms(rtt)))
                .citing([evidence])
                .measuring(Measure::new("round trip", rtt as f64, "us"))
                .build(),
            refutes("dns.first_server_dead")
                .strong()
                .about(address)
                .because("it was asked directly, with no other server before it")
                .citing([case.config.evidence])
                .build(),
        ],
        Some((rtt, evidence)) => vec![
            supports("l3.high_latency")
                .strong()
                .about(address)
                .because(format!("the network round trip to {who} is {}", ms(rtt)))
                .citing([evidence])
                .build(),
        ],
        None => vec![slow.strong().citing(ids(answered)).build()],
    }
}

/// A first answer may be late because the resolver had to learn it; the same question again may not.
fn repeated(answered: &[&Asked]) -> bool {
    answered.iter().any(|asked| {
        let question = &asked.question;
        answered.iter().any(|other| {
            let again = &other.question;
            again.name == question.name
                && again.qtype == question.qtype
                && (again.attempt != question.attempt || again.variant != question.variant)
        })
    })
}

/// The answers for a name with this code, over the wanted types.
fn of_code<'a>(case: &'a Case, server: usize, name: &'a str, code: u16) -> Vec<&'a Asked> {
    case.of_server(server)
        .filter(|asked| asked.question.variant == Variant::Udp && asked.rcode() == Some(code))
        .filter(|asked| names::same(&asked.question.name, name))
        .collect()
}
