//! A process that does not run: stopped by a signal or a debugger, or frozen with its cgroup. Behind a listener with waiting
//! connections the check `listener` says so.

use sonde_sdk::finding::{refutes, supports};

use super::Verdict;
use crate::observe::{Observations, Subject, Watched, name};

/// Whether it does not run: then nothing else of it is worth judging.
pub(super) fn judge(observed: &Observations, watched: &Watched, verdict: &mut Verdict) -> bool {
    let Some([first, second]) = watched.facts() else { return false };
    let frozen = watched.cgroups().filter(|[first, second]| first.frozen && second.frozen);
    let (how, looks) = match frozen {
        Some([_, cgroup]) => (format!("frozen with the cgroup {}", cgroup.path), watched.cgroup_looks()),
        None if first.is_stopped() && second.is_stopped() => {
            (format!("stopped (state {}, {})", second.state, by_whom(&second.state)), watched.looks())
        }
        None if second.state == "Z" => {
            verdict.faults.push(format!(
                "{} has ended; its parent, pid {}, has not noticed",
                name(second),
                second.parent
            ));
            return true;
        }
        None => return false,
    };
    if !matches!(observed.subject, Subject::Process(_)) {
        return true;
    }
    let finding = supports("host.process_stopped").about(name(second)).citing([looks[1]]);
    let used_ms = second.cpu_us.saturating_sub(first.cpu_us) / 1000;
    if used_ms > 0 {
        // Whoever traces it or limits it so lets it go on again and again.
        let sentence = format!("{} is {how} in both looks, and ran for {used_ms} ms between them", name(second));
        verdict.doubt(sentence.clone(), finding.because(sentence));
        return true;
    }
    let sentence = format!("{} is {how}", name(second));
    let hung = refutes("app.not_responding")
        .proof()
        .about(name(second))
        .because("it did not run in either look, nor between them")
        .citing([looks[0]]);
    verdict.next.get_or_insert_with(|| {
        if frozen.is_some() { "thaw its cgroup" } else { "send it SIGCONT, or detach its debugger" }.to_owned()
    });
    verdict.prove(sentence.clone(), finding.because(sentence), [hung]);
    true
}

fn by_whom(state: &str) -> &'static str {
    if state == "t" { "by a debugger" } else { "by a signal" }
}
