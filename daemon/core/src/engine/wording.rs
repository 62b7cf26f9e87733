//! The sentences of a verdict, and what to do where it is undecided.

use std::collections::BTreeSet;

use crate::catalogue::Catalogue;
use crate::finding::{CauseId, Finding, Strength};
use crate::manifest::{CheckEnd, Conclusion, Stop};
use crate::verdict::RankedCause;

use super::weigh::Weighed;
use super::{Case, CheckState};

/// How many next steps a verdict lists.
const MOST_STEPS: usize = 6;

/// How many subjects a culprit's object names.
const MOST_SUBJECTS: usize = 3;

/// How many candidates are told what they lack.
const MOST_LACKING: usize = 2;

pub(super) fn healthy(case: &Case<'_>, warnings: &[RankedCause]) -> String {
    match warnings.first() {
        None => format!("{} works, and nothing was found that would break it", case.target.text),
        Some(warning) => format!("{} works, but: {}", case.target.text, warning.summary),
    }
}

pub(super) fn undecided(case: &Case<'_>, candidates: &[Weighed<'_>]) -> String {
    let pending: Vec<&str> =
        case.checks.iter().filter(|check| check.end.is_none()).map(|check| check.name.as_str()).collect();
    let broken = first_summary(case.checks, Conclusion::Broken);
    match candidates {
        [] => {}
        [only] => return format!("it may be {}, but that is not certain: {}", only.cause, summary(only)),
        [first, second, ..] => {
            return format!("the evidence does not separate {} from {}: {}", first.cause, second.cause, summary(first));
        }
    }
    if let Some(summary) = broken {
        return format!("something is wrong, and its cause was not found: {summary}");
    }
    if !pending.is_empty() {
        return format!("not all checks have ended: {}", pending.join(", "));
    }
    let stopped = case.checks.iter().find_map(|check| match &check.end {
        Some(CheckEnd::Stopped(stop)) => Some(format!("the check {} was stopped: {}", check.name, describe(stop))),
        _ => None,
    });
    if let Some(stopped) = stopped {
        return stopped;
    }
    match first_summary(case.checks, Conclusion::Unclear).or_else(|| first_summary(case.checks, Conclusion::Skipped)) {
        Some(summary) => format!("nothing could be decided: {summary}"),
        None => "nothing was tested".to_owned(),
    }
}

/// What the checks advise, then what is missing for the candidates, then what was cut short.
pub(super) fn next_steps(case: &Case<'_>, candidates: &[Weighed<'_>], catalogue: &Catalogue) -> Vec<String> {
    let advised = case.checks.iter().filter_map(|check| match &check.end {
        Some(CheckEnd::Concluded(outcome)) => outcome.next_step.clone(),
        _ => None,
    });
    let lacking = candidates.iter().take(MOST_LACKING).map(|candidate| lacks(candidate, catalogue));
    let cut = case.checks.iter().filter_map(|check| match &check.end {
        Some(CheckEnd::Stopped(Stop::Deadline)) => {
            Some(format!("give a longer budget: the check {} did not end within this one", check.name))
        }
        _ => None,
    });
    let mut seen = BTreeSet::new();
    advised.chain(lacking).chain(cut).filter(|step| seen.insert(step.clone())).take(MOST_STEPS).collect()
}

/// The distinct subjects of some findings.
pub(super) fn object(findings: &[&Finding]) -> String {
    let mut seen = BTreeSet::new();
    let subjects: Vec<&str> = findings
        .iter()
        .map(|finding| finding.subject.trim())
        .filter(|subject| !subject.is_empty() && seen.insert(*subject))
        .collect();
    let shown = subjects.iter().take(MOST_SUBJECTS).copied().collect::<Vec<_>>().join(", ");
    match subjects.len().saturating_sub(MOST_SUBJECTS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn lacks(candidate: &Weighed<'_>, catalogue: &Catalogue) -> String {
    let proven = candidate.support.first().is_some_and(|finding| finding.strength == Strength::Proof);
    if !proven && let Some(entry) = catalogue.get(&candidate.cause) {
        return format!("to prove {}, show: {}", candidate.cause, entry.proof);
    }
    let mut open: Vec<(Option<&str>, &CauseId)> = catalogue
        .look_alikes(&candidate.cause)
        .into_iter()
        .filter(|look_alike| candidate.ruled_out.iter().all(|finding| finding.cause != look_alike.id))
        .map(|look_alike| (catalogue.separator(&candidate.cause, &look_alike.id), &look_alike.id))
        .collect();
    // Those first of which the cause itself says what tells them apart.
    open.sort_by_key(|(separator, _)| separator.is_none());
    let open: Vec<String> = open
        .into_iter()
        .take(2)
        .map(|(separator, id)| separator.map_or_else(|| id.to_string(), |separator| format!("{id} ({separator})")))
        .collect();
    if open.is_empty() {
        format!("to name {}, rule out something that looks like it by another observation", candidate.cause)
    } else {
        format!("to name {}, rule out {} by another observation", candidate.cause, open.join(" or "))
    }
}

fn summary<'w>(candidate: &'w Weighed<'_>) -> &'w str {
    candidate.support.first().map_or("", |finding| finding.summary.as_str())
}

fn first_summary(checks: &[CheckState], wanted: Conclusion) -> Option<&str> {
    checks.iter().find_map(|check| match &check.end {
        Some(CheckEnd::Concluded(outcome)) if outcome.conclusion == wanted => Some(outcome.summary.as_str()),
        _ => None,
    })
}

fn describe(stop: &Stop) -> String {
    match stop {
        Stop::CpuBudget => "it used up its share of CPU time".to_owned(),
        Stop::Memory => "it asked for more memory than it may have".to_owned(),
        Stop::Deadline => "it did not end within the budget".to_owned(),
        Stop::DataLimit => "it passed more data than it may".to_owned(),
        Stop::Trap(text) => format!("it trapped: {text}"),
        Stop::Error(text) => format!("it failed: {text}"),
        Stop::Cancelled => "the run was cancelled".to_owned(),
    }
}
