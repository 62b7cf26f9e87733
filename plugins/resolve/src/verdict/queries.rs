//! A server that answers some queries: which does it refuse, drop or answer wrongly?

use sonde_sdk::dns::qtype::{A, AAAA};
use sonde_sdk::dns::rcode::{self, BADVERS, FORMERR, NOERROR, NXDOMAIN};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use super::{called, dnssec, ids, quality, search, stub};
use crate::case::{Asked, Case, Variant, Wish};
use crate::names;
use crate::plan;
use crate::reading::{self, Says};

/// Some UDP queries are answered: which are not, and how well?
pub(super) fn judge(case: &Case, server: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = reading::decisive(case, server)
        .and_then(|index| case.candidates.get(index))
        .or_else(|| case.candidates.first())
        .map_or(".", |candidate| candidate.name.as_str());
    let said = reading::says(case, server, name);
    if case.wish != Wish::Alive {
        match said {
            Says::ServFail => findings.extend(servfail(case, server, name)),
            Says::Nothing => findings.extend(stub::judge(case, server)),
            Says::Refused => {
                let behind = stub::judge(case, server);
                findings.extend(if behind.is_empty() { refused(case, server, name) } else { behind });
            }
            Says::NotImplemented => findings.extend(not_implemented(case, server, name)),
            Says::Truncated => findings.extend(truncated(case, server, name)),
            _ => {}
        }
    }
    findings.extend(search::slow(case, server));
    findings.extend(edns(case, server, name));
    findings.extend(families(case, server, name));
    findings.extend(quality::loss(case, server));
    let late = quality::late(case, server);
    findings.extend(if late.is_empty() { quality::over_budget(case, server) } else { late });
    findings
}

/// Data that are not believed, a chain that is too long, a forwarder whose upstream fails, or else some upstream.
fn servfail(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    let unchecked = |asked: &Asked| {
        asked.question.variant == Variant::CheckingDisabled && matches!(asked.rcode(), Some(NOERROR | NXDOMAIN))
    };
    if case.of_server(server).any(unchecked) {
        return dnssec::servfail(case, server, name);
    }
    let chain = long_chain(case, server, name);
    let behind = if chain.is_empty() { stub::judge(case, server) } else { chain };
    if behind.is_empty() { dnssec::servfail(case, server, name) } else { behind }
}

/// The head of the chain fails, a name further down resolves.
fn long_chain(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    let links = reading::links(case, server, name);
    if links.len() < plan::LONG_CHAIN {
        return Vec::new();
    }
    let below = case.of_server(server).find(|asked| {
        !asked.records().is_empty()
            && case.types().contains(&asked.question.qtype)
            && links.iter().any(|link| names::same(link, &asked.question.name))
    });
    let Some(below) = below else { return Vec::new() };
    vec![
        supports("dns.cname_chain_too_long")
            .proof()
            .about(name)
            .because(format!(
                "{name} is an alias of an alias, {} times; {} gives up on the whole chain, but resolves {} in it",
                links.len(),
                called(case, server),
                below.question.name
            ))
            .citing(ids(of_code(case, server, name, rcode::SERVFAIL)))
            .build(),
        refutes("dns.servfail_upstream")
            .proof()
            .about(name)
            .because("the same server resolves the second half of the chain")
            .citing([below.evidence()])
            .build(),
    ]
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

/// The answers for a name with this code, over the wanted types.
fn of_code<'a>(case: &'a Case, server: usize, name: &'a str, code: u16) -> Vec<&'a Asked> {
    case.of_server(server)
        .filter(|asked| asked.question.variant == Variant::Udp && asked.rcode() == Some(code))
        .filter(|asked| names::same(&asked.question.name, name))
        .collect()
}
