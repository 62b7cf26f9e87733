//! Findings and verdicts.

use sonde_core::observation::EvidenceId;
use sonde_core::{finding as found, verdict as core};
use sonde_proto::v1;

/// A finding, as the host accepted it.
pub(crate) fn finding(finding: &found::Finding) -> v1::Finding {
    v1::Finding {
        index: finding.index,
        check: finding.check.clone(),
        stance: match finding.stance {
            found::Stance::Supports => v1::Stance::Supports,
            found::Stance::Refutes => v1::Stance::Refutes,
        }
        .into(),
        cause: finding.cause.to_string(),
        strength: match finding.strength {
            found::Strength::Weak => v1::Strength::Weak,
            found::Strength::Strong => v1::Strength::Strong,
            found::Strength::Proof => v1::Strength::Proof,
        }
        .into(),
        subject: finding.subject.clone(),
        summary: finding.summary.clone(),
        evidence_ids: ids(&finding.evidence),
        measures: finding
            .measures
            .iter()
            .map(|measure| v1::Measure { name: measure.name.clone(), value: measure.value, unit: measure.unit.clone() })
            .collect(),
    }
}

/// A verdict, partial or final.
pub(crate) fn verdict(verdict: &core::Verdict) -> v1::Verdict {
    v1::Verdict {
        state: match verdict.state {
            core::VerdictState::Healthy => v1::VerdictState::Healthy,
            core::VerdictState::Fault => v1::VerdictState::Fault,
            core::VerdictState::Undecided => v1::VerdictState::Undecided,
        }
        .into(),
        summary: verdict.summary.clone(),
        causes: verdict.causes.iter().map(ranked).collect(),
        next_steps: verdict.next_steps.clone(),
    }
}

fn ranked(ranked: &core::RankedCause) -> v1::RankedCause {
    v1::RankedCause {
        cause: ranked.cause.to_string(),
        confidence: ranked.confidence,
        summary: ranked.summary.clone(),
        culprit: Some(v1::Culprit {
            component: ranked.culprit.component.clone(),
            object: ranked.culprit.object.clone(),
        }),
        proof: ranked.proof.iter().map(argument).collect(),
        ruled_out: ranked.ruled_out.iter().map(argument).collect(),
        explains: ranked.explains.iter().map(ToString::to_string).collect(),
        remedy: ranked.remedy.clone(),
        proven: ranked.proven,
    }
}

fn argument(argument: &core::Argument) -> v1::Argument {
    v1::Argument {
        cause: argument.cause.to_string(),
        summary: argument.summary.clone(),
        evidence_ids: ids(&argument.evidence),
        finding: argument.finding,
    }
}

fn ids(ids: &[EvidenceId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
