//! A router or filter answered with an ICMP error: which one, and when, says why.
//!
//! Types and codes: RFC 792, RFC 1812 section 5.2.7, RFC 4443 section 3.

use std::time::Duration;

use super::{Attempt, Explained, Transport, Way, aged, is_resolved};
use crate::finding::{refutes, supports};
use crate::types::{EvidenceId, Failure, IcmpError, Measure, Reason};

/// An error that waits for a neighbour takes three seconds from the first packet; one at once takes a round trip, or on the
/// shortest paths the second SYN.
const AT_ONCE: Duration = Duration::from_millis(1300);
/// A dial without answer for so long had both its SYNs ignored.
const SILENT: Duration = Duration::from_millis(1200);

/// What the error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The port, or the protocol, is unreachable.
    Port,
    /// A filter says so.
    Prohibited,
    /// There is no route to the network.
    Network,
    /// The host cannot be reached.
    Host,
    /// Its time to live ended on the way.
    TimeExceeded,
    /// Anything else.
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
pub(super) fn judge(way: &Way<'_>, sender: &str, error: &IcmpError) -> Explained {
    let packet = way.transport.packet();
    let ipv6 = way.endpoint.is_ipv6();
    let said = message(error, ipv6);
    let again = repeated(way, said);
    let elapsed = way.elapsed();
    let code = format!("ICMP{} type {} code {}", if ipv6 { "v6" } else { "" }, error.icmp_type, error.code);
    match said {
        Message::Port | Message::Prohibited => {
            let what = if said == Message::Port { "port unreachable" } else { "administratively prohibited" };
            let sentence =
                format!("{sender} answers the {packet} to {} with {what} ({code}): a filter rejects it", way.endpoint);
            let case = way
                .proven("fw.reject_icmp", sentence.clone())
                .with(supports("fw.reject_icmp").proof().because(&sentence).citing([way.evidence]).measuring(elapsed))
                .with(
                    refutes("l3.icmp_unreachable")
                        .proof()
                        .because(format!("the error is {what}, not an unreachable network or host"))
                        .citing([way.evidence].into_iter().chain(again.clone())),
                );
            not_closed(way, case, &again)
        }
        Message::Network | Message::Host if way.answering().next().is_some() => one_port(way, sender, &code, elapsed),
        Message::Network => {
            let sentence =
                format!("{sender} answers that it cannot reach the network of {} ({code})", way.endpoint.address);
            no_route_there(way, &sentence, elapsed, &again)
        }
        Message::Host => host(way, sender, &code, elapsed, &again),
        Message::TimeExceeded => aged::judge(way, sender, &code, elapsed),
        Message::Other => way.unclear(format!(
            "{sender} answers the {packet} to {} with {code}, which no known cause explains",
            way.endpoint
        )),
    }
}

/// The error speaks of a host or its network, and yet the host answers on other ports: a filter uses the words of a router.
fn one_port(way: &Way<'_>, sender: &str, code: &str, elapsed: Measure) -> Explained {
    let packet = way.transport.packet();
    let answering: Vec<EvidenceId> = way.answering().map(|other| other.evidence).collect();
    let ports: Vec<String> = way.answering().map(|other| other.port.to_string()).collect();
    let sentence = format!(
        "{sender} answers the {packet} to {} with {code}, while the host answers on port {}: a filter rejects this port",
        way.endpoint,
        ports.join(", ")
    );
    way.proven("fw.reject_icmp", sentence.clone())
        .with(supports("fw.reject_icmp").proof().because(&sentence).citing([way.evidence]).measuring(elapsed))
        .with(
            refutes("l3.icmp_unreachable")
                .proof()
                .because(format!("the host is reached: it answers on port {}", ports.join(", ")))
                .citing(answering),
        )
}

/// This host's own ICMP error; the kernel's own word on a silent neighbour is host unreachable. None where it may be that.
pub(super) fn own(way: &Way<'_>, error: &IcmpError) -> Option<Explained> {
    let packet = way.transport.packet();
    let said = message(error, way.endpoint.is_ipv6());
    let code = format!("type {} code {}", error.icmp_type, error.code);
    let sentence = format!(
        "this host itself answers the {packet} to {} with ICMP {code}: its own filter rejects it",
        way.endpoint
    );
    let finding = supports("fw.reject_icmp").because(&sentence).citing([way.evidence]).measuring(way.elapsed());
    let next = "list this host's output rules: nft list ruleset, iptables -S OUTPUT";
    if said == Message::Host {
        let (entry, _) = way.neighbour().filter(|(_, n)| is_resolved(n))?;
        return Some(way.unclear(sentence).with(finding.citing([entry]).strong()).next(next));
    }
    if said == Message::Other || said == Message::TimeExceeded {
        return None;
    }
    let again = repeated(way, said);
    if again.is_empty() {
        return Some(way.unclear(sentence).with(finding.strong()).next(next));
    }
    Some(
        way.proven("fw.reject_icmp", sentence)
            .with(finding.proof())
            .with(
                refutes(way.transport.closed_port())
                    .proof()
                    .because(format!("repeated, an ICMP error of this host comes again: the {packet} never leaves it"))
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
fn host(way: &Way<'_>, sender: &str, code: &str, elapsed: Measure, again: &[EvidenceId]) -> Explained {
    let waited: Vec<EvidenceId> = way
        .failures()
        .filter(|(id, f)| {
            // With an ICMP error it was told, even where the kernel went on trying.
            *id != way.evidence && f.reason == Reason::TimedOut && f.icmp.is_none() && f.elapsed() >= SILENT
        })
        .map(|(id, _)| id)
        .collect();
    let is_prompt = |attempt: &Attempt<'_>| {
        let told = attempt.evidence == way.evidence || attempt.failure.is_some_and(|f| f.icmp.is_some());
        told && attempt.elapsed <= AT_ONCE
    };
    if waited.is_empty() && way.attempts.iter().any(is_prompt) {
        let sentence = format!("{sender} answers at once that {} is unreachable ({code})", way.endpoint.address);
        return no_route_there(way, &sentence, elapsed, again);
    }
    let sentence = format!(
        "the last router, {sender}, cannot find {} ({code}, after a wait): the host is down",
        way.endpoint.address
    );
    let case = way
        .proven("l3.host_down", sentence.clone())
        .with(supports("l3.host_down").proof().because(&sentence).citing([way.evidence]).measuring(elapsed));
    if waited.is_empty() {
        return case.with(
            refutes("l3.icmp_unreachable")
                .strong()
                .because("a router without a route answers at once")
                .citing([way.evidence].into_iter().chain(again.iter().copied())),
        );
    }
    case.with(
        refutes("l3.icmp_unreachable")
            .strong()
            .because("a router without a route answers at once; the first attempt waited in vain")
            .citing(waited.clone()),
    )
    .with(
        refutes("fw.drop_remote")
            .strong()
            .because("the silence ended with the last router's word")
            .citing([way.evidence].into_iter().chain(waited)),
    )
}

fn no_route_there(way: &Way<'_>, sentence: &str, elapsed: Measure, again: &[EvidenceId]) -> Explained {
    let case = way
        .proven("l3.icmp_unreachable", sentence.to_owned())
        .with(supports("l3.icmp_unreachable").proof().because(sentence).citing([way.evidence]).measuring(elapsed));
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

/// An ICMP error where a closed port would not send one, or not from there, says that the port was never asked.
fn not_closed(way: &Way<'_>, case: Explained, again: &[EvidenceId]) -> Explained {
    let cited: Vec<EvidenceId> = again.iter().copied().chain(way.answering().map(|other| other.evidence)).collect();
    if cited.is_empty() {
        return case;
    }
    let why = match way.transport {
        Transport::Tcp => "repeated, an ICMP error comes again where a closed port sends RST",
        Transport::Udp => "repeated, the error comes again as no closed port of the target sends it",
    };
    case.with(refutes(way.transport.closed_port()).proof().because(why).citing(cited))
}

/// Other attempts that met the same error.
fn repeated(way: &Way<'_>, said: Message) -> Vec<EvidenceId> {
    let same = |f: &Failure| f.icmp.as_ref().is_some_and(|e| message(e, way.endpoint.is_ipv6()) == said);
    way.failures().filter(|(id, f)| *id != way.evidence && same(f)).map(|(id, _)| id).collect()
}

/// A router let the packet die of its age.
pub fn is_time_exceeded(error: &IcmpError, ipv6: bool) -> bool {
    error.icmp_type == if ipv6 { 3 } else { 11 }
}
