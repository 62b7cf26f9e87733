//! From handshakes to findings: which cause, how surely, on which evidence, and which look-alikes fall.
//!
//! Pure. A cause is called proven only where a second, separate observation rules a look-alike out.

mod certificate;
mod handshake;
mod name;
mod ours;
mod size;
mod stall;
mod trust;
mod version;

use sonde_sdk::check::{Conclusion, Outcome};
use sonde_sdk::connection::Verification;
use sonde_sdk::dial::TlsDial;
use sonde_sdk::finding::supports;
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::{Finding, Stance, Strength};

use crate::case::{self, Case, End};
use crate::plan;
use sonde_sdk::date;

/// What `connect` judges.
pub(crate) const NO_CONNECTION: &str = "no TCP connection, so no handshake";

/// Judges everything that was seen.
pub(crate) fn judge(case: &Case) -> Judgement {
    let silent = Judgement::from;
    if case.addresses.is_empty() {
        return silent(Outcome::skipped(format!("{} has no address to shake hands with", case.host)));
    }
    let Some(address) = plan::suspect(case) else {
        let untested = case
            .addresses
            .iter()
            .filter_map(|address| case.first(address))
            .find(|dial| case::end(dial) == End::Untested);
        let detail = untested.and_then(|dial| dial.outcome.as_ref().err()).map(|failure| failure.detail.clone());
        return match detail {
            Some(detail) => silent(Outcome::unclear(format!("no handshake could be tried: {detail}"))),
            None => unconnected(case).unwrap_or_else(|| silent(Outcome::skipped(NO_CONNECTION))),
        };
    };
    let Some(first) = case.first(address) else { return silent(Outcome::unclear("no handshake was tried")) };
    let findings = match case::end(first) {
        End::Good => {
            let mut findings = certificate::expiring(case, address, first);
            findings.extend(handshake::client_certificate_later(case, address, first));
            findings
        }
        End::Certificate(verification) => certificate::judge(case, address, first, verification),
        _ => handshake::judge(case, address, first),
    };
    let broken = findings
        .iter()
        .filter(|finding| finding.stance == Stance::Supports && finding.cause != "tls.cert_expiring_soon");
    let outcome = match (broken.max_by_key(|finding| finding.strength), case::end(first)) {
        (Some(finding), _) if finding.strength >= Strength::Strong => Outcome::broken(finding.summary.clone()),
        (_, End::Good) => Outcome::works(good_sentence(first)),
        (Some(finding), _) => Outcome::unclear(finding.summary.clone()),
        (None, _) => unnamed(case, address, first),
    };
    let outcome = match trust::next_step(case, first).filter(|_| is_about_the_issuer(&findings)) {
        Some(step) => outcome.next(step),
        None => outcome,
    };
    // A good handshake elsewhere does not answer for an address that has stopped accepting.
    match unconnected(case).filter(|_| outcome.conclusion == Conclusion::Works) {
        Some(doubt) => Judgement { findings: findings.into_iter().chain(doubt.findings).collect(), ..doubt },
        None => Judgement { findings, outcome },
    }
}

/// What failed and has no cause that could be named.
fn unnamed(case: &Case, address: &str, first: &TlsDial) -> Outcome {
    if let Some(outcome) = ours::judge(case, address, first) {
        return outcome;
    }
    match case::end(first) {
        End::Certificate(Verification::Unsupported | Verification::BadSignature) => {
            Outcome::broken(format!("the certificate of {} is not accepted here: {}", case.host, failure_of(first)))
        }
        _ => Outcome::unclear(format!("the handshake with {} failed: {}", case.endpoint(address), failure_of(first))),
    }
}

/// An intermediate that was left out, or an unknown authority: which of them, the issuer's certificate would tell.
fn is_about_the_issuer(findings: &[Finding]) -> bool {
    let named = |cause: &str| matches!(cause, "tls.chain_incomplete" | "tls.unknown_ca");
    findings.iter().any(|finding| finding.stance == Stance::Supports && named(&finding.cause))
}

/// An address that answered `connect` and twice does not answer here.
fn unconnected(case: &Case) -> Option<Judgement> {
    let dropped = |address: &String| {
        let dials: Vec<&TlsDial> =
            case.first(address).into_iter().chain(case.later(address).map(|(_, dial)| dial)).collect();
        (dials.len() > 1 && dials.iter().all(|dial| case::drops(dial)))
            .then(|| dials.iter().map(|dial| dial.evidence).collect::<Vec<u64>>())
    };
    let (address, evidence) = case.addresses.iter().find_map(|address| Some((address, dropped(address)?)))?;
    let at = case.endpoint(address);
    let because = format!("{at} accepted connections a moment ago, and now gives {} no answer", evidence.len());
    let findings = ["fw.drop_remote", "tcp.accept_queue_overflow", "lb.backend_blackholed"]
        .map(|cause| supports(cause).about(&at).because(&because).citing(evidence.iter().copied()).build());
    let outcome = Outcome::unclear(because).next(format!("on the server {address}: sonde diagnose :{}", case.port));
    Some(Judgement { findings: findings.into(), outcome })
}

fn failure_of(dial: &TlsDial) -> String {
    match (&dial.outcome, &dial.session) {
        (Err(failure), _) => failure.detail.clone(),
        (Ok(()), Some(session)) => session.verification_detail.clone(),
        (Ok(()), None) => "nothing was seen of the session".to_owned(),
    }
}

fn good_sentence(dial: &TlsDial) -> String {
    let Some(session) = &dial.session else { return "the handshake succeeded".to_owned() };
    let version = session.version.as_deref().unwrap_or("TLS");
    let validity = case::remaining(session)
        .map_or_else(String::new, |(_, left, _)| format!(", certificate valid for {}", date::span(left)));
    let begin = dial.starttls.as_ref().map_or("", |_| " after STARTTLS");
    format!("{version} handshake{begin} accepted{validity}")
}

#[cfg(test)]
mod play;
#[cfg(test)]
mod tests;
