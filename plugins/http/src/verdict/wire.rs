//! The connection ended, or carried bytes, in a way that HTTP does not know.

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Reason;

use super::{reset, same_again, status};
use crate::case::{self, Case, End, Form, Get};
use crate::plan;

/// Judges an exchange that did not end in an answer.
pub(super) fn judge(case: &Case, get: &Get, exchange: &HttpExchange) -> Vec<Finding> {
    if let Some(findings) = tls_required(case, get, exchange) {
        return findings;
    }
    let at = case.endpoint(&get.address);
    let again = same_again(case, get, exchange);
    if case::end(exchange).fails() {
        let all: Vec<&HttpExchange> = case.repeats(get).collect();
        // One that healed here is no rule of this address.
        let bad = if all.iter().all(|exchange| plan::fails(exchange)) { all } else { Vec::new() };
        if let Some(findings) = status::one_address(case, get, &bad) {
            return findings;
        }
    }
    let pair = |cause: &str, sentence: String, look_alike: &str, why: &str| {
        let support = supports(cause).about(&at).because(sentence).citing([exchange.evidence]);
        if again.is_empty() {
            // The second try went another way: not the rule.
            return vec![support.build()];
        }
        vec![
            support.proof().build(),
            refutes(look_alike).proof().about(&at).because(why).citing(again.iter().copied()).build(),
        ]
    };
    match case::end(exchange) {
        End::Limited => limited(case, get, exchange, &again),
        End::Empty => pair(
            "http.empty_reply",
            format!("{at} takes the request for {} and closes the connection without an answer", get.path),
            "tcp.rst_linger0",
            "asked again it ends with FIN, not with RST",
        ),
        End::Truncated => pair(
            "http.truncated_body",
            format!("{at} closes the connection in the middle of its answer for {} ({})", get.path, received(exchange)),
            "tcp.rst_linger0",
            "asked again the answer is cut by FIN, not by RST",
        ),
        End::NotHttp | End::TlsBytes => pair(
            "http.not_http",
            format!(
                "{at} answers with something that is not {}: {}",
                if case.origin.grpc { "gRPC" } else { "HTTP" },
                shown(exchange)
            ),
            "http.empty_reply",
            "asked again it sends bytes, so the reply is not empty",
        ),
        End::Reset(_) => reset::judge(case, get, exchange, &again),
        _ => Vec::new(),
    }
}

/// The server's frames refuse the stream. Where HTTP/1.1 is answered, nothing but the number of streams is in the way.
fn limited(case: &Case, get: &Get, exchange: &HttpExchange, again: &[u64]) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let facts = exchange.http2.as_ref();
    let limit = facts.and_then(|facts| facts.max_concurrent_streams);
    let how = match (limit, facts.and_then(|facts| facts.goaway.as_ref())) {
        (Some(0), _) => "allows no stream at all".to_owned(),
        (_, Some(away)) => format!("sends GOAWAY with code {}", away.code),
        (Some(limit), None) => format!("refuses the stream and allows {limit} at once"),
        (None, None) => "refuses the stream".to_owned(),
    };
    let support = supports("http.h2_stream_limit")
        .about(&at)
        .because(format!("{at} takes the HTTP/2 connection but {how}"))
        .citing([exchange.evidence]);
    let plain = case
        .formed(get, Form::Http1)
        .filter(|plain| matches!(case::end(plain), End::Answered(..400)))
        .map(|plain| plain.evidence);
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    let why = match plain {
        Some(_) => "the refusal is the server's own, in HTTP/2 only: asked in HTTP/1.1, it answers",
        None => "asked again, the refusal is the server's own: no client waited for a connection of its pool",
    };
    let witnesses = again.iter().copied().chain(plain);
    vec![
        support.proof().build(),
        refutes("http.pool_exhausted").proof().about(&at).because(why).citing(witnesses).build(),
    ]
}

/// The answer is HTTP, and is not read to the end of its head: clients differ in what they take.
pub(super) fn bad_head(case: &Case, get: &Get, exchange: &HttpExchange) -> String {
    let at = case.endpoint(&get.address);
    let said = match exchange.outcome.as_ref().map_err(|failure| &failure.reason) {
        Err(Reason::Malformed(said)) => said.as_str(),
        _ => "",
    };
    // The words of the daemon's HTTP library.
    if said.contains("too large") {
        return format!("{at} answers in HTTP, with a header larger than the {MOST_HEADER_KIB} KiB that are read");
    }
    format!("{at} answers in HTTP, with a malformed header ({said}): some clients take it, and others do not")
}

/// Plain HTTP was spoken to a port that wants TLS.
pub(super) fn tls_required(case: &Case, get: &Get, exchange: &HttpExchange) -> Option<Vec<Finding>> {
    let dial = case.handshake(&get.address).filter(|_| !case.origin.https)?;
    let version = dial.session.as_ref()?.version.as_deref()?;
    let at = case.endpoint(&get.address);
    let how = match case::end(exchange) {
        End::TlsBytes => "with a TLS record".to_owned(),
        End::Answered(code) => format!("with status {code}"),
        _ => "by ending the connection".to_owned(),
    };
    Some(vec![
        supports("http.tls_required")
            .proof()
            .about(&at)
            .because(format!("{at} wants TLS: it answers plain HTTP {how}"))
            .citing([exchange.evidence])
            .build(),
        refutes("http.not_http")
            .proof()
            .about(&at)
            .because(format!("a TLS handshake with the same port works ({version})"))
            .citing([dial.evidence])
            .build(),
    ])
}

pub(super) fn received(exchange: &HttpExchange) -> String {
    exchange.response.as_ref().map_or_else(String::new, |response| match response.content_length {
        Some(length) => format!("{} of {length} bytes came", response.body_bytes),
        None => format!("{} bytes came, the last chunk is missing", response.body_bytes),
    })
}

fn shown(exchange: &HttpExchange) -> String {
    let bytes = exchange.not_http.as_deref().unwrap_or_default();
    let text: String =
        bytes.iter().take(60).map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' }).collect();
    format!("{text:?}")
}

/// Where the daemon stops to read the head of an answer.
const MOST_HEADER_KIB: u32 = 64;
