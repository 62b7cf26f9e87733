//! `dial.tls-hello`.

use std::time::Duration;

use sonde_core::observation::connection::Connection;
use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types;

/// More than were ever registered for these versions; the length of the list has 16 bits.
const SUITES: usize = 512;

pub(super) async fn dial(caller: &Caller, request: &wit::TlsHelloRequest) -> wit::TlsHelloDial {
    let Answered { id, timing, answer: dial } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) =
                caller.reject(core::TlsHelloRequest::FUNCTION, core::TlsHelloRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::TlsHelloDial {
        evidence: id.0,
        timing: timing.into(),
        connection: dial.connection.into(),
        starttls: dial.starttls.map(Into::into),
        handshake: dial.handshake.map(Into::into),
        chosen: dial.chosen.map(|chosen| wit::ServerHello {
            version: chosen.version,
            cipher: chosen.cipher,
            cipher_number: chosen.cipher_number,
        }),
        plaintext: dial.plaintext,
        outcome: dial.outcome.map_err(Into::into),
    }
}

fn parsed(request: &wit::TlsHelloRequest, longest: Duration) -> Result<core::TlsHelloRequest, String> {
    if request.suites.len() > SUITES {
        return Err(format!("{} cipher suites are offered; at most {SUITES} are allowed", request.suites.len()));
    }
    Ok(core::TlsHelloRequest {
        remote: types::remote(&request.remote)?,
        server_name: types::word("server name", &request.server_name, super::SERVER_NAME_BYTES)?,
        send_sni: request.send_sni,
        version: match request.version {
            wit::TlsVersion::Ssl3 => core::TlsVersion::Ssl3,
            wit::TlsVersion::Tls10 => core::TlsVersion::Tls10,
            wit::TlsVersion::Tls11 => core::TlsVersion::Tls11,
            wit::TlsVersion::Tls12 => core::TlsVersion::Tls12,
        },
        suites: request.suites.clone(),
        starttls: request.starttls.map(Into::into),
        timeout: types::timeout(request.timeout_us, longest)?,
    })
}

fn failed(timing: Timing, failure: Failure) -> core::TlsHelloDial {
    core::TlsHelloDial {
        timing,
        connection: Connection::default(),
        starttls: None,
        handshake: None,
        chosen: None,
        plaintext: None,
        outcome: Err(failure),
    }
}

impl HostCall for core::TlsHelloRequest {
    type Answer = core::TlsHelloDial;
    const FUNCTION: &'static str = "dial.tls-hello";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        super::admit(run, self.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::TlsHelloDial {
        sonde_probe::dial::tls_hello(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::TlsHelloDial {
        failed(timing, failure)
    }

    fn observed(self, answer: core::TlsHelloDial) -> Call {
        Call::DialTlsHello { request: self, answer }
    }

    fn timing(answer: &core::TlsHelloDial) -> Option<Timing> {
        Some(answer.timing)
    }
}
