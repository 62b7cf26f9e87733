//! Messages of `dial.tls` and `dial.tls-hello`.

use sonde_core::observation::dial as core;
use sonde_proto::v1;

use super::connection;
use crate::convert::failure::{deltas, endpoint, timing};
use crate::convert::{address, duration, timestamp_of_seconds};

pub(in crate::convert) fn tls(request: &core::TlsRequest, dial: &core::TlsDial) -> v1::TlsDial {
    v1::TlsDial {
        remote: Some(endpoint(request.remote)),
        local_address: address(request.local_address),
        device: request.device.clone().unwrap_or_default(),
        server_name: request.server_name.clone(),
        sni_sent: request.send_sni,
        alpn_offered: request.alpn.clone(),
        timeout: Some(duration(request.timeout)),
        connection: Some(connection(&dial.connection)),
        handshake: dial.handshake.map(timing),
        session: dial.session.as_ref().map(session),
        deltas: dial.deltas.as_ref().map(deltas),
        key_share: match request.key_share {
            core::KeyShare::PostQuantum => v1::KeyShare::PostQuantum,
            core::KeyShare::Classical => v1::KeyShare::Classical,
        }
        .into(),
        starttls: starttls(request.starttls).into(),
        starttls_exchange: dial.starttls.as_ref().map(starttls_exchange),
        known_issuers: request.known_issuers.clone(),
    }
}

pub(in crate::convert) fn hello(request: &core::TlsHelloRequest, dial: &core::TlsHelloDial) -> v1::TlsHelloDial {
    let chosen = dial.chosen.as_ref();
    v1::TlsHelloDial {
        remote: Some(endpoint(request.remote)),
        server_name: request.server_name.clone(),
        sni_sent: request.send_sni,
        version_offered: request.version.name().to_owned(),
        suites_offered: request.suites.iter().copied().map(Into::into).collect(),
        starttls: starttls(request.starttls).into(),
        starttls_exchange: dial.starttls.as_ref().map(starttls_exchange),
        timeout: Some(duration(request.timeout)),
        connection: Some(connection(&dial.connection)),
        handshake: dial.handshake.map(timing),
        version: chosen.map_or_else(String::new, |chosen| chosen.version.clone()),
        cipher: chosen.map_or_else(String::new, |chosen| chosen.cipher.clone()),
        cipher_number: chosen.map(|chosen| chosen.cipher_number.into()),
        plaintext: dial.plaintext.clone().unwrap_or_default(),
    }
}

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

fn starttls(protocol: Option<core::Starttls>) -> v1::Starttls {
    match protocol {
        None => v1::Starttls::Unspecified,
        Some(core::Starttls::Postgres) => v1::Starttls::Postgres,
        Some(core::Starttls::Mysql) => v1::Starttls::Mysql,
        Some(core::Starttls::Smtp) => v1::Starttls::Smtp,
        Some(core::Starttls::Imap) => v1::Starttls::Imap,
        Some(core::Starttls::Ldap) => v1::Starttls::Ldap,
    }
}

fn starttls_exchange(exchange: &core::StarttlsExchange) -> v1::StarttlsExchange {
    v1::StarttlsExchange { timing: Some(timing(exchange.timing)), agreed: exchange.agreed, said: exchange.said.clone() }
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
