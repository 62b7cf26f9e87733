//! What a working resolver says of the name: it exists, it does not, or it leads nowhere.

use sonde_sdk::check::Outcome;
use sonde_sdk::dns::qtype::{self, A, AAAA, SRV};
use sonde_sdk::dns::rcode::{NOERROR, NXDOMAIN};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use super::{Judgement, answer, cluster, decided, ids, ms, types_called};
use crate::case::{Asked, Case, Variant, Wish};
use crate::names;
use crate::plan;
use crate::reading::{self, Says};

/// Judges the name by the first useful server; the others may disagree.
pub(super) fn judge(case: &Case, reference: usize) -> Judgement {
    let Some((index, said)) = decided(case, reference) else {
        return super::silent(Outcome::unclear(format!("{} was not answered", case.subject)));
    };
    let name = case.candidates[index].name.clone();
    let conflict = answer::disagreement(case);
    let mut findings = conflict.clone();
    // NXDOMAIN is the name's fault only where every resolver says so.
    let unanimous = conflict.is_empty();
    let outcome = match said {
        Says::Records(records) => {
            findings.extend(answer::flaws(case, reference, index));
            if case.wish == Wish::Type(SRV) {
                findings.extend(dangling(case, reference, &name));
            }
            Outcome::works(works(case, reference, &name, &records))
        }
        Says::NxDomain if unanimous => negative(&mut findings, missing(case, reference, &name)),
        Says::NoData if unanimous => negative(&mut findings, no_data(case, reference, &name)),
        Says::CnameLoop => negative(&mut findings, cname_loop(case, reference, &name)),
        _ if !findings.is_empty() => Outcome::broken(findings[0].summary.clone()),
        _ => Outcome::unclear(format!("{name} has no usable answer")),
    };
    Judgement { findings, outcome }
}

fn negative(findings: &mut Vec<Finding>, more: Vec<Finding>) -> Outcome {
    let outcome = match more.first() {
        Some(finding) => Outcome::broken(finding.summary.clone()),
        None => Outcome::unclear("the name has no usable answer"),
    };
    findings.extend(more);
    outcome
}

fn works(case: &Case, reference: usize, name: &str, records: &[String]) -> String {
    let fastest = case.of_server(reference).filter(|a| a.answer().is_some()).map(Asked::elapsed_us).min().unwrap_or(0);
    let shown: Vec<&str> = records.iter().take(4).map(String::as_str).collect();
    let more = if records.len() > 4 { format!(" and {} more", records.len() - 4) } else { String::new() };
    format!("{name} is {}{more} (answered in {})", shown.join(", "), ms(fastest))
}

/// NXDOMAIN, from everyone.
fn missing(case: &Case, reference: usize, name: &str) -> Vec<Finding> {
    if let Some(findings) = service_missing(case, reference, name) {
        return findings;
    }
    if let Some(findings) = suffix_missing(case, reference) {
        return findings;
    }
    let in_cluster = cluster::absent(case, reference, &case.subject);
    if in_cluster.len() > 1 {
        return in_cluster;
    }
    let first_type = case.types()[0];
    let denied = |asked: &&Asked| asked.question.variant == Variant::Udp && asked.rcode() == Some(NXDOMAIN);
    let about_it = |asked: &&Asked| case.candidates.iter().any(|c| names::same(&c.name, &asked.question.name));
    let proof: Vec<&Asked> =
        case.asked.iter().filter(denied).filter(about_it).filter(|asked| asked.question.qtype == first_type).collect();
    let others: Vec<&Asked> =
        case.asked.iter().filter(denied).filter(|asked| asked.question.qtype != first_type).collect();
    let tried = case.candidates.len();
    let suffixes = if tried > 1 {
        format!(", and neither does any of the {tried} names that the search list makes of it")
    } else {
        String::new()
    };
    let mut findings = vec![
        supports("dns.nxdomain")
            .proof()
            .about(&case.subject)
            .because(format!("{} does not exist (NXDOMAIN from {}){suffixes}", case.subject, everyone(case, reference)))
            .citing(ids(proof))
            .build(),
    ];
    if !others.is_empty() {
        findings.push(
            refutes("dns.nodata")
                .proof()
                .about(name)
                .because("no other type exists either: the name itself is missing")
                .citing(ids(others))
                .build(),
        );
    }
    findings.extend(in_cluster);
    let longer: Vec<&Asked> = case
        .of_server(reference)
        .filter(|asked| asked.question.qtype == A && asked.rcode() == Some(NXDOMAIN))
        .filter(|asked| {
            plan::likely_suffixes(case, reference).iter().any(|suffix| asked.question.name.ends_with(suffix.as_str()))
        })
        .collect();
    if !longer.is_empty() {
        findings.push(
            refutes("dns.search_missing")
                .strong()
                .about(name)
                .because("with the other domains of this host it does not exist either")
                .citing(ids(longer))
                .build(),
        );
    }
    findings
}

fn everyone(case: &Case, reference: usize) -> String {
    let useful = (0..case.servers.len()).filter(|server| reading::useful(case, *server)).count();
    if useful > 1 { format!("all {useful} name servers") } else { super::called(case, reference) }
}

/// A short name that exists under a domain of this host which is not in the search list.
fn suffix_missing(case: &Case, reference: usize) -> Option<Vec<Finding>> {
    let suffixes = plan::likely_suffixes(case, reference);
    let full = case.of_server(reference).find(|asked| {
        !asked.records().is_empty()
            && asked.question.qtype == A
            && suffixes.iter().any(|suffix| {
                case.candidates
                    .iter()
                    .any(|c| c.suffix.is_none() && asked.question.name == format!("{}.{suffix}", c.name))
            })
    })?;
    let short: Vec<&Asked> = case
        .of_server(reference)
        .filter(|asked| case.candidates.iter().any(|c| names::same(&c.name, &asked.question.name)))
        .collect();
    Some(vec![
        supports("dns.search_missing")
            .proof()
            .about(&case.subject)
            .because(format!(
                "{} exists as {}, but the search list does not lead there",
                case.subject, full.question.name
            ))
            .citing(ids(short).into_iter().chain([case.config.evidence]))
            .build(),
        refutes("dns.nxdomain")
            .proof()
            .about(&full.question.name)
            .because(format!("the full name exists: {}", full.records().join(", ")))
            .citing([full.evidence()])
            .build(),
    ])
}

/// The name exists, but not with the type asked for.
fn no_data(case: &Case, reference: usize, name: &str) -> Vec<Finding> {
    if let Some(findings) = service_missing(case, reference, name) {
        return findings;
    }
    let types = case.types();
    let wanted = |asked: &&Asked| types.contains(&asked.question.qtype) && names::same(&asked.question.name, name);
    let proof = ids(case.asked.iter().filter(wanted));
    let end = reading::chain_end(case, reference, name);
    let alias = if names::same(&end, name) { String::new() } else { format!(" (an alias of {end})") };
    let other = case
        .of_server(reference)
        .filter(|asked| names::same(&asked.question.name, name) && !types.contains(&asked.question.qtype))
        .find(|asked| asked.rcode() == Some(NOERROR));
    let support = supports("dns.nodata")
        .about(name)
        .because(format!("{name}{alias} exists, but has no {} record", types_called(case)))
        .citing(proof);
    match other {
        Some(other) => {
            let what = match other.records().as_slice() {
                [] => format!("a query for {} is answered NOERROR, not NXDOMAIN", qtype::name(other.question.qtype)),
                records => format!("the name exists: {} {}", qtype::name(other.question.qtype), records.join(", ")),
            };
            vec![
                support.proof().build(),
                refutes("dns.nxdomain").proof().about(name).because(what).citing([other.evidence()]).build(),
            ]
        }
        None => vec![support.strong().build()],
    }
}

fn cname_loop(case: &Case, reference: usize, name: &str) -> Vec<Finding> {
    let evidence = reading::loops(case, reference, name).unwrap_or_default();
    let Some((first, rest)) = evidence.split_first() else { return Vec::new() };
    let support = supports("dns.cname_loop")
        .about(name)
        .because(format!("the aliases of {name} lead back to a name already passed"))
        .citing([*first]);
    if rest.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("dns.nodata")
            .proof()
            .about(name)
            .because("asked again, the name has a CNAME record, and it is part of the circle")
            .citing(rest.iter().copied())
            .build(),
    ]
}

/// The service record is missing while its host exists.
fn service_missing(case: &Case, reference: usize, name: &str) -> Option<Vec<Finding>> {
    if case.wish != Wish::Type(SRV) {
        return None;
    }
    let owner = names::service_owner(name);
    let exists: Vec<&Asked> = [A, AAAA]
        .into_iter()
        .flat_map(|qtype| case.of(reference, &owner, qtype, Variant::Udp))
        .filter(|asked| asked.rcode() == Some(NOERROR))
        .collect();
    if exists.is_empty() || names::same(&owner, name) {
        return None;
    }
    let asked =
        case.asked.iter().filter(|asked| asked.question.qtype == SRV && names::same(&asked.question.name, name));
    Some(vec![
        supports("dns.srv_missing")
            .proof()
            .about(name)
            .because(format!("there is no service record {name}, although {owner} exists"))
            .citing(ids(asked))
            .build(),
        refutes("dns.nxdomain").proof().about(&owner).because(format!("{owner} exists")).citing(ids(exists)).build(),
    ])
}

/// Service records whose target has no address.
fn dangling(case: &Case, reference: usize, name: &str) -> Vec<Finding> {
    let targets = plan::targets(case, reference, name);
    let mut evidence = Vec::new();
    let mut dead = Vec::new();
    for target in &targets {
        let of: Vec<&Asked> =
            [A, AAAA].into_iter().filter_map(|qtype| reading::best(case, reference, target, qtype)).collect();
        let negative = |asked: &&Asked| matches!(asked.rcode(), Some(NOERROR | NXDOMAIN)) && asked.records().is_empty();
        if of.len() == 2 && of.iter().all(negative) {
            evidence.extend(ids(of));
            dead.push(target.as_str());
        }
    }
    let Some(service) = reading::best(case, reference, name, SRV).filter(|_| !dead.is_empty()) else {
        return Vec::new();
    };
    vec![
        supports("dns.srv_dangling")
            .proof()
            .about(dead[0])
            .because(format!(
                "{} of {} targets of {name} have no address: {}",
                dead.len(),
                targets.len(),
                dead.join(", ")
            ))
            .citing(evidence)
            .build(),
        refutes("dns.srv_missing")
            .proof()
            .about(name)
            .because(format!("the service record exists, with {} targets", targets.len()))
            .citing([service.evidence()])
            .build(),
    ]
}
