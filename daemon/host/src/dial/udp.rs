//! `dial.udp`.

use std::time::Duration;

use sonde_core::observation::dial::udp as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::dial as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::messages::{self, PAYLOAD_BYTES};
use crate::run::Run;
use crate::types;

/// Room for the sequence number and what tells a datagram from others.
const SMALLEST_BYTES: u16 = 32;

pub(super) async fn dial(caller: &Caller, request: wit::UdpRequest) -> wit::UdpDial {
    let Answered { id, timing, answer: dial } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::UdpRequest::FUNCTION, core::UdpRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::UdpDial {
        evidence: id.0,
        timing: timing.into(),
        local: dial.local.map(Into::into),
        sent: dial.sent,
        unsent: dial.unsent,
        received: dial.received,
        duplicates: dial.duplicates,
        reordered: dial.reordered,
        corrupted: dial.corrupted,
        round_trips: dial.round_trips.map(Into::into),
        replies: dial.replies.into_iter().map(Into::into).collect(),
        answer: dial.answer,
        answer_bytes: dial.answer_bytes,
        icmp_errors: dial.icmp_errors,
        icmp: dial.icmp.map(Into::into),
        outcome: dial.outcome.map_err(Into::into),
        deltas: dial.deltas.map(Into::into),
    }
}

fn parsed(request: wit::UdpRequest, longest: Duration) -> Result<core::UdpRequest, String> {
    match &request.payload {
        Some(payload) if payload.len() > PAYLOAD_BYTES.into() => {
            return Err(format!("a payload of {} bytes is too long; give at most {PAYLOAD_BYTES}", payload.len()));
        }
        None if !(SMALLEST_BYTES..=PAYLOAD_BYTES).contains(&request.size_bytes) => {
            return Err(format!(
                "datagrams of {} bytes cannot be numbered; give {SMALLEST_BYTES} to {PAYLOAD_BYTES}",
                request.size_bytes
            ));
        }
        _ => {}
    }
    Ok(core::UdpRequest {
        remote: types::remote(&request.remote)?,
        payload: request.payload,
        size_bytes: request.size_bytes,
        count: messages::count(request.count)?,
        interval: messages::interval(request.interval_us, longest)?,
        timeout: types::timeout(request.timeout_us, longest)?,
        deltas: request.deltas,
    })
}

fn failed(timing: Timing, failure: Failure) -> core::UdpDial {
    core::UdpDial {
        timing,
        local: None,
        sent: 0,
        unsent: 0,
        received: 0,
        duplicates: 0,
        reordered: 0,
        corrupted: 0,
        round_trips: None,
        replies: Vec::new(),
        answer: None,
        answer_bytes: 0,
        icmp_errors: 0,
        icmp: None,
        outcome: Err(failure),
        deltas: None,
    }
}

impl HostCall for core::UdpRequest {
    type Answer = core::UdpDial;
    const FUNCTION: &'static str = "dial.udp";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        super::admit(run, self.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::UdpDial {
        sonde_probe::dial::udp(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::UdpDial {
        failed(timing, failure)
    }

    fn observed(self, answer: core::UdpDial) -> Call {
        Call::DialUdp { request: self, answer }
    }

    fn timing(answer: &core::UdpDial) -> Option<Timing> {
        Some(answer.timing)
    }

    fn is_alone(&self) -> bool {
        self.deltas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sonde::check::types::Endpoint;

    fn request() -> wit::UdpRequest {
        wit::UdpRequest {
            remote: Endpoint { address: "192.0.2.1".to_owned(), port: 7 },
            payload: None,
            size_bytes: 64,
            count: 10,
            interval_us: 10_000,
            timeout_us: 2_000_000,
            deltas: false,
        }
    }

    fn problem(request: wit::UdpRequest) -> String {
        parsed(request, Duration::from_mins(1)).expect_err("it makes no sense")
    }

    #[test]
    fn bounds_are_named_with_the_value_that_breaks_them() {
        parsed(request(), Duration::from_mins(1)).expect("it makes sense");
        assert!(problem(wit::UdpRequest { size_bytes: 31, ..request() }).starts_with("datagrams of 31 bytes"));
        assert!(problem(wit::UdpRequest { payload: Some(vec![0; 65_001]), ..request() }).contains("65001 bytes"));
        assert!(problem(wit::UdpRequest { count: 0, ..request() }).starts_with("0 cannot be sent"));
    }

    #[test]
    fn a_payload_of_the_callers_needs_no_size() {
        let request = wit::UdpRequest { payload: Some(vec![]), size_bytes: 0, ..request() };
        assert_eq!(parsed(request, Duration::from_mins(1)).expect("it makes sense").payload, Some(vec![]));
    }
}
