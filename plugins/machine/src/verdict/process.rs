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
    let sentence = format!("{} is {how}", name(second));
    let finding = supports("host.process_stopped").proof().about(name(second)).because(&sentence);
    verdict.findings.push(finding.citing([looks[1]]).build());
    verdict.findings.push(
        refutes("app.not_responding")
            .proof()
            .about(name(second))
            .because(format!(
                "it did not run in either look, and used {} ms of CPU between them",
                used_ms(first.cpu_us, second.cpu_us)
            ))
            .citing([looks[0]])
            .build(),
    );
    verdict.next.get_or_insert_with(|| {
        if frozen.is_some() { "thaw its cgroup" } else { "send it SIGCONT, or detach its debugger" }.to_owned()
    });
    verdict.faults.push(sentence);
    true
}

fn by_whom(state: &str) -> &'static str {
    if state == "t" { "by a debugger" } else { "by a signal" }
}

fn used_ms(before_us: u64, after_us: u64) -> u64 {
    after_us.saturating_sub(before_us) / 1000
}
