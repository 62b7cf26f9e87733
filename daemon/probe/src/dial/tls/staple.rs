//! The OCSP response that a server staples to its certificate (RFC 6960, RFC 6066 section 8).
//!
//! A server can staple whatever it likes, so what it says counts only where the leaf's issuer, or a responder whom that issuer
//! appointed, signed it. Never panics; its size is that of a handshake message, which rustls bounds.

use der::{Decode, Encode};
use rustls::pki_types::CertificateDer;
use sonde_core::observation::dial::{OcspStaple, OcspStatus};
use x509_ocsp::{BasicOcspResponse, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus, SingleResponse};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// Judges a response about the certificate `leaf`; `issuers` are where its issuer may be found.
pub(super) fn judge(response: &[u8], leaf: &CertificateDer<'_>, issuers: &[CertificateDer<'_>]) -> OcspStaple {
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
    let signed = signed(&basic, &leaf, issuers);
    OcspStaple {
        status,
        verified: signed.is_ok(),
        this_update: Some(seconds(&answer.this_update)),
        next_update: answer.next_update.as_ref().map(seconds),
        revoked_at,
        detail: signed.err().unwrap_or_default().to_owned(),
    }
}

/// The same for bytes of any origin.
pub fn judge_bytes(response: &[u8], leaf: &[u8], issuers: &[&[u8]]) -> OcspStaple {
    let issuers: Vec<_> = issuers.iter().map(|issuer| CertificateDer::from(issuer.to_vec())).collect();
    judge(response, &CertificateDer::from(leaf.to_vec()), &issuers)
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
    issuers: &[CertificateDer<'_>],
) -> Result<(), &'static str> {
    let issuers = issuers.iter().filter_map(|der| X509Certificate::from_der(der).ok().map(|(_, issuer)| issuer));
    let mut issuers = issuers.filter(|issuer| issuer.subject().as_raw() == leaf.issuer().as_raw());
    let issuer = issuers.next().ok_or("the leaf's issuer, who must have signed it, was not sent")?;
    if is_signed_by(basic, issuer.public_key()) {
        return Ok(());
    }
    let appointed = basic.certs.iter().flatten().take(RESPONDERS).filter_map(|certificate| certificate.to_der().ok());
    for der in appointed {
        let Ok((_, responder)) = X509Certificate::from_der(&der) else { continue };
        let usage = responder.extended_key_usage().ok().flatten();
        if usage.is_some_and(|usage| usage.value.ocsp_signing)
            && responder.verify_signature(Some(issuer.public_key())).is_ok()
            && is_signed_by(basic, responder.public_key())
        {
            return Ok(());
        }
    }
    Err("its signature is not by the leaf's issuer, nor by whom that appointed")
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

/// One is usual.
const RESPONDERS: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls/");
        std::fs::read(format!("{folder}{name}")).expect("a fixture")
    }

    fn judged(response: &[u8]) -> OcspStaple {
        let leaf = CertificateDer::from(fixture("ocsp-leaf.der"));
        judge(response, &leaf, &[CertificateDer::from(fixture("ocsp-issuer.der"))])
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
        let leaf = CertificateDer::from(fixture("ocsp-leaf.der"));
        let staple = judge(&fixture("ocsp-good.der"), &leaf, &[]);
        assert!(!staple.verified && staple.detail.contains("was not sent"), "{staple:?}");
    }

    #[test]
    fn a_response_about_another_certificate_answers_nothing() {
        let issuer = CertificateDer::from(fixture("ocsp-issuer.der"));
        let staple = judge(&fixture("ocsp-good.der"), &issuer.clone(), &[issuer]);
        assert_eq!(staple.status, OcspStatus::Unanswered, "{staple:?}");
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
