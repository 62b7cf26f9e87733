//! The handshake completed; the certificate is what is wrong.

use sonde_sdk::connection::{Certificate, TlsSession, Verification};
use sonde_sdk::dial::TlsDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::{Finding, Stance};
use sonde_sdk::types::{Endpoint, Measure};

use super::{name, trust};
use crate::case::{self, Case, Sni};
use crate::chain;
use sonde_sdk::date;

/// Judges a chain that is not accepted.
pub(super) fn judge(case: &Case, address: &str, first: &TlsDial, verification: Verification) -> Vec<Finding> {
    let Some(session) = first.session.as_ref() else { return Vec::new() };
    let Some(leaf) = session.chain.first() else { return Vec::new() };
    let at = case.endpoint(address);
    let mut findings = worst(case, &at, first, session, leaf, verification);
    tell_the_rest(&mut findings, session);
    findings
}

/// Judges what comes first where several things are wrong.
fn worst(
    case: &Case,
    at: &Endpoint,
    first: &TlsDial,
    session: &TlsSession,
    leaf: &Certificate,
    verification: Verification,
) -> Vec<Finding> {
    let is_past = chain::has_ended(session, leaf);
    let about_issuers = !is_past && matches!(verification, Verification::Expired | Verification::UnknownIssuer);
    let mut issuers = chain::path(session).into_iter().skip(1);
    if let Some(old) = issuers.find(|link| about_issuers && chain::has_ended(session, link)) {
        let ago = date::span(session.verified_at.saturating_sub(old.not_after));
        let because = format!("the intermediate certificate {} that the server sends expired {ago} ago", old.subject);
        return past_issuer(case, at, first, session, leaf, because);
    }
    match verification {
        Verification::Expired if !is_past => {
            let because = format!("the authority of {} has expired: {}", case.host, main_problem(session));
            past_issuer(case, at, first, session, leaf, because)
        }
        Verification::Expired => dates(case, at, first, session, leaf, true),
        Verification::NotYetValid => dates(case, at, first, session, leaf, false),
        Verification::NameMismatch => name::judge(case, at, first, leaf),
        Verification::SelfSigned => self_signed(case, at, first, leaf),
        Verification::UnknownIssuer if leaf.self_signed => self_signed(case, at, first, leaf),
        Verification::UnknownIssuer => trust::judge(case, at, first, session, leaf),
        Verification::Revoked | Verification::StapleMissing => revoked(case, at, first, session, leaf, verification),
        Verification::WeakKey => weak(case, at, first, session, leaf),
        // A wrong purpose, a broken constraint, a signature by another key: the catalogue has no cause for them.
        Verification::Unsupported | Verification::BadSignature | Verification::Accepted | Verification::NotReached => {
            Vec::new()
        }
    }
}

/// Names what is wrong besides: who mends the first alone would fail again.
fn tell_the_rest(findings: &mut [Finding], session: &TlsSession) {
    let further = session.problems.iter().skip(1).map(|problem| problem.detail.as_str());
    let further: Vec<&str> = further.filter(|detail| !detail.is_empty()).take(MOST_FURTHER).collect();
    let mut supports = findings.iter_mut().filter(|finding| finding.stance == Stance::Supports);
    if let Some(told) = supports.find(|finding| finding.cause.starts_with("tls.") && !further.is_empty()) {
        told.summary = format!("{}; also: {}", told.summary, further.join("; "));
    }
}

/// Revoked by the word of its issuer, or unable to show that it is not.
fn revoked(
    case: &Case,
    at: &Endpoint,
    first: &TlsDial,
    session: &TlsSession,
    leaf: &Certificate,
    verification: Verification,
) -> Vec<Finding> {
    let because = if verification == Verification::Revoked {
        let since = session.staple.as_ref().and_then(|staple| staple.revoked_at);
        let since =
            since.map_or_else(String::new, |at| format!(" {} ago", date::span(session.verified_at.saturating_sub(at))));
        format!(
            "the certificate of {} was revoked{since}, as the OCSP response that the server staples says",
            case.host
        )
    } else {
        format!(
            "the certificate of {} must come with an OCSP staple (must-staple), and the server sends none; clients that hold it to \
             that take it for revoked",
            case.host
        )
    };
    let support = supports("tls.revoked").about(at).because(because).citing([first.evidence]);
    let again: Vec<&TlsDial> =
        case.later(&at.address).filter(|(sni, _)| **sni == Sni::Own).map(|(_, dial)| dial).collect();
    // A server that fetches the response only when it is first asked for has it the second time.
    if again.iter().any(|dial| case::end(dial) == case::End::Good) {
        return vec![support.build()];
    }
    let witnesses: Vec<u64> = again
        .iter()
        .filter(|dial| dial.session.as_ref().is_some_and(|session| session.has_problem(verification)))
        .map(|dial| dial.evidence)
        .collect();
    if witnesses.is_empty() {
        return vec![support.strong().build()];
    }
    let left = date::span(leaf.remaining(session.verified_at));
    vec![
        support.proof().build(),
        refutes("tls.cert_expired")
            .proof()
            .about(at)
            .because(format!("asked again it is the same, and by its dates the certificate is valid for {left}"))
            .citing(witnesses)
            .build(),
    ]
}

/// A key or a hash that is known to be too weak.
fn weak(case: &Case, at: &Endpoint, first: &TlsDial, session: &TlsSession, leaf: &Certificate) -> Vec<Finding> {
    let support = supports("tls.weak_key")
        .about(at)
        .because(format!(
            "the certificate ({}, {}) is not acceptable here: {}",
            leaf.key,
            leaf.signature_algorithm,
            main_problem(session)
        ))
        .citing([first.evidence]);
    let again = same_leaf(case, at, leaf);
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("tls.cipher_mismatch")
            .proof()
            .about(at)
            .because("asked again, a cipher suite is agreed on and the certificate is shown: it is the certificate")
            .citing(again)
            .build(),
    ]
}

/// What the host said of the first problem alone.
fn main_problem(session: &TlsSession) -> &str {
    session.problems.first().map_or(session.verification_detail.as_str(), |problem| problem.detail.as_str())
}

/// A certificate that is accepted now, but not for long.
pub(super) fn expiring(case: &Case, address: &str, first: &TlsDial) -> Vec<Finding> {
    let Some(session) = first.session.as_ref() else { return Vec::new() };
    let nearest = case::remaining(session).filter(|(_, left, warning)| left < warning);
    let Some((link, left, _)) = nearest else { return Vec::new() };
    let which = match session.chain.first() {
        Some(leaf) if std::ptr::eq(leaf, link) => format!("the certificate of {}", case.host),
        _ => format!("the intermediate certificate {} of {}", link.subject, case.host),
    };
    let at = case.endpoint(address);
    let mut findings = vec![
        supports("tls.cert_expiring_soon")
            .proof()
            .about(&at)
            .because(format!("{which} expires in {}", date::span(left)))
            .citing([first.evidence])
            .measuring(days("validity left", left))
            .build(),
    ];
    if let Some(clock) = case.clock.as_ref().filter(|clock| clock.outcome.is_ok()) {
        findings.push(
            refutes("tls.cert_expired")
                .proof()
                .about(&at)
                .because("by this host's clock it is valid now")
                .citing([clock.evidence])
                .build(),
        );
    }
    findings
}

/// Outside its dates: by every clock that can be asked, or only by this one?
fn dates(
    case: &Case,
    at: &Endpoint,
    first: &TlsDial,
    session: &TlsSession,
    leaf: &Certificate,
    expired: bool,
) -> Vec<Finding> {
    let (id, distance) = if expired {
        ("tls.cert_expired", session.verified_at.saturating_sub(leaf.not_after))
    } else {
        ("tls.cert_not_yet_valid", leaf.not_before.saturating_sub(session.verified_at))
    };
    let sentence = if expired {
        format!("the certificate of {} expired {} ago", case.host, date::span(distance))
    } else {
        format!("the certificate of {} becomes valid only in {}", case.host, date::span(distance))
    };
    let http = case.http(&at.address);
    let theirs = http.and_then(|exchange| {
        let date = date::http(exchange.response.as_ref()?.header("date")?)?;
        Some((exchange.evidence, date))
    });
    let clock = case.clock.as_ref().and_then(|answer| Some((answer.evidence, answer.outcome.as_ref().ok()?)));
    let synchronised = clock.is_some_and(|(_, clock)| clock.synchronised);
    let valid_at = |date: i64| leaf.not_before <= date && date <= leaf.not_after;
    if let Some((evidence, date)) = theirs.filter(|(_, date)| valid_at(*date) && !synchronised) {
        return skewed(at, first, evidence, date, session, id, clock.map(|(evidence, _)| evidence));
    }
    let mut witnesses: Vec<u64> = clock.iter().map(|(evidence, _)| *evidence).collect();
    let why = match theirs {
        Some((evidence, date)) if !valid_at(date) => {
            witnesses.push(evidence);
            "the server's own Date header agrees with this host's clock"
        }
        _ if synchronised => "this host's clock is synchronised (adjtimex)",
        _ => "no second clock contradicts this host's; it is not known to be synchronised",
    };
    let mut findings = vec![
        supports(id)
            .proof()
            .about(at)
            .because(sentence)
            .citing([first.evidence])
            .measuring(days(if expired { "expired since" } else { "valid in" }, distance))
            .build(),
    ];
    if !witnesses.is_empty() {
        findings.push(
            refutes("host.clock_skew").strong().about("this host's clock").because(why).citing(witnesses).build(),
        );
    }
    let again = case.later(&at.address).find(|(sni, dial)| **sni == Sni::Own && dial.session.is_some());
    if let Some((_, again)) = again.filter(|_| expired) {
        findings.push(
            refutes("tls.intermediate_expired")
                .proof()
                .about(at)
                .because("it is the server's own certificate that is past its date")
                .citing([again.evidence])
                .build(),
        );
    }
    findings
}

/// The server's clock says that the certificate is valid, and nobody vouches for ours.
fn skewed(
    at: &Endpoint,
    first: &TlsDial,
    evidence: u64,
    date: i64,
    session: &TlsSession,
    cause: &str,
    clock: Option<u64>,
) -> Vec<Finding> {
    let off = session.verified_at.saturating_sub(date);
    let direction = if off > 0 { "ahead of" } else { "behind" };
    vec![
        supports("host.clock_skew")
            .proof()
            .about("this host's clock")
            .because(format!("this host's clock is not synchronised and {} {direction} the server's", date::span(off)))
            .citing([first.evidence])
            .citing(clock)
            .measuring(Measure::count("clock offset in seconds", off))
            .build(),
        refutes(cause)
            .strong()
            .about(at)
            .because("by the server's Date header its certificate is valid now")
            .citing([evidence])
            .build(),
    ]
}

/// Something above the server's own certificate has expired.
fn past_issuer(
    case: &Case,
    at: &Endpoint,
    first: &TlsDial,
    session: &TlsSession,
    leaf: &Certificate,
    because: String,
) -> Vec<Finding> {
    let mut findings =
        vec![supports("tls.intermediate_expired").proof().about(at).because(because).citing([first.evidence]).build()];
    let mut witnesses: Vec<u64> = case.later(&at.address).map(|(_, dial)| dial.evidence).collect();
    witnesses.extend(case.clock.as_ref().map(|clock| clock.evidence));
    if !witnesses.is_empty() {
        let left = date::span(leaf.not_after.saturating_sub(session.verified_at));
        findings.push(
            refutes("tls.cert_expired")
                .proof()
                .about(at)
                .because(format!("the server's own certificate is valid for {left}"))
                .citing(witnesses)
                .build(),
        );
    }
    findings
}

fn self_signed(case: &Case, at: &Endpoint, first: &TlsDial, leaf: &Certificate) -> Vec<Finding> {
    let support = supports("tls.self_signed")
        .about(at)
        .because(format!("the certificate of {} is signed by itself ({})", case.host, leaf.subject))
        .citing([first.evidence]);
    let again: Vec<u64> = same_leaf(case, at, leaf);
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("tls.unknown_ca")
            .proof()
            .about(at)
            .because("asked again: issuer and subject are the same, so no authority is involved")
            .citing(again)
            .build(),
    ]
}

/// Later handshakes that showed the same leaf.
pub(super) fn same_leaf(case: &Case, at: &Endpoint, leaf: &Certificate) -> Vec<u64> {
    case.later(&at.address)
        .filter(|(_, dial)| {
            dial.session.as_ref().and_then(|s| s.chain.first()).is_some_and(|c| c.sha256_hex == leaf.sha256_hex)
        })
        .map(|(_, dial)| dial.evidence)
        .collect()
}

fn days(name: &str, seconds: i64) -> Measure {
    Measure { unit: "d".to_owned(), ..Measure::count(name, seconds / 86_400) }
}

/// Of further problems that a sentence tells.
const MOST_FURTHER: usize = 3;
