//! Requests by way of a proxy.

use std::io::{Read, Write};

use sonde_core::observation::dial::HttpRequest;
use sonde_core::observation::{Phase, Reason};

use super::{asked, request};
use crate::peer;

#[tokio::test]
async fn a_plain_request_by_proxy_names_the_whole_url() {
    let remote = peer::tcp(|mut stream| {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").unwrap();
        stream.write_all(&buffer[..length]).unwrap();
    });
    let proxied = Some("orders.lab:80".to_owned());
    let exchange = asked(&HttpRequest { proxied, ..request(remote) }).await;
    let echoed = String::from_utf8(exchange.response.unwrap().body_prefix).unwrap();
    assert!(echoed.starts_with("GET http://orders.lab/health?full=1 HTTP/1.1\r\n"), "{echoed}");
}

fn by_tunnel(answer: &'static str) -> HttpRequest {
    HttpRequest {
        proxied: Some("orders.lab:443".to_owned()),
        tls_server_name: Some("orders.lab".to_owned()),
        ..request(peer::answering(answer))
    }
}

#[tokio::test]
async fn a_refused_tunnel_keeps_the_answer_of_the_proxy() {
    let exchange = asked(&by_tunnel("HTTP/1.1 407 Proxy Authentication Required\r\nVia: squid\r\n\r\n")).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Other("the proxy answers 407".to_owned())));
    let tunnel = exchange.tunnel.unwrap();
    assert_eq!((tunnel.status, tunnel.headers[0].value.as_str()), (407, "squid"));
    assert!(exchange.phases.tunnel.is_some() && exchange.phases.tls.is_none());
}

#[tokio::test]
async fn through_a_tunnel_tls_is_spoken_with_the_origin() {
    let exchange = asked(&by_tunnel("HTTP/1.1 200 Connection established\r\n\r\n")).await;
    assert_eq!(exchange.tunnel.unwrap().status, 200);
    // This proxy leads nowhere.
    assert_eq!(exchange.outcome.unwrap_err().phase, Phase::Tls);
    assert!(exchange.session.is_some());
}

#[tokio::test]
async fn a_proxy_that_is_none_is_malformed() {
    let failure = asked(&by_tunnel("SSH-2.0-OpenSSH_9.2p1\r\n")).await.outcome.unwrap_err();
    assert!(matches!(&failure.reason, Reason::Malformed(what) if what.contains("SSH-2.0")), "{failure:?}");
}

#[tokio::test]
async fn what_comes_behind_the_agreement_of_a_proxy_is_not_thrown_away() {
    let exchange = asked(&by_tunnel("HTTP/1.0 200 Connection established\r\n\r\n\x15\x03")).await;
    let failure = exchange.outcome.unwrap_err();
    assert!(matches!(&failure.reason, Reason::Malformed(what) if what.starts_with("2 bytes behind")), "{failure:?}");
    assert_eq!(exchange.tunnel.unwrap().version, "HTTP/1.0");
}
