//! `path.echo`.

use std::time::Duration;

use sonde_core::observation::path as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::path as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::messages::{self, PAYLOAD_BYTES};
use crate::run::Run;
use crate::types;

pub(super) async fn perform(caller: &Caller, request: &wit::EchoRequest) -> wit::EchoResult {
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
        count: messages::count(request.count)?,
        interval: messages::interval(request.interval_us, longest)?,
        payload_bytes: request.payload_bytes,
        timeout: types::timeout(request.timeout_us, longest)?,
    })
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
    const FUNCTION: &'static str = "path.echo";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        run.with_grants(|grants| grants.echo(self.address)).map_err(|denial| Reason::Denied(denial.to_string()))
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::Echo {
        sonde_probe::path::echo(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::Echo {
        failed(timing, failure)
    }

    fn observed(self, answer: core::Echo) -> Call {
        Call::Echo { request: self, answer }
    }

    fn timing(answer: &core::Echo) -> Option<Timing> {
        Some(answer.timing)
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
