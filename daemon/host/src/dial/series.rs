//! `dial.tcp-repeat`.

use std::time::Duration;

use sonde_core::observation::dial as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use super::tcp;
use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types::{self, micros, micros32};

/// Attempts of one series.
const MOST_ATTEMPTS: u32 = 10_000;
/// Attempts in flight: what the daemon's descriptors allow beside everything else.
const MOST_AT_ONCE: u32 = 512;

pub(super) async fn dial(caller: &Caller, request: &wit::TcpSeriesRequest) -> wit::TcpSeries {
    let Answered { id, timing, answer: series } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) =
                caller.reject(core::SeriesRequest::FUNCTION, core::SeriesRequest::PHASE, problem);
            Answered { id, timing, answer: core::TcpSeries::failed(timing, failure) }
        }
    };
    wit::TcpSeries {
        evidence: id.0,
        timing: timing.into(),
        attempts: series.attempts.into_iter().map(Into::into).collect(),
        connected: series.connected,
        syn_retransmits: series.syn_retransmits,
        spread: series.spread.map(Into::into),
        failures: series.failures.into_iter().map(Into::into).collect(),
        outcome: series.outcome.map_err(Into::into),
        deltas: series.deltas.map(Into::into),
    }
}

fn parsed(request: &wit::TcpSeriesRequest, longest: Duration) -> Result<core::SeriesRequest, String> {
    let within = |what: &str, number: u32, most: u32| match number {
        1.. if number <= most => Ok(number),
        _ => Err(format!("{number} {what}; give 1 to {most}")),
    };
    let each = tcp::parsed(&request.each, longest)?;
    let at_once = within("attempts at once", request.at_once, MOST_AT_ONCE)?;
    if !each.hold.is_zero() {
        return Err(format!("a series holds no connection; each is asked to be held for {:?}, give 0", each.hold));
    }
    if let (Some(port), 2..) = (each.local_port, at_once) {
        return Err(format!("{at_once} attempts at once from local port {port}; give 1, or no port"));
    }
    Ok(core::SeriesRequest {
        each,
        count: within("attempts", request.count, MOST_ATTEMPTS)?,
        interval: Duration::from_micros(request.interval_us).min(longest),
        at_once,
        timeout: types::timeout(request.timeout_us, longest)?,
    })
}

impl HostCall for core::SeriesRequest {
    type Answer = core::TcpSeries;
    const FUNCTION: &'static str = "dial.tcp-repeat";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        super::admit(run, self.each.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
        self.each.timeout = self.each.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::TcpSeries {
        sonde_probe::dial::tcp_repeat(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::TcpSeries {
        core::TcpSeries::failed(timing, failure)
    }

    fn observed(self, answer: core::TcpSeries) -> Call {
        Call::DialTcpSeries { request: self, answer }
    }

    fn timing(answer: &core::TcpSeries) -> Option<Timing> {
        Some(answer.timing)
    }

    fn is_alone(&self) -> bool {
        self.each.deltas
    }
}

impl From<core::TcpAttempt> for wit::TcpAttempt {
    fn from(attempt: core::TcpAttempt) -> Self {
        Self {
            at_us: micros(attempt.at),
            connect_us: micros(attempt.connect),
            rtt_us: micros32(attempt.rtt),
            local_port: attempt.local_port,
            syn_retransmits: attempt.syn_retransmits,
            failure: attempt.failure,
        }
    }
}

impl From<core::TcpFailureGroup> for wit::TcpFailureGroup {
    fn from(group: core::TcpFailureGroup) -> Self {
        Self { first: group.first.into(), count: group.count }
    }
}

impl From<core::Spread> for wit::Spread {
    fn from(spread: core::Spread) -> Self {
        Self {
            min_us: micros(spread.min),
            median_us: micros(spread.median),
            p99_us: micros(spread.p99),
            max_us: micros(spread.max),
            mean_us: micros(spread.mean),
            jitter_us: micros(spread.jitter),
        }
    }
}
