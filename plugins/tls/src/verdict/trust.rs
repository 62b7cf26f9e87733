//! The issuer is not known here: an authority that is not trusted, an intermediate left out, or something in between that makes
//! certificates of its own.

use sonde_sdk::connection::{Certificate, TlsSession, Verification};
use sonde_sdk::dial::TlsDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Endpoint;

use super::certificate::same_leaf;
use crate::case::{Case, Sni, Step};
use crate::{issuer, plan};

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
    let linked = session.chain.windows(2).all(|pair| pair[0].issuer == pair[1].subject);
    let again = same_leaf(case, at, leaf);
    if let Some(top) =
        session.chain.last().filter(|top| linked && session.chain.len() > 1 && (top.is_ca || top.self_signed))
    {
        let end =
            if top.self_signed { top.subject.clone() } else { format!("{}, issued by {}", top.subject, top.issuer) };
        let support = supports("tls.unknown_ca")
            .about(at)
            .because(format!("the chain of {} is complete up to {end}, which is not trusted here", case.host))
            .citing([first.evidence]);
        if again.is_empty() {
            return vec![support.strong().build()];
        }
        return vec![
            support.proof().build(),
            refutes("tls.chain_incomplete")
                .proof()
                .about(at)
                .because(format!(
                    "asked again, the server sends {} certificates that fit together",
                    session.chain.len()
                ))
                .citing(again)
                .build(),
        ];
    }
    // One certificate alone: the authority's own leaf, or an intermediate left out. Only the issuer's certificate would tell;
    // its name is a hint, so the likelier is named without certainty. A root here that has the issuer's name, but not its key, is one.
    let root = session.issuer_in_store || leaf.issuer.to_ascii_lowercase().contains("root");
    let (likely, other, because, why) = if root {
        (
            "tls.unknown_ca",
            "tls.chain_incomplete",
            format!("{}, which issued the certificate of {}, is not trusted here", leaf.issuer, case.host),
            "asked again: by its name the issuer is a root, above which nothing is missing",
        )
    } else {
        (
            "tls.chain_incomplete",
            "tls.unknown_ca",
            format!("the server sends no certificate of {}, which issued the one of {}", leaf.issuer, case.host),
            "asked again: the chain ends below its issuer, which by its name is no root",
        )
    };
    let support = supports(likely).about(at).because(because).citing([first.evidence]);
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![support.proof().build(), refutes(other).about(at).because(why).citing(again).build()]
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

/// Who issued the topmost certificate.
fn top(first: &TlsDial) -> String {
    first.session.as_ref().and_then(|session| session.chain.last()).map_or_else(String::new, |top| top.issuer.clone())
}
