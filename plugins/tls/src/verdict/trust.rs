//! The issuer is not known here: an authority that is not trusted, an intermediate left out, or something in between that makes
//! certificates of its own.

use sonde_sdk::connection::{Certificate, TlsSession, Verification};
use sonde_sdk::dial::TlsDial;
use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::{Endpoint, Reason};

use super::certificate::same_leaf;
use crate::case::{Case, Sni, Step};
use crate::{chain, issuer, plan};

/// The issuer is not known here: an authority that is not trusted, or a missing intermediate?
pub(super) fn judge(
    case: &Case,
    at: &Endpoint,
    first: &TlsDial,
    session: &TlsSession,
    leaf: &Certificate,
) -> Vec<Finding> {
    if let Some(findings) = intercepted(case, at, first, leaf) {
        return findings;
    }
    if let Some(findings) = fetched(case, at, first, leaf) {
        return findings;
    }
    let path = chain::path(session);
    let again = same_leaf(case, at, leaf);
    match path.as_slice() {
        [_, .., root] if root.self_signed => whole(case, at, first, root, &again, path.len()),
        [.., top] if session.issuer_in_store => namesake(at, first, top, &again),
        [.., top] => open(case, at, first, top, &again, path.len()),
        [] => Vec::new(),
    }
}

/// What would decide, where the certificates alone do not: the issuer's, which this run may not fetch.
pub(super) fn next_step(case: &Case, first: &TlsDial) -> Option<String> {
    let asked = case.request(&Step::Issuer)?;
    let denied = asked.outcome.as_ref().is_err_and(|failure| matches!(failure.reason, Reason::Denied(_)));
    let place = issuer::place(case, first).filter(|_| denied)?;
    Some(format!("let the run fetch the issuer's certificate: --allow {}", place.remote))
}

/// A chain up to a root: only that root's name is missing from the store.
fn whole(
    case: &Case,
    at: &Endpoint,
    first: &TlsDial,
    root: &Certificate,
    again: &[u64],
    length: usize,
) -> Vec<Finding> {
    let support = supports("tls.unknown_ca")
        .about(at)
        .because(format!("the chain of {} is complete up to {}, which is not trusted here", case.host, root.subject))
        .citing([first.evidence]);
    let why = format!("asked again, the server sends {length} certificates that fit together, the last of them a root");
    told(support, refutes("tls.chain_incomplete").proof().about(at).because(why), again)
}

/// A root here has the issuer's name, but not its key: made anew, most often. An intermediate of that name is rare, not impossible.
fn namesake(at: &Endpoint, first: &TlsDial, top: &Certificate, again: &[u64]) -> Vec<Finding> {
    let support = supports("tls.unknown_ca")
        .about(at)
        .because(format!(
            "{} was issued by {}, and the root of that name that is trusted here has another key",
            top.subject, top.issuer
        ))
        .citing([first.evidence]);
    let why = "asked again: the issuer has the name of a root, above which nothing is missing";
    told(support, refutes("tls.chain_incomplete").about(at).because(why), again)
}

/// Proven only where the same was seen again.
fn told(support: Draft, refutation: Draft, again: &[u64]) -> Vec<Finding> {
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![support.proof().build(), refutation.citing(again.iter().copied()).build()]
}

/// The chain ends below its issuer, and only that one's certificate would tell what it is. Its name is a hint that proves nothing: the
/// likelier is named without certainty. Where the server does send intermediates, nobody can say that another is missing.
fn open(case: &Case, at: &Endpoint, first: &TlsDial, top: &Certificate, again: &[u64], length: usize) -> Vec<Finding> {
    let because = format!(
        "{}, which issued {}, is neither sent by the server nor trusted here: an intermediate that was left out, or an unknown authority",
        top.issuer, top.subject
    );
    let finding = |cause: &str| supports(cause).about(at).because(&because).citing([first.evidence]);
    let is_root = top.issuer.to_ascii_lowercase().contains("root");
    let (likelier, other, why) = if is_root {
        (
            "tls.unknown_ca",
            "tls.chain_incomplete",
            "asked again: by its name the issuer is a root, above which nothing is missing",
        )
    } else {
        (
            "tls.chain_incomplete",
            "tls.unknown_ca",
            "asked again: the chain ends below its issuer, which by its name is no root",
        )
    };
    // A fetched certificate that leads no further was looked at before.
    if again.is_empty() || issuer::fetched(case).is_some() || (length > 1 && !is_root) {
        return vec![finding(likelier).strong().citing(again.iter().copied()).build(), finding(other).build()];
    }
    told(finding(likelier), refutes(other).about(at).because(why), again)
}

/// Nobody has a certificate for a name that cannot exist, except who makes them as they are asked for.
fn intercepted(case: &Case, at: &Endpoint, first: &TlsDial, leaf: &Certificate) -> Option<Vec<Finding>> {
    let made = case.later(&at.address).find(|(sni, dial)| {
        let other = dial.session.as_ref().and_then(|session| session.chain.first());
        **sni == Sni::Other(plan::NONSENSE.to_owned())
            && other.is_some_and(|other| {
                other.issuer == leaf.issuer && other.dns_names.iter().any(|name| name == plan::NONSENSE)
            })
    });
    let (_, made) = made?;
    Some(vec![
        supports("tls.unknown_ca")
            .proof()
            .about(at)
            .because(format!(
                "the certificate of {} is made on the way by {}, which is not trusted here: an intercepting proxy",
                case.host, leaf.issuer
            ))
            .citing([first.evidence])
            .build(),
        refutes("tls.chain_incomplete")
            .proof()
            .about(at)
            .because(format!("the same issuer makes a certificate for {} too, which no server has", plan::NONSENSE))
            .citing([made.evidence])
            .build(),
    ])
}

/// What the fetched certificate of the issuer tells.
fn fetched(case: &Case, at: &Endpoint, first: &TlsDial, leaf: &Certificate) -> Option<Vec<Finding>> {
    let (request, der) = issuer::fetched(case)?;
    let known = case.special(&Step::Known(at.address.clone()))?;
    let session = known.session.as_ref()?;
    if session.chain.first().is_none_or(|shown| shown.sha256_hex != leaf.sha256_hex) {
        return None;
    }
    let distrusted = [Verification::UnknownIssuer, Verification::BadSignature, Verification::Unsupported];
    if !distrusted.iter().any(|problem| session.has_problem(*problem)) {
        return Some(vec![
            supports("tls.chain_incomplete")
                .proof()
                .about(at)
                .because(format!("the server does not send the intermediate certificate {}", top(first)))
                .citing([first.evidence])
                .build(),
            refutes("tls.unknown_ca")
                .proof()
                .about(at)
                .because(
                    "with that certificate, fetched from where the server's own says it is, the chain is trusted here",
                )
                .citing([request.evidence, known.evidence])
                .build(),
        ]);
    }
    (issuer::is_root(der) && session.has_problem(Verification::UnknownIssuer)).then(|| {
        vec![
            supports("tls.unknown_ca")
                .proof()
                .about(at)
                .because(format!("the root {}, which the chain of {} ends below, is not trusted here", top(first), case.host))
                .citing([first.evidence])
                .build(),
            refutes("tls.chain_incomplete")
                .proof()
                .about(at)
                .because("fetched from where the server's own says it is, the issuer's certificate is a root: nothing is missing")
                .citing([request.evidence, known.evidence])
                .build(),
        ]
    })
}

/// Who issued the topmost certificate of the path.
fn top(first: &TlsDial) -> String {
    first.session.as_ref().and_then(chain::top).map_or_else(String::new, |top| top.issuer.clone())
}
