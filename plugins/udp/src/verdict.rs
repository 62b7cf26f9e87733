//! Judges what was seen of all addresses. Pure.

mod answers;
mod closed;
mod here;
mod silence;
#[cfg(test)]
mod tests;

use sonde_sdk::check::Outcome;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::Finding;
use sonde_sdk::types::{Failure, Reason};
use sonde_sdk::way::{Explained, Message, Way};

use crate::observe::{Observations, Path};

/// What one address comes to.
enum Told {
    /// It answers; what is wrong with how it does stands in the findings.
    Answers(Answering),
    Fails(Explained),
}

/// An address that answers.
struct Answering {
    findings: Vec<Finding>,
    sentence: String,
    /// A finding proves a fault.
    broken: bool,
    /// Something is wrong that nothing proves.
    unclear: bool,
}

/// The judgement.
pub(crate) fn judge(observed: &Observations) -> Judgement {
    let mut told: Vec<(&Path, Told)> = observed.paths.iter().map(|path| (path, alone(observed, path))).collect();
    let answering: Vec<&Path> = observed.paths.iter().filter(|path| path.is_answered()).collect();
    let has_ipv4 = observed.paths.iter().any(|path| !path.endpoint.is_ipv6());
    for (path, told) in told.iter_mut().filter(|(path, _)| path.endpoint.is_ipv6()) {
        let Told::Fails(case) = told else { continue };
        if has_ipv4 && case.is_absent_ipv6() {
            // Hosts without IPv6 are common and use IPv4: what fails there is the fault.
            case.weaken();
        } else if case.cause.is_none() && path.is_silent() && path.dials.len() > 1 && path.life().is_empty() {
            *case = ipv6_blackhole(path, &answering).unwrap_or_else(|| case.clone());
        }
    }
    let answers = !answering.is_empty();
    let (mut findings, mut sentences, mut next) = (vec![], vec![], None);
    let (mut broken, mut unclear) = (false, false);
    for (_, told) in told {
        match told {
            Told::Answers(answering) => {
                findings.extend(answering.findings);
                sentences.push(answering.sentence);
                broken |= answering.broken;
                unclear |= answering.unclear;
            }
            Told::Fails(case) => {
                broken |= case.cause.is_some();
                // An address without a way to it beside one that answers hurts nobody: it fails at once.
                unclear |= case.cause.is_none() && !(answers && case.is_absent_ipv6());
                findings.extend(case.findings);
                sentences.push(case.sentence);
                next = next.or(case.next);
            }
        }
    }
    let summary = sentences.join("; ");
    let mut outcome = match (broken, unclear) {
        (true, _) => Outcome::broken(summary),
        (false, true) => Outcome::unclear(summary),
        (false, false) => Outcome::works(summary),
    };
    outcome.next_step = next;
    Judgement { findings, outcome }
}

/// Silence over IPv6 of a port that answers over IPv4.
fn ipv6_blackhole(path: &Path, answering: &[&Path]) -> Option<Explained> {
    let answered: Vec<u64> =
        answering.iter().filter(|other| !other.endpoint.is_ipv6()).flat_map(|other| other.evidence()).collect();
    let sentence = format!("IPv6 to {} gets no answer, while IPv4 on the same port does", path.endpoint);
    (!answered.is_empty() && !path.is_local()).then(|| {
        Explained::proven(&path.endpoint, "l3.ipv6_blackhole", sentence.clone())
            .with(supports("l3.ipv6_blackhole").proof().because(&sentence).citing(path.evidence()))
            .with(
                refutes("fw.drop_remote")
                    .strong()
                    .because("the same port answers over IPv4: not the service is filtered, but its IPv6")
                    .citing(answered),
            )
    })
}

/// What this address comes to, seen by itself.
fn alone(observed: &Observations, path: &Path) -> Told {
    if path.is_answered() {
        return answers::judge(path);
    }
    let Some((dial, failure)) = path.failure() else {
        return Told::Fails(unclear(path, format!("nothing is known of {}", path.endpoint)));
    };
    Told::Fails(fails(path, failure, &observed.way(path, dial, failure)))
}

fn fails(path: &Path, failure: &Failure, way: &Way<'_>) -> Explained {
    if failure.is_our_own() {
        return not_tested(path, failure);
    }
    if let Some((sender, error)) = way.foreign_icmp() {
        let by_host = sender == path.endpoint.address || path.is_local();
        if by_host && way.message(error) == Message::Port {
            return closed::judge(path, sender, error);
        }
        return way.told().unwrap_or_else(|| unclear(path, failure.detail.clone()));
    }
    if !way.is_cut_off()
        && let Some(told) = way.told_by_itself()
    {
        return told;
    }
    match failure.reason {
        Reason::TimedOut => way.unresolved().unwrap_or_else(|| silence::judge(path)),
        Reason::HostUnreachable | Reason::NetworkUnreachable | Reason::NotPermitted | Reason::InvalidArgument => {
            let full = here::tracking(path).filter(|_| failure.reason == Reason::NotPermitted);
            full.or_else(|| way.unresolved()).unwrap_or_else(|| way.refused_here())
        }
        Reason::ProcessFileLimit => {
            unclear(path, "sonde itself has used up its file descriptors".to_owned()).next("raise its limit")
        }
        Reason::SystemFileLimit => unclear(path, "this machine has used up its file handles".to_owned()).with(
            supports("host.fd_system_limit")
                .strong()
                .because("opening a socket fails with ENFILE")
                .citing(path.evidence()),
        ),
        _ => unclear(path, format!("sending to {} fails: {}", path.endpoint, failure.detail)),
    }
}

fn not_tested(path: &Path, failure: &Failure) -> Explained {
    let case = unclear(path, format!("{} was not tested: {}", path.endpoint, failure.detail));
    match &failure.reason {
        Reason::Unavailable(what) => case.next(format!("run sonde with {what}")),
        _ => case,
    }
}

fn unclear(path: &Path, sentence: String) -> Explained {
    Explained::unclear(&path.endpoint, sentence)
}

/// A proof and a look-alike that other calls rule out.
fn proven(
    path: &Path,
    (cause, sentence): (&'static str, String),
    proof: impl IntoIterator<Item = u64>,
    (look_alike, why): (&str, &str),
    other: impl IntoIterator<Item = u64>,
) -> Explained {
    Explained::proven(&path.endpoint, cause, sentence.clone())
        .with(supports(cause).proof().because(sentence).citing(proof))
        .with(refutes(look_alike).proof().because(why).citing(other))
}
