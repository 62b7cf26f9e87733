//! `dial.http`.

use std::time::Duration;

use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::bindings::sonde::check::types::Property;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types;

/// Header fields of a request, and the bytes of each name and value.
const HEADERS: usize = 64;
const HEADER_BYTES: usize = 8 << 10;

/// What common servers take as a request target.
const PATH_BYTES: usize = 8 << 10;

/// A body is read to see that it ends, not to be kept.
const BODY_BYTES: u32 = 16 << 20;

pub(super) async fn dial(caller: &Caller, request: &wit::HttpRequest) -> wit::HttpExchange {
    let Answered { id, timing, answer: exchange } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::HttpRequest::FUNCTION, core::HttpRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::HttpExchange {
        evidence: id.0,
        timing: timing.into(),
        connection: exchange.connection.into(),
        phases: exchange.phases.into(),
        session: exchange.session.map(Into::into),
        response: exchange.response.map(Into::into),
        not_http: exchange.not_http,
        outcome: exchange.outcome.map_err(Into::into),
        deltas: exchange.deltas.map(Into::into),
    }
}

fn parsed(request: &wit::HttpRequest, longest: Duration) -> Result<core::HttpRequest, String> {
    if request.method.is_empty() || !request.method.bytes().all(is_token) || request.method.len() > 32 {
        return Err(format!("{:?} is no method; use one like GET or HEAD", crate::text::tidy(&request.method, 32)));
    }
    if !request.path.starts_with('/') || request.path.contains(' ') {
        return Err(format!("the path {:?} must begin with / and hold no space", crate::text::tidy(&request.path, 64)));
    }
    if request.headers.len() > HEADERS {
        return Err(format!("{} header fields are given; at most {HEADERS} are allowed", request.headers.len()));
    }
    Ok(core::HttpRequest {
        remote: types::remote(&request.remote)?,
        tls_server_name: request
            .tls_server_name
            .as_deref()
            .map(|name| types::word("server name", name, super::SERVER_NAME_BYTES))
            .transpose()?,
        method: request.method.clone(),
        path: types::word("path", &request.path, PATH_BYTES)?,
        host: types::word("host", &request.host, super::SERVER_NAME_BYTES + ":65535".len())?,
        headers: request.headers.iter().map(header).collect::<Result<_, _>>()?,
        timeout: types::timeout(request.timeout_us, longest)?,
        body_limit_bytes: request.body_limit_bytes.min(BODY_BYTES),
        deltas: request.deltas,
    })
}

fn header(field: &Property) -> Result<core::Property, String> {
    if field.name.is_empty() || !field.name.bytes().all(is_token) {
        return Err(format!("{:?} is no header name", crate::text::tidy(&field.name, 64)));
    }
    Ok(core::Property {
        name: types::word("header name", &field.name, HEADER_BYTES)?,
        value: types::word("header value", &field.value, HEADER_BYTES)?,
    })
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn failed(timing: Timing, failure: Failure) -> core::HttpExchange {
    core::HttpExchange {
        timing,
        connection: core::Connection::default(),
        phases: core::HttpPhases::default(),
        session: None,
        response: None,
        not_http: None,
        outcome: Err(failure),
        deltas: None,
    }
}

impl HostCall for core::HttpRequest {
    type Answer = core::HttpExchange;
    const FUNCTION: &'static str = "dial.http";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        super::admit(run, self.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::HttpExchange {
        sonde_probe::dial::http(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::HttpExchange {
        failed(timing, failure)
    }

    fn observed(self, answer: core::HttpExchange) -> Call {
        Call::DialHttp { request: self, answer }
    }

    fn timing(answer: &core::HttpExchange) -> Option<Timing> {
        Some(answer.timing)
    }

    fn is_alone(&self) -> bool {
        self.deltas
    }
}

impl From<core::HttpPhases> for wit::HttpPhases {
    fn from(phases: core::HttpPhases) -> Self {
        Self {
            connect: phases.connect.map(Into::into),
            tls: phases.tls.map(Into::into),
            send: phases.send.map(Into::into),
            wait: phases.wait.map(Into::into),
            receive: phases.receive.map(Into::into),
        }
    }
}

impl From<core::HttpResponse> for wit::HttpResponse {
    fn from(response: core::HttpResponse) -> Self {
        Self {
            version: response.version,
            status: response.status,
            headers: response
                .headers
                .into_iter()
                .map(|field| Property { name: field.name, value: field.value })
                .collect(),
            content_length: response.content_length,
            body_bytes: response.body_bytes,
            body_complete: response.body_complete,
            body_prefix: response.body_prefix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sonde::check::types::Endpoint;

    fn request() -> wit::HttpRequest {
        wit::HttpRequest {
            remote: Endpoint { address: "127.0.0.1".to_owned(), port: 80 },
            tls_server_name: None,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: "a".to_owned(),
            headers: Vec::new(),
            timeout_us: 1,
            body_limit_bytes: u32::MAX,
            deltas: false,
        }
    }

    #[test]
    fn a_plain_request_is_taken_with_its_body_bounded() {
        let parsed = parsed(&request(), Duration::from_secs(1)).expect("is well formed");
        assert_eq!(parsed.body_limit_bytes, BODY_BYTES);
    }

    #[test]
    fn a_line_break_smuggles_nothing() {
        let smuggled = "a\r\nX: y".to_owned();
        let field = Property { name: "x".to_owned(), value: smuggled.clone() };
        for bad in [
            wit::HttpRequest { path: format!("/{smuggled}"), ..request() },
            wit::HttpRequest { method: smuggled.clone(), ..request() },
            wit::HttpRequest { host: smuggled.clone(), ..request() },
            wit::HttpRequest { headers: vec![field], ..request() },
            wit::HttpRequest { path: "/ HTTP/1.1".to_owned(), ..request() },
        ] {
            assert!(parsed(&bad, Duration::from_secs(1)).is_err(), "{bad:?}");
        }
    }
}
