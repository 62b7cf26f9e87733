//! From findings to one verdict: a pure function, the same for every order of the findings.
//!
//! Owns the rules of evidence. Refuses to name a cause on one observation: what is not separated stays a candidate.
//!
//! # A cause is named
//! when one `supports` finding of strength proof stands (no `refutes` finding of strength proof contradicts it about the same
//! subject) and one `refutes` finding rules out a look-alike of it, citing at least one host call that the proof does not cite.
//! Look-alikes are those of the catalogue, in either direction; of a `vendor.*` cause, whatever its own check refutes.
//!
//! # Confidence
//! A named cause: 0.70, 0.86 or 0.90 by the strongest refutation of a look-alike (weak, strong, proof), +0.03 for each further
//! look-alike that was ruled out at least strongly (at most +0.09), -0.15 or -0.05 for each strong or weak refutation of the
//! cause itself, -0.15 for each look-alike that is named about the same subject.
//! A candidate: 0.25, 0.45 or 0.60 by its strongest support, +0.05 for each look-alike ruled out (at most +0.15) and for a
//! second check that agrees, -0.20 or -0.05 for each strong or weak refutation; always below [`CONFIDENT`].
//!
//! # What explains what
//! A lower layer's cause explains an upper one's about the same subject, unless the upper proof holds an answer that no
//! outage below could have produced, or the lower one only slows down what the upper breaks. A wrong address explains what
//! fails there. Explained causes are listed with their explanation and are no answers of their own.

mod explain;
mod subject;
mod weigh;
mod wording;

use std::cmp::Reverse;
use std::net::IpAddr;

use crate::catalogue::{Catalogue, Effect};
use crate::finding::Finding;
use crate::manifest::{CheckEnd, Conclusion};
use crate::target::Target;
use crate::verdict::{Argument, Culprit, RankedCause, Verdict, VerdictState};

use explain::Scene;
use weigh::Weighed;

/// A named cause of at least this confidence is certain; a candidate never reaches it.
pub const CONFIDENT: f64 = 0.8;

/// How many causes a verdict names.
const MOST_CAUSES: usize = 8;

/// How many candidates an undecided verdict ranks.
const MOST_CANDIDATES: usize = 5;

/// Everything a verdict rests on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What the run is about.
    pub target: &'a Target,
    /// The target's addresses, literal or learnt.
    pub addresses: &'a [IpAddr],
    /// In any order.
    pub findings: &'a [Finding],
    /// The planned checks.
    pub checks: &'a [CheckState],
}

/// A planned check and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckState {
    /// Its name.
    pub name: String,
    /// Absent while it has not ended.
    pub end: Option<CheckEnd>,
}

impl CheckState {
    fn conclusion(&self) -> Option<Conclusion> {
        match &self.end {
            Some(CheckEnd::Concluded(outcome)) => Some(outcome.conclusion),
            _ => None,
        }
    }
}

/// The verdict on what is known so far.
pub fn judge(case: &Case<'_>, catalogue: &Catalogue) -> Verdict {
    let weighed = weigh::weigh(case.findings, catalogue);
    let scene = Scene::new(case, catalogue);
    let (mut named, mut candidates): (Vec<Weighed<'_>>, Vec<Weighed<'_>>) =
        weighed.into_iter().partition(|weighed| weighed.named);
    weigh::lower_rivals(&mut named, &scene);
    let explained = scene.explained(&named);
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    for (position, cause) in named.iter().enumerate() {
        match (explained[position], scene.effect(cause)) {
            (Some(_), _) => {}
            (None, Effect::Warns) => warnings.push(position),
            (None, _) => faults.push(position),
        }
    }
    if works(case.checks) {
        // What is wrong with another service does not make this one unhealthy.
        faults.retain(|position| !scene.is_elsewhere(&named[*position]));
    }
    faults.sort_by_cached_key(|position| scene.order(&named[*position]));
    let explains = |root: usize| {
        let below = (0..named.len()).filter(|position| explained[*position] == Some(root));
        below.map(|position| named[position].cause.clone()).collect()
    };
    let ranked = |position: usize| RankedCause { explains: explains(position), ..present(&named[position], catalogue) };
    if !faults.is_empty() {
        let causes: Vec<_> = faults.into_iter().chain(warnings).take(MOST_CAUSES).map(ranked).collect();
        let summary = causes.first().map(|cause| cause.summary.clone()).unwrap_or_default();
        return Verdict {
            state: VerdictState::Fault,
            summary,
            causes,
            next_steps: wording::next_steps(case, &[], catalogue),
        };
    }
    let warnings: Vec<RankedCause> = warnings.into_iter().map(ranked).collect();
    if works(case.checks) {
        let summary = wording::healthy(case, &warnings);
        return Verdict { state: VerdictState::Healthy, summary, causes: warnings, next_steps: Vec::new() };
    }
    candidates.sort_by_cached_key(|candidate| (Reverse(permille(candidate.confidence)), scene.order(candidate)));
    candidates.truncate(MOST_CANDIDATES);
    let summary = wording::undecided(case, &candidates);
    let next_steps = wording::next_steps(case, &candidates, catalogue);
    let mut causes: Vec<_> = candidates.iter().map(|candidate| present(candidate, catalogue)).collect();
    causes.extend(warnings.into_iter().map(|warning| {
        let confidence = warning.confidence.min(weigh::CANDIDATE_LIMIT);
        RankedCause { confidence, ..warning }
    }));
    Verdict { state: VerdictState::Undecided, summary, causes, next_steps }
}

/// Every check that found something to test says that it works, and one did.
fn works(checks: &[CheckState]) -> bool {
    let conclusions: Vec<_> = checks.iter().map(CheckState::conclusion).collect();
    conclusions.contains(&Some(Conclusion::Works))
        && conclusions.iter().all(|one| matches!(one, Some(Conclusion::Works | Conclusion::Skipped)))
}

fn present(weighed: &Weighed<'_>, catalogue: &Catalogue) -> RankedCause {
    let entry = catalogue.get(&weighed.cause);
    let component = entry.map_or_else(|| weighed.cause.layer().to_owned(), |entry| entry.component.clone());
    RankedCause {
        cause: weighed.cause.clone(),
        confidence: weighed.confidence,
        summary: weighed.support.first().map(|finding| finding.summary.clone()).unwrap_or_default(),
        culprit: Culprit { component, object: wording::object(&weighed.support) },
        proof: weighed.support.iter().copied().map(argument).collect(),
        ruled_out: weighed.ruled_out.iter().copied().map(argument).collect(),
        explains: Vec::new(),
        remedy: entry.map(|entry| entry.remedy.clone()).unwrap_or_default(),
        proven: weighed.named,
    }
}

fn argument(finding: &Finding) -> Argument {
    Argument {
        cause: finding.cause.clone(),
        summary: finding.summary.clone(),
        evidence: finding.evidence.clone(),
        finding: finding.index,
    }
}

/// Confidence as an integer, which orders totally.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a confidence is between 0 and 1")]
fn permille(confidence: f64) -> u32 {
    (confidence.clamp(0.0, 1.0) * 1000.0).round() as u32
}

#[cfg(test)]
mod tests;
