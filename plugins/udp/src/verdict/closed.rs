//! The target itself says that nothing receives on the port.
//!
//! A filter on the target's own host may say so in its name. On this host the counters tell: `NoPorts` counts what no socket took,
//! and what a filter rejected never came so far.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, IcmpError, Measure};
use sonde_sdk::way::Explained;

use super::{proven, unclear};
use crate::observe::{Path, holder, moved};

/// Judges the port unreachable that `sender` sent, the address itself.
pub(super) fn judge(path: &Path, sender: &str, error: &IcmpError) -> Explained {
    let said: Vec<EvidenceId> = path
        .dials
        .iter()
        .filter(|dial| dial.icmp.as_ref().is_some_and(|other| other.code == error.code && other.sender == error.sender))
        .map(|dial| dial.evidence)
        .collect();
    let at = &path.endpoint;
    let finding = || supports("udp.port_closed").citing(said.iter().copied().take(1));
    let (Some(first), [again, ..]) = (said.first().copied(), said.get(1..).unwrap_or_default()) else {
        let sentence = format!("{sender} says that nothing receives on {at}, and did not say so again");
        return unclear(path, sentence.clone()).with(finding().strong().because(sentence));
    };
    if path.is_local() {
        return own(path, &said, first, *again);
    }
    let code = format!("ICMP type {} code {}", error.icmp_type, error.code);
    let sentence = format!(
        "{sender} itself answers datagrams to {at} with port unreachable ({code}): nothing receives on the port"
    );
    Explained::proven(at, "udp.port_closed", sentence.clone())
        .with(finding().proof().because(&sentence).measuring(elapsed(path, first)))
        .with(
            refutes("fw.reject_icmp")
                .strong()
                .because("repeated, the word comes from the target itself; a filter on the way speaks in its own name")
                .citing([*again]),
        )
        .with(
            supports("fw.reject_icmp")
                .because("a filter on the target's own host that answers in this way looks the same from here")
                .citing([first]),
        )
        .next(format!("run `sonde diagnose :{}` on {}", at.port, at.address))
}

/// On this host the kernel counts what no socket takes.
fn own(path: &Path, said: &[EvidenceId], first: EvidenceId, again: EvidenceId) -> Explained {
    let counter = if path.endpoint.is_ipv6() { "Udp6.NoPorts" } else { "Udp.NoPorts" };
    let refused = path.dials.iter().filter(|dial| said.contains(&dial.evidence));
    let windows: Vec<(EvidenceId, i64)> =
        refused.filter_map(|dial| Some((dial.evidence, moved(dial, counter)?))).collect();
    let at = &path.endpoint;
    // What others send to closed ports is counted alike, but need not be in each window.
    let Some((window, more)) = windows.iter().min_by_key(|(_, n)| *n).copied() else {
        return unclear(path, format!("this host says that nothing receives on {at}, or a filter of it says so"))
            .with(supports("udp.port_closed").strong().because("port unreachable comes from this host").citing([first]))
            .with(supports("fw.reject_icmp").because("a filter of this host may have sent it").citing([again]));
    };
    let other = if window == first { again } else { first };
    if let Some(socket) = path.receivers(true).next().filter(|_| more > 0) {
        let sentence = format!("{} receives on {at}, and yet this host says that nothing does", holder(socket));
        let cited = path.sockets.last().map(|sockets| sockets.evidence).into_iter().chain([first]);
        let because = "a filter of this host may have sent it, or the socket is bound to a link or a family";
        return unclear(path, sentence).with(supports("fw.reject_icmp").strong().because(because).citing(cited));
    }
    if more > 0 {
        let mut case = proven(
            path,
            ("udp.port_closed", format!("no socket of this host receives on {at}{}", elsewhere(path))),
            [other],
            ("fw.reject_icmp", "the datagrams came as far as the sockets: the kernel counts them as for no port"),
            [window],
        );
        if let Some(finding) = case.findings.last_mut() {
            finding.measures.push(Measure::count(counter, more));
        }
        return case;
    }
    proven(
        path,
        (
            "fw.reject_icmp",
            format!("a filter of this host rejects datagrams to {at} before any socket could take them"),
        ),
        [other],
        ("udp.port_closed", "port unreachable comes, and the kernel counts no datagram for a closed port"),
        [window],
    )
    .next("list this host's input rules: nft list ruleset, iptables -S INPUT")
}

/// Who receives on the port, but not on this address.
fn elsewhere(path: &Path) -> String {
    let others = path.receivers(false).map(|socket| format!("{} on {}", holder(socket), socket.local.address));
    match others.collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        others => format!("; others do on that port: {}", others.join(", ")),
    }
}

fn elapsed(path: &Path, evidence: EvidenceId) -> Measure {
    let dial = path.dials.iter().find(|dial| dial.evidence == evidence);
    Measure::duration("elapsed", dial.map(|dial| dial.timing.elapsed()).unwrap_or_default())
}
