//! Gathers: three looks over about a second, with connections of our own after the first.

use std::time::Duration;

use sonde_sdk::check::Budget;
use sonde_sdk::dial::{TcpRequest, tcp};
use sonde_sdk::sockets::{CensusFilter, CensusKey, Listener, SocketOrder, census, counters, find, listeners};
use sonde_sdk::system::{arp, cgroup, links};
use sonde_sdk::types::Endpoint;
use sonde_sdk::{timer, wait};

use crate::observe::{Dial, Look, ON_PURPOSE, Observations, UNREAD, holders, is_silent, is_turned_away};

/// Between two looks. Together more than a second: what is unread or unclosed for so long is not in flight.
const INTERVAL: Duration = Duration::from_millis(550);
/// A local connection takes microseconds; a dropped SYN is not worth its repetition.
const LOCAL: Duration = Duration::from_millis(400);
/// Long enough for one repetition of the SYN, which tells whether it left.
const REPEATED: Duration = Duration::from_millis(1300);
/// UDP sockets of one port.
const RECEIVERS: u32 = 8;
/// Addresses of this host that are dialled.
const DIALS: usize = 4;
/// Processes whose cgroup is read.
const PROCESSES: usize = 16;
/// Half-open connections that are looked at one by one.
const OPENING: u32 = 64;

/// Looks, dials, looks, looks.
pub(crate) async fn observe(port: Option<u16>, budget: Budget) -> Observations {
    let interval = INTERVAL.min(budget.remaining() / 4);
    let (first, links) = wait::join(look(port), links()).await;
    let mut observed = Observations {
        port,
        looks: [first.clone(), first.clone(), first],
        dials: vec![],
        half_open: None,
        table: None,
        links: Some(links),
        arp: None,
        cgroups: vec![],
        datagrams: None,
    };
    if let Some(port) = port {
        let addresses = addresses(&observed);
        observed.dials = wait::all(addresses.into_iter().map(|address| async move {
            let request = TcpRequest::to(Endpoint::new(&address, port)).within(LOCAL.min(interval));
            Dial { dial: tcp(request).await, address }
        }))
        .await;
        for address in silent(&observed).into_iter().chain(turned_away(&observed)) {
            let request = TcpRequest::to(Endpoint::new(&address, port)).within(REPEATED).with_deltas();
            let dial = tcp(request).await;
            if is_silent(&dial) {
                // The kernel forgets a half-open connection after a second if it cannot send its answer.
                let filter = CensusFilter::all().local_port(port).in_states(["SYN-RECV"]);
                observed.half_open = Some(census(vec![CensusKey::PeerAddress, CensusKey::PeerPort], filter).await);
            }
            observed.dials.push(Dial { address, dial });
        }
        let none = observed.looks[0].listeners.outcome.as_ref().is_ok_and(Vec::is_empty);
        if none {
            observed.table = Some(listeners(None).await);
            let receivers = CensusFilter::udp().local_port(port);
            observed.datagrams = Some(find(receivers, SocketOrder::Listed, RECEIVERS).await);
        }
    }
    // The dials may have taken longer than an interval: what keeps growing is told from whole intervals only.
    let later = async {
        let begun = timer::now();
        let mut seen = vec![];
        for n in 1..=2_u32 {
            timer::sleep((interval * n).saturating_sub(timer::now().saturating_sub(begun))).await;
            seen.push(look(port).await);
        }
        seen
    };
    let claimed = async {
        let asked = port.is_some() && !observed.reachable_addresses().is_empty();
        if asked { Some(arp(None).await) } else { None }
    };
    let (later, claimed) = wait::join(later, claimed).await;
    for (place, seen) in observed.looks.iter_mut().skip(1).zip(later) {
        *place = seen;
    }
    observed.arp = claimed;
    let aborted = || [UNREAD, ON_PURPOSE].iter().any(|name| observed.grew(name).is_some_and(|closed| closed > 0));
    if observed.table.is_none() && port.is_some() && aborted() {
        observed.table = Some(listeners(None).await);
    }
    let waited_for = waited_for(&observed);
    observed.cgroups = wait::all(waited_for.into_iter().map(|pid| async move { (pid, cgroup(pid).await) })).await;
    observed
}

/// The processes at whose listeners connections waited in every look.
fn waited_for(observed: &Observations) -> Vec<u32> {
    let watched = observed.watched().unwrap_or_default();
    let stuck = watched.iter().filter(|listener| listener.is_stuck());
    let mut pids: Vec<u32> = stuck.flat_map(|listener| holders(listener.now())).map(|process| process.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids.truncate(PROCESSES);
    pids
}

async fn look(port: Option<u16>) -> Look {
    let opening = async {
        match port {
            Some(port) => {
                let filter = CensusFilter::all().local_port(port).in_states(["SYN-RECV"]);
                Some(find(filter, SocketOrder::Listed, OPENING).await)
            }
            None => None,
        }
    };
    let sockets = async {
        match port {
            Some(port) => {
                let keys = vec![CensusKey::State, CensusKey::PeerAddress, CensusKey::PeerPort];
                let filter = CensusFilter::all().local_port(port).in_states(["ESTAB", "SYN-RECV", "CLOSE-WAIT"]);
                Some(census(keys, filter).await)
            }
            None => None,
        }
    };
    let (listeners, counters, sockets, opening) = wait::join4(listeners(port), counters(), sockets, opening).await;
    Look { listeners, counters, sockets, opening }
}

/// A bound address that did not answer although its queue has room.
fn silent(observed: &Observations) -> Option<String> {
    let listeners = observed.looks[0].listeners.outcome.as_ref().ok()?;
    let silent = observed.dials.iter().filter(|d| is_silent(&d.dial));
    let has_room = |d: &&Dial| listeners.iter().any(|l| l.serves(&d.address) && l.queued <= l.backlog);
    silent.filter(has_room).map(|d| d.address.clone()).next()
}

/// A bound address that turned us away.
fn turned_away(observed: &Observations) -> Option<String> {
    let listeners = observed.looks[0].listeners.outcome.as_ref().ok()?;
    let served = |d: &&Dial| listeners.iter().any(|l| l.serves(&d.address));
    observed.dials.iter().filter(|d| is_turned_away(&d.dial)).find(served).map(|d| d.address.clone())
}

/// What to dial: the bound addresses, loopback for "any"; and of each family one address that others would use.
fn addresses(observed: &Observations) -> Vec<String> {
    let bound = observed.looks[0].listeners.outcome.iter().flatten().filter_map(own_address);
    let mut addresses: Vec<String> = vec![];
    // Of each family one that nobody listens on, where there is one: is it refused?
    let listeners = || observed.looks[0].listeners.outcome.iter().flatten();
    let mut outside: Vec<String> = observed.reachable_addresses().iter().map(ToString::to_string).collect();
    outside.sort_by_key(|address| listeners().any(|l| l.serves(address)));
    let outside = [false, true].into_iter().filter_map(|v6| outside.iter().find(|a| a.contains(':') == v6).cloned());
    let fallback =
        observed.looks[0].listeners.outcome.as_ref().is_ok_and(Vec::is_empty).then(|| "127.0.0.1".to_owned());
    for address in bound.take(DIALS - 1).chain(fallback).chain(outside) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn own_address(listener: &Listener) -> Option<String> {
    match listener.address.as_str() {
        "0.0.0.0" => Some("127.0.0.1".to_owned()),
        "::" => Some("::1".to_owned()),
        // Without its zone it cannot be dialled.
        link_local if link_local.starts_with("fe80:") => None,
        bound => Some(bound.to_owned()),
    }
}
