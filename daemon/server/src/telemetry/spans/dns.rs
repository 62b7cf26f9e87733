//! A DNS exchange as a span. OpenTelemetry knows the question's name alone; the rest is ours.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::dns::{Exchange, Query, Transport};

use super::{Plan, deltas, micros, peer};

pub(super) fn query(own: Plan, request: &Query, exchange: &Exchange) -> Plan {
    let transport = match request.transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    };
    let mut plan = Plan { name: format!("DNS lookup {}", request.name).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.server, transport));
    plan.attributes.extend([
        KeyValue::new("server.address", request.server.address.to_string()),
        KeyValue::new("server.port", i64::from(request.server.port)),
        KeyValue::new("dns.question.name", request.name.clone()),
        KeyValue::new("sonde.dns.server", request.server.to_string()),
        KeyValue::new("sonde.dns.transport", transport),
        KeyValue::new("sonde.dns.qtype", i64::from(request.qtype)),
    ]);
    if let Some(rtt) = exchange.kernel_rtt {
        plan.attributes.push(KeyValue::new("sonde.tcp.rtt_us", micros(rtt)));
    }
    plan.attributes.extend(deltas(exchange.deltas.as_ref()));
    let answer = match &exchange.outcome {
        Err(failure) => return plan.failed_by(failure),
        Ok(answer) => answer,
    };
    plan.attributes.extend([
        KeyValue::new("sonde.dns.rcode", i64::from(answer.rcode)),
        KeyValue::new("sonde.dns.tc", answer.truncated),
        KeyValue::new("sonde.dns.ad", answer.authentic_data),
    ]);
    let addresses: Vec<_> = answer
        .answers
        .iter()
        .filter(|record| matches!(record.rtype, 1 | 28))
        .map(|record| opentelemetry::StringValue::from(record.rdata.clone()))
        .take(16)
        .collect();
    if !addresses.is_empty() {
        plan.attributes.push(KeyValue::new("dns.answers", opentelemetry::Value::Array(addresses.into())));
    }
    if let Some(error) = answer.edns.as_ref().and_then(|edns| edns.extended_errors.first()) {
        plan.attributes.push(KeyValue::new("sonde.dns.ede", i64::from(error.info_code)));
    }
    match answer.rcode {
        // A name that does not exist is an answer: every search list asks for some.
        0 | 3 => plan,
        2 => plan.failed("dns_servfail_error", "the server failed to answer (SERVFAIL)"),
        5 => plan.failed("dns_refused_error", "the server refuses to answer (REFUSED)"),
        rcode => plan.failed("dns_rcode_error", format!("the server answered with response code {rcode}")),
    }
}
