//! Traces, ladders, echo and datagrams in words.

use sonde_proto::v1::{Echo, MtuConclusion, PathMtu, RoundTrips, Trace, TraceTransport, UdpDial};

use super::endpoint;
use crate::render::text::{count, elapsed, micros};

/// `trace to 10.0.0.5:443`.
pub(super) fn trace(trace: &Trace) -> String {
    let over = if trace.transport() == TraceTransport::Udp { " over udp" } else { "" };
    format!("trace to {}{over}", endpoint(trace.remote.as_ref()))
}

/// How far it is.
pub(super) fn traced(trace: &Trace) -> String {
    match trace.reached {
        Some(ttl) => format!("there in {}", count(ttl as usize, "hop", "hops")),
        None => format!("not there after {}", count(trace.hops.len(), "hop", "hops")),
    }
}

/// `path MTU to 10.0.0.5:443`.
pub(super) fn path_mtu(ladder: &PathMtu) -> String {
    format!("path MTU to {}", endpoint(ladder.remote.as_ref()))
}

/// Where the ladder ends.
pub(super) fn measured(ladder: &PathMtu) -> String {
    match ladder.conclusion() {
        MtuConclusion::Measured => format!("{} bytes", ladder.mtu_bytes),
        MtuConclusion::BlackHole => {
            format!("{} bytes pass, {} vanish", ladder.mtu_bytes, ladder.lost_from_bytes)
        }
        MtuConclusion::Unanswered => "no size is answered".to_owned(),
        MtuConclusion::Unclear => "sizes are lost at random".to_owned(),
        MtuConclusion::Unspecified => "a conclusion of a newer daemon".to_owned(),
    }
}

/// `echo of 10.0.0.5`.
pub(super) fn echo(echo: &Echo) -> String {
    format!("echo of {}", echo.address)
}

/// How many came back.
pub(super) fn echoed(echo: &Echo) -> String {
    returned(echo.sent, echo.received, echo.round_trips.as_ref())
}

/// `datagrams to 10.0.0.5:53`.
pub(super) fn udp(dial: &UdpDial) -> String {
    format!("datagrams to {}", endpoint(dial.remote.as_ref()))
}

/// What came back.
pub(super) fn came(dial: &UdpDial) -> String {
    match dial.payload {
        Some(_) => format!("{} answered", count(dial.answer_bytes as usize, "byte", "bytes")),
        None => returned(dial.sent, dial.received, dial.round_trips.as_ref()),
    }
}

fn returned(sent: u32, received: u32, trips: Option<&RoundTrips>) -> String {
    let median = trips.map(|trips| format!(", median {}", elapsed(micros(trips.median.as_ref()))));
    format!("{received} of {sent} came back{}", median.unwrap_or_default())
}
