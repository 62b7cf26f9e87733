//! A lookup as a runtime does it.

use sonde_core::observation::dns as core;
use sonde_proto::v1;

use super::super::duration;
use super::super::failure::{endpoint, failure, timing};

pub(in crate::convert) fn resolution(
    request: &core::ResolveRequest,
    resolution: &core::Resolution,
) -> v1::DnsResolution {
    let family = match request.family {
        core::Family::Any => v1::DnsFamily::Any,
        core::Family::Ipv4 => v1::DnsFamily::Ipv4,
        core::Family::Ipv6 => v1::DnsFamily::Ipv6,
    };
    v1::DnsResolution {
        name: request.name.clone(),
        family: family.into(),
        personality: super::personality(request.personality).into(),
        pid: request.pid.unwrap_or_default(),
        timeout: Some(duration(request.timeout)),
        steps: resolution.steps.iter().map(step).collect(),
        source: resolution.source.clone(),
        addresses: resolution.addresses.iter().map(ToString::to_string).collect(),
        error: resolution
            .error
            .as_ref()
            .map(|error| v1::DnsResolveError { code: error.code.clone(), text: error.text.clone() }),
        canonical_name: resolution.canonical_name.clone().unwrap_or_default(),
        go: resolution.go.as_ref().map(super::go),
    }
}

fn step(step: &core::Step) -> v1::DnsStep {
    let shown = v1::DnsStep {
        timing: Some(timing(step.timing)),
        server: Some(endpoint(step.server)),
        transport: super::transport(step.transport).into(),
        name: step.name.clone(),
        qtype: step.qtype.into(),
        addresses: step.addresses.iter().map(ToString::to_string).collect(),
        ..v1::DnsStep::default()
    };
    let ended = |outcome: v1::DnsStepOutcome| v1::DnsStep { outcome: outcome.into(), ..shown.clone() };
    match &step.outcome {
        core::StepOutcome::Answered(rcode) => {
            v1::DnsStep { rcode: Some((*rcode).into()), ..ended(v1::DnsStepOutcome::Answered) }
        }
        core::StepOutcome::Truncated => ended(v1::DnsStepOutcome::Truncated),
        core::StepOutcome::TimedOut => ended(v1::DnsStepOutcome::TimedOut),
        core::StepOutcome::Rejected(why) => {
            v1::DnsStep { rejection: why.clone(), ..ended(v1::DnsStepOutcome::Rejected) }
        }
        core::StepOutcome::Failed(why) => {
            v1::DnsStep { failure: Some(failure(why)), ..ended(v1::DnsStepOutcome::Failed) }
        }
        core::StepOutcome::Abandoned => ended(v1::DnsStepOutcome::Abandoned),
    }
}
