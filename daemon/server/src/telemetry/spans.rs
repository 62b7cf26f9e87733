//! Host calls as spans: names, attributes and phases, by OpenTelemetry's stable names where they exist, else `sonde.*`.
//!
//! The span of a call has the id of its evidence. Error status is set only on the phase that failed; a phase is a child span where
//! the call has several.

mod dial;
mod dns;
mod facts;
mod path;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::{Call, CounterDeltas, Endpoint, Failure, Observation, RoundTrips, Timing};

/// A span to be exported.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) id: u64,
    pub(super) parent: u64,
    pub(super) name: Cow<'static, str>,
    pub(super) kind: SpanKind,
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) events: Vec<Event>,
    /// The status' description; absent leaves the status unset.
    pub(super) error: Option<String>,
}

/// An event of a span.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) at: SystemTime,
    pub(super) attributes: Vec<KeyValue>,
}

impl Plan {
    /// With `error.type` and a description.
    pub(super) fn failed(mut self, error_type: impl Into<Cow<'static, str>>, description: impl Into<String>) -> Self {
        self.attributes.push(KeyValue::new("error.type", error_type.into()));
        self.error = Some(description.into());
        self
    }

    fn failed_by(self, failure: &Failure) -> Self {
        let mut plan = self.failed(failure.reason.error_type(), failure.detail.clone());
        if let Some(errno) = failure.errno {
            plan.attributes.push(KeyValue::new("sonde.errno", i64::from(errno)));
        }
        if let Some(icmp) = &failure.icmp {
            plan.attributes.push(KeyValue::new("sonde.icmp.type", i64::from(icmp.icmp_type)));
            plan.attributes.push(KeyValue::new("sonde.icmp.code", i64::from(icmp.code)));
            if let Some(sender) = icmp.sender {
                plan.attributes.push(KeyValue::new("sonde.icmp.sender", sender.to_string()));
            }
        }
        plan
    }
}

/// The spans of one host call, its own first. `began` is the wall clock at the run's begin; `fresh` makes ids for phases.
pub(super) fn of_call(
    observation: &Observation,
    parent: u64,
    began: Duration,
    fresh: &mut dyn FnMut() -> u64,
) -> Vec<Plan> {
    let own = Plan {
        id: observation.id.0,
        parent,
        name: Cow::Borrowed(""),
        kind: SpanKind::Internal,
        start: wall(began, observation.timing.at),
        end: wall(began, observation.timing.at + observation.timing.elapsed),
        attributes: vec![KeyValue::new("sonde.check.name", observation.check.clone())],
        events: Vec::new(),
        error: None,
    };
    let mut phases = Phases { began, parent: own.id, fresh, spans: Vec::new() };
    let own = match &observation.call {
        Call::DnsQuery { request, answer } => dns::query(own, request, answer, &mut phases),
        Call::DnsResolve { request, answer } => dns::resolve(own, request, answer, &mut phases),
        Call::DnsWalk { request, answer } => dns::walk(own, request, answer),
        Call::DialTcp { request, answer } => dial::tcp(own, request, answer),
        Call::DialTcpSeries { request, answer } => dial::series(own, request, answer),
        Call::DialTls { request, answer } => dial::tls(own, request, answer, &mut phases),
        Call::DialTlsHello { request, answer } => dial::hello(own, request, answer, &mut phases),
        Call::DialHttp { request, answer } => dial::http(own, request, answer, &mut phases),
        Call::DialUdp { request, answer } => dial::udp(own, request, answer),
        Call::Trace { request, answer } => path::trace(own, request, answer, &phases),
        Call::PathMtu { request, answer } => path::path_mtu(own, request, answer, &phases),
        Call::Echo { request, answer } => path::echo(own, request, answer),
        call => facts::of(own, call),
    };
    let mut spans = vec![own];
    spans.append(&mut phases.spans);
    spans
}

/// Where the phases of a call gather.
struct Phases<'a> {
    began: Duration,
    parent: u64,
    fresh: &'a mut dyn FnMut() -> u64,
    spans: Vec<Plan>,
}

impl Phases<'_> {
    fn plan(&mut self, name: impl Into<Cow<'static, str>>, timing: Timing) -> Plan {
        Plan {
            id: (self.fresh)(),
            parent: self.parent,
            name: name.into(),
            kind: SpanKind::Internal,
            start: wall(self.began, timing.at),
            end: wall(self.began, timing.at + timing.elapsed),
            attributes: Vec::new(),
            events: Vec::new(),
            error: None,
        }
    }
}

/// Messages that were sent and answered.
fn replies(sent: u32, received: u32, trips: Option<RoundTrips>) -> Vec<KeyValue> {
    let mut attributes =
        vec![KeyValue::new("sonde.sent", i64::from(sent)), KeyValue::new("sonde.received", i64::from(received))];
    attributes.extend(trips.map(|trips| KeyValue::new("sonde.rtt.median_us", micros(trips.median))));
    attributes
}

/// The wall clock at an offset since the run's begin.
pub(super) fn wall(began: Duration, at: Duration) -> SystemTime {
    UNIX_EPOCH + began + at
}

/// The dialled endpoint.
fn peer(endpoint: Endpoint, transport: &'static str) -> [KeyValue; 4] {
    [
        KeyValue::new("network.peer.address", endpoint.address.to_string()),
        KeyValue::new("network.peer.port", i64::from(endpoint.port)),
        KeyValue::new("network.transport", transport),
        KeyValue::new("network.type", network_type(endpoint.address)),
    ]
}

fn network_type(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ipv4" } else { "ipv6" }
}

/// What the kernel's counters did in a quiet window; without one they prove nothing and are left out.
fn deltas(deltas: Option<&CounterDeltas>) -> impl Iterator<Item = KeyValue> + '_ {
    deltas
        .filter(|deltas| deltas.quiet)
        .into_iter()
        .flat_map(|deltas| deltas.moved.iter().take(MOST_DELTAS))
        .map(|counter| KeyValue::new(format!("sonde.kernel.delta.{}", counter.name), counter.value))
}

/// In whole microseconds.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A span has 128 attributes; the counters may take a part of them.
const MOST_DELTAS: usize = 48;

#[cfg(test)]
mod tests;
