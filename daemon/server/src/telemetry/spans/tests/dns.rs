use sonde_core::observation::dns::{
    Answer, Exchange, Family, Lameness, Personality, Query, Resolution, ResolveError, ResolveRequest, Security, Step,
    StepOutcome, Transport, WalkRequest, WalkResult, WalkServer, Zone,
};

use super::*;

fn server() -> Endpoint {
    Endpoint { address: Ipv4Addr::new(10, 0, 0, 53).into(), port: 53 }
}

fn exchange(outcome: Result<Answer, Failure>) -> Exchange {
    Exchange { outcome, ..Exchange::failed(timing(10, 30), failure(Phase::Wait, Reason::TimedOut)) }
}

fn lookup(rcode: u16) -> Vec<Plan> {
    let request = Query::new(server(), "orders.lab.", 1, Duration::from_secs(1));
    spans(Call::DnsQuery { request, answer: exchange(Ok(Answer { rcode, ..Answer::default() })) })
}

fn over(transport: Transport, outcome: Result<Answer, Failure>) -> Vec<Plan> {
    let mut request = Query::new(server(), "orders.lab.", 1, Duration::from_secs(1));
    request.transport = transport;
    request.server_name = Some("dns.lab".into());
    let mut answer = exchange(outcome);
    answer.phases.connect = (transport != Transport::Quic).then(|| timing(10, 5));
    answer.phases.tls = Some(timing(15, 5));
    answer.phases.send = Some(timing(20, 0));
    answer.phases.wait = Some(timing(20, 10));
    spans(Call::DnsQuery { request, answer })
}

#[test]
fn a_name_that_does_not_exist_is_an_answer_and_a_server_that_fails_an_error() {
    assert_eq!(failed(&lookup(3)), [""; 0]);
    assert_eq!(failed(&lookup(2)), ["DNS lookup orders.lab."]);
    assert_eq!(attribute(&lookup(2)[0], "error.type").as_deref(), Some("dns_servfail_error"));
    assert_eq!(attribute(&lookup(0)[0], "dns.question.name").as_deref(), Some("orders.lab."));
}

#[test]
fn an_encrypted_exchange_has_its_phases_as_children() {
    let tls = over(Transport::Tls, Ok(Answer::default()));

    assert_eq!(
        names(&tls),
        [
            "DNS lookup orders.lab.",
            "socket connect 10.0.0.53:53",
            "TLS client handshake dns.lab",
            "DNS send",
            "DNS wait"
        ]
    );
    assert!(tls[1..].iter().all(|span| span.parent == 7));
    let layers = |transport| {
        let own = over(transport, Ok(Answer::default())).swap_remove(0);
        ["network.transport", "network.protocol.name", "sonde.dns.transport"]
            .map(|key| attribute(&own, key).expect(key))
    };
    assert_eq!(layers(Transport::Tls), ["tcp", "dot", "tls"]);
    assert_eq!(layers(Transport::Https), ["tcp", "http", "https"]);
    assert_eq!(layers(Transport::Quic), ["quic", "doq", "quic"]);
}

#[test]
fn only_the_phase_of_an_exchange_that_failed_has_the_error() {
    let silent = over(Transport::Quic, Err(failure(Phase::Wait, Reason::TimedOut)));
    assert_eq!(failed(&silent), ["DNS wait"]);
    let no_socket = over(Transport::Tls, Err(failure(Phase::Socket, Reason::ProcessFileLimit)));
    assert_eq!(failed(&no_socket), ["DNS lookup orders.lab."]);
}

#[test]
fn a_lookup_has_its_steps_as_children_and_says_what_its_user_reads() {
    let step = |at_ms, outcome| Step {
        timing: timing(at_ms, 10),
        server: server(),
        transport: Transport::Udp,
        name: "db.lab.".into(),
        qtype: 28,
        outcome,
        addresses: vec![],
    };
    let request = ResolveRequest {
        name: "db".into(),
        family: Family::Any,
        personality: Personality::Glibc,
        pid: None,
        timeout: Duration::from_secs(30),
    };
    let answer = Resolution {
        steps: vec![
            step(10, StepOutcome::TimedOut),
            step(20, StepOutcome::Answered(3)),
            step(30, StepOutcome::Abandoned),
        ],
        error: Some(ResolveError { code: "EAI_NONAME".into(), text: "Name or service not known".into() }),
        ..Resolution::default()
    };

    let spans = spans(Call::DnsResolve { request, answer });

    assert_eq!(
        names(&spans),
        ["DNS resolve db as glibc", "DNS lookup db.lab.", "DNS lookup db.lab.", "DNS lookup db.lab."]
    );
    assert_eq!(failed(&spans), ["DNS resolve db as glibc", "DNS lookup db.lab."]);
    assert_eq!(attribute(&spans[0], "error.type").as_deref(), Some("EAI_NONAME"));
    assert_eq!(attribute(&spans[1], "error.type").as_deref(), Some("timed_out"));
    assert_eq!(attribute(&spans[2], "sonde.dns.rcode").as_deref(), Some("3"));
    assert_eq!(attribute(&spans[3], "sonde.dns.outcome").as_deref(), Some("abandoned"));
    assert_eq!(spans[2].start, UNIX_EPOCH + Duration::from_millis(1_000_020));
}

#[test]
fn a_walk_has_an_event_for_every_zone() {
    let one = |lameness| WalkServer {
        name: "ns.lab.".into(),
        address: None,
        lameness,
        elapsed: Duration::ZERO,
        outcome: None,
        serial: None,
    };
    let zone = |name: &str, security| Zone {
        name: name.into(),
        parent_servers: vec![],
        child_servers: vec![],
        servers: vec![one(Lameness::None), one(Lameness::Silent)],
        signed: true,
        security,
        security_detail: String::new(),
    };
    let request = WalkRequest {
        name: "orders.lab.".into(),
        qtype: 1,
        roots: vec![],
        trust_anchors: vec![],
        port: 53,
        ipv6: false,
        query_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(9),
    };
    let answer = WalkResult {
        zones: vec![zone(".", Security::Secure), zone("lab.", Security::Bogus)],
        security: Security::Bogus,
        security_code: Some(7),
        security_detail: "the signature expired".into(),
        ..WalkResult::default()
    };

    let spans = spans(Call::DnsWalk { request, answer });

    let events = &spans[0].events;
    assert_eq!((spans.len(), events.len(), events[1].name), (1, 2, "zone"));
    assert!(events[1].attributes.contains(&KeyValue::new("sonde.dns.security", "bogus")));
    assert!(events[1].attributes.contains(&KeyValue::new("sonde.dns.lame", 1_i64)));
    assert_eq!(failed(&spans), ["DNS walk orders.lab."]);
    assert_eq!(attribute(&spans[0], "sonde.dns.ede").as_deref(), Some("7"));
}
