//! Nothing answered the SYNs before the deadline.
//!
//! From here silence looks the same whatever swallowed the packets. What can be told: whether they left this host, whether
//! the next hop is there, whether the host answers on other ports, and whether a router gave up in the end.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure};
use sonde_sdk::way::is_resolved;

use super::{Case, conflict, hairpin, inbound, ingress, own, source, tracking};
use crate::observe::{Control, Observations, Path, ours_fail_here, some_fail_here, waits_here};

/// Judges an endpoint whose last failure is silence.
pub(super) fn judge<'a>(observed: &Observations, path: &'a Path) -> Case<'a> {
    if let Some((dial, failure)) = path.failure()
        && let Some(told) = observed.way(path, dial, failure).unresolved()
    {
        return Case { path, told };
    }
    if path.is_local() {
        return own::judge(path);
    }
    let kept: Vec<&TcpDial> = path.windows().filter(|d| some_fail_here(d)).collect();
    // One SYN that was repeated without a failure shows that ours leave.
    if !kept.is_empty() && kept.len() == path.windows().count() {
        return tracking::judge(path).unwrap_or_else(|| kept_here(path, &kept));
    }
    let here = inbound::judge(path).or_else(|| ingress::judge(path)).or_else(|| hairpin::judge(path));
    if let Some(case) = here.or_else(|| source::judge(path)).or_else(|| conflict::stolen(path)) {
        return case;
    }
    conflict::suspect(unanswered(observed, path))
}

/// Nothing comes back: who swallowed it?
fn unanswered<'a>(observed: &Observations, path: &'a Path) -> Case<'a> {
    let silent: Vec<EvidenceId> = path.dials.iter().map(|d| d.evidence).collect();
    let answering: Vec<&Control> = path.answered_controls().collect();
    // A lossy path would lose these as well.
    let at_once = answering.iter().any(|c| c.dial.connection.syn_retransmits == 0)
        || path.echoed().is_some_and(|e| e.received == e.sent);
    // What waits in this host was not dropped beyond it.
    let waits = path.windows().any(waits_here);
    if path.is_silent() && silent.len() >= 2 && at_once && !waits {
        return dropped(observed, path, &silent, &answering);
    }
    let others =
        if answering.is_empty() && !path.controls.is_empty() { ", and neither does any other port of it" } else { "" };
    let (place, way) = where_it_ends(path);
    let case = Case::unclear(path, format!("{} does not answer{others}{place}", path.endpoint));
    let case = next_hop_is_there(observed, case);
    case.with(
        supports("fw.drop_remote")
            .strong()
            .because(format!("{} SYNs to {} got no answer, and no ICMP error came{place}", syns(path), path.endpoint))
            .citing(silent.iter().copied().chain(way)),
    )
    .with(
        supports("l3.host_down")
            .because("no port of the host answers, but no router reports it missing")
            .citing(silent.clone()),
    )
    .with(
        supports("l3.return_path_drop").because("an answer that is lost on its way back looks the same").citing(silent),
    )
    .next(format!(
        "run `sonde diagnose :{}` on {} to see whether the SYNs arrive",
        path.endpoint.port, path.endpoint.address
    ))
}

/// Other ports answer, this one never.
fn dropped<'a>(observed: &Observations, path: &'a Path, silent: &[EvidenceId], answering: &[&Control]) -> Case<'a> {
    let ports: Vec<String> = answering.iter().map(|c| c.port.to_string()).collect();
    let answers = match (ports.as_slice(), path.echoed()) {
        ([], _) => "answers echo requests".to_owned(),
        (_, None) => format!("answers on port {}", ports.join(", ")),
        (_, Some(_)) => format!("answers on port {} and echo requests", ports.join(", ")),
    };
    let (place, way) = where_it_ends(path);
    let beyond =
        if ingress::nothing_came(path) { "beyond this host" } else { "beyond this host or at its own ingress" };
    let sentence = format!(
        "{} SYNs to {} got no answer and no ICMP error, while the host {answers}: they are dropped {beyond}{place}",
        syns(path),
        path.endpoint,
    );
    let controls: Vec<EvidenceId> =
        answering.iter().map(|c| c.dial.evidence).chain(path.echoed().map(|e| e.evidence)).collect();
    let case = Case::proven(path, "fw.drop_remote", sentence.clone())
        .with(
            supports("fw.drop_remote")
                .proof()
                .because(&sentence)
                .citing(silent.iter().copied().chain(way))
                .measuring(Measure::count("SYNs", syns(path).into())),
        )
        .with(
            refutes("l3.host_down")
                .proof()
                .because(format!("the host is alive: it {answers}"))
                .citing(controls.clone()),
        )
        .next(format!(
            "run `sonde diagnose :{}` on {}: a full accept queue there looks the same from here",
            path.endpoint.port, path.endpoint.address
        ));
    let watched: Vec<EvidenceId> = path
        .dials
        .iter()
        .filter(|d| d.deltas.as_ref().and_then(|w| w.moved("TcpExt.TCPRetransFail")) == Some(0))
        .map(|d| d.evidence)
        .collect();
    let case = if watched.is_empty() {
        case
    } else {
        case.with(
            refutes("fw.drop_local_output")
                .strong()
                .because("the repeated SYNs left this host (TCPRetransFail did not move), and other ports are reached")
                .citing(watched.into_iter().chain(controls)),
        )
    };
    next_hop_is_there(observed, case)
}

fn kept_here<'a>(path: &'a Path, kept: &[&TcpDial]) -> Case<'a> {
    let [first, others @ ..] = kept else { return Case::unclear(path, format!("{} does not answer", path.endpoint)) };
    let failed = first.deltas.as_ref().and_then(|d| d.moved("TcpExt.TCPRetransFail")).unwrap_or(0);
    let sentence = format!("SYNs to {} never leave this host: its own output filter drops them", path.endpoint);
    let finding = supports("fw.drop_local_output")
        .because(&sentence)
        .citing([first.evidence])
        .measuring(Measure::count("TcpExt.TCPRetransFail", failed));
    if others.is_empty() || !kept.iter().all(|d| ours_fail_here(d)) {
        return Case::unclear(path, sentence).with(finding.strong());
    }
    let next_hop = path.neighbour().filter(|(_, n)| is_resolved(n)).map(|(id, _)| id);
    Case::proven(path, "fw.drop_local_output", sentence)
        .with(finding.proof())
        .with(
            refutes("fw.drop_remote")
                .proof()
                .because("repeated, the kernel again fails to send the SYN (TCPRetransFail), which a remote filter cannot cause")
                .citing(others.iter().map(|d| d.evidence).chain(next_hop)),
        )
        .next("list this host's output rules: nft list ruleset, iptables -S OUTPUT, cgroup programs")
}

/// The fault is not on this segment.
fn next_hop_is_there<'a>(observed: &Observations, case: Case<'a>) -> Case<'a> {
    let path = case.path;
    let Some((entry_id, entry)) = path.neighbour().filter(|(_, n)| is_resolved(n)) else { return case };
    let is_gateway = path.route().is_some_and(|(_, r)| r.gateway.is_some());
    let id = if is_gateway { "l2.gateway_unresolved" } else { "l2.neighbor_unresolved" };
    let link = observed.link(&entry.device).filter(|(_, l)| l.carrier).map(|(id, _)| id);
    case.with(
        refutes(id)
            .strong()
            .because(format!("the next hop {} is known on {} ({})", entry.address, entry.device, entry.state))
            .citing([entry_id].into_iter().chain(link)),
    )
}

/// The last router that a SYN to the very port is heard of from, to end a sentence with, and what shows it.
fn where_it_ends(path: &Path) -> (String, Option<EvidenceId>) {
    let Some((evidence, hop)) = path.last_hop() else { return (String::new(), None) };
    (format!("; they pass hop {} ({}) and die beyond it", hop.ttl, hop.senders().join(", ")), Some(evidence))
}

/// How many SYNs went unanswered.
fn syns(path: &Path) -> u32 {
    path.dials.iter().map(|d| d.connection.syn_retransmits + 1).sum()
}
