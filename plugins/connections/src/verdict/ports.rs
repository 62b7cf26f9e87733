//! The local ports towards one destination, and where this host's closed connections went: too many, or more than the kernel keeps.

use std::collections::HashMap;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::sockets::{CensusAnswer, CensusGroup};
use sonde_sdk::types::{Endpoint, Measure};

use super::Verdict;
use crate::observe::Observations;

/// `TIME_WAIT` sockets towards one destination, from which on they are a storm.
const STORM: u64 = 10_000;

/// Ports of a range, below which half of it is no storm of anything.
const RANGE: u64 = 1_000;

/// Sockets from one address towards one destination.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Towards {
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
    let room = room(observed);
    let all = || destinations[1].iter();
    let then = |destination| destinations[0].get(destination).copied().unwrap_or_default();
    let fullest = all().max_by_key(|(destination, towards)| (towards.held(room, destination), *destination));
    if let Some((room, (destination, towards))) = room.zip(fullest)
        && towards.held(Some(room), destination).min(then(destination).held(Some(room), destination)) >= room.ports
    {
        exhausted([before, now], destination, *towards, room, observed, verdict);
        return;
    }
    let Some((destination, towards)) = all().max_by_key(|(destination, towards)| (towards.closed, *destination)) else {
        return;
    };
    let half = room.map(|room| room.ports).filter(|ports| *ports >= RANGE).map_or(STORM, |ports| ports / 2);
    let reused = room.is_some_and(|room| room.reuses == Reuses::Loopback && is_loopback(destination));
    if !reused && towards.closed.min(then(destination).closed) >= STORM.min(half) {
        storm([before, now], destination, [then(destination), *towards], observed, verdict);
    }
    overflow([before, now], *towards, observed, verdict);
}

/// The side that closes first keeps the `TIME_WAIT`, so those with a service's port at the peer are connections that we closed.
fn storm(
    looks: [&CensusAnswer; 2],
    (_, address, port): &Destination<'_>,
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

/// No further connection can begin: each local port is taken, and the kernel may not take one again.
fn exhausted(
    looks: [&CensusAnswer; 2],
    destination: &Destination<'_>,
    towards: Towards,
    room: Room,
    observed: &Observations,
    verdict: &mut Verdict,
) {
    let (source, address, port) = destination;
    let peer = Endpoint::new(address, *port).to_string();
    let held = towards.held(Some(room), destination);
    let sentence = format!(
        "{held} sockets from {source} to {peer}, {} of them in TIME_WAIT, hold the {} local ports that there are for it",
        towards.closed, room.ports
    );
    let settings = observed.settings.iter().map(|settings| settings.evidence);
    verdict.findings.push(
        supports("host.ephemeral_ports_connect")
            .proof()
            .about(&peer)
            .because(&sentence)
            .citing([looks[1].evidence].into_iter().chain(settings))
            .measuring(Measure::count("local ports", i64::try_from(room.ports).unwrap_or(i64::MAX)))
            .measuring(Measure::count("held", i64::try_from(held).unwrap_or(i64::MAX)))
            .build(),
    );
    verdict.findings.push(
        refutes("host.source_addr_missing")
            .proof()
            .about(&peer)
            .because(format!("connections from {source} are open: the address is there"))
            .citing([looks[0].evidence])
            .build(),
    );
    verdict.faults.push(sentence);
}

/// The local ports towards one destination.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) ports: u64,
    reuses: Reuses,
}

/// Which ports in TIME-WAIT are taken again (`net.ipv4.tcp_tw_reuse`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reuses {
    None,
    Loopback,
    All,
}

/// None where the settings cannot be read.
pub(super) fn room(observed: &Observations) -> Option<Room> {
    let mut ends = observed.setting("net.ipv4.ip_local_port_range")?.split_whitespace().map(str::parse::<u16>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    let reserved = observed.setting("net.ipv4.ip_local_reserved_ports").unwrap_or_default();
    let reserved: u64 = reserved.split(',').filter_map(|part| within(part.trim(), first, last)).sum();
    let ports = (u64::from(last) + 1).checked_sub(first.into())?.checked_sub(reserved)?;
    let reuses = match observed.setting("net.ipv4.tcp_tw_reuse") {
        Some("1") => Reuses::All,
        Some("2") => Reuses::Loopback,
        _ => Reuses::None,
    };
    Some(Room { ports, reuses }).filter(|room| room.ports > 0)
}

/// Connections within this host, by its loopback addresses.
fn is_loopback((source, address, _): &Destination<'_>) -> bool {
    [source, address]
        .iter()
        .any(|end| end.parse::<std::net::IpAddr>().is_ok_and(|end| end.to_canonical().is_loopback()))
}

/// Ports of `80` or `8000-8010` that lie between two.
fn within(part: &str, first: u16, last: u16) -> Option<u64> {
    let (from, to) = part.split_once('-').unwrap_or((part, part));
    let (from, to) = (from.parse::<u16>().ok()?.max(first), to.parse::<u16>().ok()?.min(last));
    (u64::from(to) + 1).checked_sub(from.into())
}

impl Towards {
    /// Sockets of any state.
    pub(super) fn sum(self) -> u64 {
        self.open.saturating_add(self.waiting).saturating_add(self.closed)
    }

    /// Sockets whose port cannot be taken again.
    fn held(&self, room: Option<Room>, destination: &Destination<'_>) -> u64 {
        let closed = match room.map_or(Reuses::None, |room| room.reuses) {
            Reuses::All => 0,
            Reuses::Loopback if is_loopback(destination) => 0,
            Reuses::Loopback | Reuses::None => self.closed,
        };
        self.open.saturating_add(self.waiting).saturating_add(closed)
    }
}

/// Source, address and port.
pub(super) type Destination<'a> = (&'a str, &'a str, u16);

pub(super) fn destinations(census: &CensusAnswer) -> HashMap<Destination<'_>, Towards> {
    let mut destinations: HashMap<Destination<'_>, Towards> = HashMap::new();
    for group in census.outcome.iter().flatten() {
        let [state, source, address, port] = group.key.as_slice() else { continue };
        // What listens has no peer.
        let Ok(port @ 1..) = port.parse() else { continue };
        let towards = destinations.entry((source.as_str(), address.as_str(), port)).or_default();
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
