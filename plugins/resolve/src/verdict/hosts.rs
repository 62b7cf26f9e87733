//! The hosts file decides the name: DNS is never asked by programs, so only a difference between the two can be a fault.

use sonde_sdk::check::Outcome;
use sonde_sdk::dns::qtype::{A, AAAA};
use sonde_sdk::finding::{refutes, supports};

use super::{Judgement, answer, ids};
use crate::case::Case;
use crate::names;
use crate::plan;

/// Judges a name that the hosts file knows.
pub(super) fn judge(case: &Case) -> Judgement {
    let hosts = case.config.hosts_addresses.join(", ");
    let works = Outcome::works(format!("{} is {hosts} by the hosts file", case.subject));
    let Some(conflict) = plan::conflict(case) else { return super::silent(works) };
    let asked: Vec<u64> = ids(case.asked.iter().filter(|asked| {
        names::same(&asked.question.name, &conflict.name)
            && [A, AAAA].contains(&asked.question.qtype)
            && !asked.records().is_empty()
    }));
    let dns = conflict.dial.get(1).map_or("another address", String::as_str);
    let support = supports("dns.hosts_override")
        .about(&case.subject)
        .because(format!("the hosts file says that {} is {hosts}, but DNS says {dns}", case.subject))
        .citing([case.config.evidence])
        .citing(asked);
    let Some((by_hosts, by_dns)) = answer::serving(case, &conflict) else {
        // An override may be wanted; without a port nothing tells.
        return Judgement { findings: vec![support.build()], outcome: works };
    };
    match (&by_hosts.outcome, &by_dns.outcome) {
        (Err(failure), Ok(())) => {
            let finding = support.proof().build();
            let summary = format!("{}; {} fails ({}), {dns} serves", finding.summary, conflict.dial[0], failure.detail);
            let refutation = refutes("dns.stale_answer")
                .proof()
                .about(dns)
                .because(format!(
                    "the address that DNS gives, {dns}, serves the port; the one of the hosts file does not"
                ))
                .citing([by_hosts.evidence, by_dns.evidence])
                .build();
            Judgement { findings: vec![finding, refutation], outcome: Outcome::broken(summary) }
        }
        (Err(_), Err(_)) => Judgement { findings: vec![support.build()], outcome: works },
        (Ok(()), _) => super::silent(works),
    }
}
