//! Where this host's closed connections went: too many towards one destination, or more than the kernel keeps.

use std::collections::HashMap;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::{CensusAnswer, CensusGroup};
use sonde_sdk::types::{Endpoint, Measure};

use super::Verdict;
use crate::observe::Observations;

/// `TIME_WAIT` sockets towards one destination, from which on they are a storm.
const STORM: u64 = 10_000;

/// Sockets towards one destination.
#[derive(Clone, Copy, Debug, Default)]
struct Towards {
    closed: u64,
    open: u64,
    /// Connects that wait for an answer.
    waiting: u64,
}

/// Judges them; of a whole host only.
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let [Some(before), Some(now)] = observed.looks.each_ref().map(|look| look.towards.as_ref()) else { return };
    if before.outcome.is_err() || now.outcome.is_err() {
        return;
    }
    let destinations = [destinations(before), destinations(now)];
    let largest = destinations[1].iter().max_by_key(|(destination, towards)| (towards.closed, *destination));
    let Some((destination, towards)) = largest else { return };
    let then = destinations[0].get(destination).copied().unwrap_or_default();
    if towards.closed.min(then.closed) >= STORM {
        storm([before, now], destination, [then, *towards], observed, verdict);
    }
    overflow([before, now], *towards, observed, verdict);
}

/// The side that closes first keeps the `TIME_WAIT`, so those with a service's port at the peer are connections that we closed.
fn storm(
    looks: [&CensusAnswer; 2],
    (address, port): &(&str, u16),
    towards: [Towards; 2],
    observed: &Observations,
    verdict: &mut Verdict,
) {
    let peer = Endpoint::new(address, *port).to_string();
    let [then, now] = towards;
    let sentence =
        format!("{} connections to {peer} were closed by this host within a minute and wait in TIME_WAIT", now.closed);
    let measured = i64::try_from(now.closed).unwrap_or(i64::MAX);
    verdict.findings.push(
        supports("tcp.timewait_storm")
            .proof()
            .about(&peer)
            .because(&sentence)
            .citing([looks[1].evidence])
            .measuring(Measure::count("TIME_WAIT", measured))
            .build(),
    );
    if then.waiting == 0 && now.waiting == 0 {
        verdict.findings.push(
            refutes("host.ephemeral_ports_connect")
                .strong()
                .about(&peer)
                .because(format!(
                    "there are local ports left for it: {} connections are open, and none waits or fails there yet",
                    now.open
                ))
                .citing([looks[0].evidence])
                .build(),
        );
    }
    if observed.grew("TcpExt.TCPTimeWaitOverflow") == Some(0) {
        verdict.findings.push(
            refutes("tcp.timewait_overflow")
                .proof()
                .about(&peer)
                .because("the kernel keeps them all: TCPTimeWaitOverflow stands still")
                .citing(observed.snapshots())
                .build(),
        );
    }
    verdict.faults.push(sentence);
}

/// The table is full: the kernel forgets closed connections at once.
fn overflow(looks: [&CensusAnswer; 2], largest: Towards, observed: &Observations, verdict: &mut Verdict) {
    let lost = observed.grew("TcpExt.TCPTimeWaitOverflow").unwrap_or(0);
    if lost <= 0 {
        return;
    }
    let kept: u64 =
        looks[1].outcome.iter().flatten().filter(|group| state(group) == "TIME-WAIT").map(|g| g.count).sum();
    let sentence = format!(
        "the kernel keeps no more closed connections: {kept} are in TIME_WAIT, and {lost} were forgotten early meanwhile"
    );
    verdict.findings.push(
        supports("tcp.timewait_overflow")
            .proof()
            .about("host")
            .because(&sentence)
            .citing(observed.snapshots())
            .measuring(Measure::count("TcpExt.TCPTimeWaitOverflow", lost))
            .measuring(Measure::count("TIME_WAIT", i64::try_from(kept).unwrap_or(i64::MAX)))
            .build(),
    );
    if largest.closed < STORM {
        verdict.findings.push(
            refutes("tcp.timewait_storm")
                .strong()
                .about("host")
                .because(format!(
                    "the limit is what is small: no more than {} of those kept are towards one destination",
                    largest.closed
                ))
                .citing(looks.map(|look| look.evidence))
                .build(),
        );
    }
    verdict.faults.push(sentence);
    verdict
        .next
        .get_or_insert_with(|| "compare net.ipv4.tcp_max_tw_buckets with the rate of closed connections".to_owned());
}

fn destinations(census: &CensusAnswer) -> HashMap<(&str, u16), Towards> {
    let mut destinations: HashMap<(&str, u16), Towards> = HashMap::new();
    for group in census.outcome.iter().flatten() {
        let [state, _, address, port] = group.key.as_slice() else { continue };
        let Ok(port) = port.parse() else { continue };
        let towards = destinations.entry((address.as_str(), port)).or_default();
        match state.as_str() {
            "TIME-WAIT" => towards.closed = towards.closed.saturating_add(group.count),
            "SYN-SENT" => towards.waiting = towards.waiting.saturating_add(group.count),
            _ => towards.open = towards.open.saturating_add(group.count),
        }
    }
    destinations
}

fn state(group: &CensusGroup) -> &str {
    group.key.first().map_or("", String::as_str)
}
