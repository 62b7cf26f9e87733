//! What may be this client's own lack: its cryptography knows no P-521, no ECDSA with SHA-512 and no curve that is rarer still, and
//! OpenSSL knows them all. Blames nobody: it says what another client would show.

use sonde_sdk::check::Outcome;
use sonde_sdk::connection::{Certificate, Verification};
use sonde_sdk::dial::{ServerHello, TlsDial};

use super::version::MODERN_SUITES;
use crate::case::{self, Case, End};
use crate::{chain, starttls};

/// The outcome where a handshake may have failed for such a lack.
pub(super) fn judge(case: &Case, address: &str, first: &TlsDial) -> Option<Outcome> {
    let sentence = hello(case, address, first).or_else(|| signature(case, first))?;
    let at = case.endpoint(address);
    let is_address = case.host.parse::<std::net::IpAddr>().is_ok();
    let name = if is_address { String::new() } else { format!(" -servername {}", case.host) };
    let begin = case.starttls.map_or_else(String::new, |protocol| format!(" -starttls {}", starttls::name(protocol)));
    let step = format!("see what another client makes of it: openssl s_client -connect {at}{name}{begin}");
    Some(Outcome::unclear(sentence).next(step))
}

/// What an older hello was answered with, where this client offers that, too, and was refused: it was no suite that was missing.
pub(super) fn shared_suite<'a>(case: &'a Case, address: &str, first: &TlsDial) -> Option<&'a ServerHello> {
    let chosen = case.hello(address)?.chosen.as_ref()?;
    let shared = chosen.version == "TLSv1.2" && MODERN_SUITES.contains(&chosen.cipher_number);
    (shared && case::end(first) == End::Alert(40)).then_some(chosen)
}

/// The older hello has more signatures and groups. A certificate whose key is on P-521 is the usual reason.
fn hello(case: &Case, address: &str, first: &TlsDial) -> Option<String> {
    let chosen = shared_suite(case, address, first)?;
    Some(format!(
        "{} refuses this client's hello, and of an older one takes {}, which both have: it may need a signature or a group that this \
         client lacks, as ecdsa_secp521r1_sha512 for a key on P-521; other clients may well be served",
        case.endpoint(address),
        chosen.cipher
    ))
}

/// A certificate on the way up that cannot be judged here.
fn signature(case: &Case, first: &TlsDial) -> Option<String> {
    let session = first.session.as_ref().filter(|session| session.verification == Verification::Unsupported)?;
    let foreign = chain::path(session).into_iter().find(|link| is_foreign(link))?;
    Some(format!(
        "the certificate of {} could not be judged here: {}; this client knows neither P-521 nor ECDSA with SHA-512, and {} ({}, {}) may \
         well be good for others",
        case.host, session.verification_detail, foreign.subject, foreign.key, foreign.signature_algorithm
    ))
}

fn is_foreign(certificate: &Certificate) -> bool {
    let key = certificate.key.as_str();
    let signed = !certificate.self_signed && certificate.signature_algorithm == "ecdsa-with-SHA512";
    signed || key == "Ed448" || (key.starts_with("EC ") && !KNOWN_CURVES.contains(&key))
}

/// As the host names them.
const KNOWN_CURVES: [&str; 2] = ["EC P-256", "EC P-384"];
