//! DNS over TLS, HTTPS and QUIC, against servers of rustls, h2 and quinn with certificates made for the purpose.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use quinn::crypto::rustls::QuicServerConfig;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use sonde_core::observation::connection::Verification;
use sonde_core::observation::dns::{Exchange, HttpMethod, Query, Transport};
use sonde_core::observation::{Endpoint, Phase, Reason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::{address, answer, asked, query};
use crate::peer::{self, SECOND};

/// A server's TLS: a self-signed leaf for `name`, valid until `year`, and one protocol.
fn tls(name: &str, year: i32, alpn: &str) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    let leaf = params.self_signed(&key).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    config
}

/// Runs `serve` on a runtime of its own; it says first where it listens.
fn serving<F: Future<Output = Infallible>>(
    serve: impl FnOnce(std::sync::mpsc::Sender<SocketAddr>) -> F + Send + 'static,
) -> Endpoint {
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(tell))
    });
    peer::endpoint(told.recv().unwrap())
}

type Respond = fn(&[u8]) -> (Response<()>, Vec<u8>);
type TlsStream = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;

/// Serves connections of TLS, one after the other.
fn over_tls<F: Future<Output = ()>>(config: ServerConfig, serve: impl Fn(TlsStream) -> F + Send + 'static) -> Endpoint {
    serving(move |tell| async move {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    })
}

/// What DNS over TLS does, in the order of the streams.
fn dot(config: ServerConfig) -> Endpoint {
    over_tls(config, |mut stream| async move {
        let length = stream.read_u16().await.unwrap();
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await.unwrap();
        let reply = answer(&question, address);
        stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
        stream.write_all(&reply).await.unwrap();
        stream.flush().await.unwrap();
        drop(stream.read_u8().await);
    })
}

/// Serves HTTP/2 requests with what `respond` makes of the request and its body.
fn doh(
    config: ServerConfig,
    respond: impl Fn(&Request<()>, &[u8]) -> (Response<()>, Vec<u8>) + Clone + Send + 'static,
) -> Endpoint {
    over_tls(config, move |stream| {
        let respond = respond.clone();
        async move {
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, mut reply))) = connection.accept().await {
                let (head, mut incoming) = request.into_parts();
                let request = Request::from_parts(head, ());
                // Small bodies come with the request; the connection need not be driven for them.
                let mut body = Vec::new();
                if request.method() == Method::POST {
                    body.extend_from_slice(&incoming.data().await.unwrap().unwrap());
                }
                let (response, body) = respond(&request, &body);
                let mut stream = reply.send_response(response, false).unwrap();
                stream.send_data(Bytes::from(body), true).unwrap();
            }
        }
    })
}

fn message(body: Vec<u8>) -> (Response<()>, Vec<u8>) {
    (Response::builder().header("content-type", "application/dns-message").body(()).unwrap(), body)
}

/// Serves one stream of each QUIC connection with `serve`.
fn doq<F: Future<Output = ()>>(
    config: ServerConfig,
    serve: impl Fn(quinn::Connection, quinn::SendStream, Vec<u8>) -> F + Send + 'static,
) -> Endpoint {
    serving(move |tell| async move {
        let crypto = QuicServerConfig::try_from(config).unwrap();
        let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        let endpoint = quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        tell.send(endpoint.local_addr().unwrap()).unwrap();
        loop {
            let Ok(connection) = endpoint.accept().await.unwrap().await else { continue };
            let Ok((send, mut receive)) = connection.accept_bi().await else { continue };
            // Ends with FIN, as RFC 9250 section 4.2 demands.
            let framed = receive.read_to_end(70_000).await.unwrap();
            assert_eq!(usize::from(u16::from_be_bytes([framed[0], framed[1]])), framed.len() - 2);
            assert_eq!(framed[2..4], [0, 0], "the id is 0");
            serve(connection, send, framed[2..].to_vec()).await;
        }
    })
}

async fn reply(mut send: quinn::SendStream, bytes: &[u8]) {
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    drop(send.stopped().await);
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn over(transport: Transport, server: Endpoint) -> Query {
    Query { transport, server_name: Some("dns.lab".to_owned()), timeout: 3 * SECOND, ..query(server) }
}

fn assert_phases_touch(exchange: &Exchange) {
    let phases = exchange.phases;
    let spans: Vec<_> = [phases.connect, phases.tls, phases.send, phases.wait, phases.receive]
        .into_iter()
        .flatten()
        .map(|phase| (phase.at, phase.at + phase.elapsed))
        .collect();
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
    assert_eq!(exchange.timing.at, spans[0].0);
    assert!(spans.iter().all(|span| span.1 <= exchange.timing.at + exchange.timing.elapsed), "{spans:?}");
}

#[tokio::test]
async fn dns_over_tls_answers_whatever_the_certificate_and_tells_of_it() {
    for (name, year, seen) in [
        ("dns.lab", 2040, Verification::SelfSigned),
        ("dns.lab", 2021, Verification::Expired),
        ("other.lab", 2040, Verification::SelfSigned),
    ] {
        let exchange = asked(&over(Transport::Tls, dot(tls(name, year, "dot")))).await;
        let session = exchange.session.as_ref().unwrap();
        assert_eq!((session.verification, session.alpn.as_deref()), (seen, Some("dot")));
        assert_eq!(session.verification_detail.contains("does not cover \"dns.lab\""), name == "other.lab");
        assert_phases_touch(&exchange);
        assert!(exchange.phases.tls.is_some() && exchange.kernel_rtt.is_some());
        assert_eq!(exchange.outcome.unwrap().answers[0].rdata, "10.0.0.5");
    }
}

#[tokio::test]
async fn without_a_name_the_address_is_verified() {
    let server = dot(tls("127.0.0.1", 2040, "dot"));
    let exchange = asked(&Query { server_name: None, ..over(Transport::Tls, server) }).await;
    let detail = exchange.session.unwrap().verification_detail;
    assert!(!detail.contains("does not cover"), "{detail}");
    assert_eq!(exchange.outcome.unwrap().rcode, 0);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_or_not_our_protocol_ends_the_handshake() {
    let exchange = asked(&over(Transport::Tls, peer::answering("220 ready"))).await;
    assert_eq!(exchange.session.unwrap().plaintext.as_deref(), Some(&b"220 ready"[..]));
    assert_eq!(exchange.outcome.unwrap_err().phase, Phase::Tls);
    for (transport, server) in [
        (Transport::Tls, dot(tls("dns.lab", 2040, "h2"))),
        (Transport::Https, dot(tls("dns.lab", 2040, "http/1.1"))),
        (Transport::Quic, doq(tls("dns.lab", 2040, "h3"), |_, send, _| reply(send, b""))),
    ] {
        let failure = asked(&over(transport, server)).await.outcome.unwrap_err();
        // no_application_protocol, RFC 7301 section 3.2.
        assert_eq!((failure.phase, failure.reason), (Phase::Tls, Reason::TlsAlert(120)), "{}", failure.detail);
    }
}

#[tokio::test]
async fn dns_over_https_answers_to_both_methods() {
    let server = doh(tls("dns.lab", 2040, "h2"), |request, body| {
        let question = if *request.method() == Method::POST {
            assert_eq!(request.headers()["content-type"], "application/dns-message");
            assert_eq!(request.uri().path_and_query().unwrap(), "/dns-query");
            body.to_vec()
        } else {
            let text = request.uri().query().unwrap().strip_prefix("a=b&dns=").unwrap();
            data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
        };
        assert_eq!(
            (&request.headers()["accept"], &question[..2]),
            (&"application/dns-message".parse().unwrap(), &[0, 0][..])
        );
        assert!(request.uri().authority().unwrap().as_str().starts_with("dns.lab:"), "{}", request.uri());
        message(answer(&question, address))
    });
    let post = over(Transport::Https, server);
    let path = Some("/q?a=b".to_owned());
    for query in [post.clone(), Query { http_method: HttpMethod::Get, http_path: path, ..post }] {
        let exchange = asked(&query).await;
        assert_eq!((exchange.http_status, exchange.stray_count), (Some(200), 0));
        assert_eq!(exchange.session.as_ref().unwrap().alpn.as_deref(), Some("h2"));
        assert_phases_touch(&exchange);
        assert!(exchange.phases.receive.is_some() && exchange.kernel_rtt.is_some());
        assert_eq!(exchange.outcome.unwrap().answers[0].rdata, "10.0.0.5");
    }
}

#[tokio::test]
async fn what_is_no_dns_message_ends_as_data() {
    let whole = |body: &[u8]| message(answer(body, address));
    let responses: [(Respond, u16, &str); 4] = [
        (|_| (Response::builder().status(404).body(()).unwrap(), b"no".to_vec()), 404, "the status is 404, not 200"),
        (
            |_| (Response::builder().header("content-type", "text/html").body(()).unwrap(), b"<p>".to_vec()),
            200,
            "the media type is \"text/html\"",
        ),
        (|_| message(vec![0; 70_000]), 200, "longer than the 65535 bytes"),
        (|_| message(b"\0\0\x80".to_vec()), 200, "it ends within the header"),
    ];
    for (respond, status, what) in responses {
        let server = doh(tls("dns.lab", 2040, "h2"), move |_, body| respond(body));
        let exchange = asked(&over(Transport::Https, server)).await;
        let failure = exchange.outcome.unwrap_err();
        assert!(matches!(failure.reason, Reason::Malformed(_)) && failure.detail.contains(what), "{failure:?}");
        assert_eq!((exchange.http_status, failure.phase), (Some(status), Phase::Receive));
    }
    let server = doh(tls("dns.lab", 2040, "h2"), move |_, body| {
        let (head, mut body) = whole(body);
        body[13] ^= 1;
        (head, body)
    });
    let exchange = asked(&over(Transport::Https, server)).await;
    assert_eq!(exchange.stray_count, 1);
    assert!(exchange.outcome.unwrap_err().detail.contains("not the answer to the question"));
}

#[tokio::test]
async fn a_path_that_cannot_be_sent_is_an_invalid_request() {
    for path in ["dns-query", "/a b", ""] {
        let query = Query { http_path: Some(path.to_owned()), ..over(Transport::Https, peer::closed()) };
        let failure = asked(&query).await.outcome.unwrap_err();
        assert!(matches!(failure.reason, Reason::InvalidRequest(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn dns_over_quic_answers_and_tells_of_the_certificate() {
    let server = doq(tls("other.lab", 2040, "doq"), |_, send, question| async move {
        reply(send, &framed(&answer(&question, address))).await;
    });
    let exchange = asked(&over(Transport::Quic, server)).await;
    let session = exchange.session.as_ref().unwrap();
    assert_eq!((session.verification, session.alpn.as_deref()), (Verification::SelfSigned, Some("doq")));
    assert_eq!(session.version.as_deref(), Some("TLSv1.3"));
    assert!(session.verification_detail.contains("does not cover \"dns.lab\""), "{}", session.verification_detail);
    assert_phases_touch(&exchange);
    let local = exchange.local.unwrap();
    assert!(local.address == peer::localhost() && local.port > 0, "{local}");
    assert!(exchange.kernel_rtt.is_some_and(|rtt| rtt < SECOND));
    assert_eq!((exchange.phases.connect, exchange.icmp.len()), (None, 0));
    assert_eq!(exchange.outcome.unwrap().answers[0].rdata, "10.0.0.5");
}

#[tokio::test]
async fn what_a_server_does_to_a_stream_is_told_with_its_code() {
    let alone = |connection: quinn::Connection| async move { drop(connection.closed().await) };
    let reset = doq(tls("dns.lab", 2040, "doq"), move |connection, mut send, _| async move {
        send.reset(4_u32.into()).unwrap();
        alone(connection).await;
    });
    let closed = doq(tls("dns.lab", 2040, "doq"), |connection, _, _| async move {
        connection.close(2_u32.into(), b"");
    });
    let nothing = doq(tls("dns.lab", 2040, "doq"), |_, send, _| reply(send, b""));
    let short = doq(tls("dns.lab", 2040, "doq"), |_, send, _| reply(send, b"\0\x09abc"));
    for (server, reason, what) in [
        (reset, Some(Reason::Reset), "DOQ_EXCESSIVE_LOAD (0x4)"),
        (closed, Some(Reason::Closed), "DOQ_PROTOCOL_ERROR (0x2)"),
        (nothing, Some(Reason::Closed), "finished the stream without one"),
        (short, None, "3 bytes where 9 were announced"),
    ] {
        let failure = asked(&over(Transport::Quic, server)).await.outcome.unwrap_err();
        assert!(failure.detail.contains(what), "{failure:?}");
        assert!(reason.is_none_or(|reason| reason == failure.reason), "{what}");
    }
}

#[tokio::test]
async fn a_closed_port_refuses_quic_by_icmp_at_once() {
    let exchange = asked(&over(Transport::Quic, peer::closed())).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Tls, Reason::Refused));
    assert!(failure.elapsed < SECOND, "{:?}", failure.elapsed);
    let icmp = failure.icmp.unwrap();
    assert_eq!((icmp.icmp_type, icmp.code, icmp.sender), (3, 3, None));
    assert_eq!(exchange.session.unwrap().verification, Verification::NotReached);
}

#[tokio::test]
async fn silence_ends_at_the_deadline_on_every_transport() {
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let quic = peer::endpoint(silent.local_addr().unwrap());
    let short = Duration::from_millis(300);
    for (transport, server) in
        [(Transport::Quic, quic), (Transport::Tls, peer::silent()), (Transport::Https, peer::silent())]
    {
        let exchange = asked(&Query { timeout: short, ..over(transport, server) }).await;
        let failure = exchange.outcome.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::Tls, Reason::TimedOut));
        assert!(exchange.timing.elapsed > short * 9 / 10, "{:?}", exchange.timing);
    }
}
