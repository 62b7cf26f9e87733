//! The interface `history`.

use std::time::Duration;

use sonde_core::observation::history as core;
use sonde_core::observation::{Call, EvidenceId, Failure, Timing};
use sonde_probe::clock::RunClock;
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::history as wit;
use crate::bindings::sonde::check::types as shared;
use crate::inspection::{Inspection, inspect};
use crate::run::Run;
use crate::session::Session;
use crate::types;

/// Of one question.
const NAMES: usize = 64;

/// There are four keys; asking for one twice makes no sense.
const KEYS: usize = 4;

/// There are twelve states.
const STATES: usize = 12;

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn counters(
        accessor: &Accessor<Session, Self>,
        period: shared::Period,
        names: Vec<String>,
        points: u32,
    ) -> wit::HistoryAnswer {
        let request = counters(&names).and_then(|of| request(period, points, of));
        answered(inspect(accessor, request.map(Counters)).await)
    }

    async fn sockets(
        accessor: &Accessor<Session, Self>,
        period: shared::Period,
        by: Vec<wit::GroupKey>,
        filter: wit::GroupFilter,
        points: u32,
    ) -> wit::HistoryAnswer {
        let request = sockets(&by, &filter).and_then(|of| request(period, points, of));
        answered(inspect(accessor, request.map(Sockets)).await)
    }

    async fn listeners(
        accessor: &Accessor<Session, Self>,
        period: shared::Period,
        port: Option<u16>,
        points: u32,
    ) -> wit::HistoryAnswer {
        let request = request(period, points, core::Numbers::Listeners { port });
        answered(inspect(accessor, request.map(Listeners)).await)
    }
}

/// One question, by the function that asks it.
macro_rules! question {
    ($name:ident, $function:literal) => {
        #[derive(Clone, Debug)]
        struct $name(core::Request);

        impl Inspection for $name {
            type Facts = core::Recording;
            const FUNCTION: &'static str = $function;

            async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
                sonde_probe::history::read(run.past.archive.as_ref(), &run.vantage, &run.clock, &self.0).await
            }

            fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
                Call::History { request: self.0, answer }
            }
        }
    };
}

question!(Counters, "history.counters");
question!(Sockets, "history.sockets");
question!(Listeners, "history.listeners");

fn answered((id, timing, answer): (EvidenceId, Timing, Result<core::Recording, Failure>)) -> wit::HistoryAnswer {
    wit::HistoryAnswer { evidence: id.0, timing: timing.into(), outcome: answer.map(Into::into).map_err(Into::into) }
}

fn request(period: shared::Period, points: u32, of: core::Numbers) -> Result<core::Request, String> {
    if !(2..=3_600).contains(&points) {
        return Err(format!("{points} points are asked for; ask for 2 to 3600"));
    }
    let now = RunClock::wall_now();
    let from = match u64::try_from(period.from_us) {
        Ok(micros) => Duration::from_micros(micros),
        Err(_) => now.saturating_sub(Duration::from_micros(period.from_us.unsigned_abs())),
    };
    let to = match u64::try_from(period.to_us) {
        Ok(0) => now,
        Ok(micros) => Duration::from_micros(micros),
        Err(_) => return Err("the period ends before 1970; give Unix microseconds, or 0 for now".to_owned()),
    };
    if from >= to {
        return Err("the period ends before it begins; give from-us before to-us".to_owned());
    }
    Ok(core::Request { period: core::Period { from, to }, points, of })
}

fn counters(names: &[String]) -> Result<core::Numbers, String> {
    if names.is_empty() || names.len() > NAMES {
        return Err(format!("{} names are given; give 1 to {NAMES}", names.len()));
    }
    let names = names.iter().map(|name| types::word("counter", name, 128)).collect::<Result<_, _>>()?;
    Ok(core::Numbers::Counters { names })
}

fn sockets(by: &[wit::GroupKey], filter: &wit::GroupFilter) -> Result<core::Numbers, String> {
    if by.len() > KEYS {
        return Err(format!("{} keys are given; there are {KEYS}", by.len()));
    }
    if filter.states.len() > STATES {
        return Err(format!("{} states are given; there are {STATES}", filter.states.len()));
    }
    let filter = core::GroupFilter {
        states: filter.states.iter().map(|state| types::word("state", state, 16)).collect::<Result<_, _>>()?,
        peer_address: filter.peer_address.as_deref().map(types::address).transpose()?,
        peer_port: filter.peer_port,
        local_port: filter.local_port,
    };
    Ok(core::Numbers::Sockets { by: by.iter().map(|key| (*key).into()).collect(), filter })
}

impl From<wit::GroupKey> for core::GroupKey {
    fn from(key: wit::GroupKey) -> Self {
        match key {
            wit::GroupKey::State => Self::State,
            wit::GroupKey::PeerAddress => Self::PeerAddress,
            wit::GroupKey::PeerPort => Self::PeerPort,
            wit::GroupKey::LocalPort => Self::LocalPort,
        }
    }
}

impl From<core::Period> for shared::Period {
    fn from(period: core::Period) -> Self {
        Self { from_us: unix(period.from), to_us: unix(period.to) }
    }
}

impl From<core::Recording> for wit::Recording {
    fn from(recording: core::Recording) -> Self {
        Self {
            covered: recording.covered.into(),
            step_us: types::micros(recording.step),
            series: recording.series.into_iter().map(Into::into).collect(),
            gaps: recording.gaps.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<core::Series> for wit::Series {
    fn from(series: core::Series) -> Self {
        Self {
            key: series.key,
            kind: match series.kind {
                core::SeriesKind::Counter => wit::SeriesKind::Counter,
                core::SeriesKind::Gauge => wit::SeriesKind::Gauge,
            },
            points: series
                .points
                .into_iter()
                .map(|point| wit::Point { at_us: unix(point.at), value: point.value })
                .collect(),
        }
    }
}

fn unix(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from_us: i64, to_us: i64) -> shared::Period {
        shared::Period { from_us, to_us }
    }

    #[test]
    fn a_question_that_makes_no_sense_is_refused_with_what_would() {
        let listeners = || core::Numbers::Listeners { port: None };
        for (problem, expected) in [
            (request(period(5, 5), 10, listeners()).map(drop), "before it begins"),
            (request(period(3, -1), 10, listeners()).map(drop), "before 1970"),
            (request(period(0, 5), 1, listeners()).map(drop), "2 to 3600"),
            (counters(&[]).map(drop), "give 1 to 64"),
            (counters(&vec![String::new(); 65]).map(drop), "65 names"),
            (sockets(&[wit::GroupKey::State; 5], &filter()).map(drop), "5 keys"),
        ] {
            let problem = problem.expect_err("it makes no sense");
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn a_period_may_count_back_from_now() {
        let asked = request(period(-600_000_000, 0), 10, core::Numbers::Listeners { port: None }).expect("ten minutes");

        assert_eq!(asked.period.length(), Duration::from_mins(10));
        assert!(asked.period.to > Duration::from_secs(1_700_000_000));
    }

    fn filter() -> wit::GroupFilter {
        wit::GroupFilter { states: vec![], peer_address: None, peer_port: None, local_port: None }
    }
}
