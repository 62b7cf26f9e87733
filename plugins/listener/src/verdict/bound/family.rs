//! A port that is served over IPv6 only, on a host that others also reach over IPv4.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Reason};

use super::Verdict;
use crate::observe::{Dial, Observations, Watched};

/// Every listener takes IPv6 only, and IPv4 is refused.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let takes_ipv6_only = |w: &Watched| w.now().address == "::" && w.now().v6only;
    let (Some(first), true) = (watched.first(), watched.iter().all(takes_ipv6_only)) else { return };
    let Some(ours) = observed.reachable_addresses().into_iter().find(std::net::IpAddr::is_ipv4) else { return };
    let of = |v6: bool| observed.dials.iter().filter(move |d| d.address.contains(':') == v6);
    let refused = |d: &&Dial| d.dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused && f.icmp.is_none());
    let refused: Vec<EvidenceId> = of(false).filter(refused).map(|d| d.dial.evidence).collect();
    let accepted: Vec<EvidenceId> = of(true).filter(|d| d.dial.outcome.is_ok()).map(|d| d.dial.evidence).collect();
    let name = first.name();
    let sentence = format!("{name} takes IPv6 only: clients of {ours} are refused");
    let finding = supports("tcp.listen_wrong_addr")
        .about(&name)
        .because(&sentence)
        .citing([observed.look(2)].into_iter().chain(refused.iter().copied()));
    if refused.is_empty() || accepted.is_empty() {
        // A redirection may bring IPv4 to it.
        verdict.findings.push(finding.build());
        return;
    }
    verdict.findings.push(finding.proof().build());
    verdict.findings.push(
        refutes("tcp.port_closed")
            .proof()
            .about(&name)
            .because("the service runs: it listens, and answers over IPv6")
            .citing([observed.look(0)].into_iter().chain(accepted))
            .build(),
    );
    verdict.next = Some("bind it to `::` without IPV6_V6ONLY, or to 0.0.0.0 as well".to_owned());
    verdict.faults.push(sentence);
}
