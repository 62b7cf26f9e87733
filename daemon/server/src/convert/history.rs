//! Messages of the interface `history`.

use sonde_core::observation::history as core;
use sonde_proto::v1;
use sonde_proto::v1::history::Of;

use super::{address, duration, timestamp};

pub(super) fn history(request: &core::Request, recording: Option<&core::Recording>) -> v1::History {
    let of = match &request.of {
        core::Numbers::Counters { names } => Of::Counters(v1::HistoryCounters { names: names.clone() }),
        core::Numbers::Sockets { by, filter } => Of::Sockets(v1::HistorySockets {
            by: by.iter().map(|key| group_key(*key).into()).collect(),
            states: filter.states.clone(),
            peer_address: address(filter.peer_address),
            peer_port: filter.peer_port.unwrap_or_default().into(),
            local_port: filter.local_port.unwrap_or_default().into(),
        }),
        core::Numbers::Listeners { port } => {
            Of::Listeners(v1::HistoryListeners { port: port.unwrap_or_default().into() })
        }
    };
    v1::History {
        period: Some(period(&request.period)),
        points: request.points,
        of: Some(of),
        recording: recording.map(self::recording),
    }
}

pub(crate) fn recording(recording: &core::Recording) -> v1::Recording {
    v1::Recording {
        covered: Some(period(&recording.covered)),
        step: Some(duration(recording.step)),
        series: recording.series.iter().map(series).collect(),
        gaps: recording.gaps.iter().map(period).collect(),
    }
}

pub(crate) fn period(period: &core::Period) -> v1::Period {
    v1::Period { from: Some(timestamp(period.from)), to: Some(timestamp(period.to)) }
}

fn series(series: &core::Series) -> v1::Series {
    let kind = match series.kind {
        core::SeriesKind::Counter => v1::SeriesKind::Counter,
        core::SeriesKind::Gauge => v1::SeriesKind::Gauge,
    };
    let points = series.points.iter();
    v1::Series {
        key: series.key.clone(),
        kind: kind.into(),
        points: points.map(|point| v1::SeriesPoint { at: Some(timestamp(point.at)), value: point.value }).collect(),
    }
}

fn group_key(key: core::GroupKey) -> v1::HistoryKey {
    match key {
        core::GroupKey::State => v1::HistoryKey::State,
        core::GroupKey::PeerAddress => v1::HistoryKey::PeerAddress,
        core::GroupKey::PeerPort => v1::HistoryKey::PeerPort,
        core::GroupKey::LocalPort => v1::HistoryKey::LocalPort,
    }
}
