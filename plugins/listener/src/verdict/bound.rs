//! Where the port is bound: nowhere, or only where remote clients cannot reach it.

mod elsewhere;
mod family;

use std::net::IpAddr;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::{EvidenceId, Reason};

use super::{Verdict, datagrams};
use crate::observe::{Dial, Observations, Watched, is_loopback};

/// No socket listens on the port, in any look.
pub(super) fn absent(observed: &Observations, port: u16, verdict: &mut Verdict) {
    let answered: Vec<&Dial> = observed.dials.iter().filter(|d| d.dial.outcome.is_ok()).collect();
    let came_or_went = observed.looks.iter().any(|l| l.listeners.outcome.as_ref().is_ok_and(|list| !list.is_empty()));
    if came_or_went {
        verdict.doubts.push(format!("the listener on port {port} comes and goes"));
        verdict.findings.push(
            supports("tcp.port_closed")
                .strong()
                .about(format!(":{port}"))
                .because("a listener was there in some looks only: its process restarts")
                .citing([0, 1, 2].map(|n| observed.look(n)))
                .build(),
        );
        return;
    }
    if let Some(dial) = answered.first() {
        verdict.doubts.push(format!(
            "no socket listens on port {port}, but {} answers on it: the port is redirected",
            dial.address
        ));
        return;
    }
    let sentence = format!("no TCP socket of this host listens on port {port}");
    if let Some((evidence, socket)) = observed.receiver() {
        datagrams(observed, verdict);
        udp(observed, port, (evidence, socket), verdict);
        return;
    }
    // Where no socket can be looked up, the port may be one of UDP, of which only the counters are seen.
    if datagrams(observed, verdict) {
        let finding =
            supports("tcp.port_closed").about(format!(":{port}")).because(&sentence).citing([observed.look(2)]);
        verdict.findings.push(finding.build());
        return;
    }
    verdict.findings.push(
        supports("tcp.port_closed")
            .proof()
            .about(format!(":{port}"))
            .because(&sentence)
            .citing([observed.look(0), observed.look(2)])
            .build(),
    );
    let refused = refused(observed);
    if let Some(table) = observed.table.as_ref().filter(|t| t.outcome.is_ok()) {
        for (look_alike, why) in [
            ("tcp.listen_wrong_addr", "no address of this host has a listener on the port"),
            ("fw.reject_rst", "there is nothing that a filter could stand in for: the listener table has no such port"),
        ] {
            let cited = [table.evidence].into_iter().chain(refused.iter().copied());
            verdict
                .findings
                .push(refutes(look_alike).proof().about(format!(":{port}")).because(why).citing(cited).build());
        }
    }
    if !refused.is_empty() {
        verdict.findings.push(
            refutes("fw.reject_icmp")
                .proof()
                .about(format!(":{port}"))
                .because("connecting locally is refused by RST, without any ICMP error")
                .citing(refused)
                .build(),
        );
    }
    verdict.faults.push(sentence);
}

/// The port is one of UDP. Whether a TCP service is missed there is not known here.
fn udp(observed: &Observations, port: u16, (evidence, socket): (EvidenceId, &Socket), verdict: &mut Verdict) {
    let process = socket.process().map(|process| format!("{} (pid {})", process.command, process.pid));
    let sentence = format!(
        "no TCP socket of this host listens on port {port}; {} receives datagrams on it",
        process.unwrap_or_else(|| "a UDP socket".to_owned())
    );
    verdict.findings.push(
        supports("tcp.port_closed")
            .about(format!(":{port}"))
            .because(&sentence)
            .citing([observed.look(2), evidence])
            .build(),
    );
    let address = match socket.local.address.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        bound if bound.contains(':') => format!("[{bound}]"),
        bound => bound.to_owned(),
    };
    verdict.next = Some(format!("as a UDP service it is tested by `sonde diagnose udp://{address}:{port}`"));
    verdict.doubts.push(sentence);
}

/// Local dials that were refused by RST.
fn refused(observed: &Observations) -> Vec<EvidenceId> {
    let rst = |d: &&Dial| d.dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused && f.icmp.is_none());
    observed.dials.iter().filter(rst).map(|d| d.dial.evidence).collect()
}

/// Listeners are there; can others reach them?
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let outside = observed.reachable_addresses();
    let (Some(first), Some(links)) = (watched.first(), observed.links.as_ref().map(|l| l.evidence)) else { return };
    let Some(example) = outside.first() else { return };
    if watched.iter().all(|w| is_loopback(w.now())) {
        // A redirection may bring outside connections to loopback all the same.
        if observed.dials.iter().any(|d| d.dial.outcome.is_ok() && d.address == example.to_string()) {
            return;
        }
        loopback_only(observed, first, *example, links, verdict);
        return;
    }
    family::judge(observed, watched, verdict);
    elsewhere::judge(observed, watched, verdict);
}

fn loopback_only(
    observed: &Observations,
    listener: &Watched,
    outside: IpAddr,
    links: EvidenceId,
    verdict: &mut Verdict,
) {
    let sentence = format!("{} listens on loopback only: clients of {outside} are refused", listener.name());
    let works: Vec<EvidenceId> =
        observed.dials.iter().filter(|d| d.dial.outcome.is_ok()).map(|d| d.dial.evidence).collect();
    verdict.findings.push(
        supports("tcp.listen_wrong_addr")
            .proof()
            .about(listener.name())
            .because(&sentence)
            .citing([observed.look(2), links])
            .build(),
    );
    verdict.findings.push(
        refutes("tcp.port_closed")
            .proof()
            .about(listener.name())
            .because("the service runs: it listens, and answers on loopback")
            .citing([observed.look(0)].into_iter().chain(works))
            .build(),
    );
    verdict.next = Some(format!("bind it to {outside} or to every address, if others are meant to reach it"));
    verdict.faults.push(sentence);
}
