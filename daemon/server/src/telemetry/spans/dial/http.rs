//! An HTTP exchange as spans: its phases, and each further request on the connection.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::dial::{Http2Facts, HttpExchange, HttpRequest, HttpSequel};
use sonde_core::observation::{Phase, Timing};

use super::super::{Phases, Plan, deltas, micros, peer};
use super::{connect, handshake, rest, taking};

/// RFC 9110 section 9 and RFC 5789: what OpenTelemetry's `http.request.method` may hold as it is.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

pub(in super::super) fn http(
    own: Plan,
    request: &HttpRequest,
    exchange: &HttpExchange,
    phases: &mut Phases<'_>,
) -> Plan {
    let known = METHODS.contains(&request.method.as_str());
    let name = if known { format!("HTTP {}", request.method) } else { "HTTP".to_owned() };
    let mut plan = Plan { name: name.into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.remote, "tcp"));
    let (host, port) = split_host(&request.host);
    let scheme = if request.tls_server_name.is_some() { "https" } else { "http" };
    // Without the query, which may hold a secret.
    let (path, query) =
        request.path.split_once('?').map_or((request.path.as_str(), ""), |(path, _)| (path, "?REDACTED"));
    plan.attributes.extend([
        KeyValue::new("http.request.method", if known { request.method.clone() } else { "_OTHER".to_owned() }),
        KeyValue::new("url.scheme", scheme),
        KeyValue::new("url.full", format!("{scheme}://{}{path}{query}", request.host)),
        KeyValue::new("url.path", path.to_owned()),
        KeyValue::new("server.address", host.trim_matches(['[', ']']).to_owned()),
        KeyValue::new("server.port", i64::from(port.unwrap_or(request.remote.port))),
    ]);
    if !known {
        plan.attributes.push(KeyValue::new("http.request.method_original", request.method.clone()));
    }
    plan.attributes.extend(deltas(exchange.deltas.as_ref()));
    let mut failure = exchange.outcome.as_ref().err();
    if let Some(timing) = exchange.phases.connect {
        connect(phases, request.remote, &exchange.connection, timing, &mut failure);
    }
    if let Some(timing) = exchange.phases.tunnel {
        let mut plan = phases.plan("HTTP CONNECT", timing);
        let status = exchange.tunnel.as_ref().map(|answer| i64::from(answer.status));
        plan.attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
        // Where nothing came after it, whatever failed was the tunnel.
        let last = exchange.phases.tls.is_none() && exchange.phases.send.is_none();
        phases.spans.push(match failure.take_if(|_| last) {
            Some(failure) => plan.failed_by(failure),
            None => plan,
        });
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
    for sequel in &exchange.sequels {
        again(phases, sequel);
    }
    if let Some(facts) = &exchange.http2 {
        plan.attributes.extend(http2(facts));
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

/// One further request, from its first byte written to the end of its answer.
fn again(phases: &mut Phases<'_>, sequel: &HttpSequel) {
    let parts = [sequel.phases.send, sequel.phases.wait, sequel.phases.receive];
    let Some(first) = parts.iter().flatten().next() else { return };
    let end = parts.iter().flatten().map(|part| part.at + part.elapsed).max().unwrap_or(first.at);
    let timing = Timing { at: first.at, elapsed: end.saturating_sub(first.at) };
    let mut plan = phases.plan("HTTP again", timing);
    plan.attributes.push(KeyValue::new("sonde.http.idle_us", micros(sequel.idle)));
    let status = sequel.response.as_ref().map(|response| i64::from(response.status));
    plan.attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
    phases.spans.push(match &sequel.outcome {
        Ok(()) => plan,
        Err(failure) => plan.failed_by(failure),
    });
}

fn http2(facts: &Http2Facts) -> Vec<KeyValue> {
    let limit = facts.max_concurrent_streams.map(|limit| KeyValue::new("sonde.http2.max_streams", i64::from(limit)));
    let goaway = facts.goaway.as_ref().map(|away| KeyValue::new("sonde.http2.goaway", i64::from(away.code)));
    let reset = facts.resets.first().map(|reset| KeyValue::new("sonde.http2.reset", i64::from(reset.code)));
    limit.into_iter().chain(goaway).chain(reset).collect()
}

/// The Host header's name and port.
fn split_host(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.parse::<u16>().is_ok() => (name, port.parse().ok()),
        _ => (host, None),
    }
}
