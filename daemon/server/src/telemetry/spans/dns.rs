//! DNS as spans: an exchange with its phases, a lookup with its steps, a walk with its zones. OpenTelemetry knows the question's
//! name and the answers alone; the rest is ours.

use opentelemetry::trace::SpanKind;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use sonde_core::observation::dns::{
    Answer, Exchange, Lameness, Query, Resolution, ResolveRequest, Security, Step, StepOutcome, Transport, WalkRequest,
    WalkResult, Zone,
};
use sonde_core::observation::{Endpoint, Phase};

use super::dial::{connect_name, handshake, rest, taking};
use super::{Event, Phases, Plan, deltas, micros, peer};

pub(super) fn query(own: Plan, request: &Query, exchange: &Exchange, phases: &mut Phases<'_>) -> Plan {
    let mut plan = Plan { name: format!("DNS lookup {}", request.name).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(question(request.server, request.transport, &request.name, request.qtype));
    if let Some(local) = exchange.local {
        plan.attributes.push(KeyValue::new("network.local.address", local.address.to_string()));
        plan.attributes.push(KeyValue::new("network.local.port", i64::from(local.port)));
    }
    if let Some(rtt) = exchange.kernel_rtt {
        let name = if request.transport == Transport::Quic { "sonde.quic.rtt_us" } else { "sonde.tcp.rtt_us" };
        plan.attributes.push(KeyValue::new(name, micros(rtt)));
    }
    if exchange.stray_count > 0 {
        plan.attributes.push(KeyValue::new("sonde.dns.strays", i64::from(exchange.stray_count)));
    }
    let status = exchange.http_status.map(|status| KeyValue::new("http.response.status_code", i64::from(status)));
    plan.attributes.extend(status);
    plan.attributes.extend(deltas(exchange.deltas.as_ref()));
    let mut failure = exchange.outcome.as_ref().err();
    // A datagram is sent and answered: the span itself says as much. A connection has phases to tell apart.
    if request.transport != Transport::Udp {
        if let Some(timing) = exchange.phases.connect {
            let mut plan = phases.plan(connect_name(request.server), timing);
            plan.attributes.extend(peer(request.server, "tcp"));
            phases.spans.push(taking(plan, &mut failure, Phase::Connect));
        }
        let name = request.server_name.clone().unwrap_or_else(|| request.server.address.to_string());
        handshake(phases, &name, exchange.phases.tls, exchange.session.as_ref(), &mut failure);
        for (name, phase, timing) in [
            ("DNS send", Phase::Send, exchange.phases.send),
            ("DNS wait", Phase::Wait, exchange.phases.wait),
            ("DNS receive", Phase::Receive, exchange.phases.receive),
        ] {
            if let Some(timing) = timing {
                let plan = phases.plan(name, timing);
                phases.spans.push(taking(plan, &mut failure, phase));
            }
        }
    }
    match &exchange.outcome {
        Err(_) => rest(plan, failure),
        Ok(answer) => answered(plan, answer),
    }
}

pub(super) fn resolve(own: Plan, request: &ResolveRequest, resolution: &Resolution, phases: &mut Phases<'_>) -> Plan {
    let name = format!("DNS resolve {} as {}", request.name, request.personality.as_str());
    let mut plan = Plan { name: name.into(), ..own };
    plan.attributes.extend([
        KeyValue::new("dns.question.name", request.name.clone()),
        KeyValue::new("sonde.dns.personality", request.personality.as_str()),
        KeyValue::new("sonde.dns.source", resolution.source.clone()),
        KeyValue::new("sonde.dns.steps", i64::try_from(resolution.steps.len()).unwrap_or(i64::MAX)),
    ]);
    plan.attributes.extend(answers(resolution.addresses.iter().map(ToString::to_string)));
    for taken in resolution.steps.iter().take(MOST_STEPS) {
        let plan = phases.plan(format!("DNS lookup {}", taken.name), taken.timing);
        let plan = step(Plan { kind: SpanKind::Client, ..plan }, taken);
        phases.spans.push(plan);
    }
    match (&resolution.failure, &resolution.error) {
        (Some(failure), _) => plan.failed_by(failure),
        (None, Some(error)) => plan.failed(error.code.clone(), error.text.clone()),
        (None, None) => plan,
    }
}

/// A walk does not time its zones, so their events are at its end, when they are known.
pub(super) fn walk(own: Plan, request: &WalkRequest, walk: &WalkResult) -> Plan {
    let mut plan = Plan { name: format!("DNS walk {}", request.name).into(), ..own };
    plan.attributes.extend([
        KeyValue::new("dns.question.name", request.name.clone()),
        KeyValue::new("sonde.dns.qtype", i64::from(request.qtype)),
        KeyValue::new("sonde.dns.queries", i64::from(walk.queries)),
        KeyValue::new("sonde.dns.security", security(walk.security)),
    ]);
    let code = walk.security_code.map(|code| KeyValue::new("sonde.dns.ede", i64::from(code)));
    plan.attributes.extend(code);
    plan.events.extend(walk.zones.iter().take(MOST_ZONES).map(|zone| of_zone(zone, plan.end)));
    match &walk.failure {
        Some(failure) => plan.failed_by(failure),
        None if walk.security == Security::Bogus => plan.failed("dnssec_bogus", walk.security_detail.clone()),
        None => plan,
    }
}

fn question(server: Endpoint, transport: Transport, name: &str, qtype: u16) -> Vec<KeyValue> {
    // `network.transport` knows layer 4 alone; what is on top has its ALPN name where it is not DNS itself.
    let (layer, protocol) = match transport {
        Transport::Udp => ("udp", "dns"),
        Transport::Tcp => ("tcp", "dns"),
        Transport::Tls => ("tcp", "dot"),
        Transport::Https => ("tcp", "http"),
        Transport::Quic => ("quic", "doq"),
    };
    let mut attributes = peer(server, layer).to_vec();
    attributes.extend([
        KeyValue::new("network.protocol.name", protocol),
        KeyValue::new("server.address", server.address.to_string()),
        KeyValue::new("server.port", i64::from(server.port)),
        KeyValue::new("dns.question.name", name.to_owned()),
        KeyValue::new("sonde.dns.server", server.to_string()),
        KeyValue::new("sonde.dns.transport", transport.as_str()),
        KeyValue::new("sonde.dns.qtype", i64::from(qtype)),
    ]);
    if transport == Transport::Https {
        attributes.push(KeyValue::new("network.protocol.version", "2"));
    }
    attributes
}

fn answered(mut plan: Plan, answer: &Answer) -> Plan {
    plan.attributes.extend([
        KeyValue::new("sonde.dns.rcode", i64::from(answer.rcode)),
        KeyValue::new("sonde.dns.aa", answer.flags.authoritative),
        KeyValue::new("sonde.dns.tc", answer.flags.truncated),
        KeyValue::new("sonde.dns.ad", answer.flags.authentic_data),
        KeyValue::new("sonde.dns.size", i64::from(answer.size_bytes)),
    ]);
    plan.attributes.extend(answers(answer.addresses().map(|address| address.to_string())));
    if let Some(error) = answer.edns.as_ref().and_then(|edns| edns.extended_errors.first()) {
        plan.attributes.push(KeyValue::new("sonde.dns.ede", i64::from(error.info_code)));
    }
    coded(plan, answer.rcode)
}

fn step(mut plan: Plan, step: &Step) -> Plan {
    plan.attributes.extend(question(step.server, step.transport, &step.name, step.qtype));
    plan.attributes.extend(answers(step.addresses.iter().map(ToString::to_string)));
    let outcome = match &step.outcome {
        StepOutcome::Answered(_) => "answered",
        StepOutcome::Truncated => "truncated",
        StepOutcome::TimedOut => "timed_out",
        StepOutcome::Rejected(_) => "rejected",
        StepOutcome::Failed(_) => "failed",
        StepOutcome::Abandoned => "abandoned",
    };
    plan.attributes.push(KeyValue::new("sonde.dns.outcome", outcome));
    match &step.outcome {
        StepOutcome::Answered(rcode) => {
            plan.attributes.push(KeyValue::new("sonde.dns.rcode", i64::from(*rcode)));
            coded(plan, *rcode)
        }
        StepOutcome::TimedOut => plan.failed("timed_out", "no answer within the resolver's own timeout"),
        StepOutcome::Rejected(why) => plan.failed("dns_rejected_error", why.clone()),
        StepOutcome::Failed(failure) => plan.failed_by(failure),
        StepOutcome::Truncated | StepOutcome::Abandoned => plan,
    }
}

fn coded(plan: Plan, rcode: u16) -> Plan {
    match rcode {
        // A name that does not exist is an answer: every search list asks for some.
        0 | 3 => plan,
        2 => plan.failed("dns_servfail_error", "the server failed to answer (SERVFAIL)"),
        5 => plan.failed("dns_refused_error", "the server refuses to answer (REFUSED)"),
        rcode => plan.failed("dns_rcode_error", format!("the server answered with response code {rcode}")),
    }
}

fn answers(addresses: impl Iterator<Item = String>) -> Option<KeyValue> {
    let addresses: Vec<StringValue> = addresses.map(StringValue::from).take(MOST_ANSWERS).collect();
    (!addresses.is_empty()).then(|| KeyValue::new("dns.answers", Value::Array(Array::String(addresses))))
}

fn of_zone(zone: &Zone, at: std::time::SystemTime) -> Event {
    let lame = zone.servers.iter().filter(|server| server.lameness != Lameness::None).count();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Event {
        name: "zone",
        at,
        attributes: vec![
            KeyValue::new("sonde.dns.zone", zone.name.clone()),
            KeyValue::new("sonde.dns.servers", count(zone.servers.len())),
            KeyValue::new("sonde.dns.lame", count(lame)),
            KeyValue::new("sonde.dns.signed", zone.signed),
            KeyValue::new("sonde.dns.security", security(zone.security)),
        ],
    }
}

fn security(security: Security) -> &'static str {
    match security {
        Security::Secure => "secure",
        Security::Insecure => "insecure",
        Security::Bogus => "bogus",
        Security::Indeterminate => "indeterminate",
    }
}

/// Of one answer.
const MOST_ANSWERS: usize = 16;

/// A lookup with a long search list and dead servers has many; the evidence holds all of them.
const MOST_STEPS: usize = 128;

/// A span has 128 events; no name has as many labels.
const MOST_ZONES: usize = 127;
