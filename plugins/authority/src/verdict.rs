//! What the comparison proves. Pure: a function of the case.

mod steered;

use sonde_sdk::dns::{Exchange, HeaderFlags, qtype, rcode};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::prelude::*;
use sonde_sdk::report::{Finding, Stance, Strength};
use sonde_sdk::types::Reason;

use crate::case::{Asked, Case, Leads, Level, Says, says};

/// Causes that this check can support or refute.
pub(crate) const CAUSES: &[&str] = &[
    "dns.negative_cache",
    "dns.stale_answer",
    "dns.split_horizon",
    "dns.wildcard_hijack",
    "dns.lame_delegation",
    "dns.delegation_unreachable",
    "dns.nxdomain",
    "dns.nodata",
    "dns.refused",
    "dns.server_unreachable",
    "dns.servfail_upstream",
];

/// Whether these addresses of the target came of what the resolver says: a search domain may have led there.
pub(crate) fn is_of(case: &Case, addresses: &[String]) -> bool {
    match case.told.first().map(|told| says(told, &case.name, case.qtype)) {
        Some(Says::Records(told)) => addresses.is_empty() || addresses.iter().any(|address| told.contains(address)),
        _ => addresses.is_empty(),
    }
}

/// Where the zone's own server leads, where the resolver leads elsewhere.
pub(crate) fn other_addresses(case: &Case) -> Vec<String> {
    match truth(case) {
        Some((_, Says::Records(addresses))) if contradicts(case) => addresses,
        _ => Vec::new(),
    }
}

/// The zone's servers have something else to say of the name than the resolver.
pub(crate) fn contradicts(case: &Case) -> bool {
    let Some(told) = case.told.first() else { return false };
    let Some((_, truth)) = truth(case) else { return false };
    match (says(told, &case.name, case.qtype), truth) {
        (Says::Records(mine), Says::Records(theirs)) => {
            !mine.iter().any(|record| theirs.contains(record)) && !steered::is_steered(case, &mine, &theirs)
        }
        (Says::Records(_), Says::NxDomain | Says::NoData) | (Says::NxDomain | Says::NoData, Says::Records(_)) => true,
        _ => false,
    }
}

/// Judges everything that was seen.
pub(crate) fn judge(case: &Case) -> Judgement {
    let findings = match (case.told.first().map(|told| says(told, &case.name, case.qtype)), truth(case)) {
        (Some(Says::Error(_) | Says::Nothing), None) => delegation(case),
        (Some(_), Some(_)) if hijacked(case) => hijack(case),
        (Some(mine), Some((server, theirs))) if contradicts(case) && matters(case, &mine, &theirs) => {
            contradiction(case, &mine, server, &theirs)
        }
        (Some(Says::NxDomain), Some((server, Says::NxDomain))) => agreed(case, server, "dns.nxdomain"),
        (Some(Says::NoData), Some((server, Says::NoData))) => agreed(case, server, "dns.nodata"),
        _ => Vec::new(),
    };
    let proven = findings.iter().find(|f| f.stance == Stance::Supports && f.strength == Strength::Proof);
    let outcome = match (proven, truth(case)) {
        (Some(finding), _) => Outcome::broken(finding.summary.clone()),
        (None, Some((server, _))) if !contradicts(case) => {
            Outcome::works(format!("{} does not contradict {}", case.resolver, server.name))
        }
        (None, Some((server, _))) => {
            Outcome::unclear(format!("{} and {} differ about {}", case.resolver, server.name, case.name))
        }
        (None, None) => Outcome::skipped(format!("no server of the zone of {} speaks for it from here", case.name)),
    };
    Judgement { findings, outcome }
}

/// The first of the zone's servers that speaks for it, and what it says.
fn truth(case: &Case) -> Option<(&Asked, Says)> {
    let server = case.authority()?;
    Some((server, says(&server.exchange, &case.name, case.qtype)))
}

fn agreed(case: &Case, server: &Asked, absence: &str) -> Vec<Finding> {
    let what = if absence == "dns.nxdomain" { "does not exist" } else { "has no such record" };
    vec![
        supports(absence)
            .strong()
            .about(&case.name)
            .because(format!("{}, a server of its own zone, says that {} {what}", server.name, case.name))
            .citing([server.exchange.evidence])
            .build(),
        refutes("dns.negative_cache")
            .proof()
            .about(&case.name)
            .because("the authority agrees with the resolver")
            .citing([server.exchange.evidence])
            .build(),
    ]
}

fn contradiction(case: &Case, mine: &Says, server: &Asked, theirs: &Says) -> Vec<Finding> {
    let evidence: Vec<u64> = case.told.iter().map(|told| told.evidence).collect();
    let difference = format!("{} says {}, {} says {}", case.resolver, words(mine), server.name, words(theirs));
    if case.told.first().is_some_and(is_authoritative) {
        return vec![
            supports("dns.split_horizon")
                .proof()
                .about(&case.name)
                .because(format!("{difference}; both speak with authority"))
                .citing(evidence)
                .build(),
            refutes("dns.stale_answer")
                .proof()
                .about(&case.name)
                .because("neither answer comes from a cache")
                .citing([server.exchange.evidence])
                .build(),
        ];
    }
    // A resolver that fetched its answer from the same server just now would not differ.
    let cached = counts_down(case) || older(case, server);
    let strength = if cached { Strength::Proof } else { Strength::Strong };
    let (named, look_alike, why) = match mine {
        Says::Records(_) => ("dns.stale_answer", "dns.split_horizon", "the resolver has no authority, only a cache"),
        Says::NxDomain => ("dns.negative_cache", "dns.nxdomain", "its own zone has the name"),
        _ => ("dns.negative_cache", "dns.nodata", "its own zone has the record"),
    };
    let age = if counts_down(case) { "; the TTL of its answer counts down" } else { "" };
    vec![
        supports(named)
            .strength(strength)
            .about(&case.name)
            .because(format!("{difference}{age}"))
            .citing(evidence)
            .build(),
        refutes(look_alike).proof().about(&case.name).because(why).citing([server.exchange.evidence]).build(),
    ]
}

fn words(says: &Says) -> String {
    match says {
        Says::Records(records) => records.join(", "),
        Says::NxDomain => "that it does not exist".to_owned(),
        Says::NoData => "that it has no such record".to_owned(),
        Says::Alias(target) => format!("that it is an alias of {target}"),
        Says::Error(code) => rcode::name(*code),
        Says::Referral(zone) => format!("to ask the servers of {zone}"),
        Says::Nothing => "nothing".to_owned(),
    }
}

fn is_authoritative(exchange: &Exchange) -> bool {
    exchange.outcome.as_ref().is_ok_and(|answer| answer.has(HeaderFlags::AUTHORITATIVE))
}

/// The TTL that a cache would count down: of the records, or of the SOA of a negative answer (RFC 2308 section 5).
fn ttl(exchange: &Exchange, wanted: u16) -> Option<u32> {
    let answer = exchange.outcome.as_ref().ok()?;
    let records = answer.answers.iter().filter(|record| record.rtype == wanted);
    let soa = answer.authorities.iter().filter(|record| record.rtype == qtype::SOA);
    records.chain(soa).map(|record| record.ttl).min()
}

fn counts_down(case: &Case) -> bool {
    let [first, .., last] = &case.told[..] else { return false };
    matches!((ttl(first, case.qtype), ttl(last, case.qtype)), (Some(before), Some(after)) if after < before)
}

/// Less time is left than a fresh answer of the zone's server would have.
fn older(case: &Case, server: &Asked) -> bool {
    let mine = case.told.first().and_then(|told| ttl(told, case.qtype));
    matches!((mine, ttl(&server.exchange, case.qtype)), (Some(mine), Some(fresh)) if mine < fresh)
}

/// Whether a difference is what a service behind the name suffers from. Companies answer for their own names inside, on purpose.
fn matters(case: &Case, mine: &Says, theirs: &Says) -> bool {
    match (case.leads, mine, theirs) {
        (Leads::Nowhere { elsewhere }, Says::Records(_), Says::Records(_)) => elsewhere,
        // A gateway makes addresses of IPv6 of those of IPv4 (RFC 6147).
        (Leads::Nowhere { .. }, Says::Records(_), _) => {
            case.qtype == qtype::A && counts_down(case) && !case.told.first().is_some_and(is_authoritative)
        }
        (Leads::Unasked | Leads::Nowhere { .. }, _, _) => true,
    }
}

/// The resolver has an address for a name that nobody created and that the zone's server denies, and the same for the name, which the
/// zone's server does not have: one that makes up others, and tells the truth of this one, leads nobody astray here. One that answers a
/// service's name with authority has that zone on purpose.
fn hijacked(case: &Case) -> bool {
    let Some((resolver, authority)) = &case.nonsense else { return false };
    let Some(told) = case.told.first() else { return false };
    let (Says::Records(mine), Says::Records(invented)) =
        (says(told, &case.name, case.qtype), says(resolver, &case.name, case.qtype))
    else {
        return false;
    };
    let aliased = matches!(truth(case), Some((_, Says::Alias(_))))
        && told.outcome.as_ref().is_ok_and(|answer| answer.of_type(qtype::CNAME).next().is_none());
    let on_purpose = case.leads != Leads::Unasked && is_authoritative(told);
    (aliased || contradicts(case))
        && !on_purpose
        && mine.iter().any(|record| invented.contains(record))
        && matches!(says(authority, &case.name, case.qtype), Says::NxDomain)
}

fn hijack(case: &Case) -> Vec<Finding> {
    let Some((resolver, authority)) = &case.nonsense else { return Vec::new() };
    vec![
        supports("dns.wildcard_hijack")
            .proof()
            .about(&case.resolver)
            .because(format!(
                "{} has an address ({}) for a random name in the zone of {}, which the zone's own server denies",
                case.resolver,
                words(&says(resolver, &case.name, case.qtype)),
                case.name
            ))
            .citing([resolver.evidence])
            .build(),
        refutes("dns.stale_answer")
            .proof()
            .about(&case.name)
            .because("nobody can have asked for a random name before")
            .citing([authority.evidence])
            .build(),
    ]
}

/// The resolver fails, and nobody speaks for the zone.
fn delegation(case: &Case) -> Vec<Finding> {
    let Some(level) = case.levels.last() else { return Vec::new() };
    if level.servers.is_empty() {
        return Vec::new();
    }
    let told: Vec<u64> = case.told.iter().map(|told| told.evidence).collect();
    let silent = |server: &&Asked| {
        server.exchange.outcome.as_ref().is_err_and(|failure| {
            matches!(
                failure.reason,
                Reason::TimedOut | Reason::Refused | Reason::HostUnreachable | Reason::NetworkUnreachable
            )
        })
    };
    let evidence: Vec<u64> = level.servers.iter().map(|server| server.exchange.evidence).collect();
    let names = level.servers.iter().map(|server| format!("{} ({})", server.name, server.address));
    let names = names.collect::<Vec<_>>().join(", ");
    let zone = if level.zone.is_empty() { "." } else { &level.zone };
    if level.servers.iter().all(|server| silent(&server)) {
        return unreachable(case, level, &format!("{zone} is delegated to {names}, which gives no answer"), &evidence);
    }
    // One that speaks with authority serves the zone, even where it cannot make an answer of it, as of aliases that go in a circle.
    let lame = |server: &Asked| server.exchange.outcome.is_ok() && !is_authoritative(&server.exchange);
    if level.servers.iter().all(lame) {
        return vec![
            supports("dns.lame_delegation")
                .proof()
                .about(zone)
                .because(format!("{zone} is delegated to {names}, which does not serve it: {}", codes(level, case)))
                .citing(evidence.clone())
                .build(),
            refutes("dns.delegation_unreachable")
                .proof()
                .about(zone)
                .because("its servers do answer, asked directly")
                .citing(evidence.clone())
                .build(),
            refutes("dns.servfail_upstream")
                .proof()
                .about(&case.name)
                .because("what the resolver could not get an answer from was found: servers that do not serve the zone")
                .citing(evidence)
                .build(),
            refutes("dns.refused")
                .strong()
                .about(&case.resolver)
                .because("it is the delegated server that refuses, not the resolver")
                .citing(told)
                .build(),
        ];
    }
    Vec::new()
}

fn codes(level: &Level, case: &Case) -> String {
    let said = level.servers.iter().map(|server| words(&says(&server.exchange, &case.name, case.qtype)));
    let mut said: Vec<String> = said.collect();
    said.dedup();
    said.join(", ")
}

/// Only with a zone above whose servers answer from here: else it may be that this host reaches no authority at all.
fn unreachable(case: &Case, level: &Level, summary: &str, evidence: &[u64]) -> Vec<Finding> {
    let above: Vec<u64> = case
        .levels
        .iter()
        .filter(|known| known.zone != level.zone)
        .flat_map(|known| &known.servers)
        .filter(|server| server.exchange.outcome.is_ok())
        .map(|server| server.exchange.evidence)
        .collect();
    let support = supports("dns.delegation_unreachable").about(&level.zone).because(summary).citing(evidence.to_vec());
    if above.is_empty() {
        return vec![support.build()];
    }
    vec![
        support.proof().build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(&case.resolver)
            .because(format!("{} answers for the zone above, and so do that zone's servers", case.resolver))
            .citing(above)
            .citing([case.zone_found.evidence])
            .build(),
    ]
}

#[cfg(test)]
mod tests;
