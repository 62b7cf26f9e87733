//! `path.path-mtu`.

use std::time::Duration;

use sonde_core::observation::path as core;
use sonde_core::observation::{Call, Failure, Phase, Reason, Timing};

use crate::bindings::sonde::check::path as wit;
use crate::call::{Answered, Caller, HostCall};
use crate::run::Run;
use crate::types::{self, micros};

/// More than all usual links and tunnels have.
const SIZES: usize = 32;

/// What every IPv4 link carries (RFC 791 section 3.2), and the longest IP packet.
const SMALLEST_BYTES: u32 = 68;
const LARGEST_BYTES: u32 = 65_535;

const ATTEMPTS: u8 = 10;

pub(super) async fn perform(caller: &Caller, request: &wit::PathMtuRequest) -> wit::PathMtuResult {
    let Answered { id, timing, answer: found } = match parsed(request, caller.remaining()) {
        Ok(request) => caller.call(request).await,
        Err(problem) => {
            let (id, timing, failure) =
                caller.reject(core::PathMtuRequest::FUNCTION, core::PathMtuRequest::PHASE, problem);
            Answered { id, timing, answer: failed(timing, failure) }
        }
    };
    wit::PathMtuResult {
        evidence: id.0,
        timing: timing.into(),
        method: found.method.map(Into::into),
        rungs: found.rungs.into_iter().map(Into::into).collect(),
        conclusion: found.conclusion.into(),
        mtu_bytes: found.mtu,
        lost_from_bytes: found.lost_from,
        link_mtu_bytes: found.link_mtu,
        route_mtu_bytes: found.route_mtu,
        mss_bytes: found.mss,
        tcp_pmtu_bytes: found.tcp_pmtu,
        outcome: found.outcome.map_err(Into::into),
    }
}

fn parsed(request: &wit::PathMtuRequest, longest: Duration) -> Result<core::PathMtuRequest, String> {
    if request.sizes_bytes.len() > SIZES {
        return Err(format!("{} sizes are given; at most {SIZES} are allowed", request.sizes_bytes.len()));
    }
    if let Some(size) = request.sizes_bytes.iter().find(|size| !(SMALLEST_BYTES..=LARGEST_BYTES).contains(size)) {
        return Err(format!("no IP packet has {size} bytes here; give {SMALLEST_BYTES} to {LARGEST_BYTES}"));
    }
    if !(1..=ATTEMPTS).contains(&request.attempts) {
        return Err(format!("{} attempts at a size are not possible; ask for 1 to {ATTEMPTS}", request.attempts));
    }
    Ok(core::PathMtuRequest {
        remote: types::remote(&request.remote)?,
        sizes: request.sizes_bytes.clone(),
        attempts: request.attempts,
        tcp: request.tcp,
        timeout: types::timeout(request.timeout_us, longest)?,
    })
}

fn failed(timing: Timing, failure: Failure) -> core::PathMtu {
    core::PathMtu { outcome: Err(failure), ..core::PathMtu::begun(timing) }
}

impl HostCall for core::PathMtuRequest {
    type Answer = core::PathMtu;
    const FUNCTION: &'static str = "path.path-mtu";
    const PHASE: Phase = Phase::Socket;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        crate::dial::admit(run, self.remote)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> core::PathMtu {
        sonde_probe::path::path_mtu(&run.vantage, &run.clock, self).await
    }

    fn failed(&self, timing: Timing, failure: Failure) -> core::PathMtu {
        failed(timing, failure)
    }

    fn observed(self, answer: core::PathMtu) -> Call {
        Call::PathMtu { request: self, answer }
    }

    fn timing(answer: &core::PathMtu) -> Option<Timing> {
        Some(answer.timing)
    }
}

impl From<core::MtuMethod> for wit::MtuMethod {
    fn from(method: core::MtuMethod) -> Self {
        match method {
            core::MtuMethod::IcmpEcho => Self::IcmpEcho,
            core::MtuMethod::Udp => Self::Udp,
        }
    }
}

impl From<core::MtuConclusion> for wit::MtuConclusion {
    fn from(conclusion: core::MtuConclusion) -> Self {
        match conclusion {
            core::MtuConclusion::Measured => Self::Measured,
            core::MtuConclusion::BlackHole => Self::BlackHole,
            core::MtuConclusion::Unanswered => Self::Unanswered,
            core::MtuConclusion::Unclear => Self::Unclear,
        }
    }
}

impl From<core::Rung> for wit::Rung {
    fn from(rung: core::Rung) -> Self {
        Self {
            size_bytes: rung.size,
            at_us: micros(rung.at),
            attempts: rung.attempts,
            rtt_us: rung.rtt.map(micros),
            outcome: match rung.outcome {
                core::RungOutcome::Answered => wit::RungOutcome::Answered,
                core::RungOutcome::TooBig(error) => wit::RungOutcome::TooBig(error.into()),
                core::RungOutcome::TooBigHere(mtu) => wit::RungOutcome::TooBigHere(mtu),
                core::RungOutcome::Silent => wit::RungOutcome::Silent,
                core::RungOutcome::Unsent(failure) => wit::RungOutcome::Unsent(failure.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sonde::check::types::Endpoint;

    fn request() -> wit::PathMtuRequest {
        wit::PathMtuRequest {
            remote: Endpoint { address: "192.0.2.1".to_owned(), port: 443 },
            sizes_bytes: vec![1280, 1500],
            attempts: 3,
            tcp: true,
            timeout_us: 10_000_000,
        }
    }

    fn problem(request: &wit::PathMtuRequest) -> String {
        parsed(request, Duration::from_mins(1)).expect_err("it makes no sense")
    }

    #[test]
    fn bounds_are_named_with_the_value_that_breaks_them() {
        parsed(&request(), Duration::from_mins(1)).expect("it makes sense");
        let sizes = |sizes_bytes| wit::PathMtuRequest { sizes_bytes, ..request() };
        assert!(problem(&sizes(vec![1500; 33])).starts_with("33 sizes"));
        assert!(problem(&sizes(vec![1500, 67])).contains("67 bytes"));
        assert!(problem(&sizes(vec![65_536])).contains("65536 bytes"));
        assert!(problem(&wit::PathMtuRequest { attempts: 0, ..request() }).starts_with("0 attempts"));
    }
}
