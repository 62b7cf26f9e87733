//! gRPC over `dial.http`: the health protocol (grpc.health.v1), asked and read.
//!
//! Its two messages have one field each, so they are coded here and not by a library: wire format of protobuf, framing and
//! trailers of gRPC's "HTTP2 protocol mapping". Never fails, whatever the bytes.

use crate::dial::{HttpExchange, HttpProtocol, HttpRequest, HttpResponse};
use crate::types::Endpoint;

/// What a health check says (`HealthCheckResponse.ServingStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// 0.
    Unknown,
    /// 1.
    Serving,
    /// 2.
    NotServing,
    /// 3; only of a watch.
    ServiceUnknown,
    /// A number that the protocol does not have.
    Other(u64),
}

/// The end of a gRPC call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `grpc-status`; 0 is OK.
    pub code: u32,
    /// `grpc-message`, percent-decoded.
    pub message: String,
}

/// Asks a server, or one `service` of it, for its health: one HTTP/2 request.
pub fn health(remote: Endpoint, host: &str, service: &str) -> HttpRequest {
    HttpRequest::get(remote, host, "/grpc.health.v1.Health/Check")
        .method("POST")
        .speaking(HttpProtocol::Http2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(framed(&request(service)))
}

/// The status of the call: from the trailers, or from the headers where nothing else came.
pub fn status(response: &HttpResponse) -> Option<Status> {
    let field = |name: &str| response.trailer(name).or_else(|| response.header(name));
    let code = field("grpc-status")?.trim().parse().ok()?;
    Some(Status { code, message: field("grpc-message").map(percent_decoded).unwrap_or_default() })
}

/// What a healthy call said of the service.
pub fn serving(exchange: &HttpExchange) -> Option<Serving> {
    read_health(&exchange.response.as_ref()?.body_prefix)
}

/// What the first message of a body says; none where it is not whole, compressed or broken.
pub fn read_health(body: &[u8]) -> Option<Serving> {
    Some(match varint_field(message(body)?, 1)? {
        0 => Serving::Unknown,
        1 => Serving::Serving,
        2 => Serving::NotServing,
        3 => Serving::ServiceUnknown,
        other => Serving::Other(other),
    })
}

/// The name of a status code (grpc/status.h).
pub fn status_name(code: u32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    usize::try_from(code).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or("no status of gRPC")
}

/// `HealthCheckRequest`: field 1, a string; absent where empty.
fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(1 << 3 | LENGTH_DELIMITED);
        put_varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    message
}

/// Not compressed, with its length in 32 bits.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// The first message of a body, where it is whole and not compressed.
fn message(body: &[u8]) -> Option<&[u8]> {
    let (head, rest) = body.split_first_chunk::<5>()?;
    let [0, length @ ..] = *head else { return None };
    rest.get(..usize::try_from(u32::from_be_bytes(length)).ok()?)
}

/// The last value of a varint field, 0 where it is absent (proto3); none where the message is broken.
fn varint_field(mut message: &[u8], number: u64) -> Option<u64> {
    let mut found = 0;
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        let wire = u8::try_from(key & 7).ok()?;
        match wire {
            VARINT => {
                let value = take_varint(&mut message)?;
                if key >> 3 == number {
                    found = value;
                }
            }
            FIXED_64 => message = message.get(8..)?,
            LENGTH_DELIMITED => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            FIXED_32 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED_32: u8 = 5;

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0x7f);
        value >>= 7;
        if value == 0 {
            return message.push(low);
        }
        message.push(low | 0x80);
    }
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// `%E4` and the like; what is not UTF-8 then is replaced.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let pair = behind.first_chunk::<2>().filter(|_| *byte == b'%');
        let value =
            pair.and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let Some(value) = value {
            bytes.push(value);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            bytes.push(*byte);
            rest = behind;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testkit;
    use crate::types::Property;

    fn answered(body: &[u8], trailers: &[(&str, &str)]) -> HttpExchange {
        let mut exchange = testkit::http_exchange(1, 200);
        let response = exchange.response.as_mut().expect("the test kit fills it");
        response.body_prefix = body.to_vec();
        let field = |(name, value): &(&str, &str)| Property { name: (*name).to_owned(), value: (*value).to_owned() };
        response.trailers = trailers.iter().map(field).collect();
        exchange
    }

    #[test]
    fn the_request_is_that_of_the_health_protocol() {
        let asked = health(Endpoint::new("192.0.2.1", 50_051), "orders.lab:50051", "a.B");
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/grpc.health.v1.Health/Check"));
        assert_eq!(asked.body, b"\0\0\0\0\x05\x0a\x03a.B");
        assert_eq!(health(Endpoint::new("192.0.2.1", 1), "h", "").body, [0; 5]);
    }

    #[test]
    fn a_serving_service_is_read() {
        let exchange = answered(b"\0\0\0\0\x02\x08\x01", &[("grpc-status", "0")]);
        assert_eq!(serving(&exchange), Some(Serving::Serving));
        let status = status(exchange.response.as_ref().expect("it answered")).expect("it has a status");
        assert_eq!((status.code, status.message.as_str()), (0, ""));
        assert_eq!(serving(&answered(b"\0\0\0\0\0", &[])), Some(Serving::Unknown));
        assert_eq!(serving(&answered(b"\x01\0\0\0\x02\x08\x01", &[])), None);
        assert_eq!(serving(&answered(b"\0\0\0\0\x02\x08", &[])), None);
    }

    #[test]
    fn a_message_is_decoded_and_a_status_is_named() {
        let exchange = answered(b"", &[("grpc-status", "5"), ("grpc-message", "no %22x%22 100%")]);
        let status = status(exchange.response.as_ref().expect("it answered")).expect("it has a status");
        assert_eq!((status.code, status.message.as_str()), (5, "no \"x\" 100%"));
        assert_eq!((status_name(5), status_name(99)), ("NOT_FOUND", "no status of gRPC"));
    }

    proptest! {
        #[test]
        fn any_body_is_survived(body: Vec<u8>, text: String) {
            let _ = serving(&answered(&body, &[]));
            let _ = varint_field(&body, 1);
            prop_assert!(percent_decoded(&text).len() <= 3 * text.len());
        }

        #[test]
        fn every_number_comes_back(value: u64) {
            let mut message = vec![1 << 3];
            put_varint(&mut message, value);
            prop_assert_eq!(varint_field(&message, 1), Some(value));
        }
    }
}
