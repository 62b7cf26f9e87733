//! The interface `report`: a finding is accepted only when it rests on host calls of its own run and names a known cause.

use sonde_core::catalogue::catalogue;
use sonde_core::finding::{CauseId, Finding, Measure, Stance, Strength};
use sonde_core::observation::EvidenceId;

use crate::bindings::sonde::check::report as wit;
use crate::limits::Limits;
use crate::run::Run;
use crate::session::Session;
use crate::text::tidy;

/// The longest name and unit of a measure.
const MEASURE_TEXT_BYTES: usize = 64;

impl wit::Host for Session {
    fn report(&mut self, finding: wit::Finding) -> Result<(), wit::Rejection> {
        let Some(run) = self.caller.run() else {
            return Err(wit::Rejection::NoEvidence);
        };
        if self.findings >= self.limits.findings {
            return Err(wit::Rejection::TooLarge(format!(
                "a check may make {} findings in a run",
                self.limits.findings
            )));
        }
        let finding = accepted(run, self.caller.check(), finding, &self.limits)?;
        self.findings += 1;
        run.found(finding);
        Ok(())
    }
}

fn accepted(run: &Run, check: &str, finding: wit::Finding, limits: &Limits) -> Result<Finding, wit::Rejection> {
    let cause = CauseId::parse(&finding.cause)
        .filter(|cause| catalogue().is_known(cause))
        .ok_or_else(|| wit::Rejection::UnknownCause(tidy(&finding.cause, MEASURE_TEXT_BYTES)))?;
    within("the subject", finding.subject.len(), limits.text_bytes)?;
    within("the summary", finding.summary.len(), limits.text_bytes)?;
    within("the list of evidence", finding.evidence.len(), limits.finding_items)?;
    within("the list of measures", finding.measures.len(), limits.finding_items)?;
    if finding.evidence.is_empty() {
        return Err(wit::Rejection::NoEvidence);
    }
    let mut evidence = Vec::with_capacity(finding.evidence.len());
    for id in finding.evidence.into_iter().map(EvidenceId) {
        if !run.knows(id) {
            return Err(wit::Rejection::UnknownEvidence(id.0));
        }
        // A call that was refused has seen nothing that could support a cause.
        let counts = matches!(finding.stance, wit::Stance::Refutes) || run.saw(id);
        if counts && !evidence.contains(&id) {
            evidence.push(id);
        }
    }
    if evidence.is_empty() {
        return Err(wit::Rejection::NoEvidence);
    }
    Ok(Finding {
        index: 0,
        check: check.to_owned(),
        stance: match finding.stance {
            wit::Stance::Supports => Stance::Supports,
            wit::Stance::Refutes => Stance::Refutes,
        },
        cause,
        strength: match finding.strength {
            wit::Strength::Weak => Strength::Weak,
            wit::Strength::Strong => Strength::Strong,
            wit::Strength::Proof => Strength::Proof,
        },
        subject: tidy(&finding.subject, limits.text_bytes),
        summary: tidy(&finding.summary, limits.text_bytes),
        evidence,
        // What is not finite has no meaning to anyone behind this.
        measures: finding
            .measures
            .into_iter()
            .filter(|measure| measure.value.is_finite())
            .map(|measure| self::measure(&measure))
            .collect(),
    })
}

fn measure(measure: &crate::bindings::sonde::check::types::Measure) -> Measure {
    Measure {
        name: tidy(&measure.name, MEASURE_TEXT_BYTES),
        value: measure.value,
        unit: tidy(&measure.unit, MEASURE_TEXT_BYTES),
    }
}

fn within(what: &str, size: usize, limit: usize) -> Result<(), wit::Rejection> {
    if size <= limit {
        Ok(())
    } else {
        Err(wit::Rejection::TooLarge(format!("{what} has {size}; at most {limit} are allowed")))
    }
}
