mod dns;

use std::net::Ipv4Addr;

use sonde_core::observation::connection::{Connection, TlsSession, Verification};
use sonde_core::observation::dial::{
    BodyEnd, BodyFraming, HttpExchange, HttpPhases, HttpProtocol, HttpRequest, HttpResponse, KeyShare, TlsDial,
    TlsRequest,
};
use sonde_core::observation::{EvidenceId, Phase, Reason};

use super::*;

fn timing(at_ms: u64, elapsed_ms: u64) -> Timing {
    Timing { at: Duration::from_millis(at_ms), elapsed: Duration::from_millis(elapsed_ms) }
}

fn remote() -> Endpoint {
    Endpoint { address: Ipv4Addr::new(10, 0, 0, 5).into(), port: 8443 }
}

fn failure(phase: Phase, reason: Reason) -> Failure {
    Failure { phase, reason, errno: Some(111), icmp: None, elapsed: Duration::ZERO, detail: "it failed".into() }
}

fn spans(call: Call) -> Vec<Plan> {
    let observation = Observation {
        id: EvidenceId(7),
        check: "tls".into(),
        timing: timing(10, 30),
        started_at: Duration::from_secs(1_000),
        vantage: 1,
        call,
    };
    let mut next = 100;
    of_call(&observation, 3, Duration::from_secs(1_000), &mut || {
        next += 1;
        next
    })
}

fn names(spans: &[Plan]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_ref()).collect()
}

fn failed(spans: &[Plan]) -> Vec<&str> {
    spans.iter().filter(|span| span.error.is_some()).map(|span| span.name.as_ref()).collect()
}

fn attribute(span: &Plan, key: &str) -> Option<String> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| attribute.value.to_string())
}

fn tls_dial(outcome: Result<(), Failure>, session: Option<TlsSession>, handshake: Option<Timing>) -> Vec<Plan> {
    let request = TlsRequest {
        remote: remote(),
        local_address: None,
        device: None,
        server_name: "orders.lab".into(),
        send_sni: true,
        alpn: vec![],
        key_share: KeyShare::PostQuantum,
        starttls: None,
        known_issuers: vec![],
        timeout: Duration::from_secs(1),
        deltas: false,
    };
    let connection = Connection { connect: timing(10, 5), ..Connection::default() };
    spans(Call::DialTls {
        request,
        answer: TlsDial {
            timing: timing(10, 30),
            connection,
            starttls: None,
            handshake,
            session,
            outcome,
            deltas: None,
        },
    })
}

fn session(verification: Verification) -> TlsSession {
    TlsSession {
        version: Some("TLSv1.3".into()),
        verification,
        verification_detail: "it ended yesterday".into(),
        ..TlsSession::default()
    }
}

#[test]
fn a_tls_dial_has_its_phases_as_children_with_their_measured_times() {
    let spans = tls_dial(Ok(()), Some(session(Verification::Accepted)), Some(timing(15, 25)));

    assert_eq!(
        names(&spans),
        ["dial 10.0.0.5:8443", "socket connect 10.0.0.5:8443", "TLS client handshake orders.lab"]
    );
    assert_eq!((spans[0].id, spans[0].parent), (7, 3));
    assert!(spans[1..].iter().all(|span| span.parent == 7));
    assert_eq!(spans[2].start, UNIX_EPOCH + Duration::from_millis(1_000_015));
    assert_eq!(spans[2].end, UNIX_EPOCH + Duration::from_millis(1_000_040));
    assert_eq!(failed(&spans), [""; 0]);
    assert_eq!(attribute(&spans[2], "tls.protocol.version").as_deref(), Some("1.3"));
}

#[test]
fn only_the_phase_that_failed_has_the_error() {
    let refused = tls_dial(Err(failure(Phase::Connect, Reason::Refused)), None, None);

    assert_eq!(failed(&refused), ["socket connect 10.0.0.5:8443"]);
    assert_eq!(attribute(&refused[1], "error.type").as_deref(), Some("connection_refused"));

    let alert = tls_dial(Err(failure(Phase::Tls, Reason::TlsAlert(40))), None, Some(timing(15, 1)));

    assert_eq!(failed(&alert), ["TLS client handshake orders.lab"]);
}

#[test]
fn a_failure_without_a_phase_of_its_own_is_the_calls() {
    let no_socket = tls_dial(Err(failure(Phase::Socket, Reason::ProcessFileLimit)), None, None);

    assert_eq!(names(&no_socket), ["dial 10.0.0.5:8443"]);
    assert_eq!(failed(&no_socket), ["dial 10.0.0.5:8443"]);
}

#[test]
fn a_certificate_that_no_client_accepts_fails_its_handshake() {
    let spans = tls_dial(Ok(()), Some(session(Verification::Expired)), Some(timing(15, 25)));

    assert_eq!(failed(&spans), ["TLS client handshake orders.lab"]);
    assert_eq!(attribute(&spans[2], "error.type").as_deref(), Some("certificate_expired"));
    assert_eq!(spans[2].error.as_deref(), Some("it ended yesterday"));
}

fn exchange(status: u16) -> Vec<Plan> {
    asked("GET", "orders.lab:8080", status)
}

fn asked(method: &str, host: &str, status: u16) -> Vec<Plan> {
    let request = HttpRequest {
        remote: remote(),
        local_address: None,
        device: None,
        tls_server_name: None,
        protocol: HttpProtocol::Auto,
        proxied: None,
        method: method.into(),
        path: "/health?token=secret".into(),
        host: host.into(),
        headers: vec![],
        body: vec![],
        again_after: vec![],
        segment_bytes: None,
        timeout: Duration::from_secs(1),
        body_limit_bytes: 0,
        deltas: false,
    };
    let answer = HttpExchange {
        timing: timing(10, 30),
        connection: Connection::default(),
        phases: HttpPhases {
            connect: Some(timing(10, 1)),
            tunnel: None,
            tls: None,
            send: Some(timing(11, 1)),
            wait: Some(timing(12, 20)),
            receive: None,
        },
        session: None,
        tunnel: None,
        http2: None,
        response: Some(HttpResponse {
            version: "HTTP/1.1".into(),
            status,
            headers: vec![],
            content_length: None,
            body_framing: BodyFraming::UntilClose,
            body_end: BodyEnd::Complete,
            body_bytes: 3,
            body_complete: true,
            body_prefix: vec![],
            trailers: vec![],
        }),
        not_http: None,
        outcome: Ok(()),
        sequels: vec![],
        deltas: None,
    };
    spans(Call::DialHttp { request, answer })
}

#[test]
fn an_http_exchange_is_named_by_its_method_and_hides_its_query() {
    let spans = exchange(200);

    assert_eq!(names(&spans), ["HTTP GET", "socket connect 10.0.0.5:8443", "HTTP send", "HTTP wait"]);
    assert_eq!(attribute(&spans[0], "url.path").as_deref(), Some("/health"));
    assert_eq!(attribute(&spans[0], "server.address").as_deref(), Some("orders.lab"));
    assert_eq!(attribute(&spans[0], "server.port").as_deref(), Some("8080"));
    assert!(!format!("{spans:?}").contains("secret"));
}

#[test]
fn an_unknown_method_and_an_ipv6_host_are_written_as_the_conventions_say() {
    let spans = asked("PURGE", "[2001:db8::1]:8080", 200);
    assert_eq!(names(&spans)[0], "HTTP");
    assert_eq!(attribute(&spans[0], "http.request.method").as_deref(), Some("_OTHER"));
    assert_eq!(attribute(&spans[0], "http.request.method_original").as_deref(), Some("PURGE"));
    assert_eq!(attribute(&spans[0], "server.address").as_deref(), Some("2001:db8::1"));
    let url = "http://[2001:db8::1]:8080/health?REDACTED";
    assert_eq!(attribute(&spans[0], "url.full").as_deref(), Some(url));
}

#[test]
fn an_http_error_status_is_the_exchanges_error() {
    let spans = exchange(503);

    assert_eq!(failed(&spans), ["HTTP GET"]);
    assert_eq!(attribute(&spans[0], "error.type").as_deref(), Some("503"));
}

#[test]
fn counter_deltas_of_a_disturbed_window_are_left_out() {
    let moved = |quiet| CounterDeltas {
        window: timing(0, 1),
        quiet,
        moved: vec![sonde_core::observation::Counter { name: "TcpExt.ListenDrops".into(), value: 3 }],
    };

    assert_eq!(deltas(Some(&moved(false))).count(), 0);
    let shown: Vec<_> = deltas(Some(&moved(true))).map(|attribute| attribute.key.to_string()).collect();
    assert_eq!(shown, ["sonde.kernel.delta.TcpExt.ListenDrops"]);
}
