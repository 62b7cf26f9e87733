//! Connections that are not established yet: a flood, or a small backlog.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::{Verdict, reverse_path, way_back};
use crate::observe::{Observations, Watched};

/// Dropped SYNs in the window, below which it may be anything.
const DROPS: i64 = 10;
/// Half-open connections that make a pile.
const PILE: u32 = 16;
/// Networks (IPv4 /16, IPv6 /32) that no ordinary burst comes from at once.
const NETWORKS: usize = 16;
/// Sites (IPv4 /24, IPv6 /48) of several networks that are many for clients of which none repeats its SYN.
const SITES: usize = 32;

/// Judges the listeners of one port.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let Some(busiest) = watched.iter().max_by_key(|w| w.now().syn_received) else { return };
    if !verdict.faults.is_empty() {
        return;
    }
    if pile(observed, busiest, verdict) || way_back::judge(observed, busiest, verdict) {
        return;
    }
    reverse_path::judge(observed, busiest, verdict);
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
    let (networks, sites) = (origins(observed, [16, 32]), origins(observed, [24, 48]));
    // Who waits for an answer asks again after a second; a made-up address does not.
    let from_everywhere =
        networks >= NETWORKS || (networks > 1 && sites >= SITES && !way_back::is_asked_again(observed));
    let flood = from_everywhere && !are_completed(observed);
    let [first, second, third] = observed.snapshots();
    let half = Measure::count("SYN-RECV", half_open[2].into());
    let looks: Vec<_> = observed.socket_look(1).into_iter().chain(observed.socket_look(2)).collect();
    // Cookies answer every SYN: a pile of them is a flood only when it comes from everywhere.
    if drops < DROPS && !flood {
        return false;
    }
    if flood {
        let sentence = format!("{name} is flooded: {} half-open connections from {sites} networks", half_open[2]);
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

/// How many prefixes of these lengths (IPv4, IPv6) the half-open connections come from.
fn origins(observed: &Observations, [four, six]: [u32; 2]) -> usize {
    let peers = observed.sockets(2, "SYN-RECV");
    let addresses = peers.keys().filter_map(|(address, _)| address.parse::<IpAddr>().ok());
    let origins: BTreeSet<u128> = addresses
        .map(|address| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits() >> (32 - four)),
            IpAddr::V6(v6) => v6.to_bits() >> (128 - six),
        })
        .collect();
    origins.len()
}
