//! A diagnosis in a real Jaeger, read back through Jaeger's own query API.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sonde_tests::binaries::{binary, can_make_namespaces, tool};
use sonde_tests::lab::topology::Topology;
use sonde_tests::process::{eventually, run};

#[test]
fn a_diagnosis_is_one_trace_with_measured_phases_and_the_verdict_on_its_root() {
    let Some(jaeger) = tool("jaeger") else { return };
    if !can_make_namespaces() {
        return;
    }
    let mut lab = Topology::new(4711).expect("the lab stands");
    let word = |lab: &Topology, key: &str| lab.names.get(key).to_owned();
    let (port, name) = (word(&lab, "port"), word(&lab, "name"));
    let fill = |lab: &Topology, text: &str| lab.names.fill(text).expect("known words");
    let unbound = fill(&lab, "sh {lab_dir}/unbound.sh {dir} {dns} good {zone} {name} {server}");
    let nginx = fill(&lab, "sh {lab_dir}/nginx.sh {dir} {server}:{port} expired 200");
    lab.start("dns", &unbound).expect("unbound starts");
    lab.start("server", &nginx).expect("nginx starts");
    lab.start("client", &jaeger.display().to_string()).expect("jaeger starts");
    lab.wait_for_port("dns", "53").expect("unbound listens");
    lab.wait_for_port("server", &port).expect("nginx listens");
    lab.wait_for_port("client", "4317").expect("jaeger takes OTLP");
    lab.wait_for_port("client", "16686").expect("jaeger answers queries");

    let mut sonde = lab.command("client");
    sonde.arg(binary("sonde")).args(["diagnose", &format!("https://{name}:{port}/"), "-o", "json"]);
    sonde.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317").env("OTEL_SERVICE_NAME", "sonde-under-test");
    let output = run(&mut sonde, Duration::from_secs(40)).expect("sonde ends");
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {text}"));
    let trace_id = diagnosis["traceId"].as_str().expect("a trace id").to_owned();

    let spans = fetch(&lab, &trace_id);

    let by_id: BTreeMap<_, _> = spans.iter().map(|s| (text_of(s, "spanID"), s)).collect();
    let named = |prefix: &str| -> Vec<&Value> {
        spans.iter().filter(|s| text_of(s, "operationName").starts_with(prefix)).collect()
    };
    let parent = |span: &Value| by_id.get(text_of(&span["references"][0], "spanID")).copied();

    let roots: Vec<_> = named("diagnose ");
    assert_eq!(roots.len(), 1, "{spans:#?}");
    assert!(tag(roots[0], "sonde.run.id").is_some(), "{:#?}", roots[0]);
    let logs = roots[0]["logs"].to_string();
    assert!(logs.contains("sonde.cause") && logs.contains("tls.cert_expired"), "{logs}");

    for check in ["check resolve", "check connect", "check tls", "check http"] {
        let found = named(check);
        assert_eq!(found.len(), 1, "{check}: {spans:#?}");
        assert_eq!(parent(found[0]).map(|p| text_of(p, "operationName")), Some(text_of(roots[0], "operationName")));
    }
    let lookups = named("DNS lookup");
    assert!(!lookups.is_empty() && lookups.iter().all(|s| tag(s, "dns.question.name").is_some()), "{lookups:#?}");
    let connects = named("socket connect");
    assert!(
        connects.iter().any(|s| tag(s, "network.peer.port") == Some(Value::from(port.parse::<u16>().expect("a port")))
            || tag(s, "network.peer.port").is_some_and(|v| v.to_string().contains(&port))),
        "{connects:#?}"
    );
    assert!(!named("TLS client handshake").is_empty(), "{spans:#?}");
    for evidence in diagnosis["evidence"].as_array().expect("evidence") {
        let id = evidence["id"].as_str().expect("an id");
        assert!(by_id.contains_key(id), "evidence {id} has no span of that id: {evidence}");
    }
    assert!(
        spans
            .iter()
            .all(|s| tag(s, "otel.status_code") != Some(Value::from("ERROR")) || tag(s, "error.type").is_some())
    );
}

/// The spans of a trace, once Jaeger has them.
fn fetch(lab: &Topology, trace_id: &str) -> Vec<Value> {
    let mut spans = Vec::new();
    eventually(Duration::from_secs(20), "the trace in Jaeger", || {
        let mut curl = Command::new("ip");
        curl.args(["netns", "exec", &lab.namespace("client"), "curl", "-sS", "--max-time", "5"]);
        curl.arg(format!("http://127.0.0.1:16686/api/traces/{trace_id}"));
        let output = run(&mut curl, Duration::from_secs(10))?;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        spans = answer["data"][0]["spans"].as_array().cloned().unwrap_or_default();
        Ok(spans.iter().any(|s| text_of(s, "operationName").starts_with("diagnose")))
    })
    .expect("Jaeger received the trace");
    spans
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn tag(span: &Value, key: &str) -> Option<Value> {
    span["tags"].as_array()?.iter().find(|t| t["key"] == key).map(|t| t["value"].clone())
}
