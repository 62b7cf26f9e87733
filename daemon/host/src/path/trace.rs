//! `path.trace`.

use std::time::Duration;

use sonde_core::observation::path as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::path as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types::{self, micros};

/// More than any path of the Internet has.
const HOPS: u8 = 64;

/// More tell nothing new, and routers answer a few a second.
const PROBES: u8 = 10;

pub(super) async fn perform(caller: &Caller, request: &wit::TraceRequest) -> wit::TraceResult {
    let Answered { id, timing, answer: trace } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) = caller.reject(core::TraceRequest::FUNCTION, core::TraceRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::TraceResult {
        evidence: id.0,
        timing: timing.into(),
        hops: trace.hops.into_iter().map(Into::into).collect(),
        reached: trace.reached,
        icmp_visible: trace.icmp_visible,
        outcome: trace.outcome.map_err(Into::into),
    }
}

fn parsed(request: &wit::TraceRequest, longest: Duration) -> Result<core::TraceRequest, String> {
    if !(1..=HOPS).contains(&request.max_hops) {
        return Err(format!("{} hops cannot be traced; ask for 1 to {HOPS}", request.max_hops));
    }
    if !(1..=PROBES).contains(&request.probes_per_hop) {
        return Err(format!("{} probes of a hop are not possible; ask for 1 to {PROBES}", request.probes_per_hop));
    }
    Ok(core::TraceRequest {
        remote: types::remote(&request.remote)?,
        transport: match request.transport {
            wit::TraceTransport::Tcp => core::TraceTransport::Tcp,
            wit::TraceTransport::Udp => core::TraceTransport::Udp,
        },
        max_hops: request.max_hops,
        probes_per_hop: request.probes_per_hop,
        probe_timeout: types::timeout(request.probe_timeout_us, longest)?,
        timeout: types::timeout(request.timeout_us, longest)?,
    })
}

fn failed(timing: Timing, failure: Failure) -> core::Trace {
    core::Trace { timing, hops: Vec::new(), reached: None, icmp_visible: true, outcome: Err(failure) }
}

impl HostCall for core::TraceRequest {
    type Answer = core::Trace;
    const FUNCTION: &'static str = "path.trace";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        crate::dial::admit(run, self.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::Trace {
        sonde_probe::path::trace(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::Trace {
        failed(timing, failure)
    }

    fn observed(self, answer: core::Trace) -> Call {
        Call::Trace { request: self, answer }
    }

    fn timing(answer: &core::Trace) -> Option<Timing> {
        Some(answer.timing)
    }
}

impl From<core::Hop> for wit::Hop {
    fn from(hop: core::Hop) -> Self {
        Self { ttl: hop.ttl, probes: hop.probes.into_iter().map(Into::into).collect() }
    }
}

impl From<core::HopProbe> for wit::HopProbe {
    fn from(probe: core::HopProbe) -> Self {
        Self {
            at_us: micros(probe.at),
            rtt_us: probe.rtt.map(micros),
            answer: match probe.answer {
                core::ProbeAnswer::Answered => wit::ProbeAnswer::Answered,
                core::ProbeAnswer::Reset => wit::ProbeAnswer::Reset,
                core::ProbeAnswer::Icmp(error) => wit::ProbeAnswer::Icmp(error.into()),
                core::ProbeAnswer::Silent => wit::ProbeAnswer::Silent,
                core::ProbeAnswer::Unsent(failure) => wit::ProbeAnswer::Unsent(failure.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sonde::check::types::Endpoint;

    fn request() -> wit::TraceRequest {
        wit::TraceRequest {
            remote: Endpoint { address: "192.0.2.1".to_owned(), port: 443 },
            transport: wit::TraceTransport::Tcp,
            max_hops: 30,
            probes_per_hop: 3,
            probe_timeout_us: 1_000_000,
            timeout_us: 10_000_000,
        }
    }

    fn problem(request: &wit::TraceRequest) -> String {
        parsed(request, Duration::from_mins(1)).expect_err("it makes no sense")
    }

    #[test]
    fn bounds_are_named_with_the_value_that_breaks_them() {
        parsed(&request(), Duration::from_mins(1)).expect("it makes sense");
        assert_eq!(
            problem(&wit::TraceRequest { max_hops: 0, ..request() }),
            "0 hops cannot be traced; ask for 1 to 64"
        );
        assert!(problem(&wit::TraceRequest { max_hops: 65, ..request() }).starts_with("65 hops"));
        assert!(problem(&wit::TraceRequest { probes_per_hop: 11, ..request() }).starts_with("11 probes"));
        assert!(problem(&wit::TraceRequest { probe_timeout_us: 0, ..request() }).contains("timeout of 0"));
    }
}
