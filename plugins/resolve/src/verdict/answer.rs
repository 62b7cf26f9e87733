//! The name resolves: is the answer the right one, from the right place, and cheaply enough?

use sonde_sdk::dial::TcpDial;
use sonde_sdk::dns::qtype::{A, SOA};
use sonde_sdk::dns::rcode::NXDOMAIN;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::{called, ids, ms};
use crate::case::{Asked, Case, Variant, Wish};
use crate::names;
use crate::plan::{self, Conflict};
use crate::reading;

/// What is wrong with a lookup that succeeds at this candidate.
pub(super) fn flaws(case: &Case, server: usize, index: usize) -> Vec<Finding> {
    let mut findings = without_dns(case, server);
    if case.wish == Wish::Addresses && !case.named_server {
        findings.extend(amplified(case, server, index));
        findings.extend(captured(case, server, index));
    }
    findings
}

/// nsswitch keeps programs from asking DNS at all.
fn without_dns(case: &Case, server: usize) -> Vec<Finding> {
    let words = &case.config.nsswitch_hosts;
    if case.wish != Wish::Addresses || case.named_server || words.is_empty() || !case.config.hosts_addresses.is_empty()
    {
        return Vec::new();
    }
    let Some(reason) = never_asks_dns(words) else { return Vec::new() };
    let answered = case.of_server(server).filter(|asked| !asked.records().is_empty());
    vec![
        supports("dns.nsswitch_order")
            .proof()
            .about("/etc/nsswitch.conf")
            .because(format!("DNS knows {}, but programs never ask it: {reason}", case.subject))
            .citing([case.config.evidence])
            .build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(&case.servers[server])
            .because(format!("{} answers a direct query", called(case, server)))
            .citing(ids(answered))
            .build(),
    ]
}

/// Why a `hosts:` line never reaches DNS for a name that the hosts file lacks; none where it does, or may.
fn never_asks_dns(words: &[String]) -> Option<String> {
    let line = words.join(" ");
    for (position, word) in words.iter().enumerate() {
        match word.as_str() {
            "files" => {
                let actions = words[position + 1..]
                    .iter()
                    .take_while(|word| word.contains('[') || word.contains(']') || word.contains('='));
                let ends = actions
                    .map(|word| word.to_ascii_lowercase())
                    .any(|word| word.trim_matches(['[', ']']) == "notfound=return");
                if ends && words.iter().any(|word| word == "dns" || word == "resolve") {
                    return Some(format!("`hosts: {line}` ends at the hosts file"));
                }
            }
            "myhostname" | "mymachines" | "mdns4_minimal" | "mdns6_minimal" | "mdns_minimal" => {}
            word if word.contains('[') || word.contains(']') || word.contains('=') => {}
            // DNS itself, or a source that may know the name (resolve, nis, ldap, sss, wins, ...).
            _ => return None,
        }
    }
    Some(format!("`hosts: {line}` lacks dns"))
}

/// Many queries for one lookup, most of them in vain.
fn amplified(case: &Case, server: usize, index: usize) -> Vec<Finding> {
    let types = case.types().len();
    let queries = (index + 1) * types;
    let vain: Vec<&Asked> = case
        .of_server(server)
        .filter(|a| a.question.variant == Variant::Udp && a.question.attempt == 0 && a.rcode() == Some(NXDOMAIN))
        .filter(|a| case.candidates[..index].iter().any(|c| names::same(&c.name, &a.question.name)))
        .collect();
    if queries < MANY_QUERIES || vain.len() * 2 <= queries {
        return Vec::new();
    }
    let name = &case.candidates[index].name;
    let found: Vec<&Asked> = case
        .of_server(server)
        .filter(|a| names::same(&a.question.name, name) && a.answer().is_some() && !a.slow())
        .collect();
    let Some(slowest) = found.iter().map(|asked| asked.elapsed_us()).max() else { return Vec::new() };
    vec![
        supports("dns.ndots_amplification")
            .proof()
            .about(&case.subject)
            .because(format!(
                "one lookup of {} takes {queries} queries, {} of them answered NXDOMAIN, because ndots is {} and the search list has {} entries",
                case.subject,
                vain.len(),
                case.config.ndots,
                case.config.search.len()
            ))
            .citing(ids(vain).into_iter().chain([case.config.evidence]))
            .measuring(Measure::count("queries per lookup", i64::try_from(queries).unwrap_or(i64::MAX)))
            .build(),
        refutes("dns.slow_server")
            .proof()
            .about(&case.servers[server])
            .because(format!("the name itself is answered in {} with {types} queries", ms(slowest)))
            .citing(ids(found))
            .build(),
    ]
}

/// A search suffix answered although the name itself exists with other addresses.
fn captured(case: &Case, server: usize, index: usize) -> Vec<Finding> {
    let candidate = &case.candidates[index];
    let (Some(suffix), Some(plain)) = (&candidate.suffix, case.candidates.last()) else { return Vec::new() };
    let taken = reading::records_of(case, server, &candidate.name, A);
    let own = case.of(server, &plain.name, A, Variant::Udp).find(|asked| !asked.records().is_empty());
    let Some(own) = own.filter(|own| !taken.is_empty() && !own.records().iter().any(|address| taken.contains(address)))
    else {
        return Vec::new();
    };
    let anything = plan::nonsense(case, suffix);
    let wildcard: Vec<&Asked> =
        case.of(server, &anything, A, Variant::Udp).filter(|asked| !asked.records().is_empty()).collect();
    let evidence = ids(case.of(server, &candidate.name, A, Variant::Udp));
    let support = supports("dns.search_capture")
        .about(&case.subject)
        .because(format!(
            "{} is answered as {} ({}), although {} itself is {}",
            case.subject,
            candidate.name,
            taken.join(", "),
            plain.name,
            own.records().join(", ")
        ))
        .citing(evidence)
        .citing(ids(wildcard.iter().copied()));
    let refutation = refutes("dns.stale_answer")
        .proof()
        .about(&plain.name)
        .because("with a final dot the answer differs, so the suffix decides")
        .citing([own.evidence()])
        .build();
    // Without a wildcard the suffixed name was created on purpose.
    vec![if wildcard.is_empty() { support } else { support.proof() }.build(), refutation]
}

/// The configured servers give answers that have nothing in common.
pub(super) fn disagreement(case: &Case) -> Vec<Finding> {
    let Some(conflict) = plan::conflict(case).filter(|_| !case.hosts_file_wins()) else { return Vec::new() };
    let [first, other] = conflict.servers[..] else { return Vec::new() };
    let seen = |server: usize| -> Vec<u64> {
        ids(case.of_server(server).filter(|a| names::same(&a.question.name, &conflict.name) && a.question.qtype != SOA))
    };
    let says = |server: usize| -> String {
        let records: Vec<&str> = case
            .types()
            .into_iter()
            .flat_map(|qtype| reading::records_of(case, server, &conflict.name, qtype))
            .collect();
        if records.is_empty() { "nothing".to_owned() } else { records.join(", ") }
    };
    let support = supports("dns.resolver_disagreement")
        .about(&conflict.name)
        .because(format!(
            "{} says that {} is {}, {} says {}",
            called(case, first),
            conflict.name,
            says(first),
            called(case, other),
            says(other)
        ))
        .citing(seen(first))
        .citing(seen(other));
    let zones = zone(case, first, &conflict.name).zip(zone(case, other, &conflict.name));
    let one_zone = zones.as_ref().is_some_and(|(mine, theirs)| mine.source == theirs.source);
    let dials: Vec<&TcpDial> = conflict.dial.iter().filter_map(|address| case.dial(address)).collect();
    let one_sided = dials.len() == 2 && dials[0].outcome.is_ok() != dials[1].outcome.is_ok();
    let first_is_empty = says(first) == "nothing";
    let mut evidence: Vec<u64> = zones.iter().flat_map(|(mine, theirs)| [mine.evidence, theirs.evidence]).collect();
    evidence.extend(dials.iter().map(|dial| dial.evidence));
    // Different addresses are normal for balanced names; a different result is not.
    let harmful = one_sided || first_is_empty;
    if !harmful {
        return if dials.len() == 2 { Vec::new() } else { vec![support.build()] };
    }
    if one_zone || one_sided {
        let why = if one_sided {
            "only one of the two answers leads to the service, so it is not two views of one service"
        } else {
            "both speak of the same zone and primary server"
        };
        vec![
            support.proof().build(),
            refutes("dns.split_horizon").strong().about(&conflict.name).because(why).citing(evidence).build(),
        ]
    } else {
        vec![
            support.strong().build(),
            supports("dns.split_horizon")
                .about(&conflict.name)
                .because("the two servers know different zones for the name")
                .citing(if evidence.is_empty() { seen(first) } else { evidence })
                .build(),
        ]
    }
}

/// Which zone a server places the name in.
struct Zone {
    /// Owner and primary server of the SOA record.
    source: (String, String),
    evidence: u64,
}

fn zone(case: &Case, server: usize, name: &str) -> Option<Zone> {
    case.of(server, name, SOA, Variant::Udp).find_map(|asked| {
        let answer = asked.answer()?;
        let record = answer.answers.iter().chain(&answer.authorities).find(|record| record.rtype == SOA)?;
        let primary = record.rdata.split_whitespace().next()?;
        Some(Zone { source: (names::canonical(&record.name), names::canonical(primary)), evidence: asked.evidence() })
    })
}

/// Which of two addresses serves, where that was tried.
pub(super) fn serving<'a>(case: &'a Case, conflict: &Conflict) -> Option<(&'a TcpDial, &'a TcpDial)> {
    let [first, second] = &conflict.dial[..] else { return None };
    Some((case.dial(first)?, case.dial(second)?))
}

/// Catalogue of causes, thresholds: search-list amplification.
const MANY_QUERIES: usize = 8;

#[cfg(test)]
mod tests {
    use super::never_asks_dns;

    fn asks(line: &str) -> bool {
        never_asks_dns(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).is_none()
    }

    #[test]
    fn common_lines_reach_dns() {
        assert!(asks("files dns"));
        assert!(asks("files mdns4_minimal [NOTFOUND=return] dns"));
        assert!(asks("resolve [!UNAVAIL=return] files myhostname dns"));
        assert!(asks("files myhostname resolve [!UNAVAIL=return] dns"));
        assert!(asks("files sss"));
    }

    #[test]
    fn a_line_without_dns_or_one_that_ends_early_does_not() {
        assert!(!asks("files"));
        assert!(!asks("files myhostname"));
        assert!(!asks("files [NOTFOUND=return] dns"));
    }
}
