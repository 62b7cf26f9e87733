//! The verdict block: the answer, what proves it, what was ruled out, and what to do.

use sonde_proto::v1::{Argument, Diagnosis, RankedCause, Verdict, VerdictState};

use crate::render::call::{answer, question};
use crate::render::page::Page;
use crate::render::style::Mark;

/// The block of a diagnosis.
pub(crate) fn draw(page: &mut Page, diagnosis: &Diagnosis) {
    let Some(verdict) = &diagnosis.verdict else {
        page.headline(Mark::Unclear, "undecided: there is no verdict");
        return;
    };
    match verdict.state() {
        VerdictState::Healthy => healthy(page, verdict),
        VerdictState::Fault => fault(page, verdict, diagnosis),
        VerdictState::Undecided | VerdictState::Unspecified => undecided(page, verdict),
    }
    page.list("next step", next_steps(diagnosis, verdict));
}

/// One line for progress and logs.
pub(crate) fn line(verdict: &Verdict) -> String {
    match (verdict.state(), verdict.causes.first()) {
        (VerdictState::Healthy, _) => "healthy".to_owned(),
        (VerdictState::Fault, Some(cause)) => format!("fault: {}", ranked(cause)),
        (VerdictState::Fault, None) => "fault".to_owned(),
        (VerdictState::Undecided | VerdictState::Unspecified, Some(cause)) => {
            format!("undecided, perhaps {}", ranked(cause))
        }
        (VerdictState::Undecided | VerdictState::Unspecified, None) => "undecided".to_owned(),
    }
}

fn healthy(page: &mut Page, verdict: &Verdict) {
    page.headline(Mark::Works, &headed("healthy", &verdict.summary));
    page.list("but", verdict.causes.iter().map(|cause| format!("{}: {}", ranked(cause), cause.summary)));
}

fn fault(page: &mut Page, verdict: &Verdict, diagnosis: &Diagnosis) {
    let [first, others @ ..] = verdict.causes.as_slice() else {
        page.headline(Mark::Broken, &headed("fault", &verdict.summary));
        return;
    };
    page.headline(Mark::Broken, &format!("fault: {}", ranked(first)));
    page.paragraph(if first.summary.is_empty() { &verdict.summary } else { &first.summary });
    cause(page, first, diagnosis);
    for other in others {
        page.gap();
        let mark = if other.proven { Mark::Broken } else { Mark::Unclear };
        page.headline(mark, &format!("{}: {}", if other.proven { "also" } else { "perhaps" }, ranked(other)));
        page.paragraph(&other.summary);
        if other.proven {
            cause(page, other, diagnosis);
        }
    }
}

fn undecided(page: &mut Page, verdict: &Verdict) {
    page.headline(Mark::Unclear, &headed("undecided", &verdict.summary));
    for candidate in &verdict.causes {
        page.list("perhaps", [format!("{}: {}", ranked(candidate), candidate.summary)]);
        page.list("  for it", once(arguments(&candidate.proof)));
        page.list("  ruled out", ruled_out(&candidate.ruled_out));
    }
}

fn cause(page: &mut Page, cause: &RankedCause, diagnosis: &Diagnosis) {
    if let Some(culprit) = &cause.culprit {
        page.field("culprit", format!("{} {}", culprit.component, culprit.object).trim());
    }
    page.list("proof", once(cause.proof.iter().flat_map(|argument| proof(argument, cause, diagnosis))));
    page.list("ruled out", ruled_out(&cause.ruled_out));
    page.field("explains", &cause.explains.join(", "));
    page.field("remedy", &cause.remedy);
}

/// The argument's sentence; where the cause has said it already, the host calls behind it.
fn proof(argument: &Argument, cause: &RankedCause, diagnosis: &Diagnosis) -> Vec<String> {
    let cited = diagnosis.evidence.iter().filter(|call| argument.evidence_ids.contains(&call.id));
    let calls: Vec<String> = cited.map(|call| format!("{}: {}", question(call), answer(call))).collect();
    if argument.summary == cause.summary && !calls.is_empty() { calls } else { vec![argument.summary.clone()] }
}

fn arguments(arguments: &[Argument]) -> impl Iterator<Item = String> {
    arguments.iter().map(|argument| argument.summary.clone())
}

fn ruled_out(arguments: &[Argument]) -> impl Iterator<Item = String> {
    arguments.iter().map(|argument| headed(&argument.cause, &argument.summary))
}

fn next_steps(diagnosis: &Diagnosis, verdict: &Verdict) -> Vec<String> {
    let steps = verdict.next_steps.iter().chain(diagnosis.checks.iter().map(|check| &check.next_step));
    once(steps.filter(|step| !step.is_empty()).cloned())
}

/// Each line once, in the order of its first: two arguments may say the same.
fn once(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for line in lines {
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    seen
}

fn ranked(cause: &RankedCause) -> String {
    format!("{}, confidence {:.0} %", cause.cause, (cause.confidence * 100.0).clamp(0.0, 100.0))
}

fn headed(state: &str, summary: &str) -> String {
    if summary.is_empty() { state.to_owned() } else { format!("{state}: {summary}") }
}
