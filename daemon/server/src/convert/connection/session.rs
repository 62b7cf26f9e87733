//! What was seen of a TLS session.

use sonde_core::observation::connection as core;
use sonde_proto::v1;

use crate::convert::timestamp_of_seconds;

pub(in crate::convert) fn session(session: &core::TlsSession) -> v1::TlsSession {
    v1::TlsSession {
        version: session.version.clone().unwrap_or_default(),
        cipher: session.cipher.clone().unwrap_or_default(),
        alpn: session.alpn.clone().unwrap_or_default(),
        chain: session.chain.iter().map(certificate).collect(),
        verification: verification(session.verification).into(),
        verification_detail: session.verification_detail.clone(),
        verification_depth: session.verification_depth.map(Into::into),
        client_certificate_requested: session.client_certificate_requested,
        plaintext: session.plaintext.clone().unwrap_or_default(),
        verified_at: Some(timestamp_of_seconds(session.verified_at)),
        group: session.group.clone().unwrap_or_default(),
        problems: session.problems.iter().map(problem).collect(),
        issuer_in_store: session.issuer_in_store,
        trusted_roots: session.trusted_roots,
        staple: session.staple.as_ref().map(staple),
        client_certificate_authorities: session.client_certificate_authorities.clone(),
        plaintext_protocol: session.plaintext_protocol.clone().unwrap_or_default(),
    }
}

fn certificate(certificate: &core::Certificate) -> v1::Certificate {
    v1::Certificate {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        serial_hex: certificate.serial_hex.clone(),
        not_before: Some(timestamp_of_seconds(certificate.not_before)),
        not_after: Some(timestamp_of_seconds(certificate.not_after)),
        dns_names: certificate.dns_names.clone(),
        addresses: certificate.addresses.iter().map(ToString::to_string).collect(),
        is_ca: certificate.is_ca,
        key: certificate.key.clone(),
        signature_algorithm: certificate.signature_algorithm.clone(),
        sha256_hex: certificate.sha256_hex.clone(),
        self_signed: certificate.self_signed,
        subject_key_id_hex: certificate.subject_key_id_hex.clone(),
        authority_key_id_hex: certificate.authority_key_id_hex.clone(),
        issuer_urls: certificate.issuer_urls.clone(),
        ocsp_urls: certificate.ocsp_urls.clone(),
        crl_urls: certificate.crl_urls.clone(),
        must_staple: certificate.must_staple,
        der: certificate.der.clone(),
    }
}

fn verification(verification: core::Verification) -> v1::Verification {
    match verification {
        core::Verification::Accepted => v1::Verification::Accepted,
        core::Verification::Expired => v1::Verification::Expired,
        core::Verification::NotYetValid => v1::Verification::NotYetValid,
        core::Verification::NameMismatch => v1::Verification::NameMismatch,
        core::Verification::UnknownIssuer => v1::Verification::UnknownIssuer,
        core::Verification::SelfSigned => v1::Verification::SelfSigned,
        core::Verification::Revoked => v1::Verification::Revoked,
        core::Verification::BadSignature => v1::Verification::BadSignature,
        core::Verification::WeakKey => v1::Verification::WeakKey,
        core::Verification::StapleMissing => v1::Verification::StapleMissing,
        core::Verification::Unsupported => v1::Verification::Unsupported,
        core::Verification::NotReached => v1::Verification::NotReached,
    }
}

fn problem(problem: &core::VerificationProblem) -> v1::VerificationProblem {
    v1::VerificationProblem {
        verification: verification(problem.verification).into(),
        depth: problem.depth.into(),
        detail: problem.detail.clone(),
    }
}

fn staple(staple: &core::OcspStaple) -> v1::OcspStaple {
    v1::OcspStaple {
        status: match staple.status {
            core::OcspStatus::Good => v1::OcspStatus::Good,
            core::OcspStatus::Revoked => v1::OcspStatus::Revoked,
            core::OcspStatus::Unknown => v1::OcspStatus::Unknown,
            core::OcspStatus::Unanswered => v1::OcspStatus::Unanswered,
            core::OcspStatus::Malformed => v1::OcspStatus::Malformed,
        }
        .into(),
        verified: staple.verified,
        this_update: staple.this_update.map(timestamp_of_seconds),
        next_update: staple.next_update.map(timestamp_of_seconds),
        revoked_at: staple.revoked_at.map(timestamp_of_seconds),
        detail: staple.detail.clone(),
    }
}
