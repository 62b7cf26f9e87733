use std::time::Duration;

use sonde_core::observation::{Endpoint, Failure, Phase, Reason, Timing};
use sonde_proto::json;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn server(port: u16) -> Endpoint {
    Endpoint { address: [192, 0, 2, 53].into(), port }
}

fn timed(elapsed_ms: u32) -> Timing {
    Timing { at: MS, elapsed: MS * elapsed_ms }
}

fn failure() -> Failure {
    Failure {
        phase: Phase::Wait,
        reason: Reason::Refused,
        errno: Some(111),
        icmp: None,
        elapsed: MS,
        detail: "connection refused".to_owned(),
    }
}

fn answered() -> core::Answer {
    core::Answer {
        id: 7,
        rcode: 2,
        flags: core::HeaderFlags { truncated: true, z: true, ..core::HeaderFlags::default() },
        question: Some(core::Question { name: "www.example.".to_owned(), qtype: 1, qclass: 1 }),
        edns: Some(core::Edns {
            nsid: Some(b"ns1".to_vec()),
            tcp_keepalive: Some(25),
            extended_errors: vec![core::ExtendedError { info_code: 6, extra_text: "bogus".to_owned() }],
            ..core::Edns::default()
        }),
        ..core::Answer::default()
    }
}

#[test]
fn an_encrypted_exchange_has_the_form_that_clients_read() {
    let mut request = core::Query::new(server(443), "www.example.", 1, MS * 500);
    request.transport = core::Transport::Https;
    request.server_name = Some("dns.example".to_owned());
    request.edns = Some(core::EdnsRequest {
        client_subnet: Some(core::ClientSubnet { prefix: "192.0.2.0/24".parse().expect("a prefix"), scope: 0 }),
        ..core::EdnsRequest::sized(1232)
    });
    let mut exchange = core::Exchange::failed(timed(3), failure());
    exchange.outcome = Ok(answered());
    exchange.phases.tls = Some(timed(2));
    exchange.http_status = Some(200);
    exchange.stray_count = 40;
    exchange.strays = vec![core::Stray {
        at: MS,
        kind: core::StrayKind::WrongId,
        from: server(443),
        size_bytes: 12,
        answer: Some(core::Answer::default()),
    }];

    let value = json::to_value(&query(&request, &exchange)).expect("it belongs to sonde.v1");

    assert_eq!(value["transport"], "DNS_TRANSPORT_HTTPS");
    assert_eq!(value["httpMethod"], "DNS_HTTP_METHOD_POST");
    assert_eq!(value["flags"], serde_json::json!({"recursionDesired": true}));
    assert_eq!(value["edns"]["clientSubnet"]["prefix"], "192.0.2.0/24");
    assert_eq!(value["phases"]["tls"]["elapsed"], "0.002s");
    assert_eq!((&value["strayCount"], &value["strays"][0]["kind"]), (&40.into(), &"DNS_STRAY_KIND_WRONG_ID".into()));
    assert_eq!(value["answer"]["flags"], serde_json::json!({"truncated": true, "z": true}));
    assert_eq!(value["answer"]["edns"]["nsid"], "bnMx");
    assert_eq!(value["answer"]["edns"]["tcpKeepalive"], "2.500s");
    assert_eq!(value["answer"]["edns"]["extendedErrors"][0]["infoCode"], 6);
    assert_eq!(value["httpStatus"], 200);
}

#[test]
fn every_end_of_a_step_says_what_it_was() {
    let request = core::ResolveRequest {
        name: "db".to_owned(),
        family: core::Family::Ipv6,
        personality: core::Personality::Musl,
        pid: None,
        timeout: MS,
    };
    let step = |outcome| core::Step {
        timing: timed(5),
        server: server(53),
        transport: core::Transport::Tcp,
        name: "db.prod.example.".to_owned(),
        qtype: 28,
        outcome,
        addresses: vec![],
    };
    let answer = core::Resolution {
        steps: vec![
            step(core::StepOutcome::Answered(0)),
            step(core::StepOutcome::Truncated),
            step(core::StepOutcome::TimedOut),
            step(core::StepOutcome::Rejected("another question".to_owned())),
            step(core::StepOutcome::Failed(failure())),
            step(core::StepOutcome::Abandoned),
        ],
        error: Some(core::ResolveError { code: "EAI_AGAIN".to_owned(), text: "Try again".to_owned() }),
        ..core::Resolution::default()
    };

    let value = json::to_value(&resolution(&request, &answer)).expect("it belongs to sonde.v1");
    let outcomes: Vec<_> = (0..6).map(|i| value["steps"][i]["outcome"].as_str().expect("each has one")).collect();

    assert_eq!(
        outcomes,
        ["ANSWERED", "TRUNCATED", "TIMED_OUT", "REJECTED", "FAILED", "ABANDONED"]
            .map(|end| format!("DNS_STEP_OUTCOME_{end}"))
    );
    assert_eq!(value["steps"][0]["rcode"], 0, "NOERROR is said, not left out");
    assert_eq!(value["steps"][3]["rejection"], "another question");
    assert_eq!(value["steps"][4]["failure"]["errnoName"], "ECONNREFUSED");
    assert_eq!((&value["personality"], &value["family"]), (&"DNS_PERSONALITY_MUSL".into(), &"DNS_FAMILY_IPV6".into()));
    assert_eq!(value["error"], serde_json::json!({"code": "EAI_AGAIN", "text": "Try again"}));
}

#[test]
fn a_configuration_says_who_manages_it_and_what_each_runtime_makes_of_it() {
    let request = core::ConfigRequest { name: None, pid: Some(42) };
    let read = core::ResolverConfig {
        directives: vec![core::Directive {
            line: 3,
            keyword: "options".to_owned(),
            words: vec!["rotate".to_owned()],
            heeded_by: vec![core::Personality::Glibc, core::Personality::Go],
        }],
        views: vec![core::View {
            personality: core::Personality::Glibc,
            nameservers: vec![core::Nameserver {
                address: "fe80::1".parse().expect("an address"),
                port: 53,
                scope: Some("eth0".to_owned()),
            }],
            search: vec![],
            ndots: 5,
            timeout: MS * 5000,
            attempts: 2,
            options: vec!["rotate".to_owned()],
            sources: vec!["dns".to_owned()],
        }],
        manager: core::Manager { kind: core::ManagerKind::Kubernetes, ..core::Manager::default() },
        ..core::ResolverConfig::default()
    };

    let value = json::to_value(&config(&request, &read)).expect("it belongs to sonde.v1");

    assert_eq!(value["pid"], 42);
    assert_eq!(value["manager"]["kind"], "DNS_MANAGER_KIND_KUBERNETES");
    assert_eq!(value["directives"][0]["heededBy"], serde_json::json!(["DNS_PERSONALITY_GLIBC", "DNS_PERSONALITY_GO"]));
    assert_eq!(value["views"][0]["nameservers"][0]["scope"], "eth0");
    assert_eq!(value["views"][0]["timeout"], "5s");
}

#[test]
fn a_server_that_was_not_asked_has_neither_answer_nor_failure() {
    let one = |outcome| core::WalkServer {
        name: "ns.example.".to_owned(),
        address: None,
        lameness: core::Lameness::NoAddress,
        elapsed: Duration::ZERO,
        outcome,
        serial: Some(0),
    };
    let request = core::WalkRequest {
        name: "www.example.".to_owned(),
        qtype: 1,
        roots: vec![server(5300)],
        trust_anchors: vec![],
        port: 53,
        ipv6: false,
        query_timeout: MS,
        timeout: MS,
    };
    let result = core::WalkResult {
        zones: vec![core::Zone {
            name: "example.".to_owned(),
            parent_servers: vec![],
            child_servers: vec![],
            servers: vec![one(None), one(Some(Ok(answered()))), one(Some(Err(failure())))],
            signed: true,
            security: core::Security::Bogus,
            security_detail: "expired".to_owned(),
        }],
        security_code: Some(7),
        ..core::WalkResult::default()
    };

    let value = json::to_value(&walk(&request, &result)).expect("it belongs to sonde.v1");
    let servers = &value["zones"][0]["servers"];

    assert_eq!(servers[0].get("answer").or(servers[0].get("failure")), None);
    assert_eq!(servers[0]["lameness"], "DNS_LAMENESS_NO_ADDRESS");
    assert_eq!(servers[0]["serial"], 0, "a serial of 0 is said, not left out");
    assert_eq!(servers[1]["answer"]["rcode"], 2);
    assert_eq!(servers[2]["failure"]["errno"], 111);
    assert_eq!((&value["security"], &value["securityCode"]), (&"DNS_SECURITY_INDETERMINATE".into(), &7.into()));
    assert_eq!(value["roots"][0]["port"], 5300);
}
