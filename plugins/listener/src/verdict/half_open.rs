//! Connections that are not established yet: a flood, a small backlog, a broken way back, or packets dropped on arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::{Observations, Watched, is_loopback};

/// Dropped SYNs in the window, below which it may be anything.
const DROPS: i64 = 10;
/// Half-open connections that make a pile.
const PILE: u32 = 16;
/// Networks (IPv4 /16, IPv6 /32) that no ordinary burst comes from at once.
const NETWORKS: usize = 16;
/// SYNs dropped by the reverse path filter in the window.
const REVERSE: i64 = 3;

/// Judges the listeners of one port.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let Some(busiest) = watched.iter().max_by_key(|w| w.now().syn_received) else { return };
    if !verdict.faults.is_empty() {
        return;
    }
    if pile(observed, busiest, verdict) || unanswered(observed, busiest, verdict) {
        return;
    }
    reverse_path(observed, busiest, verdict);
}

/// SYNs are dropped because too many connections are half open.
fn pile(observed: &Observations, listener: &Watched, verdict: &mut Verdict) -> bool {
    let grew = |name: &str| observed.grew(name).unwrap_or(0);
    let (drops, overflows, queue_full) =
        (grew("TcpExt.ListenDrops"), grew("TcpExt.ListenOverflows"), grew("TcpExt.TCPReqQFullDrop"));
    let cookies = grew("TcpExt.TCPReqQFullDoCookies").min(grew("TcpExt.SyncookiesSent"));
    let half_open = listener.looks.map(|l| l.syn_received);
    if half_open.iter().any(|n| *n < PILE) || overflows > 0 || (drops < DROPS && cookies < DROPS) {
        return false;
    }
    let name = listener.name();
    let networks = networks(observed);
    let flood = networks >= NETWORKS && !are_completed(observed);
    let [first, second, third] = observed.snapshots();
    let half = Measure::count("SYN-RECV", half_open[2].into());
    let looks: Vec<_> = observed.socket_look(1).into_iter().chain(observed.socket_look(2)).collect();
    // Cookies answer every SYN: a pile of them is a flood only when it comes from everywhere.
    if drops < DROPS && !flood {
        return false;
    }
    if flood {
        let sentence = format!("{name} is flooded: {} half-open connections from {networks} networks", half_open[2]);
        verdict.findings.push(
            supports("tcp.syn_flood")
                .proof()
                .about(&name)
                .because(&sentence)
                .citing(looks.iter().copied().chain([first, second]))
                .measuring(half)
                .build(),
        );
        verdict.findings.push(
            refutes("tcp.syn_queue_full")
                .strong()
                .about(&name)
                .because("clients of an honest burst come from few networks and complete their handshakes")
                .citing(observed.socket_look(0).into_iter().chain([third]))
                .build(),
        );
        verdict.faults.push(sentence);
    } else {
        let (id, other, why) = if queue_full > 0 {
            ("tcp.syn_queue_full", "tcp.syn_backlog_sysctl", "TCPReqQFullDrop grows with ListenDrops")
        } else {
            ("tcp.syn_backlog_sysctl", "tcp.syn_queue_full", "ListenDrops grows alone, TCPReqQFullDrop is still")
        };
        let sentence =
            format!("{drops} SYNs to {name} were dropped, with {} connections half open: {why}", half_open[2]);
        let finding =
            supports(id).about(&name).because(&sentence).citing([observed.look(2), first, second]).measuring(half);
        let against = refutes(other).proof().about(&name).because(why).citing([second, third]);
        verdict.prove(sentence, finding, [against]);
    }
    verdict.findings.push(
        refutes("tcp.accept_queue_overflow")
            .proof()
            .about(&name)
            .because(format!(
                "ListenOverflows is still, and {} of {} wait to be accepted",
                listener.now().queued,
                listener.now().backlog
            ))
            .citing([observed.look(0), third])
            .build(),
    );
    true
}

/// Most of those that are half open in the first look are so no more in the last: a second is enough for an honest handshake.
fn are_completed(observed: &Observations) -> bool {
    let [early, late] = [0, 2].map(|n| observed.sockets(n, "SYN-RECV"));
    let left = early.keys().filter(|peer| late.contains_key(*peer)).count();
    observed.sees_all_sockets() && left * 2 < early.len()
}

/// How many networks the half-open connections come from.
fn networks(observed: &Observations) -> usize {
    let peers = observed.sockets(2, "SYN-RECV");
    let networks: BTreeSet<u32> = peers
        .keys()
        .filter_map(|(address, _)| address.parse::<IpAddr>().ok())
        .map(|address| match address {
            IpAddr::V4(v4) => v4.to_bits() >> 16,
            IpAddr::V6(v6) => u32::try_from(v6.to_bits() >> 96).unwrap_or(u32::MAX),
        })
        .collect();
    networks.len()
}

/// A client asks again and again, is answered again and again, and never hears it.
fn unanswered(observed: &Observations, listener: &Watched, verdict: &mut Verdict) -> bool {
    if !observed.kept_growing("TcpExt.TCPSynRetrans") || !observed.sees_all_sockets() {
        return false;
    }
    let per_peer = |n: usize| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        // What this host loses of itself is not lost on any way back.
        for (address, _) in observed.sockets(n, "SYN-RECV").keys().filter(|(peer, _)| !observed.is_own(peer)) {
            *counts.entry(address).or_default() += 1;
        }
        counts
    };
    let (early, late) = (per_peer(0), per_peer(2));
    let gets_through =
        |peer: &str| (0..3).any(|n| observed.sockets(n, "ESTAB").keys().any(|(address, _)| *address == peer));
    let deaf =
        late.iter().find(|(peer, n)| **n >= 2 && early.get(*peer).is_some_and(|m| *m >= 2) && !gets_through(peer));
    let Some((peer, count)) = deaf else { return false };
    let name = listener.name();
    let sentence =
        format!("{peer} never completes a handshake with {name}: {count} are half open and our SYN-ACKs are repeated");
    let looks: Vec<_> = observed.socket_look(0).into_iter().chain(observed.socket_look(2)).collect();
    // Short connections are over between the looks: only the counter has seen them.
    if observed.is_reached_from_outside() || observed.is_opened_from_outside() {
        // The way back works for others: a client that asks and does not listen is a scanner.
        verdict.findings.push(supports("l3.return_path_drop").about(&name).because(&sentence).citing(looks).build());
        return false;
    }
    verdict
        .findings
        .push(supports("l3.return_path_drop").proof().about(&name).because(&sentence).citing(looks).build());
    verdict.findings.push(
        refutes("fw.drop_remote")
            .proof()
            .about(&name)
            .because("the SYNs arrive and are answered; this host repeats its SYN-ACKs (TCPSynRetrans)")
            .citing(observed.snapshots())
            .build(),
    );
    verdict.faults.push(sentence);
    true
}

/// Packets are discarded on arrival, and nobody from outside gets through.
fn reverse_path(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    let dropped = observed.grew("TcpExt.IPReversePathFilter").unwrap_or(0);
    let nobody = observed.sees_all_sockets()
        && (0..3).all(|n| {
            let outside = |state| observed.sockets(n, state).keys().any(|(peer, _)| !observed.is_own(peer));
            !outside("ESTAB") && !outside("SYN-RECV")
        });
    if dropped < REVERSE
        || !observed.kept_growing("TcpExt.IPReversePathFilter")
        || !nobody
        || is_loopback(listener.now())
    {
        return;
    }
    let works: Vec<_> = observed.dials.iter().filter(|d| d.dial.outcome.is_ok()).map(|d| d.dial.evidence).collect();
    let name = listener.name();
    let sentence = format!(
        "the reverse path filter of this host dropped {dropped} packets in the window, and no remote client reaches {name}"
    );
    let [first, second, third] = observed.snapshots();
    let finding = supports("l3.rp_filter_drop")
        .about(&name)
        .because(&sentence)
        .citing([first, second])
        .measuring(Measure::count("TcpExt.IPReversePathFilter", dropped));
    if works.is_empty() {
        verdict.doubt(sentence, finding);
        return;
    }
    let against = refutes("fw.drop_local_input")
        .strong()
        .about(&name)
        .because("the packets end in the reverse path filter, before any input rule; locally the listener answers")
        .citing([third].into_iter().chain(works));
    verdict.prove(sentence, finding, [against]);
}
