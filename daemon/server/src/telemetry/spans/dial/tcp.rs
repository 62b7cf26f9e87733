//! TCP dials and series of them: one span each, with the three times of a handshake apart.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::observation::connection::{Connection, Stamp};
use sonde_core::observation::dial::{SeriesRequest, TcpDial, TcpRequest, TcpSeries};

use super::super::{Plan, deltas, micros, peer};
use super::{connect_name, connection};

pub(crate) fn tcp(own: Plan, request: &TcpRequest, dial: &TcpDial) -> Plan {
    let mut plan = Plan { name: connect_name(request.remote).into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.remote, "tcp"));
    plan.attributes.extend(connection(&dial.connection));
    plan.attributes.extend(deltas(dial.deltas.as_ref()));
    match &dial.outcome {
        Ok(()) => plan,
        Err(failure) => plan.failed_by(failure),
    }
}

/// One span: ten thousand would drown the trace. What failed is counted by its error type.
pub(crate) fn series(own: Plan, request: &SeriesRequest, series: &TcpSeries) -> Plan {
    let name = format!("socket connect {} x {}", request.each.remote, request.count);
    let mut plan = Plan { name: name.into(), kind: SpanKind::Client, ..own };
    plan.attributes.extend(peer(request.each.remote, "tcp"));
    plan.attributes.extend([
        KeyValue::new("sonde.series.attempts", i64::try_from(series.attempts.len()).unwrap_or(i64::MAX)),
        KeyValue::new("sonde.series.connected", i64::from(series.connected)),
        KeyValue::new("sonde.tcp.syn_retransmits", i64::from(series.syn_retransmits)),
    ]);
    if let Some(spread) = &series.spread {
        plan.attributes.extend([
            KeyValue::new("sonde.series.min_us", micros(spread.min)),
            KeyValue::new("sonde.series.median_us", micros(spread.median)),
            KeyValue::new("sonde.series.p99_us", micros(spread.p99)),
            KeyValue::new("sonde.series.max_us", micros(spread.max)),
            KeyValue::new("sonde.series.jitter_us", micros(spread.jitter)),
        ]);
    }
    for group in &series.failures {
        let key = format!("sonde.series.failed.{}", group.first.reason.error_type());
        plan.attributes.push(KeyValue::new(key, i64::from(group.count)));
    }
    plan.attributes.extend(deltas(series.deltas.as_ref()));
    match &series.outcome {
        Ok(()) => plan,
        Err(failure) => plan.failed_by(failure),
    }
}

/// The times of a handshake, where there was one.
pub(super) fn timing(connection: &Connection) -> Vec<KeyValue> {
    let stamp = match connection.stamp {
        Stamp::None => return Vec::new(),
        Stamp::AtOnce => "at_once",
        Stamp::Stopwatch => "stopwatch",
        Stamp::Waiter => "waiter",
        Stamp::Packets => "packets",
    };
    vec![
        KeyValue::new("sonde.tcp.handshake_us", micros(connection.connect.elapsed)),
        KeyValue::new("sonde.tcp.wall_us", micros(connection.wall)),
        KeyValue::new("sonde.tcp.scheduler_delay_us", micros(connection.scheduler_delay)),
        KeyValue::new("sonde.tcp.stamp", stamp),
        KeyValue::new("sonde.tcp.uncertainty_us", micros(connection.uncertainty)),
    ]
}
