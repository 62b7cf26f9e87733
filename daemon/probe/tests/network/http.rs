//! `dial.http`.

mod proxy;
mod reuse;
mod version2;

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use sonde_core::observation::connection::Verification;
use sonde_core::observation::dial::{BodyEnd, BodyFraming, HttpExchange, HttpProtocol, HttpRequest};
use sonde_core::observation::{Endpoint, Phase, Reason};
use sonde_probe::dial;

use crate::peer::{self, SECOND, here};
use crate::tls::Authority;

pub(crate) fn request(remote: Endpoint) -> HttpRequest {
    HttpRequest {
        remote,
        local_address: None,
        device: None,
        tls_server_name: None,
        protocol: HttpProtocol::Auto,
        proxied: None,
        method: "GET".to_owned(),
        path: "/health?full=1".to_owned(),
        host: "orders.lab".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        again_after: Vec::new(),
        segment_bytes: None,
        timeout: SECOND,
        body_limit_bytes: 1 << 20,
        deltas: false,
    }
}

async fn asked(request: &HttpRequest) -> HttpExchange {
    let (vantage, clock) = here();
    dial::http(&vantage, &clock, request).await
}

async fn answered(answer: &str) -> HttpExchange {
    asked(&request(peer::answering(answer))).await
}

#[tokio::test]
async fn a_complete_answer_is_shown_whole() {
    let exchange = answered("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello").await;
    assert_eq!(exchange.outcome, Ok(()));
    let response = exchange.response.unwrap();
    assert_eq!((response.version.as_str(), response.status, response.content_length), ("HTTP/1.1", 200, Some(5)));
    assert_eq!(
        (response.body_bytes, response.body_complete, response.body_prefix.as_slice()),
        (5, true, &b"hello"[..])
    );
    assert_eq!(response.headers[0].name, "server");
    assert_eq!((exchange.not_http, exchange.session), (None, None));
}

#[tokio::test]
async fn a_request_leaves_from_the_address_asked_for() {
    let local = "127.0.0.79".parse().unwrap();
    let remote = peer::answering("HTTP/1.1 204 No Content\r\n\r\n");
    let exchange = asked(&HttpRequest { local_address: Some(local), ..request(remote) }).await;
    assert_eq!((exchange.outcome, exchange.connection.local.unwrap().address), (Ok(()), local));
}

#[tokio::test]
async fn neither_side_sends_larger_segments_than_asked_for() {
    let page = format!("HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{}", "x".repeat(9000));
    let whole = answered(&page).await;
    let in_small = asked(&HttpRequest { segment_bytes: Some(400), ..request(peer::answering(page.as_str())) }).await;
    assert_eq!((&whole.outcome, &in_small.outcome), (&Ok(()), &Ok(())));
    let sizes = |exchange: &HttpExchange| exchange.connection.info.as_ref().map(|info| (info.snd_mss, info.rcv_mss));
    let (sent, received) = sizes(&in_small).unwrap();
    assert!(sent <= 400 && received <= 400, "{in_small:#?}");
    assert!(sizes(&whole).unwrap().1 > 400, "{whole:#?}");
}

#[tokio::test]
async fn the_request_is_http_1_1_with_the_host() {
    let remote = peer::tcp(|mut stream| {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        let length = u32::try_from(length).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").unwrap();
        stream.write_all(&buffer[..length as usize]).unwrap();
    });
    let response = asked(&request(remote)).await.response.unwrap();
    let echoed = String::from_utf8(response.body_prefix).unwrap();
    assert!(echoed.starts_with("GET /health?full=1 HTTP/1.1\r\n"), "{echoed}");
    assert!(echoed.contains("Host: orders.lab\r\n") && echoed.contains("Connection: close\r\n"), "{echoed}");
}

#[tokio::test]
async fn a_slow_server_is_slow_in_the_wait_and_a_slow_body_in_the_receiving() {
    let remote = peer::tcp(|mut stream| {
        drop(stream.read(&mut [0; 4096]));
        thread::sleep(Duration::from_millis(300));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"));
        thread::sleep(Duration::from_millis(300));
        drop(stream.write_all(b"b"));
    });
    let exchange = asked(&request(remote)).await;
    assert_eq!(exchange.outcome, Ok(()));
    let phases = exchange.phases;
    assert!(phases.wait.unwrap().elapsed >= Duration::from_millis(200), "{phases:?}");
    assert!(phases.receive.unwrap().elapsed >= Duration::from_millis(200), "{phases:?}");
    assert!(phases.connect.unwrap().elapsed < Duration::from_millis(200), "{phases:?}");
    assert!(phases.send.unwrap().elapsed < Duration::from_millis(200), "{phases:?}");
    assert_eq!(phases.tls, None);
}

#[tokio::test]
async fn a_silent_server_times_out_in_the_wait() {
    let exchange = asked(&HttpRequest { timeout: Duration::from_millis(200), ..request(peer::silent()) }).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::TimedOut));
    assert!(exchange.phases.wait.unwrap().elapsed >= Duration::from_millis(150));
    let info = exchange.connection.info.unwrap();
    assert_eq!((info.state.as_ref(), info.unacked), ("ESTAB", 0));
}

#[tokio::test]
async fn an_empty_reply_is_closed_in_the_wait() {
    let failure = answered("").await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Closed));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let failure = asked(&request(peer::resetting())).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Reset));
    assert_eq!(failure.errno, Some(libc::ECONNRESET));
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_kept_and_closed() {
    let exchange = answered("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Receive, Reason::Closed));
    let response = exchange.response.unwrap();
    assert_eq!((response.body_bytes, response.body_complete, response.content_length), (9, false, Some(100)));
    assert_eq!((response.body_framing, response.body_end), (BodyFraming::Length, BodyEnd::Cut));
}

#[tokio::test]
async fn a_cut_chunk_is_closed_and_a_bad_chunk_is_malformed() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cut = answered(&format!("{head}5\r\nhel")).await;
    assert_eq!(cut.outcome.unwrap_err().reason, Reason::Closed);
    let response = cut.response.unwrap();
    assert_eq!((response.body_complete, response.body_framing), (false, BodyFraming::Chunked));
    assert_eq!(response.body_end, BodyEnd::Cut);
    let bad = answered(&format!("{head}zz\r\nhello\r\n")).await;
    let failure = bad.outcome.unwrap_err();
    assert!(matches!(failure.reason, Reason::Malformed(_)), "{failure:?}");
    assert_eq!((failure.phase, bad.response.unwrap().body_end), (Phase::Receive, BodyEnd::Malformed));
    let last = answered(&format!("{head}5\r\nhello\r\n")).await;
    assert_eq!(last.outcome.unwrap_err().reason, Reason::Closed);
}

#[tokio::test]
async fn a_cut_head_is_closed_in_the_receiving() {
    let exchange = answered("HTTP/1.1 200 OK\r\nServer: x").await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Receive, Reason::Closed));
    assert_eq!((exchange.response, exchange.not_http), (None, None));
}

#[tokio::test]
async fn another_protocol_is_shown_by_its_first_bytes() {
    for words in ["SSH-2.0-OpenSSH_9.2p1\r\n", "220 mail ESMTP\r\n", "\u{15}\u{3}\u{3}\0\u{2}\u{2}F"] {
        let exchange = answered(words).await;
        assert_eq!(exchange.not_http.as_deref(), Some(words.as_bytes()));
        let failure = exchange.outcome.unwrap_err();
        assert!(matches!(failure.reason, Reason::Malformed(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_complete_at_the_limit() {
    let body = "x".repeat(100_000);
    let remote = peer::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{body}"));
    let exchange = asked(&HttpRequest { body_limit_bytes: 10_000, ..request(remote) }).await;
    assert_eq!(exchange.outcome, Ok(()));
    let response = exchange.response.unwrap();
    assert_eq!((response.body_bytes, response.body_complete, response.body_prefix.len()), (10_000, true, 4096));
}

#[tokio::test]
async fn a_head_without_end_is_bounded() {
    let remote = peer::tcp(|mut stream| {
        drop(stream.read(&mut [0; 4096]));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
        while stream.write_all(&[b'a'; 1000]).is_ok() {}
    });
    let failure = asked(&request(remote)).await.outcome.unwrap_err();
    assert!(matches!(failure.reason, Reason::Malformed(_)), "{failure:?}");
}

#[tokio::test]
async fn redirects_and_errors_are_answers() {
    for (status, line) in [(302, "302 Found\r\nLocation: /login"), (503, "503 Service Unavailable")] {
        let exchange = answered(&format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!((exchange.outcome, exchange.response.unwrap().status), (Ok(()), status));
    }
}

#[tokio::test]
async fn an_https_request_has_a_session_and_a_tls_phase() {
    let authority = Authority::new();
    let remote = authority.serve(&["orders.lab"], |stream| {
        drop(stream.read(&mut [0; 4096]));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    });
    let exchange = asked(&HttpRequest { tls_server_name: Some("orders.lab".to_owned()), ..request(remote) }).await;
    assert_eq!(exchange.outcome, Ok(()));
    assert_eq!(exchange.response.unwrap().status, 200);
    assert!(exchange.phases.tls.unwrap().elapsed > Duration::ZERO);
    let session = exchange.session.unwrap();
    assert_eq!(session.verification, Verification::UnknownIssuer);
    assert_eq!(session.chain[0].dns_names, ["orders.lab"]);
}

#[tokio::test]
async fn https_to_a_plain_server_fails_in_the_handshake() {
    let plain = peer::answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    let exchange = asked(&HttpRequest { tls_server_name: Some("orders.lab".to_owned()), ..request(plain) }).await;
    let failure = exchange.outcome.unwrap_err();
    assert!(failure.phase == Phase::Tls && matches!(failure.reason, Reason::Malformed(_)), "{failure:?}");
    assert!(exchange.session.unwrap().plaintext.unwrap().starts_with(b"HTTP/1.1 400"));
    assert_eq!(exchange.phases.send, None);
}

#[tokio::test]
async fn a_refused_client_certificate_is_the_alert_that_came_late() {
    let remote = Authority::new().wanting_a_client_certificate(&[&rustls::version::TLS13]);
    let exchange = asked(&HttpRequest { tls_server_name: Some("orders.lab".to_owned()), ..request(remote) }).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::TlsAlert(116), "{failure:?}");
    assert!(exchange.session.unwrap().client_certificate_requested);
    assert!(exchange.phases.send.is_some());
}
