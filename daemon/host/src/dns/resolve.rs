//! `dns.resolve`. Its queries go to the vantage's configured resolvers and nowhere else, so no destination is asked for.

use std::time::Duration;

use sonde_core::observation::dns as core;
use sonde_core::observation::{Call, Failure, Phase, Timing};

use crate::bindings::sonde::check::dns as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types::{self, micros};

pub(super) async fn resolve(caller: &Caller, request: &wit::ResolveRequest) -> wit::Resolution {
    let Answered { id, timing, answer: resolution } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let function = core::ResolveRequest::FUNCTION;
            let (id, timing, failure) = caller.reject(function, core::ResolveRequest::PHASE, problem);
            Answered { id, timing, answer: core::Resolution::failed(timing, failure) }
        }
    };
    wit::Resolution {
        evidence: id.0,
        timing: timing.into(),
        steps: resolution.steps.into_iter().map(Into::into).collect(),
        source: resolution.source,
        addresses: types::texts(&resolution.addresses),
        error: resolution.error.map(|error| wit::ResolveError { code: error.code, text: error.text }),
        canonical_name: resolution.canonical_name,
        go: resolution.go.map(Into::into),
        failure: resolution.failure.map(Into::into),
    }
}

fn parsed(request: &wit::ResolveRequest, longest: Duration) -> Result<core::ResolveRequest, String> {
    Ok(core::ResolveRequest {
        name: super::name(&request.name)?,
        family: match request.family {
            wit::Family::Any => core::Family::Any,
            wit::Family::Ipv4 => core::Family::Ipv4,
            wit::Family::Ipv6 => core::Family::Ipv6,
        },
        personality: match request.personality {
            wit::Personality::Glibc => core::Personality::Glibc,
            wit::Personality::Musl => core::Personality::Musl,
            wit::Personality::Go => core::Personality::Go,
            wit::Personality::System => core::Personality::System,
        },
        pid: types::process(request.pid)?,
        timeout: types::timeout(request.timeout_us, longest)?,
    })
}

impl HostCall for core::ResolveRequest {
    type Answer = core::Resolution;
    const FUNCTION: &'static str = "dns.resolve";
    const PHASE: Phase = Phase::Inspect;

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::Resolution {
        sonde_probe::dns::resolve(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::Resolution {
        core::Resolution::failed(timing, failure)
    }

    fn observed(self, answer: core::Resolution) -> Call {
        Call::DnsResolve { request: self, answer }
    }

    fn timing(answer: &core::Resolution) -> Option<Timing> {
        Some(answer.timing)
    }
}

impl From<core::Step> for wit::Step {
    fn from(step: core::Step) -> Self {
        Self {
            at_us: micros(step.timing.at),
            elapsed_us: micros(step.timing.elapsed),
            server: step.server.into(),
            transport: step.transport.into(),
            name: step.name,
            qtype: step.qtype,
            outcome: match step.outcome {
                core::StepOutcome::Answered(rcode) => wit::StepOutcome::Answered(rcode),
                core::StepOutcome::Truncated => wit::StepOutcome::Truncated,
                core::StepOutcome::TimedOut => wit::StepOutcome::TimedOut,
                core::StepOutcome::Rejected(why) => wit::StepOutcome::Rejected(why),
                core::StepOutcome::Failed(failure) => wit::StepOutcome::Failed(failure.into()),
                core::StepOutcome::Abandoned => wit::StepOutcome::Abandoned,
            },
            addresses: types::texts(&step.addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_ends_with_the_run_and_names_a_process_that_can_be() {
        let mut request = wit::ResolveRequest {
            name: "db".to_owned(),
            family: wit::Family::Ipv6,
            personality: wit::Personality::Musl,
            pid: Some(1),
            timeout_us: 60_000_000,
        };
        let parsed_one = parsed(&request, Duration::from_secs(3)).expect("makes sense");
        assert_eq!((parsed_one.personality, parsed_one.family), (core::Personality::Musl, core::Family::Ipv6));
        assert_eq!(parsed_one.timeout, Duration::from_secs(3));
        request.pid = Some(0);
        assert!(parsed(&request, Duration::from_secs(3)).is_err());
        request = wit::ResolveRequest { pid: None, name: "a\u{7}".to_owned(), ..request };
        assert!(parsed(&request, Duration::from_secs(3)).is_err());
    }
}
