//! Dials as spans: a TCP dial is one, a TLS dial and an HTTP exchange have their phases as children.

mod tcp;
mod tls;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::dial::{Connection, HttpExchange, HttpRequest};
use sonde_core::observation::{Endpoint, Failure, Phase, Timing};

pub(super) use self::tcp::{series, tcp};
pub(super) use self::tls::{handshake, hello, tls};
use super::{Phases, Plan, deltas, micros, peer};

pub(super) fn http(own: Plan, request: &HttpRequest, exchange: &HttpExchange, phases: &mut Phases<'_>) -> Plan {
    let mut plan = Plan { name: format!("HTTP {}", request.method).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.remote, "tcp"));
    let (host, port) = split_host(&request.host);
    plan.attributes.extend([
        KeyValue::new("http.request.method", request.method.clone()),
        KeyValue::new("url.scheme", if request.tls_server_name.is_some() { "https" } else { "http" }),
        // Without the query, which may hold a secret.
        KeyValue::new("url.path", request.path.split('?').next().unwrap_or_default().to_owned()),
        KeyValue::new("server.address", host.to_owned()),
        KeyValue::new("server.port", i64::from(port.unwrap_or(request.remote.port))),
    ]);
    plan.attributes.extend(deltas(exchange.deltas.as_ref()));
    let mut failure = exchange.outcome.as_ref().err();
    if let Some(timing) = exchange.phases.connect {
        connect(phases, request.remote, &exchange.connection, timing, &mut failure);
    }
    if let Some(name) = &request.tls_server_name {
        handshake(phases, name, exchange.phases.tls, exchange.session.as_ref(), &mut failure);
    }
    for (name, phase, timing) in [
        ("HTTP send", Phase::Send, exchange.phases.send),
        ("HTTP wait", Phase::Wait, exchange.phases.wait),
        ("HTTP receive", Phase::Receive, exchange.phases.receive),
    ] {
        if let Some(timing) = timing {
            let plan = phases.plan(name, timing);
            phases.spans.push(taking(plan, &mut failure, phase));
        }
    }
    if let Some(response) = &exchange.response {
        plan.attributes.extend([
            KeyValue::new("http.response.status_code", i64::from(response.status)),
            KeyValue::new("network.protocol.name", "http"),
            KeyValue::new("network.protocol.version", response.version.trim_start_matches("HTTP/").to_owned()),
            KeyValue::new("http.response.body.size", i64::try_from(response.body_bytes).unwrap_or(i64::MAX)),
        ]);
        if exchange.outcome.is_ok() && response.status >= 400 {
            // HTTP client spans: 4xx and 5xx are errors whose type is the status.
            return plan.failed(response.status.to_string(), format!("the server answered {}", response.status));
        }
    }
    rest(plan, failure)
}

fn connect(
    phases: &mut Phases<'_>,
    remote: Endpoint,
    facts: &Connection,
    timing: Timing,
    failure: &mut Option<&Failure>,
) {
    // Without a socket there was no connect.
    if failure.is_some_and(|failure| failure.phase == Phase::Socket) {
        return;
    }
    let mut plan = phases.plan(connect_name(remote), timing);
    plan.attributes.extend(peer(remote, "tcp"));
    plan.attributes.extend(connection(facts));
    phases.spans.push(taking(plan, failure, Phase::Connect));
}

/// The failure belongs to this phase: it takes it, and nobody above shows it again.
pub(super) fn taking(plan: Plan, failure: &mut Option<&Failure>, phase: Phase) -> Plan {
    match failure.take_if(|failure| failure.phase == phase) {
        Some(failure) => plan.failed_by(failure),
        None => plan,
    }
}

/// A failure that no phase took is the call's own.
pub(super) fn rest(plan: Plan, failure: Option<&Failure>) -> Plan {
    match failure {
        Some(failure) => plan.failed_by(failure),
        None => plan,
    }
}

pub(super) fn connect_name(remote: Endpoint) -> String {
    format!("socket connect {remote}")
}

fn connection(connection: &Connection) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("sonde.tcp.syn_retransmits", i64::from(connection.syn_retransmits))];
    attributes.extend(tcp::timing(connection));
    if let Some(local) = connection.local {
        attributes.push(KeyValue::new("network.local.address", local.address.to_string()));
        attributes.push(KeyValue::new("network.local.port", i64::from(local.port)));
    }
    if let Some(info) = &connection.info {
        attributes.extend([
            KeyValue::new("sonde.tcp.state", info.state.clone()),
            KeyValue::new("sonde.tcp.rtt_us", micros(info.rtt)),
            KeyValue::new("sonde.tcp.retrans", i64::from(info.total_retransmits)),
            KeyValue::new("sonde.tcp.unacked", i64::from(info.unacked)),
            KeyValue::new("sonde.tcp.lost", i64::from(info.lost)),
            KeyValue::new("sonde.tcp.backoff", i64::from(info.backoff)),
            KeyValue::new("sonde.tcp.pmtu", i64::from(info.pmtu)),
        ]);
    }
    attributes
}

/// The Host header's name and port.
fn split_host(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.parse::<u16>().is_ok() => (name, port.parse().ok()),
        _ => (host, None),
    }
}
