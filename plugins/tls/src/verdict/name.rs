//! The certificate is for other names: always, or only because the server does not know ours?

use sonde_sdk::connection::Certificate;
use sonde_sdk::dial::TlsDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Endpoint;

use crate::case::{Case, Sni};

/// Judges it by what other server names get.
pub(super) fn judge(case: &Case, at: &Endpoint, first: &TlsDial, leaf: &Certificate) -> Vec<Finding> {
    let covered = covered(leaf);
    let others: Vec<(&Sni, &TlsDial, &Certificate)> = case
        .later(&at.address)
        .filter_map(|(sni, dial)| Some((sni, dial, dial.session.as_ref()?.chain.first()?)))
        .collect();
    let different = others.iter().find(|(_, _, other)| other.sha256_hex != leaf.sha256_hex);
    if let Some((sni, dial, other)) = different {
        let asked = match sni {
            Sni::Other(name) => format!("for {name}"),
            _ => "without a server name".to_owned(),
        };
        return vec![
            supports("tls.default_cert_served")
                .proof()
                .about(at)
                .because(format!(
                    "the server has no certificate for {} and serves one {}",
                    case.host,
                    as_served(leaf, covered.as_deref())
                ))
                .citing([first.evidence])
                .build(),
            refutes("tls.name_mismatch")
                .proof()
                .about(at)
                .because(format!("asked {asked} it serves another certificate ({})", other.subject))
                .citing([dial.evidence])
                .build(),
        ];
    }
    let because = match &covered {
        Some(covered) => format!("the certificate covers {covered}, not {}", case.host),
        None => format!("the certificate ({}) for {} {NAMELESS}", leaf.subject, case.host),
    };
    let support = supports("tls.name_mismatch").about(at).because(because).citing([first.evidence]);
    if others.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("tls.default_cert_served")
            .proof()
            .about(at)
            .because("with other server names, and with none, the same certificate is served")
            .citing(others.iter().map(|(_, dial, _)| dial.evidence))
            .build(),
    ]
}

/// The first of its names; none where it has no subject alternative name.
fn covered(leaf: &Certificate) -> Option<String> {
    let names: Vec<&str> = leaf.dns_names.iter().chain(&leaf.addresses).take(4).map(String::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn as_served(leaf: &Certificate, covered: Option<&str>) -> String {
    covered.map_or_else(|| format!("({}) that {NAMELESS}", leaf.subject), |covered| format!("for {covered}"))
}

const NAMELESS: &str = "has no subject alternative name, and clients ignore the common name (RFC 9525)";
