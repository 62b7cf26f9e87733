//! Dials as spans: a TCP dial is one, a TLS dial and an HTTP exchange have their phases as children.

mod http;
mod tcp;
mod tls;
mod udp;

use opentelemetry::KeyValue;
use sonde_core::observation::connection::Connection;
use sonde_core::observation::{Endpoint, Failure, Phase, Timing};

pub(super) use self::http::http;
pub(super) use self::tcp::{series, tcp};
pub(super) use self::tls::{handshake, hello, tls};
pub(super) use self::udp::udp;
use super::{Phases, Plan, micros, peer};

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
