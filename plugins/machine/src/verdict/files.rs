//! Files that a process, or all of them together, may open.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure};

use super::Verdict;
use crate::observe::{Observations, Subject, Watched, name};

/// A process has none left, in both looks. Behind a listener with waiting connections the check `listener` says so.
pub(super) fn of_process(observed: &Observations, watched: &Watched, verdict: &mut Verdict) {
    let Subject::Process(_) = observed.subject else { return };
    let Some([first, second]) = watched.facts() else { return };
    if first.files_left() != Some(0) || second.files_left() != Some(0) {
        return;
    }
    let (open, soft) = (second.open_files.unwrap_or(0), second.open_files_soft.unwrap_or(0));
    let held = second.descriptors.map_or_else(String::new, |held| {
        format!(" ({} sockets, {} files, {} pipes, {} others)", held.sockets, held.files, held.pipes, held.other)
    });
    let sentence = format!("{} has {open} of {soft} file descriptors open{held}", name(second));
    let [before, after] = watched.looks();
    verdict.findings.push(
        supports("host.fd_process_limit")
            .proof()
            .about(name(second))
            .because(&sentence)
            .citing([after])
            .measuring(Measure::count("open files", u32::try_from(open).unwrap_or(u32::MAX).into()))
            .build(),
    );
    verdict.findings.push(
        refutes("app.not_responding")
            .strong()
            .about(name(second))
            .because("no descriptor was free in the first look either: it can neither connect nor accept")
            .citing([before])
            .build(),
    );
    if let Some([_, machine]) = observed.machine().filter(|[_, machine]| machine.open_files < machine.open_files_limit)
    {
        verdict.findings.push(
            refutes("host.fd_system_limit")
                .proof()
                .about(name(second))
                .because(format!("the machine has {} of {} files open", machine.open_files, machine.open_files_limit))
                .citing(observed.machine_looks())
                .build(),
        );
    }
    let hard = second.open_files_hard.filter(|hard| *hard > soft);
    verdict.next.get_or_insert_with(|| match hard {
        Some(hard) => format!("find what it keeps open; its limit can be raised to {hard}"),
        None => "find what it keeps open, and raise LimitNOFILE".to_owned(),
    });
    verdict.faults.push(sentence);
}

/// The machine has none left, in both looks.
pub(super) fn of_machine(observed: &Observations, verdict: &mut Verdict) {
    let Some([first, second]) = observed.machine() else { return };
    let is_out = |open, limit| limit > 0 && open >= limit;
    if !is_out(first.open_files, first.open_files_limit) || !is_out(second.open_files, second.open_files_limit) {
        return;
    }
    let sentence = format!(
        "the machine has {} files open, and {} may be (fs.file-max)",
        second.open_files, second.open_files_limit
    );
    let finding =
        supports("host.fd_system_limit").about("the machine").because(&sentence).citing(observed.machine_looks());
    if let Some((who, evidence)) = with_files_left(observed) {
        let its_own = refutes("host.fd_process_limit")
            .proof()
            .about("the machine")
            .because(format!("{who} is below its own limit"))
            .citing([evidence]);
        verdict.prove(sentence, finding, [its_own]);
    } else {
        verdict.doubt(sentence, finding);
    }
}

/// A process with descriptors to spare, and the evidence of that.
fn with_files_left(observed: &Observations) -> Option<(String, EvidenceId)> {
    let watched = observed.processes.iter().find_map(|watched| {
        let [_, facts] = watched.facts()?;
        (facts.files_left()? > 0).then(|| (name(facts), watched.looks()[1]))
    });
    watched.or_else(|| {
        let table = observed.listeners.as_ref()?;
        let mut processes = table.outcome.iter().flatten().filter_map(|listener| listener.process.as_ref());
        let spare = processes.find(|process| {
            process.open_files.zip(process.open_files_limit).is_some_and(|(open, limit)| open < limit)
        })?;
        Some((format!("{} (pid {})", spare.command, spare.pid), table.evidence))
    })
}
