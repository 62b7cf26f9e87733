//! TLS: the dial, its handshake as a phase of other calls, and the hello of an older version.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::connection::{TlsSession, Verification};
use sonde_core::observation::dial::{Starttls, StarttlsExchange, TlsDial, TlsHelloDial, TlsHelloRequest, TlsRequest};
use sonde_core::observation::{Failure, Phase, Timing};

use super::super::{Phases, Plan, deltas, peer};
use super::{connect, rest, taking};

pub(in crate::telemetry::spans) fn tls(
    own: Plan,
    request: &TlsRequest,
    dial: &TlsDial,
    phases: &mut Phases<'_>,
) -> Plan {
    let mut plan = Plan { name: format!("dial {}", request.remote).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.remote, "tcp"));
    plan.attributes.push(KeyValue::new("server.address", request.server_name.clone()));
    plan.attributes.push(KeyValue::new("server.port", i64::from(request.remote.port)));
    plan.attributes.extend(deltas(dial.deltas.as_ref()));
    let mut failure = dial.outcome.as_ref().err();
    connect(phases, request.remote, &dial.connection, dial.connection.connect, &mut failure);
    starttls(phases, request.starttls, dial.starttls.as_ref(), &mut failure);
    handshake(phases, &request.server_name, dial.handshake, dial.session.as_ref(), &mut failure);
    rest(plan, failure)
}

pub(in crate::telemetry::spans) fn hello(
    own: Plan,
    request: &TlsHelloRequest,
    dial: &TlsHelloDial,
    phases: &mut Phases<'_>,
) -> Plan {
    let mut plan = Plan { name: format!("dial {}", request.remote).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.remote, "tcp"));
    plan.attributes.push(KeyValue::new("server.address", request.server_name.clone()));
    plan.attributes.push(KeyValue::new("server.port", i64::from(request.remote.port)));
    let mut failure = dial.outcome.as_ref().err();
    connect(phases, request.remote, &dial.connection, dial.connection.connect, &mut failure);
    starttls(phases, request.starttls, dial.starttls.as_ref(), &mut failure);
    if let Some(timing) = dial.handshake {
        let mut plan = phases.plan(format!("TLS client hello {}", request.server_name), timing);
        plan.attributes.push(KeyValue::new("sonde.tls.version_offered", request.version.name()));
        if let Some(chosen) = &dial.chosen {
            plan.attributes.push(KeyValue::new("sonde.tls.version_chosen", chosen.version.clone()));
            plan.attributes.push(KeyValue::new("tls.cipher", chosen.cipher.clone()));
        }
        phases.spans.push(taking(plan, &mut failure, Phase::Tls));
    }
    rest(plan, failure)
}

/// What was said in plain text before.
fn starttls(
    phases: &mut Phases<'_>,
    protocol: Option<Starttls>,
    exchange: Option<&StarttlsExchange>,
    failure: &mut Option<&Failure>,
) {
    let (Some(protocol), Some(exchange)) = (protocol, exchange) else { return };
    let mut plan = phases.plan(format!("STARTTLS {}", protocol.name()), exchange.timing);
    plan.attributes.push(KeyValue::new("sonde.tls.starttls", protocol.name()));
    phases.spans.push(if exchange.agreed { plan } else { taking(plan, failure, Phase::Tls) });
}

pub(in crate::telemetry::spans) fn handshake(
    phases: &mut Phases<'_>,
    server_name: &str,
    timing: Option<Timing>,
    session: Option<&TlsSession>,
    failure: &mut Option<&Failure>,
) {
    let Some(timing) = timing else { return };
    let mut plan = phases.plan(format!("TLS client handshake {server_name}"), timing);
    plan.attributes.push(KeyValue::new("server.address", server_name.to_owned()));
    let failed = failure.is_some_and(|failure| failure.phase == Phase::Tls);
    plan.attributes.push(KeyValue::new("tls.established", !failed));
    if let Some(session) = session {
        plan.attributes.extend(tls_attributes(session));
        // The handshake may succeed where no ordinary client would go on.
        if let (false, Some(error_type)) = (failed, rejection(session.verification)) {
            plan = plan.failed(error_type, session.verification_detail.clone());
        }
    }
    phases.spans.push(taking(plan, failure, Phase::Tls));
}

fn tls_attributes(session: &TlsSession) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("sonde.tls.verification", verification_name(session.verification))];
    if let Some(version) = &session.version {
        attributes.push(KeyValue::new("tls.protocol.name", "tls"));
        attributes.push(KeyValue::new("tls.protocol.version", version.trim_start_matches("TLSv").to_owned()));
    }
    if let Some(cipher) = &session.cipher {
        attributes.push(KeyValue::new("tls.cipher", cipher.clone()));
    }
    if let Some(group) = &session.group {
        attributes.push(KeyValue::new("tls.curve", group.clone()));
    }
    if let Some(alpn) = &session.alpn {
        attributes.push(KeyValue::new("tls.next_protocol", alpn.clone()));
    }
    if let Some(leaf) = session.chain.first() {
        let at = |seconds| prost_types::Timestamp { seconds, nanos: 0 }.to_string();
        attributes.extend([
            KeyValue::new("tls.server.subject", leaf.subject.clone()),
            KeyValue::new("tls.server.issuer", leaf.issuer.clone()),
            KeyValue::new("tls.server.not_before", at(leaf.not_before)),
            KeyValue::new("tls.server.not_after", at(leaf.not_after)),
            KeyValue::new("tls.server.hash.sha256", leaf.sha256_hex.to_uppercase()),
        ]);
    }
    attributes
}

fn verification_name(verification: Verification) -> &'static str {
    match verification {
        Verification::Accepted => "accepted",
        Verification::NotReached => "not_reached",
        other => rejection(other).unwrap_or("unknown"),
    }
}

/// The error type of a rejected certificate.
fn rejection(verification: Verification) -> Option<&'static str> {
    match verification {
        Verification::Accepted | Verification::NotReached => None,
        Verification::Expired => Some("certificate_expired"),
        Verification::NotYetValid => Some("certificate_not_yet_valid"),
        Verification::NameMismatch => Some("ssl_invalid_hostname"),
        Verification::UnknownIssuer => Some("ssl_unknown_authority"),
        Verification::SelfSigned => Some("certificate_self_signed"),
        Verification::Revoked => Some("certificate_revoked"),
        Verification::BadSignature => Some("certificate_bad_signature"),
        Verification::WeakKey => Some("certificate_weak_key"),
        Verification::StapleMissing => Some("certificate_staple_missing"),
        Verification::Unsupported => Some("certificate_unsupported"),
    }
}
