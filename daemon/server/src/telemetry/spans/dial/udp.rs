//! Datagrams: one span.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::dial::udp::{UdpDial, UdpRequest};

use super::super::{Plan, deltas, peer, replies};
use super::rest;

pub(crate) fn udp(own: Plan, request: &UdpRequest, dial: &UdpDial) -> Plan {
    let mut plan = Plan { name: format!("datagrams {}", request.remote).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.remote, "udp"));
    if let Some(local) = dial.local {
        plan.attributes.push(KeyValue::new("network.local.address", local.address.to_string()));
        plan.attributes.push(KeyValue::new("network.local.port", i64::from(local.port)));
    }
    plan.attributes.extend(replies(dial.sent, dial.received, dial.round_trips));
    plan.attributes.extend(deltas(dial.deltas.as_ref()));
    rest(plan, dial.outcome.as_ref().err())
}
