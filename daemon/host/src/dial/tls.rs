//! `dial.tls`.

use std::time::Duration;

use sonde_core::observation::connection::Connection;
use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types;

/// Offered protocols, each of at most 255 bytes (RFC 7301 section 3.1).
const ALPN_PROTOCOLS: usize = 16;
/// A chain has at most so many intermediates that could be missing.
const KNOWN_ISSUERS: usize = 4;
/// Certificates have 1 to 2 KB; those with many names more.
const CERTIFICATE_BYTES: usize = 16 << 10;

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
        starttls: dial.starttls.map(Into::into),
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
    if request.known_issuers.len() > KNOWN_ISSUERS {
        let given = request.known_issuers.len();
        return Err(format!("{given} known issuers are given; at most {KNOWN_ISSUERS} are allowed"));
    }
    if let Some(long) = request.known_issuers.iter().find(|der| der.len() > CERTIFICATE_BYTES) {
        return Err(format!("a known issuer has {} bytes; at most {CERTIFICATE_BYTES} are allowed", long.len()));
    }
    let protocol = |name: &String| match name.len() {
        0 => Err("an ALPN protocol has no name; leave it out".to_owned()),
        _ => types::word("ALPN protocol", name, 255),
    };
    Ok(core::TlsRequest {
        remote: types::remote(&request.remote)?,
        local_address: request.local_address.as_deref().map(types::address).transpose()?,
        device: request.device.as_deref().map(super::device).transpose()?,
        server_name: types::word("server name", &request.server_name, super::SERVER_NAME_BYTES)?,
        send_sni: request.send_sni,
        alpn: request.alpn.iter().map(protocol).collect::<Result<_, _>>()?,
        key_share: request.key_share.into(),
        starttls: request.starttls.map(Into::into),
        known_issuers: request.known_issuers.clone(),
        timeout: types::timeout(request.timeout_us, longest)?,
        deltas: request.deltas,
    })
}

fn failed(timing: Timing, failure: Failure) -> core::TlsDial {
    core::TlsDial {
        timing,
        connection: Connection::default(),
        starttls: None,
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

impl From<wit::KeyShare> for core::KeyShare {
    fn from(share: wit::KeyShare) -> Self {
        match share {
            wit::KeyShare::PostQuantum => Self::PostQuantum,
            wit::KeyShare::Classical => Self::Classical,
        }
    }
}

impl From<wit::Starttls> for core::Starttls {
    fn from(protocol: wit::Starttls) -> Self {
        match protocol {
            wit::Starttls::Postgres => Self::Postgres,
            wit::Starttls::Mysql => Self::Mysql,
            wit::Starttls::Smtp => Self::Smtp,
            wit::Starttls::Imap => Self::Imap,
            wit::Starttls::Ldap => Self::Ldap,
        }
    }
}

impl From<core::StarttlsExchange> for wit::StarttlsExchange {
    fn from(exchange: core::StarttlsExchange) -> Self {
        Self { timing: exchange.timing.into(), agreed: exchange.agreed, said: exchange.said }
    }
}
