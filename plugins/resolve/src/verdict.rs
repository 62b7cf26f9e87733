//! From observations to findings: which cause, how surely, on which evidence, and which look-alikes fall.
//!
//! Pure. A cause is called proven only where a second, separate exchange rules a look-alike out; what merely fits is `strong`.

mod answer;
mod cluster;
mod dnssec;
mod hosts;
mod name;
mod path;
mod quality;
mod queries;
mod search;
mod server;
mod stub;

use sonde_sdk::check::Outcome;
use sonde_sdk::dns::qtype;
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::{Stance, Strength};

use crate::case::{Asked, Case, Wish};
use crate::reading::{self, Reach, Says};

/// Judges everything that was seen.
pub(crate) fn judge(case: &Case) -> Judgement {
    if case.servers.is_empty() {
        return silent(Outcome::skipped("no name server is configured on this host"));
    }
    if let Some(failure) = case.config.problem.as_ref().filter(|_| case.implied_server) {
        return silent(Outcome::unclear(format!("the resolver configuration could not be read: {}", failure.detail)));
    }
    if case.hosts_file_wins() {
        return hosts::judge(case);
    }
    let Some(reference) = (0..case.servers.len()).find(|server| reading::useful(case, *server)) else {
        return nobody_answers(case);
    };
    let mut findings = Vec::new();
    for server in 0..case.servers.len() {
        if server < reference && is_waited_for(case, server) {
            findings.extend(server::first_dead(case, server, reference));
            let failed: Vec<&Asked> = case.of_server(server).filter(|asked| asked.failure().is_some()).collect();
            findings.extend(cluster::node_local(case, server, &failed));
        } else {
            // Another server makes up for one that fails at once; and a later one is only asked in need.
            let strength = if server == reference { Strength::Proof } else { Strength::Weak };
            findings.extend(server::judge(case, server, strength));
        }
    }
    let mut judgement = if case.wish == Wish::Alive {
        silent(Outcome::works(alive_sentence(case)))
    } else {
        name::judge(case, reference)
    };
    findings.append(&mut judgement.findings);
    let proven = findings.iter().find(|f| f.stance == Stance::Supports && f.strength == Strength::Proof);
    if let Some(finding) = proven {
        judgement.outcome = Outcome::broken(finding.summary.clone());
    }
    judgement.findings = findings;
    judgement
}

/// It gives no answer, or somebody on the way says only late that there is none.
fn is_waited_for(case: &Case, server: usize) -> bool {
    match reading::reach(case, server) {
        Reach::Silent => true,
        Reach::Unroutable => case.of_server(server).any(Asked::silent),
        _ => false,
    }
}

/// No server says anything final of the name.
fn nobody_answers(case: &Case) -> Judgement {
    let mut findings = Vec::new();
    if case.implied_server {
        findings.extend(server::none_configured(case));
    } else {
        for server in 0..case.servers.len() {
            findings.extend(server::judge(case, server, Strength::Proof));
        }
    }
    let leading = findings.iter().filter(|f| f.stance == Stance::Supports).max_by_key(|f| f.strength);
    let outcome = match leading {
        Some(finding) => Outcome::broken(finding.summary.clone()),
        None => Outcome::unclear(format!("{}: {}", case.subject, why_nothing(case))),
    };
    Judgement { findings, outcome }
}

fn why_nothing(case: &Case) -> String {
    case.asked
        .iter()
        .find_map(|asked| asked.failure().map(|failure| failure.detail.clone()))
        .unwrap_or_else(|| "no server gave a usable answer".to_owned())
}

fn alive_sentence(case: &Case) -> String {
    let alive = (0..case.servers.len()).filter(|server| reading::useful(case, *server)).count();
    format!("{alive} of {} configured name servers answer", case.servers.len())
}

fn silent(outcome: Outcome) -> Judgement {
    outcome.into()
}

/// The ids of some exchanges.
fn ids<'a>(asked: impl IntoIterator<Item = &'a Asked>) -> Vec<u64> {
    asked.into_iter().map(Asked::evidence).collect()
}

/// A server in sentences.
fn called(case: &Case, server: usize) -> String {
    format!("name server {}", case.servers.get(server).map_or("?", String::as_str))
}

/// The wanted types in sentences: `A and AAAA`.
fn types_called(case: &Case) -> String {
    case.types().into_iter().map(qtype::name).collect::<Vec<_>>().join(" and ")
}

/// Milliseconds for sentences.
fn ms(us: u64) -> String {
    if us < 10_000 { format!("{}.{} ms", us / 1000, us % 1000 / 100) } else { format!("{} ms", us / 1000) }
}

/// What a server says of the name that decides its lookup.
fn decided(case: &Case, server: usize) -> Option<(usize, Says)> {
    let index = reading::decisive(case, server)?;
    Some((index, reading::says(case, server, &case.candidates[index].name)))
}

#[cfg(test)]
pub(crate) mod play;
#[cfg(test)]
mod tests;
