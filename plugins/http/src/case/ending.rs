//! How one exchange ended, and in which words the server said so: by phase, failure, status, frames and first bytes.

use sonde_sdk::dial::{HttpExchange, HttpResponse};
use sonde_sdk::grpc::{self, Serving};
use sonde_sdk::types::{Failure, Phase, Reason};

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A complete answer with this status; of gRPC, the HTTP status that means the same.
    Answered(u16),
    /// No TCP connection: `connect` judges it.
    NoConnection,
    /// No TLS session: `tls` judges it.
    NoSession,
    /// The request was sent and nothing came.
    Silent,
    /// The answer began and then stopped coming.
    Stuck,
    /// FIN before the first byte.
    Empty,
    /// FIN before the end of the body.
    Truncated,
    /// RST; true: after the answer had begun.
    Reset(bool),
    /// TLS records in answer to plain HTTP.
    TlsBytes,
    /// HTTP/2 frames in answer to HTTP/1.1.
    Http2,
    /// The server refused the HTTP/2 stream, or the connection, because there are too many.
    Limited,
    /// Something else.
    NotHttp,
    /// The answer is HTTP, with a head that cannot be read.
    BadHead,
    /// Our own limits: nothing is known.
    Untested,
}

impl End {
    /// As a backend ends an exchange only if something is wrong with it.
    pub(crate) fn fails(&self) -> bool {
        matches!(
            self,
            Self::Answered(500..) | Self::Empty | Self::Reset(_) | Self::Truncated | Self::Silent | Self::Stuck
        )
    }
}

/// How an exchange ended.
pub(crate) fn end(exchange: &HttpExchange) -> End {
    let response = exchange.response.as_ref();
    let Err(failure) = &exchange.outcome else {
        return match response {
            Some(response) => End::Answered(status(exchange).unwrap_or(response.status)),
            None => strange(exchange.not_http.as_deref()).unwrap_or(End::Untested),
        };
    };
    if failure.is_our_own() {
        return End::Untested;
    }
    match (failure.phase, &failure.reason) {
        (Phase::Socket | Phase::Connect, _) => return End::NoConnection,
        (Phase::Tls, _) | (_, Reason::TlsAlert(_)) => return End::NoSession,
        // TLS 1.3 refuses a missing client certificate on the first read, sometimes without a word.
        (_, Reason::Closed | Reason::Reset) if response.is_none() && demands_certificate(exchange) => {
            return End::NoSession;
        }
        _ => {}
    }
    if let Some(strange) = strange(exchange.not_http.as_deref()) {
        return strange;
    }
    if limited(exchange) {
        return End::Limited;
    }
    match (&failure.reason, response) {
        (Reason::Reset, _) => End::Reset(response.is_some()),
        (Reason::TimedOut, None) if stops_in_head(exchange) => End::Stuck,
        (Reason::TimedOut, None) => End::Silent,
        (Reason::TimedOut, Some(response)) if streams(response) => End::Answered(response.status),
        (Reason::TimedOut, Some(_)) => End::Stuck,
        (Reason::Closed, None) => End::Empty,
        (Reason::Closed | Reason::Malformed(_) | Reason::Other(_), Some(_)) => End::Truncated,
        // Bytes that no HTTP begins with would have been kept.
        (Reason::Malformed(_), None) => End::BadHead,
        _ => End::Untested,
    }
}

/// Some of an answer came in HTTP/1, and its head did not end. HTTP/2 begins with frames that answer nothing.
pub(crate) fn stops_in_head(exchange: &HttpExchange) -> bool {
    let timed_out = |failure: &Failure| failure.phase == Phase::Receive && failure.reason == Reason::TimedOut;
    exchange.response.is_none() && exchange.http2.is_none() && exchange.outcome.as_ref().is_err_and(timed_out)
}

/// An answer that is not meant to end.
pub(crate) fn streams(response: &HttpResponse) -> bool {
    let endless =
        |value: &str| ["text/event-stream", "multipart/x-mixed-replace"].iter().any(|kind| value.starts_with(kind));
    response.header("content-type").is_some_and(endless)
}

/// The server's own frames say that there are too many streams, or allow none (RFC 9113 sections 6.5.2 and 7).
fn limited(exchange: &HttpExchange) -> bool {
    const REFUSED_STREAM: u32 = 7;
    const ENHANCE_YOUR_CALM: u32 = 11;
    exchange.http2.as_ref().is_some_and(|facts| {
        let too_many = |code| matches!(code, REFUSED_STREAM | ENHANCE_YOUR_CALM);
        facts.max_concurrent_streams == Some(0)
            || facts.resets.iter().any(|reset| too_many(reset.code))
            || facts.goaway.as_ref().is_some_and(|goaway| too_many(goaway.code))
    })
}

/// The HTTP status that means what a gRPC answer says (the reverse of gRPC's "HTTP to gRPC Status Code Mapping").
fn status(exchange: &HttpExchange) -> Option<u16> {
    let response = exchange.response.as_ref().filter(|response| is_grpc(response))?;
    let status = grpc::status(response)?;
    Some(match status.code {
        0 => match grpc::serving(exchange) {
            Some(Serving::Serving) => 200,
            Some(Serving::ServiceUnknown) => 404,
            _ => 503,
        },
        // The server answers, and has no health service.
        12 => 405,
        5 => 404,
        7 => 403,
        16 => 401,
        8 => 429,
        14 => 503,
        4 => 504,
        _ => 500,
    })
}

fn is_grpc(response: &HttpResponse) -> bool {
    response.header("content-type").is_some_and(|value| value.starts_with("application/grpc"))
}

/// What the answer says, in the words of its protocol: `status 503`, `gRPC UNAVAILABLE`.
pub(crate) fn said(exchange: &HttpExchange) -> String {
    let Some(response) = &exchange.response else { return "no status".to_owned() };
    let Some(status) = grpc::status(response).filter(|_| is_grpc(response)) else {
        return format!("status {}", response.status);
    };
    let name = match (status.code, grpc::serving(exchange)) {
        (0, Some(Serving::Serving)) => "SERVING",
        (0, Some(Serving::NotServing)) => "NOT_SERVING",
        (0, Some(Serving::ServiceUnknown)) => "SERVICE_UNKNOWN",
        (0, _) => "an unknown health",
        (code, _) => grpc::status_name(code),
    };
    if status.message.is_empty() { format!("gRPC {name}") } else { format!("gRPC {name} ({:.80})", status.message) }
}

/// As [`said`], where a number alone is clear: `503`, `gRPC UNAVAILABLE`.
pub(crate) fn spoken(exchange: &HttpExchange) -> String {
    let said = said(exchange);
    said.strip_prefix("status ").map_or(said.clone(), str::to_owned)
}

fn demands_certificate(exchange: &HttpExchange) -> bool {
    exchange.session.as_ref().is_some_and(|session| session.client_certificate_requested)
}

/// What bytes that are no HTTP/1 answer are, if there are any.
fn strange(bytes: Option<&[u8]>) -> Option<End> {
    let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
    Some(match bytes {
        // A TLS record: alert or handshake, version 3.x (RFC 8446 section 5.1).
        [21 | 22, 3, ..] => End::TlsBytes,
        // An HTTP/2 SETTINGS frame on stream 0 (RFC 9113 section 4.1).
        [0, _, _, 4, _, 0, 0, 0, 0, ..] => End::Http2,
        _ => End::NotHttp,
    })
}
