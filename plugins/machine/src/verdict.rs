//! Judges the machine. Pure.

mod files;
pub(crate) mod filter;
mod memory;
pub(crate) mod overflow;
mod process;
mod softnet;
#[cfg(test)]
mod tests;
mod throttle;
mod tracking;

use sonde_sdk::check::Outcome;
use sonde_sdk::judgement::{Judgement, Verdict};

use crate::observe::{Observations, Subject, name};

/// The judgement.
pub(crate) fn judge(observed: &Observations) -> Judgement {
    let mut verdict = Verdict::default();
    if let Subject::Process(_) = observed.subject
        && let Some(failure) = observed.processes.iter().find_map(|watched| watched.process[1].outcome.as_ref().err())
    {
        let outcome = Outcome::unclear(format!("the process cannot be looked at: {}", failure.detail));
        return outcome.into();
    }
    for watched in &observed.processes {
        if observed.subject != Subject::Host && process::judge(observed, watched, &mut verdict) {
            continue;
        }
        files::of_process(observed, watched, &mut verdict);
        throttle::judge(watched, &mut verdict);
    }
    files::of_machine(observed, &mut verdict);
    memory::judge(observed, &mut verdict);
    tracking::judge(observed, &mut verdict);
    softnet::judge(observed, &mut verdict);
    overflow::judge(observed, &mut verdict);
    filter::judge(observed, &mut verdict);
    verdict.end(|| in_order(observed))
}

fn in_order(observed: &Observations) -> Outcome {
    let Some([_, machine]) = observed.machine() else {
        let failure = observed.looks.iter().find_map(|look| look.host.outcome.as_ref().err());
        return Outcome::unclear(match failure {
            Some(failure) => format!("the machine cannot be looked at: {}", failure.detail),
            None => "the machine cannot be looked at".to_owned(),
        });
    };
    let machine = format!(
        "the machine is short of nothing: {} of {} files open, {} % of its memory available",
        machine.open_files,
        machine.open_files_limit,
        machine.memory_available_bytes.saturating_mul(100).checked_div(machine.memory_bytes).unwrap_or(0)
    );
    let running = observed.processes.iter().find_map(|watched| {
        let [_, facts] = watched.facts()?;
        let files = match (facts.open_files, facts.open_files_soft) {
            (Some(open), Some(soft)) => format!(", {open} of {soft} files open"),
            _ => String::new(),
        };
        let elsewhere = if facts.here == Some(false) { ", in another network namespace than this one" } else { "" };
        Some(format!("{} is in state {}{files}{elsewhere}", name(facts), facts.state))
    });
    let hidden = observed.processes.iter().find_map(|watched| {
        let [_, facts] = watched.facts()?;
        facts.open_files.is_none().then(|| name(facts))
    });
    if let (Subject::Process(_), Some(hidden)) = (observed.subject, hidden) {
        return Outcome::unclear(format!("the open files of {hidden} cannot be counted; {machine}"))
            .next("run sonde with CAP_SYS_PTRACE, or as the user of that process");
    }
    Outcome::works(match (observed.subject, running) {
        (Subject::Host, _) | (_, None) => machine,
        (_, Some(running)) => format!("{running}; {machine}"),
    })
}
