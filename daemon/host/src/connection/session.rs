//! What was seen of a TLS session, in the guest's types.

use sonde_core::observation::connection as core;

use crate::bindings::sonde::check::connection as wit;
use crate::types;

impl From<core::TlsSession> for wit::TlsSession {
    fn from(session: core::TlsSession) -> Self {
        Self {
            version: session.version,
            cipher: session.cipher,
            group: session.group,
            alpn: session.alpn,
            chain: session.chain.into_iter().map(Into::into).collect(),
            verification: session.verification.into(),
            verification_detail: session.verification_detail,
            verification_depth: session.verification_depth,
            problems: session.problems.into_iter().map(Into::into).collect(),
            issuer_in_store: session.issuer_in_store,
            trusted_roots: session.trusted_roots,
            staple: session.staple.map(Into::into),
            client_certificate_requested: session.client_certificate_requested,
            client_certificate_authorities: session.client_certificate_authorities,
            plaintext: session.plaintext,
            plaintext_protocol: session.plaintext_protocol,
            verified_at: session.verified_at,
        }
    }
}

impl From<core::Certificate> for wit::Certificate {
    fn from(certificate: core::Certificate) -> Self {
        Self {
            subject: certificate.subject,
            issuer: certificate.issuer,
            serial_hex: certificate.serial_hex,
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            dns_names: certificate.dns_names,
            addresses: types::texts(&certificate.addresses),
            is_ca: certificate.is_ca,
            key: certificate.key,
            signature_algorithm: certificate.signature_algorithm,
            sha256_hex: certificate.sha256_hex,
            self_signed: certificate.self_signed,
            subject_key_id_hex: certificate.subject_key_id_hex,
            authority_key_id_hex: certificate.authority_key_id_hex,
            issuer_urls: certificate.issuer_urls,
            ocsp_urls: certificate.ocsp_urls,
            crl_urls: certificate.crl_urls,
            must_staple: certificate.must_staple,
            der: certificate.der,
        }
    }
}

impl From<core::Verification> for wit::Verification {
    fn from(verification: core::Verification) -> Self {
        match verification {
            core::Verification::Accepted => Self::Accepted,
            core::Verification::Expired => Self::Expired,
            core::Verification::NotYetValid => Self::NotYetValid,
            core::Verification::NameMismatch => Self::NameMismatch,
            core::Verification::UnknownIssuer => Self::UnknownIssuer,
            core::Verification::SelfSigned => Self::SelfSigned,
            core::Verification::Revoked => Self::Revoked,
            core::Verification::BadSignature => Self::BadSignature,
            core::Verification::WeakKey => Self::WeakKey,
            core::Verification::StapleMissing => Self::StapleMissing,
            core::Verification::Unsupported => Self::Unsupported,
            core::Verification::NotReached => Self::NotReached,
        }
    }
}

impl From<core::VerificationProblem> for wit::VerificationProblem {
    fn from(problem: core::VerificationProblem) -> Self {
        Self { verification: problem.verification.into(), depth: problem.depth, detail: problem.detail }
    }
}

impl From<core::OcspStaple> for wit::OcspStaple {
    fn from(staple: core::OcspStaple) -> Self {
        Self {
            status: match staple.status {
                core::OcspStatus::Good => wit::OcspStatus::Good,
                core::OcspStatus::Revoked => wit::OcspStatus::Revoked,
                core::OcspStatus::Unknown => wit::OcspStatus::Unknown,
                core::OcspStatus::Unanswered => wit::OcspStatus::Unanswered,
                core::OcspStatus::Malformed => wit::OcspStatus::Malformed,
            },
            verified: staple.verified,
            this_update: staple.this_update,
            next_update: staple.next_update,
            revoked_at: staple.revoked_at,
            detail: staple.detail,
        }
    }
}
