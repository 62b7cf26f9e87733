//! A client that asks again and again and never hears the answer: it is lost on its way back, does not leave this host, or what
//! comes next does not get in.
//!
//! Who waits for an answer repeats its SYN after a second, and is answered again at once. An address that somebody made up, or a
//! scanner, does not: then the kernel's timer alone repeats the answer, each time after twice as long. Nor does a client that gives up
//! within a second, but the ports of its connections are those that one kernel gives out one after another.

use std::collections::BTreeMap;
use std::time::Duration;

use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::sockets::Socket;
use sonde_sdk::types::{EvidenceId, Measure};
use sonde_sdk::way;

use super::Verdict;
use crate::observe::{Observations, Watched};

/// Answers that were repeated.
const REPEATED: &str = "TcpExt.TCPSynRetrans";
/// Half-open connections of one client: one may have lost a packet.
const HALF_OPEN: usize = 2;
/// Ports, of which a pattern means something.
const PORTS: usize = 6;
/// Others connect as well, and take ports between: so far apart are two that follow one another.
const CLOSE: u16 = 64;
/// Packets that did not leave, in the window.
const WITHHELD: i64 = 2;
/// Until the kernel repeats an answer for the first time (`TCP_TIMEOUT_INIT`).
const FIRST: Duration = Duration::from_secs(1);
/// What a timer and a look may be late.
const LATE: Duration = Duration::from_millis(200);

/// Judges the listeners of one port; whether that says why nobody gets through.
pub(super) fn judge(observed: &Observations, listener: &Watched, verdict: &mut Verdict) -> bool {
    let Some((peer, count)) = deaf(observed) else { return false };
    let name = listener.name();
    let looks: Vec<EvidenceId> = observed.socket_look(0).into_iter().chain(observed.socket_look(2)).collect();
    // Short connections are over between the looks: only the counter has seen them.
    let is_reached = observed.is_reached_from_outside() || observed.is_opened_from_outside();
    if !is_reached && withheld(observed, &name, peer, count, &looks, verdict) {
        return true;
    }
    if observed.grew(REPEATED).is_none_or(|repeated| repeated < 1) {
        return false;
    }
    let sentence =
        format!("{peer} never completes a handshake with {name}: {count} are half open and our SYN-ACKs are repeated");
    if is_reached {
        // The way back works for others: a client that asks and does not listen is a scanner.
        verdict.findings.push(supports("l3.return_path_drop").about(&name).because(&sentence).citing(looks).build());
        return false;
    }
    if kept_out(observed, &name, peer, &looks, verdict) {
        return true;
    }
    if !is_asked_again(observed) && !are_of_one_kernel(observed, peer) {
        let sentence = format!(
            "{peer} leaves {count} handshakes with {name} unfinished, and was not seen to repeat a SYN: it may not wait for any answer"
        );
        verdict.doubt(sentence.clone(), supports("l3.return_path_drop").about(&name).because(sentence).citing(looks));
        verdict.next.get_or_insert_with(|| {
            format!("ask at {peer} whether it connects to this port: a scanner or a made-up address does not")
        });
        return true;
    }
    let against = refutes("fw.drop_remote")
        .proof()
        .about(&name)
        .because("the SYNs arrive and are answered; this host repeats its SYN-ACKs (TCPSynRetrans)")
        .citing(observed.snapshots());
    let again = observed.looks.iter().filter_map(|look| Some(look.opening.as_ref()?.evidence));
    let proof = supports("l3.return_path_drop").about(&name).because(&sentence).citing(looks.into_iter().chain(again));
    verdict.prove(sentence, proof, [against]);
    true
}

/// The client with the most half-open connections all the time, of those that never get through; what this host loses of itself is not
/// lost on any way back.
fn deaf(observed: &Observations) -> Option<(&str, usize)> {
    if !observed.sees_all_sockets() {
        return None;
    }
    let per_peer = |n: usize| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (address, _) in observed.sockets(n, "SYN-RECV").into_keys().filter(|(peer, _)| !observed.is_own(peer)) {
            *counts.entry(address).or_default() += 1;
        }
        counts
    };
    let gets_through =
        |peer: &str| (0..3).any(|n| observed.sockets(n, "ESTAB").keys().any(|(address, _)| *address == peer));
    let early = per_peer(0);
    per_peer(2)
        .into_iter()
        .filter(|(peer, count)| *count >= HALF_OPEN && early.get(peer).is_some_and(|count| *count >= HALF_OPEN))
        .filter(|(peer, _)| !gets_through(peer))
        .max_by_key(|(peer, count)| (*count, *peer))
}

/// TCP sends its answers, and they do not leave: IP was asked to send what it did not transmit.
fn withheld(
    observed: &Observations,
    name: &str,
    peer: &str,
    count: usize,
    looks: &[EvidenceId],
    verdict: &mut Verdict,
) -> bool {
    let ip = if peer.contains(':') { "Ip6" } else { "Ip" };
    let grew = |counter: &str| observed.grew(&format!("{ip}.{counter}"));
    let Some(lost) = grew("OutRequests").zip(grew("OutTransmits")).map(|(asked, sent)| asked - sent) else {
        return false;
    };
    // A handshake that is half open for a second was answered again by then, if it could be.
    if lost < WITHHELD || observed.grew(REPEATED) != Some(0) {
        return false;
    }
    let sentence = format!(
        "{name} answers {peer}, and the answers do not leave this host: {count} handshakes are half open, and {lost} packets were held back"
    );
    let [first, second, third] = observed.snapshots();
    let against = [
        refutes("l3.return_path_drop")
            .proof()
            .about(name)
            .because("no answer could be repeated (TCPSynRetrans is still): nothing is lost on the way")
            .citing([second]),
        arrives(observed, name, peer),
    ];
    let proof = supports("fw.drop_local_output")
        .about(name)
        .because(&sentence)
        .citing(looks.iter().copied().chain([first, third]))
        .measuring(Measure::count("held back", lost));
    verdict.prove(sentence, proof, against);
    verdict
        .next
        .get_or_insert_with(|| "list this host's output rules: nft list ruleset, iptables -S OUTPUT".to_owned());
    true
}

/// The answers arrive, as what comes back shows: packets are received all the time and do not get as far as TCP.
fn kept_out(observed: &Observations, name: &str, peer: &str, looks: &[EvidenceId], verdict: &mut Verdict) -> bool {
    let half = |n: usize| {
        way::undelivered(peer.contains(':'), |name: &str| {
            observed.growth(name).and_then(|halves| halves.get(n).copied())
        })
    };
    let Some((early, late)) = half(0).zip(half(1)).filter(|(early, late)| *early >= 1 && *late >= 1) else {
        return false;
    };
    let lost = early + late;
    let is_invalid = observed.kept_growing(INVALID);
    let sentence = format!(
        "{peer} never completes a handshake with {name}, while {lost} packets were received by this host and dropped before TCP{}",
        if is_invalid { ": connection tracking finds them invalid" } else { "" }
    );
    let id = if is_invalid { "nf.invalid_drop" } else { "fw.drop_local_input" };
    let [first, second, third] = observed.snapshots();
    let mut finding = supports(id)
        .about(name)
        .because(&sentence)
        .citing(looks.iter().copied().chain([first, third]))
        .measuring(Measure::count("undelivered", lost));
    if let Some(invalid) = observed.grew(INVALID).filter(|invalid| *invalid > 0) {
        finding = finding.measuring(Measure::count(INVALID, invalid));
    }
    verdict
        .next
        .get_or_insert_with(|| "list this host's input rules: nft list ruleset, iptables -vnL INPUT".to_owned());
    if is_invalid {
        let against = refutes("l3.return_path_drop")
            .strong()
            .about(name)
            .because("something comes back for the answers of this host, and ends in its own filter")
            .citing([second]);
        verdict.prove(sentence, finding, [against, arrives(observed, name, peer)]);
    } else {
        // Whose packets they are is not known: the way back may be broken all the same.
        verdict
            .findings
            .push(supports("l3.return_path_drop").about(name).because(&sentence).citing(looks.to_vec()).build());
        verdict.doubt(sentence, finding);
    }
    true
}

/// No filter on the way here.
fn arrives(observed: &Observations, name: &str, peer: &str) -> Draft {
    refutes("fw.drop_remote")
        .proof()
        .about(name)
        .because(format!("the SYNs of {peer} arrive, and handshakes with it are half open here"))
        .citing(observed.socket_look(1))
}

/// Packets that connection tracking assigns to no flow.
const INVALID: &str = "conntrack.invalid";

/// The ports of a client lie close together, and Linux takes every second one for what connects (`__inet_hash_connect`). A tool that makes
/// up its packets takes one, any, or each.
fn are_of_one_kernel(observed: &Observations, peer: &str) -> bool {
    let mut ports: Vec<u16> = observed
        .sockets(2, "SYN-RECV")
        .into_keys()
        .filter(|(address, _)| *address == peer)
        .filter_map(|(_, port)| port.parse().ok())
        .collect();
    ports.sort_unstable();
    let even = ports.iter().filter(|port| **port % 2 == 0).count();
    let gaps = ports.windows(2).map(|pair| pair[1].abs_diff(pair[0]));
    let close = gaps.filter(|gap| *gap <= CLOSE).count();
    // Now and then it begins anew elsewhere.
    ports.len() >= PORTS && (even == 0 || even == ports.len()) && close * 4 >= (ports.len() - 1) * 3
}

/// Some client of the port repeats its SYN: an answer was sent again before its timer ended, between two looks.
pub(super) fn is_asked_again(observed: &Observations) -> bool {
    let [Some(before), _, Some(now)] = observed.looks.each_ref().map(|look| look.opening.as_ref()) else {
        return false;
    };
    let ended = now.timing.at().saturating_add(Duration::from_micros(now.timing.elapsed_us));
    let between = ended.saturating_sub(before.timing.at()).saturating_add(LATE);
    let earlier = |socket: &Socket| {
        let same = before.sockets().iter().find(|other| other.cookie == socket.cookie && other.peer == socket.peer);
        same.map_or(0, repeats)
    };
    now.sockets().iter().any(|socket| is_early(earlier(socket), socket, between))
}

fn repeats(socket: &Socket) -> u32 {
    socket.timer.as_ref().map_or(0, |timer| timer.retransmits)
}

/// It was repeated by something else than its timer, which waits twice as long each time: more often in this time than that allows, or so
/// that it does not wait for long enough now.
fn is_early(before: u32, socket: &Socket, between: Duration) -> bool {
    let Some(timer) = &socket.timer else { return false };
    if timer.retransmits <= before {
        return false;
    }
    // The nth repetition ends the wait that the one before it began.
    let wait = |n: u32| FIRST * 2_u32.saturating_pow(n.min(6));
    let by_timer: Duration = (before.saturating_add(1)..timer.retransmits).map(wait).sum();
    by_timer > between || Duration::from_micros(timer.expires_us).saturating_add(between) < wait(timer.retransmits)
}
