//! An HTTP exchange in words.

use sonde_proto::v1::{BodyEnd, Http2Facts, HttpExchange, HttpResponse, HttpSequel};

use super::endpoint;
use crate::render::text::{elapsed, micros};

pub(super) fn requested(exchange: &HttpExchange) -> String {
    let remote = endpoint(exchange.remote.as_ref());
    let again = match exchange.again_after.len() {
        0 => String::new(),
        times => format!(", {times} times more"),
    };
    let again = match exchange.segment_bytes {
        0 => again,
        bytes => format!("{again} in segments of {bytes} bytes"),
    };
    match exchange.proxied.as_str() {
        "" => format!("{} {} @{remote}{again}", exchange.method, exchange.path),
        origin => format!("{} {} of {origin} by proxy @{remote}{again}", exchange.method, exchange.path),
    }
}

pub(super) fn responded(exchange: &HttpExchange) -> String {
    let first = match &exchange.response {
        Some(response) => answered(response),
        None => "no response".to_owned(),
    };
    let settled = exchange.http2.as_ref().and_then(ended);
    let again = exchange.sequels.iter().map(repeated);
    std::iter::once(first).chain(again).chain(settled).collect::<Vec<_>>().join("; ")
}

fn answered(response: &HttpResponse) -> String {
    let version = match response.version.as_str() {
        "" | "HTTP/1.1" => String::new(),
        other => format!("{other} "),
    };
    let cut = match response.body_end() {
        BodyEnd::Cut => ", cut",
        BodyEnd::Reset => ", reset",
        BodyEnd::Malformed => ", malformed",
        BodyEnd::Unfinished => ", unfinished",
        BodyEnd::Unspecified | BodyEnd::Complete | BodyEnd::Limit => "",
    };
    match (response.content_length_bytes, cut) {
        (Some(announced), ", cut" | ", reset" | ", unfinished") => {
            format!("{version}status {}, {} of {announced} bytes{cut}", response.status, response.body_bytes)
        }
        _ => format!("{version}status {}, {} bytes{cut}", response.status, response.body_bytes),
    }
}

fn repeated(sequel: &HttpSequel) -> String {
    let idle = elapsed(micros(sequel.idle.as_ref()));
    if let Some(closed) = &sequel.closed {
        let how = if closed.reset { "reset" } else { "closed" };
        return format!("{how} after {} idle", elapsed(micros(closed.after.as_ref())));
    }
    match (&sequel.response, &sequel.failure) {
        (Some(response), None) => format!("after {idle} {}", response.status),
        (_, Some(failure)) => format!("after {idle} {}", failure.error_type.replace('_', " ")),
        (None, None) => format!("after {idle} nothing"),
    }
}

fn ended(facts: &Http2Facts) -> Option<String> {
    let reset = facts.resets.first().map(|reset| format!("RST_STREAM {}", code(reset.code)));
    let away = facts.goaway.as_ref().map(|away| format!("GOAWAY {}", code(away.code)));
    reset.or(away)
}

/// RFC 9113 section 7.
fn code(code: u32) -> String {
    let known = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let name = usize::try_from(code).ok().and_then(|at| known.get(at));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{GoAway, IdleClose};

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as the field wants it")]
    fn milliseconds(ms: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds: 0, nanos: i32::try_from(ms * 1_000_000).expect("is short") })
    }

    #[test]
    fn a_cut_body_shows_what_was_announced() {
        let mut response = HttpResponse {
            version: "HTTP/1.1".to_owned(),
            status: 200,
            content_length_bytes: Some(100),
            body_bytes: 9,
            ..HttpResponse::default()
        };
        response.set_body_end(BodyEnd::Cut);
        let exchange = HttpExchange { response: Some(response), ..HttpExchange::default() };
        assert_eq!(responded(&exchange), "status 200, 9 of 100 bytes, cut");
    }

    #[test]
    fn an_idle_close_and_a_goaway_are_shown_behind_the_answer() {
        let response = HttpResponse { version: "HTTP/2".to_owned(), status: 204, ..HttpResponse::default() };
        let closed = IdleClose { after: milliseconds(5), reset: true };
        let exchange = HttpExchange {
            response: Some(response),
            sequels: vec![HttpSequel { closed: Some(closed), ..HttpSequel::default() }],
            http2: Some(Http2Facts { goaway: Some(GoAway { code: 11, ..GoAway::default() }), ..Http2Facts::default() }),
            ..HttpExchange::default()
        };
        assert_eq!(
            responded(&exchange),
            "HTTP/2 status 204, 0 bytes; reset after 5.0 ms idle; GOAWAY ENHANCE_YOUR_CALM"
        );
    }
}
