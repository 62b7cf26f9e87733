//! Traces, ladders and echo as spans: one each, with every hop and size as an event.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::path::{
    Echo, EchoRequest, Hop, HopProbe, MtuConclusion, MtuMethod, PathMtu, PathMtuRequest, ProbeAnswer, RungOutcome,
    Trace, TraceRequest, TraceTransport,
};

use super::dial::rest;
use super::{Event, Phases, Plan, micros, network_type, peer, replies, wall};

pub(super) fn trace(own: Plan, request: &TraceRequest, trace: &Trace, phases: &Phases<'_>) -> Plan {
    let mut plan = Plan { name: format!("trace {}", request.remote).into(), kind: SpanKind::Client, ..own };
    let transport = match request.transport {
        TraceTransport::Tcp => "tcp",
        TraceTransport::Udp => "udp",
    };
    plan.attributes.extend(peer(request.remote, transport));
    plan.attributes.push(KeyValue::new("sonde.count", count(trace.hops.len())));
    plan.attributes.extend(trace.reached.map(|ttl| KeyValue::new("sonde.trace.reached", i64::from(ttl))));
    plan.events.extend(trace.hops.iter().filter_map(|hop| event(hop, phases.began)));
    rest(plan, trace.outcome.as_ref().err())
}

/// A hop, by the first of its probes that something came back of.
fn event(hop: &Hop, began: Duration) -> Option<Event> {
    let came = |probe: &&HopProbe| probe.answer != ProbeAnswer::Silent;
    let probe = hop.probes.iter().find(came).or(hop.probes.first())?;
    let (word, icmp) = match &probe.answer {
        ProbeAnswer::Answered => ("answered", None),
        ProbeAnswer::Reset => ("reset", None),
        ProbeAnswer::Icmp(error) => ("icmp", Some(error)),
        ProbeAnswer::Silent => ("silent", None),
        ProbeAnswer::Unsent(_) => ("unsent", None),
    };
    let mut attributes =
        vec![KeyValue::new("sonde.trace.ttl", i64::from(hop.ttl)), KeyValue::new("sonde.trace.answer", word)];
    if let Some(error) = icmp {
        attributes.push(KeyValue::new("sonde.icmp.type", i64::from(error.icmp_type)));
        attributes.push(KeyValue::new("sonde.icmp.code", i64::from(error.code)));
        attributes.extend(error.sender.map(|sender| KeyValue::new("sonde.icmp.sender", sender.to_string())));
    }
    attributes.extend(probe.rtt.map(|rtt| KeyValue::new("sonde.trace.rtt_us", micros(rtt))));
    Some(Event { name: "hop", at: wall(began, probe.at + probe.rtt.unwrap_or_default()), attributes })
}

pub(super) fn path_mtu(own: Plan, request: &PathMtuRequest, found: &PathMtu, phases: &Phases<'_>) -> Plan {
    let mut plan = Plan { name: format!("path mtu {}", request.remote).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.remote, if found.method == Some(MtuMethod::Udp) { "udp" } else { "icmp" }));
    let conclusion = match found.conclusion {
        MtuConclusion::Measured => "measured",
        MtuConclusion::BlackHole => "black_hole",
        MtuConclusion::Unanswered => "unanswered",
        MtuConclusion::Unclear => "unclear",
    };
    plan.attributes.push(KeyValue::new("sonde.mtu.conclusion", conclusion));
    for (name, bytes) in [
        ("sonde.mtu.path", found.mtu),
        ("sonde.mtu.lost_from", found.lost_from),
        ("sonde.mtu.link", found.link_mtu),
        ("sonde.mtu.route", found.route_mtu),
        ("sonde.tcp.mss", found.mss),
        ("sonde.tcp.pmtu", found.tcp_pmtu),
    ] {
        plan.attributes.extend(bytes.map(|bytes| KeyValue::new(name, i64::from(bytes))));
    }
    for rung in &found.rungs {
        let word = match rung.outcome {
            RungOutcome::Answered => "answered",
            RungOutcome::TooBig(_) => "too_big",
            RungOutcome::TooBigHere(_) => "too_big_here",
            RungOutcome::Silent => "silent",
            RungOutcome::Unsent(_) => "unsent",
        };
        plan.events.push(Event {
            name: "size",
            at: wall(phases.began, rung.at),
            attributes: vec![
                KeyValue::new("sonde.mtu.size", i64::from(rung.size)),
                KeyValue::new("sonde.mtu.answer", word),
            ],
        });
    }
    rest(plan, found.outcome.as_ref().err())
}

pub(super) fn echo(own: Plan, request: &EchoRequest, echo: &Echo) -> Plan {
    let mut plan = Plan { name: format!("icmp echo {}", request.address).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend([
        KeyValue::new("network.peer.address", request.address.to_string()),
        KeyValue::new("network.transport", "icmp"),
        KeyValue::new("network.type", network_type(request.address)),
    ]);
    plan.attributes.extend(replies(echo.sent, echo.received, echo.round_trips));
    rest(plan, echo.outcome.as_ref().err())
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
