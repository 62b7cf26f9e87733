//! From exchanges to findings: which cause, how surely, on which evidence, and which look-alikes fall.
//!
//! Pure. A cause is called proven only where a second, separate exchange rules a look-alike out.

mod beyond;
mod budget;
mod connecting;
mod dead_end;
mod detour;
mod fallback;
mod held;
mod idle;
mod latency;
mod reset;
mod silence;
mod status;
mod trickle;
mod vanishing;
mod wire;

use std::time::Duration;

use sonde_sdk::check::{Conclusion, Outcome};
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::{Finding, Stance, Strength};

use crate::case::{self, Case, End, Get, Walk};

/// What `connect` judges.
pub(crate) const NO_CONNECTION: &str = "no TCP connection, so no request";

/// How long a server that was silent is waited for when it is asked again.
pub(crate) const LAST: Duration = Duration::from_secs(8);

/// Judges everything that was seen.
pub(crate) fn judge(case: &Case) -> Judgement {
    let silent = Judgement::from;
    let (get, exchange, works) = match case.walk() {
        None => {
            let judged = status::refusing_backend(case).or_else(|| connecting::silent(case));
            let judged = judged.or_else(|| connecting::refused(case));
            return judged.unwrap_or_else(|| silent(unreached(case)));
        }
        Some(Walk::Next(_)) => return silent(Outcome::unclear("the budget ended before the page could be fetched")),
        Some(Walk::Circles(passed)) => return circles(case, &passed),
        Some(Walk::Endless(passed)) => return endless(case, &passed),
        Some(Walk::Ends(get, exchange)) => (get, exchange, sentence(case, get, exchange)),
        Some(Walk::Leaves(get, exchange, location)) => {
            if let Some(judged) = beyond::judge(case, get, exchange).or_else(|| dead_end::judge(case, get)) {
                return judged;
            }
            (get, exchange, format!("{} redirects to {location}", case.endpoint(&get.address)))
        }
    };
    let mut findings = match case::end(exchange) {
        // It answered before, at the latest when it redirected.
        End::NoConnection => status::refusals(case, get).unwrap_or_else(|| connecting::share(case, get)),
        End::NoSession => {
            return silent(Outcome::unclear(format!("no TLS session, so no request: {}", detail(exchange))));
        }
        End::Untested => return silent(Outcome::unclear(format!("no request could be made: {}", detail(exchange)))),
        End::BadHead => return silent(Outcome::unclear(wire::bad_head(case, get, exchange))),
        End::Http2 => return silent(Outcome::works(format!("{} speaks HTTP/2 only", case.endpoint(&get.address)))),
        End::Answered(code) => {
            let mut findings = status::judge(case, get, exchange, code);
            // An error that comes late is the error: a proxy that waits for its upstream is late by its nature.
            if code < 400 {
                findings.extend(latency::judge(case, get));
            }
            findings.extend(connecting::share(case, get));
            findings.extend(connecting::sessions(case, get));
            findings.extend(trickle::judge(case, get));
            findings.extend(idle::judge(case, get));
            findings.extend(budget::judge(case, get));
            findings.extend(fallback::judge(case));
            findings.extend(detour::judge(case, get, exchange));
            findings
        }
        End::Silent | End::Stuck => silence::judge(case, get, exchange),
        _ => wire::judge(case, get, exchange),
    };
    let beside = connecting::beside(case, &get.address);
    let doubtful = !beside.is_empty();
    findings.extend(beside);
    let mut judgement = conclude(case, get, exchange, findings, works);
    if doubtful && judgement.outcome.conclusion == Conclusion::Works {
        judgement.outcome.conclusion = Conclusion::Unclear;
    }
    judgement
}

fn conclude(case: &Case, get: &Get, exchange: &HttpExchange, findings: Vec<Finding>, works: String) -> Judgement {
    let leading = findings.iter().filter(|f| f.stance == Stance::Supports).max_by_key(|finding| finding.strength);
    let answered = matches!(case::end(exchange), End::Answered(code) if code < 400 || code == 405);
    let outcome = match leading {
        Some(finding) if finding.strength >= Strength::Strong => Outcome::broken(finding.summary.clone()),
        _ if answered => Outcome::works(works),
        Some(finding) => Outcome::unclear(finding.summary.clone()),
        None => Outcome::unclear(works),
    };
    let silent = findings.iter().any(|f| f.stance == Stance::Supports && f.cause == "app.not_responding");
    let outcome = budget::notes(case, get)
        .into_iter()
        .chain(fallback::notes(case))
        .chain(idle::notes(case, get))
        .chain(detour::notes(case))
        .fold(outcome, |outcome, note| outcome.noting(note.0, note.1));
    let outcome = if silent {
        outcome.next(format!("on the server {}: sonde diagnose :{}", get.address, case.origin.port))
    } else {
        outcome
    };
    Judgement { findings, outcome }
}

fn unreached(case: &Case) -> Outcome {
    let untested =
        case.exchanges.iter().map(|(_, exchange)| exchange).find(|exchange| case::end(exchange) == End::Untested);
    match untested {
        Some(exchange) => Outcome::unclear(format!("no request could be made: {}", detail(exchange))),
        None if case.addresses.is_empty() => {
            Outcome::skipped(format!("{} has no address to request from", case.origin.host))
        }
        None => Outcome::skipped(NO_CONNECTION),
    }
}

/// The redirects lead back to where they have been.
fn circles(case: &Case, passed: &[(&Get, &HttpExchange)]) -> Judgement {
    let Some((first_get, first)) = passed.first() else {
        return Outcome::unclear("the redirects were not followed").into();
    };
    let path = &first_get.path;
    let again: Vec<u64> = case
        .repeats(first_get)
        .skip(1)
        .filter(|exchange| matches!(case::end(exchange), End::Answered(300..=399)))
        .map(|exchange| exchange.evidence)
        .chain(passed.iter().skip(1).map(|(_, exchange)| exchange.evidence))
        .collect();
    let way: Vec<&str> = passed.iter().map(|(get, _)| get.path.as_str()).collect();
    let subject = case.origin.url(path);
    let support = supports("http.redirect_loop")
        .about(&subject)
        .because(format!("the redirects of {subject} lead back to themselves ({} and back)", way.join(" to ")))
        .citing([first.evidence]);
    let findings = if again.is_empty() {
        vec![support.strong().build()]
    } else {
        vec![
            support.proof().build(),
            refutes("http.unauthorized")
                .proof()
                .about(&subject)
                .because("no login page lies on the way: every answer is the same redirect")
                .citing(again)
                .build(),
        ]
    };
    let outcome = Outcome::broken(findings[0].summary.clone());
    Judgement { findings, outcome }
}

/// The redirects lead on to ever new pages. They may end behind the last that was followed, where no browser follows.
fn endless(case: &Case, passed: &[(&Get, &HttpExchange)]) -> Judgement {
    let subject = case.origin.url(&case.path);
    let last = passed.last().map_or(case.path.as_str(), |(get, _)| get.path.as_str());
    let sentence = format!(
        "{subject} redirects more than {} times, each time to another page, the last of them {last}: browsers give up",
        case::MOST_REDIRECTS
    );
    let cited = passed.iter().map(|(_, exchange)| exchange.evidence);
    let finding = supports("http.redirect_loop").strong().about(&subject).because(&sentence).citing(cited).build();
    let outcome = Outcome::unclear(sentence).next(format!("find the rule that {last} is made by"));
    Judgement { findings: vec![finding], outcome }
}

fn sentence(case: &Case, get: &Get, exchange: &HttpExchange) -> String {
    let wait = case::wait_us(exchange).map_or_else(String::new, |us| format!(" in {}", ms(us)));
    match &exchange.response {
        Some(_) => {
            format!("{} answers {} for {}{wait}", case.endpoint(&get.address), case::spoken(exchange), get.path)
        }
        None => format!("{} gave no answer for {}: {}", case.endpoint(&get.address), get.path, detail(exchange)),
    }
}

fn detail(exchange: &HttpExchange) -> String {
    exchange.outcome.as_ref().err().map_or_else(|| "no answer was seen".to_owned(), |failure| failure.detail.clone())
}

/// Milliseconds for sentences.
fn ms(us: u64) -> String {
    if us < 10_000 { format!("{}.{} ms", us / 1000, us % 1000 / 100) } else { format!("{} ms", us / 1000) }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The later exchanges of the same request that ended the same way.
fn same_again(case: &Case, get: &Get, exchange: &HttpExchange) -> Vec<u64> {
    let ended = case::end(exchange);
    case.repeats(get)
        .filter(|other| other.evidence != exchange.evidence && case::end(other) == ended)
        .map(|other| other.evidence)
        .collect()
}

#[cfg(test)]
mod play;
#[cfg(test)]
mod tests;
