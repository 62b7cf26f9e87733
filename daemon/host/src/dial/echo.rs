//! `dial.echo`.

use std::time::Duration;

use sonde_core::observation::dial::path as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types::{self, micros};

/// Requests or datagrams of one call.
pub(super) const COUNT: u16 = 1000;

/// So that a call is no flood.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Of a payload: with every header it fits one IP packet.
pub(super) const PAYLOAD_BYTES: u16 = 65_000;

pub(super) async fn dial(caller: &Caller, request: &wit::EchoRequest) -> wit::EchoResult {
    let Answered { id, timing, answer: echo } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::EchoRequest::FUNCTION, core::EchoRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::EchoResult {
        evidence: id.0,
        timing: timing.into(),
        sent: echo.sent,
        received: echo.received,
        duplicates: echo.duplicates,
        reordered: echo.reordered,
        corrupted: echo.corrupted,
        round_trips: echo.round_trips.map(Into::into),
        replies: echo.replies.into_iter().map(Into::into).collect(),
        icmp: echo.icmp.map(Into::into),
        outcome: echo.outcome.map_err(Into::into),
    }
}

fn parsed(request: &wit::EchoRequest, longest: Duration) -> Result<core::EchoRequest, String> {
    if request.payload_bytes > PAYLOAD_BYTES {
        return Err(format!("a payload of {} bytes is too long; give at most {PAYLOAD_BYTES}", request.payload_bytes));
    }
    Ok(core::EchoRequest {
        address: types::address(&request.address)?,
        count: count(request.count)?,
        interval: interval(request.interval_us, longest)?,
        payload_bytes: request.payload_bytes,
        timeout: types::timeout(request.timeout_us, longest)?,
    })
}

/// How many are sent.
pub(super) fn count(count: u16) -> Result<u16, String> {
    if !(1..=COUNT).contains(&count) {
        return Err(format!("{count} cannot be sent in one call; ask for 1 to {COUNT}"));
    }
    Ok(count)
}

/// How far apart they are.
pub(super) fn interval(micros: u64, longest: Duration) -> Result<Duration, String> {
    let interval = Duration::from_micros(micros);
    if interval < SHORTEST_INTERVAL {
        return Err(format!(
            "an interval of {micros} us is a flood; give at least {} us",
            SHORTEST_INTERVAL.as_micros()
        ));
    }
    Ok(interval.min(longest))
}

fn failed(timing: Timing, failure: Failure) -> core::Echo {
    core::Echo {
        timing,
        sent: 0,
        received: 0,
        duplicates: 0,
        reordered: 0,
        corrupted: 0,
        round_trips: None,
        replies: Vec::new(),
        icmp: None,
        outcome: Err(failure),
    }
}

impl HostCall for core::EchoRequest {
    type Answer = core::Echo;
    const FUNCTION: &'static str = "dial.echo";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        run.with_grants(|grants| grants.echo(self.address)).map_err(|denial| Reason::Denied(denial.to_string()))
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::Echo {
        sonde_probe::dial::echo(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::Echo {
        failed(timing, failure)
    }

    fn observed(self, answer: core::Echo) -> Call {
        Call::DialEcho { request: self, answer }
    }

    fn timing(answer: &core::Echo) -> Option<Timing> {
        Some(answer.timing)
    }
}

impl From<core::RoundTrips> for wit::RoundTrips {
    fn from(trips: core::RoundTrips) -> Self {
        Self {
            min_us: micros(trips.min),
            median_us: micros(trips.median),
            max_us: micros(trips.max),
            jitter_us: micros(trips.jitter),
        }
    }
}

impl From<core::Reply> for wit::Reply {
    fn from(reply: core::Reply) -> Self {
        Self { sequence: reply.sequence, rtt_us: micros(reply.rtt) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> wit::EchoRequest {
        wit::EchoRequest {
            address: "192.0.2.1".to_owned(),
            count: 10,
            interval_us: 10_000,
            payload_bytes: 56,
            timeout_us: 2_000_000,
        }
    }

    fn problem(request: &wit::EchoRequest) -> String {
        parsed(request, Duration::from_mins(1)).expect_err("it makes no sense")
    }

    #[test]
    fn bounds_are_named_with_the_value_that_breaks_them() {
        parsed(&request(), Duration::from_mins(1)).expect("it makes sense");
        assert!(problem(&wit::EchoRequest { count: 0, ..request() }).starts_with("0 cannot be sent"));
        assert!(problem(&wit::EchoRequest { count: 1001, ..request() }).starts_with("1001 cannot be sent"));
        assert!(problem(&wit::EchoRequest { interval_us: 999, ..request() }).contains("999 us is a flood"));
        assert!(problem(&wit::EchoRequest { payload_bytes: 65_001, ..request() }).contains("65001 bytes"));
        assert!(problem(&wit::EchoRequest { address: "here".to_owned(), ..request() }).contains("\"here\""));
    }
}
