//! The OCSP response that a server staples to its certificate (RFC 6960, RFC 6066 section 8).
//!
//! A server can staple whatever it likes, so what it says counts only where the leaf's issuer, or a responder whom that issuer
//! appointed, signed it; that the leaf is good, only for as long as the response itself says. Never panics; its size is that of a
//! handshake message, which rustls bounds.

use std::time::Duration;

use der::{Decode, Encode};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use sonde_core::observation::connection::{OcspStaple, OcspStatus};
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus, SingleResponse};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::anchors;
use crate::clock::RunClock;

/// Where the leaf's issuer may be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Issuers<'a> {
    pub(super) sent: &'a [CertificateDer<'a>],
    /// Trusted ones need not be sent.
    pub(super) roots: Option<&'a RootCertStore>,
}

/// Judges a response about the certificate `leaf` at `now`, since the Unix epoch.
pub(super) fn judge(response: &[u8], leaf: &CertificateDer<'_>, issuers: Issuers<'_>, now: Duration) -> OcspStaple {
    let nothing = |status, detail: String| OcspStaple {
        status,
        verified: false,
        this_update: None,
        next_update: None,
        revoked_at: None,
        detail,
    };
    let basic = match basic(response) {
        Ok(basic) => basic,
        Err(Problem::Status(status)) => {
            return nothing(OcspStatus::Unanswered, format!("the responder answered {status:?}"));
        }
        Err(Problem::Bytes(text)) => return nothing(OcspStatus::Malformed, text),
    };
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else {
        return nothing(OcspStatus::Unanswered, "the leaf is not decodable".to_owned());
    };
    let serial =
        |answer: &&SingleResponse| unsigned(answer.cert_id.serial_number.as_bytes()) == unsigned(leaf.raw_serial());
    let Some(answer) = basic.tbs_response_data.responses.iter().find(serial) else {
        return nothing(OcspStatus::Unanswered, "it is about another certificate".to_owned());
    };
    let (status, revoked_at) = match &answer.cert_status {
        CertStatus::Good(_) => (OcspStatus::Good, None),
        CertStatus::Revoked(info) => (OcspStatus::Revoked, Some(seconds(&info.revocation_time))),
        CertStatus::Unknown(_) => (OcspStatus::Unknown, None),
    };
    let signed = signed(&basic, &leaf, issuers, now);
    let staple = OcspStaple {
        status,
        verified: signed.is_ok(),
        this_update: Some(seconds(&answer.this_update)),
        next_update: answer.next_update.as_ref().map(seconds),
        revoked_at,
        detail: String::new(),
    };
    let detail = match signed {
        Ok(()) => out_of_date(&staple, now).unwrap_or_default(),
        Err(what) => what.to_owned(),
    };
    OcspStaple { detail, ..staple }
}

/// Why a response does not show that the leaf is good; nothing where it does.
pub(super) fn problem(staple: &OcspStaple, now: Duration) -> Option<String> {
    match staple.status {
        OcspStatus::Good if staple.verified => out_of_date(staple, now),
        OcspStatus::Good | OcspStatus::Unanswered | OcspStatus::Malformed => Some(staple.detail.clone()),
        OcspStatus::Unknown => Some("the responder does not know the certificate".to_owned()),
        OcspStatus::Revoked => Some(format!("it says revoked, but {}", staple.detail)),
    }
}

/// RFC 6960 section 4.2.2.1.
fn out_of_date(staple: &OcspStaple, now: Duration) -> Option<String> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let shown = |time: i64| ASN1Time::from_timestamp(time).map_or_else(|_| time.to_string(), |time| time.to_string());
    match (staple.this_update, staple.next_update) {
        (Some(this), _) if this > now.saturating_add(SKEW_SECONDS) => {
            Some(format!("it is not valid before {}", shown(this)))
        }
        (_, Some(next)) if next < now => Some(format!("it was to be renewed by {}", shown(next))),
        _ => None,
    }
}

/// The same for bytes of any origin, now.
pub fn judge_bytes(response: &[u8], leaf: &[u8], issuers: &[&[u8]]) -> OcspStaple {
    let issuers: Vec<_> = issuers.iter().map(|issuer| CertificateDer::from(issuer.to_vec())).collect();
    let issuers = Issuers { sent: &issuers, roots: None };
    judge(response, &CertificateDer::from(leaf.to_vec()), issuers, RunClock::wall_now())
}

enum Problem {
    Status(OcspResponseStatus),
    Bytes(String),
}

fn basic(response: &[u8]) -> Result<BasicOcspResponse, Problem> {
    let undecodable = |error: der::Error| Problem::Bytes(format!("not decodable: {error}"));
    let response = OcspResponse::from_der(response).map_err(undecodable)?;
    if response.response_status != OcspResponseStatus::Successful {
        return Err(Problem::Status(response.response_status));
    }
    let bytes = response.response_bytes.ok_or_else(|| Problem::Bytes("it is successful, but empty".to_owned()))?;
    BasicOcspResponse::from_der(bytes.response.as_bytes()).map_err(undecodable)
}

/// RFC 6960 section 4.2.2.2: by the issuer, or by one that the issuer certified for it.
fn signed(
    basic: &BasicOcspResponse,
    leaf: &X509Certificate<'_>,
    issuers: Issuers<'_>,
    now: Duration,
) -> Result<(), &'static str> {
    let name = leaf.issuer().as_raw();
    let sent = issuers.sent.iter().filter_map(|der| X509Certificate::from_der(der).ok().map(|(_, issuer)| issuer));
    let sent: Vec<_> = sent.filter(|issuer| issuer.subject().as_raw() == name).take(ISSUERS).collect();
    let trusted = issuers.roots.into_iter().flat_map(|roots| anchors::named(roots, name)).take(ISSUERS);
    let trusted: Vec<_> = trusted.map(|root| sequence(&root.subject_public_key_info)).collect();
    let trusted = trusted.iter().filter_map(|der| SubjectPublicKeyInfo::from_der(der).ok().map(|(_, key)| key));
    let trusted: Vec<_> = trusted.collect();
    let keys: Vec<_> = sent.iter().map(|issuer| issuer.public_key()).chain(&trusted).collect();
    if keys.is_empty() {
        return Err("the leaf's issuer, who must have signed it, was not sent");
    }
    if keys.iter().any(|key| is_signed_by(basic, key)) {
        return Ok(());
    }
    let mut expired = false;
    let appointed = basic.certs.iter().flatten().take(RESPONDERS).filter_map(|certificate| certificate.to_der().ok());
    for der in appointed {
        let Ok((_, responder)) = X509Certificate::from_der(&der) else { continue };
        let usage = responder.extended_key_usage().ok().flatten();
        if usage.is_some_and(|usage| usage.value.ocsp_signing)
            && keys.iter().any(|key| responder.verify_signature(Some(key)).is_ok())
            && is_signed_by(basic, responder.public_key())
        {
            let now = i64::try_from(now.as_secs()).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
            if now.is_some_and(|now| responder.validity().is_valid_at(now)) {
                return Ok(());
            }
            expired = true;
        }
    }
    Err(if expired {
        "it is signed by a responder whose certificate has expired, or is not valid yet"
    } else {
        "its signature is not by the leaf's issuer, nor by whom that appointed"
    })
}

/// With the outer header that trust anchors lack (X.690 section 8.1.3).
fn sequence(contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let digits = length.iter().position(|byte| *byte != 0).and_then(|first| length.get(first..)).unwrap_or_default();
    let mut der = vec![0x30];
    if contents.len() > 0x7f {
        der.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
    }
    der.extend(if digits.is_empty() { &[0] } else { digits });
    der.extend(contents);
    der
}

fn is_signed_by(basic: &BasicOcspResponse, key: &SubjectPublicKeyInfo<'_>) -> bool {
    let (Ok(data), Ok(algorithm)) = (basic.tbs_response_data.to_der(), basic.signature_algorithm.to_der()) else {
        return false;
    };
    let Ok((_, algorithm)) = AlgorithmIdentifier::from_der(&algorithm) else { return false };
    let Ok(signature) = basic.signature.to_der() else { return false };
    let Ok((_, signature)) = x509_parser::asn1_rs::BitString::from_der(&signature) else { return false };
    verify_signature(key, &algorithm, &signature, &data).is_ok()
}

fn seconds(time: &OcspGeneralizedTime) -> i64 {
    i64::try_from(time.0.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// Without the zero that keeps a DER integer positive.
fn unsigned(serial: &[u8]) -> &[u8] {
    match serial {
        [0, rest @ ..] if !rest.is_empty() => rest,
        _ => serial,
    }
}

/// One of each is usual.
const RESPONDERS: usize = 4;
const ISSUERS: usize = 4;
/// Between the clocks of a responder and of this host.
const SKEW_SECONDS: i64 = 300;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls/");
        std::fs::read(format!("{folder}{name}")).expect("a fixture")
    }

    /// A day after the responses were made.
    const NOW: Duration = Duration::from_hours(498_852);

    fn by(response: &[u8], leaf: &str, issuers: &[&str]) -> OcspStaple {
        let issuers: Vec<_> = issuers.iter().map(|name| CertificateDer::from(fixture(name))).collect();
        let issuers = Issuers { sent: &issuers, roots: None };
        judge(response, &CertificateDer::from(fixture(leaf)), issuers, NOW)
    }

    fn judged(response: &[u8]) -> OcspStaple {
        by(response, "ocsp-leaf.der", &["ocsp-issuer.der"])
    }

    #[test]
    fn a_response_of_the_issuer_says_that_the_leaf_is_good() {
        let staple = judged(&fixture("ocsp-good.der"));
        assert_eq!((staple.status, staple.verified, staple.detail.as_str()), (OcspStatus::Good, true, ""));
        assert!(staple.this_update < staple.next_update, "{staple:?}");
    }

    #[test]
    fn a_response_of_the_issuer_says_that_the_leaf_is_revoked_and_since_when() {
        let staple = judged(&fixture("ocsp-revoked.der"));
        assert_eq!((staple.status, staple.verified), (OcspStatus::Revoked, true));
        assert!(staple.revoked_at < staple.this_update, "{staple:?}");
    }

    #[test]
    fn a_response_whose_signature_was_changed_is_not_verified() {
        let mut response = fixture("ocsp-revoked.der");
        let last = response.len() - 1;
        response[last] ^= 1;
        let staple = judged(&response);
        assert_eq!((staple.status, staple.verified), (OcspStatus::Revoked, false), "{staple:?}");
    }

    #[test]
    fn without_the_issuer_nothing_is_verified() {
        let staple = by(&fixture("ocsp-good.der"), "ocsp-leaf.der", &[]);
        assert!(!staple.verified && staple.detail.contains("was not sent"), "{staple:?}");
    }

    #[test]
    fn a_response_about_another_certificate_answers_nothing() {
        let staple = by(&fixture("ocsp-good.der"), "ocsp-issuer.der", &["ocsp-issuer.der"]);
        assert_eq!(staple.status, OcspStatus::Unanswered, "{staple:?}");
    }

    #[test]
    fn a_trusted_root_that_was_not_sent_is_an_issuer_too() {
        let mut store = RootCertStore::empty();
        store.add(CertificateDer::from(fixture("ocsp-issuer.der"))).expect("a root");
        let issuers = Issuers { sent: &[], roots: Some(&store) };
        let staple = judge(&fixture("ocsp-good.der"), &CertificateDer::from(fixture("ocsp-leaf.der")), issuers, NOW);
        assert!(staple.verified, "{staple:?}");
    }

    #[test]
    fn another_issuer_of_the_same_name_hides_nothing() {
        use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
        let (_, subject) =
            X509Certificate::from_der(include_bytes!("../../../fixtures/tls/ocsp-issuer.der")).expect("fine");
        let mut name = DistinguishedName::new();
        let common = subject.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        name.push(DnType::CommonName, common.expect("a name"));
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        let other = params.self_signed(&KeyPair::generate().expect("a key")).expect("signed").der().clone();
        let issuers = [other, CertificateDer::from(fixture("ocsp-issuer.der"))];
        let issuers = Issuers { sent: &issuers, roots: None };
        let leaf = CertificateDer::from(fixture("ocsp-leaf.der"));
        assert!(judge(&fixture("ocsp-good.der"), &leaf, issuers, NOW).verified);
    }

    #[test]
    fn a_response_that_was_to_be_renewed_or_is_of_the_future_shows_nothing() {
        let staple = judged(&fixture("ocsp-good.der"));
        assert_eq!(problem(&staple, NOW), None);
        let day = Duration::from_hours(24);
        let next = Duration::from_secs(u64::try_from(staple.next_update.expect("a date")).expect("after 1970"));
        let late = problem(&staple, next + day).expect("too old");
        assert!(late.starts_with("it was to be renewed by "), "{late}");
        let early = problem(&staple, NOW.saturating_sub(3 * day)).expect("of the future");
        assert!(early.starts_with("it is not valid before "), "{early}");
    }

    #[test]
    fn an_error_of_the_responder_answers_nothing() {
        // RFC 6960: OCSPResponse { tryLater }.
        let staple = judged(&[0x30, 0x03, 0x0a, 0x01, 0x03]);
        assert_eq!((staple.status, staple.detail.contains("TryLater")), (OcspStatus::Unanswered, true), "{staple:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(!judged(&bytes).verified);
        }

        #[test]
        fn no_change_of_a_byte_keeps_a_response_verified(at in 0usize..200, bit in 0u8..8) {
            let mut response = fixture("ocsp-good.der");
            let at = at % response.len();
            response[at] ^= 1 << bit;
            let staple = judged(&response);
            // What is outside the signed part may change; the answer may not.
            prop_assert!(!staple.verified || staple.status == OcspStatus::Good, "{staple:?}");
        }
    }
}
