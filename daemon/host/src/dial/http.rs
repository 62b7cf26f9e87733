//! `dial.http`.

mod answer;

use std::net::SocketAddr;
use std::time::Duration;

use sonde_core::observation::connection::Connection;
use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};
use sonde_core::target::Target;

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

/// What a probe may send: a health request, a small form.
const SENT_BYTES: usize = 64 << 10;

/// How often a request is sent again on one connection.
const SEQUELS: usize = 16;
/// What `TCP_MAXSEG` takes.
const SEGMENT_BYTES: std::ops::RangeInclusive<u16> = 88..=32767;

/// A name with a port.
const HOST_BYTES: usize = super::SERVER_NAME_BYTES + ":65535".len();

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
        tunnel: exchange.tunnel.map(Into::into),
        http2: exchange.http2.map(Into::into),
        response: exchange.response.map(Into::into),
        not_http: exchange.not_http,
        outcome: exchange.outcome.map_err(Into::into),
        sequels: exchange.sequels.into_iter().map(Into::into).collect(),
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
    if request.body.len() > SENT_BYTES {
        return Err(format!("the body has {} bytes; at most {SENT_BYTES} are allowed", request.body.len()));
    }
    let timeout = types::timeout(request.timeout_us, longest)?;
    Ok(core::HttpRequest {
        remote: types::remote(&request.remote)?,
        local_address: request.local_address.as_deref().map(types::address).transpose()?,
        device: request.device.as_deref().map(super::device).transpose()?,
        tls_server_name: request
            .tls_server_name
            .as_deref()
            .map(|name| types::word("server name", name, super::SERVER_NAME_BYTES))
            .transpose()?,
        protocol: request.protocol.into(),
        proxied: request.proxied.as_deref().map(|origin| types::word("origin", origin, HOST_BYTES)).transpose()?,
        method: request.method.clone(),
        path: types::word("path", &request.path, PATH_BYTES)?,
        host: types::word("host", &request.host, HOST_BYTES)?,
        headers: request.headers.iter().map(header).collect::<Result<_, _>>()?,
        body: request.body.clone(),
        again_after: pauses(&request.again_after_us, timeout)?,
        segment_bytes: request.segment_bytes.map(segment).transpose()?,
        timeout,
        body_limit_bytes: request.body_limit_bytes.min(BODY_BYTES),
        deltas: request.deltas,
    })
}

/// The kernel takes no others.
fn segment(bytes: u16) -> Result<u16, String> {
    if SEGMENT_BYTES.contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("segments of {bytes} bytes: write {} to {}", SEGMENT_BYTES.start(), SEGMENT_BYTES.end()))
    }
}

/// They fit into the time of the call, with some left to ask in.
fn pauses(given: &[u64], timeout: Duration) -> Result<Vec<Duration>, String> {
    if given.len() > SEQUELS {
        return Err(format!("{} further requests are wanted; at most {SEQUELS} are allowed", given.len()));
    }
    let sum = given.iter().fold(0_u64, |sum, pause| sum.saturating_add(*pause));
    if !given.is_empty() && Duration::from_micros(sum) >= timeout {
        return Err(format!(
            "the pauses take {sum} us, and the whole call has {}; give it more",
            types::micros(timeout)
        ));
    }
    Ok(given.iter().copied().map(Duration::from_micros).collect())
}

fn header(field: &Property) -> Result<core::Property, String> {
    if field.name.eq_ignore_ascii_case("host") {
        return Err("a header named \"host\" would stand beside the request's own host; give that instead".to_owned());
    }
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
        connection: Connection::default(),
        phases: core::HttpPhases::default(),
        session: None,
        tunnel: None,
        http2: None,
        response: None,
        not_http: None,
        outcome: Err(failure),
        sequels: Vec::new(),
        deltas: None,
    }
}

/// A proxy is asked for the target only: it can reach what this run may not.
fn is_target(target: &Target, origin: &str) -> bool {
    let Some((host, port)) = origin.rsplit_once(':') else { return false };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    target.host().is_some_and(|own| own.to_string().eq_ignore_ascii_case(host))
        && target.port().is_some_and(|own| own.number().to_string() == port)
}

/// The Host header that belongs to an origin: the same, or without its port.
fn is_host_of(origin: &str, host: &str) -> bool {
    origin.eq_ignore_ascii_case(host)
        || origin.rsplit_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case(host))
}

impl HostCall for core::HttpRequest {
    type Answer = core::HttpExchange;
    const FUNCTION: &'static str = "dial.http";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        super::admit(run, self.remote)?;
        let remote = SocketAddr::new(self.remote.address, self.remote.port);
        let asked = match &self.proxied {
            Some(origin) if is_target(&run.target, origin) && is_host_of(origin, &self.host) => return Ok(()),
            Some(origin) if is_target(&run.target, origin) => &self.host,
            Some(origin) => origin,
            // A proxy may take any request for one of its own: HTTP/2 names the origin in each, and so may a Host header.
            None if run.with_grants(|grants| grants.is_only_proxy(remote)) => &self.host,
            None => return Ok(()),
        };
        let granted = match (run.target.host(), run.target.port()) {
            (Some(host), Some(port)) => format!("{host} at port {port}"),
            _ => "nothing".to_owned(),
        };
        let denied = format!("{asked:?} behind a proxy is not granted to this run; granted is {granted}");
        Err(Reason::Denied(denied))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sonde::check::types::Endpoint;

    fn request() -> wit::HttpRequest {
        wit::HttpRequest {
            remote: Endpoint { address: "127.0.0.1".to_owned(), port: 80 },
            local_address: None,
            device: None,
            tls_server_name: None,
            protocol: wit::HttpProtocol::Auto,
            proxied: None,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: "a".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            again_after_us: Vec::new(),
            segment_bytes: None,
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

    #[test]
    fn a_second_host_is_refused() {
        let field = Property { name: "Host".to_owned(), value: "b".to_owned() };
        let problem = parsed(&wit::HttpRequest { headers: vec![field], ..request() }, Duration::from_secs(1));
        assert!(problem.expect_err("two hosts").contains("host"));
    }

    #[test]
    fn a_host_header_is_the_origins_or_another_is_asked_for() {
        assert!(is_host_of("orders.lab:80", "Orders.lab") && is_host_of("[::1]:80", "[::1]:80"));
        for other in ["169.254.169.254", "orders.lab:8080", "lab", ""] {
            assert!(!is_host_of("orders.lab:80", other), "{other}");
        }
    }

    #[test]
    fn pauses_that_leave_no_time_are_named() {
        let again =
            |pauses: &[u64]| wit::HttpRequest { again_after_us: pauses.to_vec(), timeout_us: 1_000_000, ..request() };
        assert!(parsed(&again(&[400_000, 500_000]), Duration::from_secs(1)).is_ok());
        let problem = parsed(&again(&[600_000, 400_000]), Duration::from_secs(1)).expect_err("leaves no time");
        assert!(problem.contains("1000000 us"), "{problem}");
        assert!(parsed(&again(&[u64::MAX, u64::MAX]), Duration::from_secs(1)).is_err());
        assert!(parsed(&again(&[0; 17]), Duration::from_secs(1)).expect_err("are too many").contains("at most 16"));
    }

    #[test]
    fn a_body_beyond_the_limit_is_named() {
        let large = wit::HttpRequest { body: vec![0; SENT_BYTES + 1], ..request() };
        assert!(parsed(&large, Duration::from_secs(1)).expect_err("is too large").contains("65536"));
    }

    #[test]
    fn a_proxy_is_asked_for_the_target_only() {
        let target = "https://Orders.lab:8443/".parse().expect("a target");
        assert!(is_target(&target, "orders.lab:8443") && is_target(&target, "ORDERS.lab.:8443"));
        for other in ["orders.lab:443", "other.lab:8443", "orders.lab", "", "10.0.0.1:8443"] {
            assert!(!is_target(&target, other), "{other}");
        }
        assert!(is_target(&"http://[::1]:80/".parse().expect("a target"), "[::1]:80"));
    }
}
