//! Checks: what they say of themselves, and how a run of one ended.

use sonde_core::manifest as core;
use sonde_core::manifest::Stop;
use sonde_proto::v1;

/// A check by its manifest; digest in hex, origin `builtin` or the path of the component.
pub(crate) fn check(manifest: &core::Manifest, digest: String, origin: String) -> v1::Check {
    v1::Check {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        summary: manifest.summary.clone(),
        targets: manifest.targets.iter().map(|scheme| scheme.as_str().to_owned()).collect(),
        parameters: manifest.parameters.iter().map(parameter).collect(),
        interfaces: manifest.interfaces.clone(),
        destinations: manifest.destinations.clone(),
        after: manifest.after.clone(),
        causes: manifest.causes.clone(),
        cost: match manifest.cost {
            core::CostClass::Cheap => v1::CostClass::Cheap,
            core::CostClass::Moderate => v1::CostClass::Moderate,
            core::CostClass::Heavy => v1::CostClass::Heavy,
        }
        .into(),
        properties: manifest
            .properties
            .iter()
            .map(|(name, value)| v1::CheckArgument { name: name.clone(), value: value.clone() })
            .collect(),
        digest,
        origin,
    }
}

/// Completes the check's entry with how it ended.
pub(crate) fn ended(run: v1::CheckRun, end: &core::CheckEnd) -> v1::CheckRun {
    match end {
        core::CheckEnd::Concluded(outcome) => v1::CheckRun {
            state: v1::CheckState::Concluded.into(),
            conclusion: match outcome.conclusion {
                core::Conclusion::Works => v1::Conclusion::Works,
                core::Conclusion::Broken => v1::Conclusion::Broken,
                core::Conclusion::Unclear => v1::Conclusion::Unclear,
                core::Conclusion::Skipped => v1::Conclusion::Skipped,
            }
            .into(),
            summary: outcome.summary.clone(),
            next_step: outcome.next_step.clone().unwrap_or_default(),
            notes: outcome.notes.iter().map(note).collect(),
            ..run
        },
        core::CheckEnd::Stopped(stop) => v1::CheckRun {
            state: v1::CheckState::Stopped.into(),
            summary: summary_of_stop(stop),
            stop_reason: match stop {
                Stop::CpuBudget => v1::StopReason::CpuBudget,
                Stop::Memory => v1::StopReason::Memory,
                Stop::Deadline => v1::StopReason::Deadline,
                Stop::DataLimit => v1::StopReason::DataLimit,
                Stop::Trap(_) => v1::StopReason::Trap,
                Stop::Error(_) => v1::StopReason::Error,
                Stop::Cancelled => v1::StopReason::Cancelled,
            }
            .into(),
            ..run
        },
    }
}

fn note((name, text): &(String, String)) -> v1::Note {
    v1::Note { name: name.clone(), text: text.clone() }
}

/// One sentence for people.
pub(crate) fn summary_of_stop(stop: &Stop) -> String {
    match stop {
        Stop::CpuBudget => "it used up its share of CPU time".into(),
        Stop::Memory => "it asked for more memory than a check may have".into(),
        Stop::Deadline => "its time was up".into(),
        Stop::DataLimit => "it passed more data to or from the host than a check may".into(),
        Stop::Trap(trap) => format!("it trapped: {trap}"),
        Stop::Error(error) => error.clone(),
        Stop::Cancelled => "the run was cancelled".into(),
    }
}

fn parameter(parameter: &core::Parameter) -> v1::Parameter {
    v1::Parameter {
        name: parameter.name.clone(),
        summary: parameter.summary.clone(),
        kind: match parameter.kind {
            core::ParameterKind::Text => v1::ParameterKind::Text,
            core::ParameterKind::Integer => v1::ParameterKind::Integer,
            core::ParameterKind::Number => v1::ParameterKind::Number,
            core::ParameterKind::Boolean => v1::ParameterKind::Boolean,
            core::ParameterKind::Duration => v1::ParameterKind::Duration,
            core::ParameterKind::Address => v1::ParameterKind::Address,
        }
        .into(),
        unit: parameter.unit.clone().unwrap_or_default(),
        default_value: parameter.default.clone(),
    }
}

#[cfg(test)]
mod tests {
    use sonde_core::manifest::{CheckEnd, Conclusion, Outcome};

    use super::*;

    #[test]
    fn a_stopped_check_says_why_and_concludes_nothing() {
        let run = ended(v1::CheckRun::default(), &CheckEnd::Stopped(Stop::Trap("unreachable".into())));

        assert_eq!(run.state(), v1::CheckState::Stopped);
        assert_eq!(run.stop_reason(), v1::StopReason::Trap);
        assert_eq!(run.conclusion(), v1::Conclusion::Unspecified);
        assert_eq!(run.summary, "it trapped: unreachable");
    }

    #[test]
    fn a_concluded_check_keeps_its_word() {
        let outcome = Outcome {
            conclusion: Conclusion::Broken,
            summary: "refused".into(),
            next_step: Some("ask on the server".into()),
            notes: vec![("loss".into(), "none of 3".into())],
        };

        let run =
            ended(v1::CheckRun { check: "connect".into(), ..v1::CheckRun::default() }, &CheckEnd::Concluded(outcome));

        assert_eq!(run.check, "connect");
        assert_eq!(run.conclusion(), v1::Conclusion::Broken);
        assert_eq!(run.next_step, "ask on the server");
        assert_eq!(run.notes, [v1::Note { name: "loss".into(), text: "none of 3".into() }]);
        assert_eq!(run.stop_reason(), v1::StopReason::Unspecified);
    }
}
