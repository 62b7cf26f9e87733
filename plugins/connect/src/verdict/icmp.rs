//! A router or filter answered with an ICMP error: which one, and when, says why.
//!
//! Types and codes: RFC 792, RFC 1812 section 5.2.7, RFC 4443 section 3.

use std::time::Duration;

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Failure, IcmpError, Measure, Reason};

use super::{Case, aged};
use crate::observe::{Path, is_resolved, is_time_exceeded};

/// An error that waits for a neighbour takes three seconds from the first packet; one at once takes a round trip, or on the
/// shortest paths the second SYN.
const AT_ONCE: Duration = Duration::from_millis(1300);
/// A dial without answer for so long had both its SYNs ignored.
const SILENT: Duration = Duration::from_millis(1200);

/// What the error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Port,
    Prohibited,
    Network,
    Host,
    TimeExceeded,
    Other,
}

/// Reads type and code.
pub(super) fn message(error: &IcmpError, ipv6: bool) -> Message {
    match (ipv6, error.icmp_type, error.code) {
        (false, 3, 2 | 3) | (true, 1, 4) => Message::Port,
        (false, 3, 9 | 10 | 13 | 14 | 15) | (true, 1, 1 | 5 | 6) => Message::Prohibited,
        (false, 3, 0 | 6 | 11) | (true, 1, 0) => Message::Network,
        (false, 3, 1 | 7 | 8 | 12) | (true, 1, 3) => Message::Host,
        _ if is_time_exceeded(error, ipv6) => Message::TimeExceeded,
        _ => Message::Other,
    }
}

/// Judges it. `sender` is not this host, unless the target is.
pub(super) fn judge<'a>(
    path: &'a Path,
    dial: &TcpDial,
    failure: &Failure,
    sender: &str,
    error: &IcmpError,
) -> Case<'a> {
    let ipv6 = path.endpoint.is_ipv6();
    let said = message(error, ipv6);
    let again = repeated(path, dial.evidence, said);
    let elapsed = Measure::duration("connect", failure.elapsed());
    let code = format!("ICMP{} type {} code {}", if ipv6 { "v6" } else { "" }, error.icmp_type, error.code);
    match said {
        Message::Port | Message::Prohibited => {
            let what = if said == Message::Port { "port unreachable" } else { "administratively prohibited" };
            let sentence =
                format!("{sender} answers the SYN to {} with {what} ({code}): a filter rejects it", path.endpoint);
            let case = Case::proven(path, "fw.reject_icmp", sentence.clone())
                .with(supports("fw.reject_icmp").proof().because(&sentence).citing([dial.evidence]).measuring(elapsed))
                .with(
                    refutes("l3.icmp_unreachable")
                        .proof()
                        .because(format!("the error is {what}, not an unreachable network or host"))
                        .citing([dial.evidence].into_iter().chain(again.clone())),
                );
            not_closed(case, &again)
        }
        Message::Network | Message::Host if path.answered_controls().next().is_some() => {
            one_port(path, dial, sender, &code, elapsed)
        }
        Message::Network => {
            let sentence =
                format!("{sender} answers that it cannot reach the network of {} ({code})", path.endpoint.address);
            no_route_there(path, dial, &sentence, elapsed, &again)
        }
        Message::Host => host(path, dial, sender, &code, elapsed, &again),
        Message::TimeExceeded => aged::judge(path, dial, sender, &code, elapsed),
        Message::Other => Case::unclear(
            path,
            format!("{sender} answers the SYN to {} with {code}, which no known cause explains", path.endpoint),
        ),
    }
}

/// The error speaks of a host or its network, and yet the host answers on other ports: a filter uses the words of a router.
fn one_port<'a>(path: &'a Path, dial: &TcpDial, sender: &str, code: &str, elapsed: Measure) -> Case<'a> {
    let answering: Vec<EvidenceId> = path.answered_controls().map(|c| c.dial.evidence).collect();
    let ports: Vec<String> = path.answered_controls().map(|c| c.port.to_string()).collect();
    let sentence = format!(
        "{sender} answers the SYN to {} with {code}, while the host answers on port {}: a filter rejects this port",
        path.endpoint,
        ports.join(", ")
    );
    Case::proven(path, "fw.reject_icmp", sentence.clone())
        .with(supports("fw.reject_icmp").proof().because(&sentence).citing([dial.evidence]).measuring(elapsed))
        .with(
            refutes("l3.icmp_unreachable")
                .proof()
                .because(format!("the host is reached: it answers on port {}", ports.join(", ")))
                .citing(answering),
        )
}

/// This host's own ICMP error; the kernel's own word on a silent neighbour is host unreachable. None where it may be that.
pub(super) fn own<'a>(path: &'a Path, dial: &TcpDial, failure: &Failure, error: &IcmpError) -> Option<Case<'a>> {
    let said = message(error, path.endpoint.is_ipv6());
    let code = format!("type {} code {}", error.icmp_type, error.code);
    let sentence =
        format!("this host itself answers the SYN to {} with ICMP {code}: its own filter rejects it", path.endpoint);
    let finding = supports("fw.reject_icmp")
        .because(&sentence)
        .citing([dial.evidence])
        .measuring(Measure::duration("connect", failure.elapsed()));
    let next = "list this host's output rules: nft list ruleset, iptables -S OUTPUT";
    if said == Message::Host {
        let (entry, _) = path.neighbour().filter(|(_, n)| is_resolved(n))?;
        return Some(Case::unclear(path, sentence).with(finding.citing([entry]).strong()).next(next));
    }
    if said == Message::Other || said == Message::TimeExceeded {
        return None;
    }
    let again = repeated(path, dial.evidence, said);
    if again.is_empty() {
        return Some(Case::unclear(path, sentence).with(finding.strong()).next(next));
    }
    Some(
        Case::proven(path, "fw.reject_icmp", sentence)
            .with(finding.proof())
            .with(
                refutes("tcp.port_closed")
                    .proof()
                    .because("repeated, an ICMP error of this host comes again: the SYN never leaves it")
                    .citing(again.iter().copied()),
            )
            .with(
                refutes("l3.icmp_unreachable")
                    .strong()
                    .because("the error comes from this host itself, not from a router")
                    .citing(again),
            )
            .next(next),
    )
}

/// Host unreachable: by a router without a route at once, by the last router only when its neighbour stayed silent.
fn host<'a>(
    path: &'a Path,
    dial: &TcpDial,
    sender: &str,
    code: &str,
    elapsed: Measure,
    again: &[EvidenceId],
) -> Case<'a> {
    let waited: Vec<EvidenceId> = path
        .failures()
        .filter(|(d, f)| {
            // With an ICMP error it was told, even where the kernel went on trying.
            d.evidence != dial.evidence && f.reason == Reason::TimedOut && f.icmp.is_none() && f.elapsed() >= SILENT
        })
        .map(|(d, _)| d.evidence)
        .collect();
    let prompt = path.failures().any(|(d, f)| f.icmp.is_some() && d.timing.elapsed() <= AT_ONCE);
    if waited.is_empty() && (prompt || dial.timing.elapsed() <= AT_ONCE) {
        let sentence = format!("{sender} answers at once that {} is unreachable ({code})", path.endpoint.address);
        return no_route_there(path, dial, &sentence, elapsed, again);
    }
    let sentence = format!(
        "the last router, {sender}, cannot find {} ({code}, after a wait): the host is down",
        path.endpoint.address
    );
    let case = Case::proven(path, "l3.host_down", sentence.clone())
        .with(supports("l3.host_down").proof().because(&sentence).citing([dial.evidence]).measuring(elapsed));
    if waited.is_empty() {
        return case.with(
            refutes("l3.icmp_unreachable")
                .strong()
                .because("a router without a route answers at once")
                .citing([dial.evidence].into_iter().chain(again.iter().copied())),
        );
    }
    case.with(
        refutes("l3.icmp_unreachable")
            .strong()
            .because("a router without a route answers at once; the first dial waited in vain")
            .citing(waited.clone()),
    )
    .with(
        refutes("fw.drop_remote")
            .strong()
            .because("the silence ended with the last router's word")
            .citing([dial.evidence].into_iter().chain(waited)),
    )
}

fn no_route_there<'a>(
    path: &'a Path,
    dial: &TcpDial,
    sentence: &str,
    elapsed: Measure,
    again: &[EvidenceId],
) -> Case<'a> {
    let case = Case::proven(path, "l3.icmp_unreachable", sentence.to_owned())
        .with(supports("l3.icmp_unreachable").proof().because(sentence).citing([dial.evidence]).measuring(elapsed));
    if again.is_empty() {
        return case;
    }
    case.with(
        refutes("fw.reject_icmp")
            .strong()
            .because("repeated, the error is the same: neither a closed port nor a prohibition")
            .citing(again.iter().copied()),
    )
    .with(
        refutes("l3.host_down")
            .strong()
            .because("repeated, the error comes at once again: nobody waited for the host")
            .citing(again.iter().copied()),
    )
}

/// An ICMP error instead of a RST says that the port was never asked.
fn not_closed<'a>(case: Case<'a>, again: &[EvidenceId]) -> Case<'a> {
    let controls: Vec<EvidenceId> = case.path.answered_controls().map(|c| c.dial.evidence).collect();
    let cited: Vec<EvidenceId> = again.iter().copied().chain(controls).collect();
    if cited.is_empty() {
        return case;
    }
    case.with(
        refutes("tcp.port_closed")
            .proof()
            .because("repeated, an ICMP error comes again where a closed port sends RST")
            .citing(cited),
    )
}

/// Other dials of the endpoint that met the same error.
fn repeated(path: &Path, but: EvidenceId, said: Message) -> Vec<EvidenceId> {
    path.failures()
        .filter(|(d, f)| {
            d.evidence != but && f.icmp.as_ref().is_some_and(|e| message(e, path.endpoint.is_ipv6()) == said)
        })
        .map(|(d, _)| d.evidence)
        .collect()
}
