//! `dial.tls`.

use std::time::Duration;

use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types;

/// Offered protocols, each of at most 255 bytes (RFC 7301 section 3.1).
const ALPN_PROTOCOLS: usize = 16;

pub(super) async fn dial(caller: &Caller, request: &wit::TlsRequest) -> wit::TlsDial {
    let Answered { id, timing, answer: dial } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::TlsRequest::FUNCTION, core::TlsRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::TlsDial {
        evidence: id.0,
        timing: timing.into(),
        connection: dial.connection.into(),
        handshake: dial.handshake.map(Into::into),
        session: dial.session.map(Into::into),
        outcome: dial.outcome.map_err(Into::into),
        deltas: dial.deltas.map(Into::into),
    }
}

fn parsed(request: &wit::TlsRequest, longest: Duration) -> Result<core::TlsRequest, String> {
    if request.alpn.len() > ALPN_PROTOCOLS {
        return Err(format!("{} ALPN protocols are offered; at most {ALPN_PROTOCOLS} are allowed", request.alpn.len()));
    }
    let protocol = |name: &String| match name.len() {
        0 => Err("an ALPN protocol has no name; leave it out".to_owned()),
        _ => types::word("ALPN protocol", name, 255),
    };
    Ok(core::TlsRequest {
        remote: types::remote(&request.remote)?,
        server_name: types::word("server name", &request.server_name, super::SERVER_NAME_BYTES)?,
        send_sni: request.send_sni,
        alpn: request.alpn.iter().map(protocol).collect::<Result<_, _>>()?,
        timeout: types::timeout(request.timeout_us, longest)?,
        deltas: request.deltas,
    })
}

fn failed(timing: Timing, failure: Failure) -> core::TlsDial {
    core::TlsDial {
        timing,
        connection: core::Connection::default(),
        handshake: None,
        session: None,
        outcome: Err(failure),
        deltas: None,
    }
}

impl HostCall for core::TlsRequest {
    type Answer = core::TlsDial;
    const FUNCTION: &'static str = "dial.tls";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        super::admit(run, self.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::TlsDial {
        sonde_probe::dial::tls(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::TlsDial {
        failed(timing, failure)
    }

    fn observed(self, answer: core::TlsDial) -> Call {
        Call::DialTls { request: self, answer }
    }

    fn timing(answer: &core::TlsDial) -> Option<Timing> {
        Some(answer.timing)
    }

    fn is_alone(&self) -> bool {
        self.deltas
    }
}

impl From<core::TlsSession> for wit::TlsSession {
    fn from(session: core::TlsSession) -> Self {
        Self {
            version: session.version,
            cipher: session.cipher,
            alpn: session.alpn,
            chain: session.chain.into_iter().map(Into::into).collect(),
            verification: session.verification.into(),
            verification_detail: session.verification_detail,
            verification_depth: session.verification_depth,
            client_certificate_requested: session.client_certificate_requested,
            plaintext: session.plaintext,
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
            core::Verification::Unsupported => Self::Unsupported,
            core::Verification::NotReached => Self::NotReached,
        }
    }
}
