//! ECONNREFUSED without an ICMP error of its own: a RST, from the host or from a filter in its name.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::Listener;
use sonde_sdk::types::{EvidenceId, Measure, Reason};

use super::Case;
use crate::observe::Path;

/// Who refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Rst,
    Icmp,
    Unknown,
}

/// Judges the last dial by all of them.
pub(super) fn judge<'a>(path: &'a Path, dial: &TcpDial) -> Case<'a> {
    let again: Vec<EvidenceId> =
        refusals(path).filter(|(d, _)| d.evidence != dial.evidence).map(|(d, _)| d.evidence).collect();
    let elapsed = Measure::duration("connect", dial.timing.elapsed());
    if refusals(path).all(|(_, r)| r == Refusal::Rst) {
        return if path.is_local() { own(path, dial, &again) } else { remote(path, dial, &again, elapsed) };
    }
    if refusals(path).all(|(_, r)| r == Refusal::Icmp) {
        let sentence =
            format!("the SYN to {} is answered with an ICMP error, not with RST: a filter rejects it", path.endpoint);
        let case = Case::proven(path, "fw.reject_icmp", sentence.clone())
            .with(supports("fw.reject_icmp").proof().because(&sentence).citing([dial.evidence]).measuring(elapsed));
        return if again.is_empty() {
            case
        } else {
            case.with(
                refutes("tcp.port_closed")
                    .proof()
                    .because("repeated, the kernel counts an ICMP error again and no failed attempt")
                    .citing(again),
            )
        };
    }
    Case::unclear(path, format!("{} refuses, and whether by RST or by ICMP cannot be told here", path.endpoint))
        .with(supports("tcp.port_closed").strong().because("the connection is refused").citing([dial.evidence]))
        .with(supports("fw.reject_icmp").because("the connection is refused").citing([dial.evidence]))
        .next("run sonde on Linux 5.8 or newer, or while this network namespace is quiet")
}

fn refusals(path: &Path) -> impl Iterator<Item = (&TcpDial, Refusal)> {
    path.failures()
        .filter(|(_, f)| f.reason == Reason::Refused)
        .map(|(d, f)| (d, if f.icmp.is_some() { Refusal::Icmp } else { refusal(d, path.endpoint.is_ipv6()) }))
}

/// The error queue decides where it is visible, unless the counters of a quiet window say plainly otherwise.
fn refusal(dial: &TcpDial, ipv6: bool) -> Refusal {
    let unreachables = if ipv6 { "Icmp6.InDestUnreachs" } else { "Icmp.InDestUnreachs" };
    let moved = |name| dial.deltas.as_ref().and_then(|d| d.moved(name));
    match (moved("Tcp.AttemptFails"), moved(unreachables)) {
        (Some(1..), Some(0)) => Refusal::Rst,
        (Some(0), Some(1..)) => Refusal::Icmp,
        _ if dial.connection.icmp_visible => Refusal::Rst,
        _ => Refusal::Unknown,
    }
}

fn remote<'a>(path: &'a Path, dial: &TcpDial, again: &[EvidenceId], elapsed: Measure) -> Case<'a> {
    let sentence =
        format!("{} refuses with RST: nothing listens on the port (or a filter answers in its name)", path.endpoint);
    let case = Case::proven(path, "tcp.port_closed", sentence.clone())
        .with(supports("tcp.port_closed").proof().because(&sentence).citing([dial.evidence]).measuring(elapsed))
        .with(
            supports("fw.reject_rst")
                .because("a filter that answers with RST looks the same from here")
                .citing([dial.evidence]),
        )
        .next(format!("run `sonde diagnose :{}` on {}", path.endpoint.port, path.endpoint.address));
    not_icmp(case, again)
}

/// On this host the listener table is at hand.
fn own<'a>(path: &'a Path, dial: &TcpDial, again: &[EvidenceId]) -> Case<'a> {
    let Some((table, listeners)) = path.listeners() else {
        return remote(path, dial, again, Measure::duration("connect", dial.timing.elapsed()));
    };
    let on_port: Vec<&Listener> = listeners.iter().filter(|l| l.port == path.endpoint.port).collect();
    if on_port.is_empty() {
        let sentence =
            format!("{} refuses, and no socket of this host listens on port {}", path.endpoint, path.endpoint.port);
        let case = Case::proven(path, "tcp.port_closed", sentence.clone())
            .with(supports("tcp.port_closed").proof().because(&sentence).citing([dial.evidence]))
            .with(
                refutes("fw.reject_rst")
                    .proof()
                    .because("the listener table of this host has no such port")
                    .citing([table]),
            )
            .with(
                refutes("tcp.listen_wrong_addr")
                    .proof()
                    .because("no address of this host listens on the port")
                    .citing([table]),
            );
        return not_icmp(case, again);
    }
    if on_port.iter().any(|l| l.serves(&path.endpoint.address)) {
        return despite_listener(path, dial, table);
    }
    let bound: Vec<String> = on_port.iter().map(|l| l.address.clone()).collect();
    let sentence =
        format!("port {} is served on {} only, not on {}", path.endpoint.port, bound.join(", "), path.endpoint.address);
    Case::proven(path, "tcp.listen_wrong_addr", sentence.clone())
        .with(supports("tcp.listen_wrong_addr").proof().because(&sentence).citing([table]))
        .with(
            refutes("tcp.port_closed")
                .proof()
                .because("a socket does listen on the port; only this address refuses")
                .citing([table, dial.evidence]),
        )
}

/// A RST that the kernel sends itself is counted; one that a filter sends in its name is not.
fn despite_listener<'a>(path: &'a Path, dial: &TcpDial, table: EvidenceId) -> Case<'a> {
    let sentence = format!("{} refuses although a socket listens there", path.endpoint);
    let sent = |d: &TcpDial| d.deltas.as_ref().and_then(|w| w.moved("Tcp.OutRsts"));
    let refused = || refusals(path).map(|(d, _)| d);
    let by_filter = refused().count() >= 2 && sent(dial) == Some(0) && !refused().filter_map(sent).any(|n| n > 0);
    let (case, finding) = if by_filter {
        let sentence = format!("{sentence}, with a RST that its TCP did not send: a filter rejects it");
        let finding = supports("fw.reject_rst").proof().because(&sentence).citing(refused().map(|d| d.evidence));
        (Case::proven(path, "fw.reject_rst", sentence), finding)
    } else {
        let finding = supports("fw.reject_rst").strong().because(&sentence).citing([dial.evidence, table]);
        (Case::unclear(path, sentence), finding)
    };
    case.with(finding)
        .with(refutes("tcp.port_closed").proof().because("a socket listens on this address and port").citing([table]))
        .next("list this host's packet filter rules: nft list ruleset, iptables -S")
}

fn not_icmp<'a>(case: Case<'a>, again: &[EvidenceId]) -> Case<'a> {
    if again.is_empty() {
        return case;
    }
    case.with(
        refutes("fw.reject_icmp")
            .proof()
            .because("repeated, it is refused by RST again, and no ICMP error reaches the socket")
            .citing(again.iter().copied()),
    )
}
