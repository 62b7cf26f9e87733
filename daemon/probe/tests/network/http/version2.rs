//! HTTP/2, against h2's own server: what the library hides must be in the record.

use std::time::Duration;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason as Code, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use sonde_core::observation::dial::{BodyEnd, BodyFraming, HttpExchange, HttpProtocol, HttpRequest};
use sonde_core::observation::{Endpoint, Phase, Reason};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{asked, request};
use crate::peer::{self, endpoint};
use crate::tls::Authority;

/// Serves one connection in plain text, each request with `answer`.
async fn serving(
    streams: u32,
    answer: impl Fn(u32, Request<RecvStream>, SendResponse<Bytes>) + Send + 'static,
) -> (Endpoint, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut builder = server::Builder::new();
        let mut connection = builder.max_concurrent_streams(streams).handshake::<_, Bytes>(stream).await.unwrap();
        let mut count = 0;
        while let Some(Ok((request, response))) = connection.accept().await {
            answer(count, request, response);
            count += 1;
        }
    });
    (endpoint(address), server)
}

fn http2(remote: Endpoint) -> HttpRequest {
    HttpRequest { protocol: HttpProtocol::Http2, ..request(remote) }
}

fn ok(response: &mut SendResponse<Bytes>) {
    let mut body = response.send_response(Response::new(()), false).unwrap();
    body.send_data(Bytes::from_static(b"hello"), false).unwrap();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    body.send_trailers(trailers).unwrap();
}

#[tokio::test]
async fn an_answer_has_version_settings_body_and_trailers() {
    let (remote, _server) = serving(7, |_, _, mut response| ok(&mut response)).await;
    let exchange = asked(&http2(remote)).await;
    assert_eq!(exchange.outcome, Ok(()), "{exchange:#?}");
    let response = exchange.response.unwrap();
    assert_eq!((response.version.as_str(), response.status), ("HTTP/2", 200));
    assert_eq!((response.body_framing, response.body_end), (BodyFraming::Stream, BodyEnd::Complete));
    assert_eq!((response.body_prefix.as_slice(), response.trailers[0].name.as_str()), (&b"hello"[..], "grpc-status"));
    let facts = exchange.http2.unwrap();
    assert_eq!((facts.settings, facts.max_concurrent_streams, facts.goaway), (true, Some(7), None));
    assert!(exchange.phases.send.is_some() && exchange.phases.wait.is_some() && exchange.phases.receive.is_some());
}

#[tokio::test]
async fn a_refused_stream_is_a_reset_with_its_code() {
    let (remote, _server) = serving(1, |_, _, mut response| response.send_reset(Code::REFUSED_STREAM)).await;
    let exchange = asked(&http2(remote)).await;
    assert_eq!(exchange.outcome.unwrap_err().reason, Reason::Reset);
    let resets = exchange.http2.unwrap().resets;
    assert_eq!((resets[0].stream, resets[0].code), (1, 7));
}

#[tokio::test]
async fn requests_on_one_connection_are_streams_of_their_own() {
    let refuse_the_third = |count, _, mut response: SendResponse<Bytes>| match count {
        2 => response.send_reset(Code::ENHANCE_YOUR_CALM),
        _ => ok(&mut response),
    };
    let (remote, _server) = serving(1, refuse_the_third).await;
    let again_after = vec![Duration::from_millis(20); 4];
    let exchange: HttpExchange = asked(&HttpRequest { again_after, ..http2(remote) }).await;
    let outcomes: Vec<bool> = exchange.sequels.iter().map(|sequel| sequel.outcome.is_ok()).collect();
    assert_eq!(outcomes, [true, false], "{exchange:#?}");
    let resets = exchange.http2.unwrap().resets;
    assert_eq!((resets[0].stream, resets[0].code), (5, 11));
}

#[tokio::test]
async fn a_server_that_goes_away_says_why() {
    // SETTINGS, then GOAWAY with ENHANCE_YOUR_CALM and a word, once the request came.
    let remote = peer::finishing(&b"\0\0\0\x04\0\0\0\0\0\0\0\x0a\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0bno"[..]);
    let exchange = asked(&http2(remote)).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::Closed, "{failure:?}");
    let goaway = exchange.http2.unwrap().goaway.unwrap();
    assert_eq!((goaway.last_stream, goaway.code, goaway.debug.as_slice()), (0, 11, &b"no"[..]));
}

#[tokio::test]
async fn a_server_that_ends_the_connection_without_an_answer_has_closed_it() {
    let failure = asked(&http2(peer::finishing(&b"\0\0\0\x04\0\0\0\0\0"[..]))).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Closed), "{}", failure.detail);
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_cut() {
    // SETTINGS; HEADERS of stream 1, `:status: 200`; five bytes of DATA, and no end of the stream.
    let frames = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x05\0\0\0\0\0\x01hello";
    let exchange = asked(&http2(peer::finishing(&frames[..]))).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Receive, Reason::Closed), "{}", failure.detail);
    assert_eq!(exchange.response.unwrap().body_end, BodyEnd::Cut);
}

#[tokio::test]
async fn a_field_that_http_2_forbids_is_not_held_against_the_server() {
    let (remote, _server) = serving(1, |_, _, mut response| ok(&mut response)).await;
    let te = sonde_core::observation::dial::Property { name: "te".to_owned(), value: "gzip".to_owned() };
    assert_eq!(asked(&HttpRequest { headers: vec![te], ..http2(remote) }).await.outcome, Ok(()));
}

#[tokio::test]
async fn a_server_of_http_1_is_shown_by_its_first_bytes() {
    let exchange = asked(&http2(peer::answering("HTTP/1.1 400 Bad Request\r\n\r\n"))).await;
    let failure = exchange.outcome.unwrap_err();
    assert!(matches!(failure.reason, Reason::Malformed(_)), "{failure:?}");
    assert!(exchange.not_http.unwrap().starts_with(b"HTTP/1.1 400"));
}

#[tokio::test]
async fn a_silent_server_times_out_in_the_wait() {
    let timeout = Duration::from_millis(200);
    let failure = asked(&HttpRequest { timeout, ..http2(peer::silent()) }).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::TimedOut));
}

#[tokio::test]
async fn a_server_that_agrees_on_no_http_2_is_told_apart_in_the_handshake() {
    let remote = Authority::new().serve(&["orders.lab"], |_| {});
    let tls_server_name = Some("orders.lab".to_owned());
    let failure = asked(&HttpRequest { tls_server_name, ..http2(remote) }).await.outcome.unwrap_err();
    assert_eq!(failure.phase, Phase::Tls, "{failure:?}");
}
