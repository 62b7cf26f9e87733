//! What the flight recorder was asked, and what it had.

use sonde_proto::v1::history::Of;
use sonde_proto::v1::{History, Period};

use crate::render::text::{clean, count};

pub(super) fn asked(history: &History) -> String {
    let what = match &history.of {
        Some(Of::Counters(counters)) => match counters.names.as_slice() {
            [one] => clean(one),
            all => count(all.len(), "counter", "counters"),
        },
        Some(Of::Sockets(_)) => "sockets".to_owned(),
        Some(Of::Listeners(listeners)) if listeners.port != 0 => format!("queue of port {}", listeners.port),
        Some(Of::Listeners(_)) => "queues".to_owned(),
        None => "recording".to_owned(),
    };
    format!("{what} over {}", length(history.period.as_ref()))
}

pub(super) fn told(history: &History) -> String {
    let Some(recording) = &history.recording else { return "nothing".to_owned() };
    let told = count(recording.series.len(), "series", "series");
    let covered = length(recording.covered.as_ref());
    match recording.gaps.len() {
        0 => format!("{told}, {covered} recorded"),
        gaps => format!("{told}, {covered} recorded with {}", count(gaps, "gap", "gaps")),
    }
}

fn length(period: Option<&Period>) -> String {
    let at = |time: Option<&prost_types::Timestamp>| {
        time.map_or(0, |time| i128::from(time.seconds) * 1_000_000 + i128::from(time.nanos / 1_000))
    };
    let length = period.map_or(0, |period| at(period.to.as_ref()) - at(period.from.as_ref()));
    let seconds = length.max(0) / 1_000_000;
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}
