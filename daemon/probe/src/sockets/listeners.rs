//! The TCP listeners with their accept queues, half-open connections and processes.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;
use std::time::Duration;

use sonde_core::observation::sockets::Listener;

use super::filter::Filter;
use super::row::{InetRow, Protocol, Row};
use super::states::{self, States, is_listener};
use super::table::{Listing, Socket, walk};
use super::{owners, twice};
use crate::inspection::Problem;
use crate::vantage::Procfs;

const ALLOWED: Duration = Duration::from_secs(2);
const ATTEMPT: &str = "list the TCP listeners";
/// Of the contract: further processes of a pre-fork server say nothing new.
const WORKERS: usize = 64;

#[derive(Debug, Default)]
struct Found {
    listeners: Vec<Entry>,
    /// Half-open connections by local address and port.
    half_open: HashMap<(IpAddr, u16), u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    local: IpAddr,
    port: u16,
    queued: u32,
    backlog: u32,
    uid: u32,
    inode: u32,
    v6only: bool,
    device: Option<String>,
}

/// The listeners, or those of one port, by port and address.
pub(super) fn list(procfs: &Procfs, port: Option<u16>) -> Result<Vec<Listener>, Problem> {
    if port == Some(0) {
        return Err(Problem::invalid("port 0 is never listened on; expected 1 to 65535, or none for all".to_owned()));
    }
    let filter = Filter {
        protocols: vec![Protocol::Tcp],
        states: States(states::LISTEN | states::SYN_RECV),
        local_port: port.unwrap_or(0),
        ..Filter::default()
    };
    let listing = Listing { filter, ..Listing::default() };
    let mut found = twice(|| {
        let mut found = Found::default();
        walk(procfs, &listing, ATTEMPT, ALLOWED, |socket| {
            found.add(socket);
            ControlFlow::Continue(())
        })
        .map(|_| found)
    })?;
    found.listeners.sort_by_key(|entry| (entry.port, entry.local, entry.inode));
    let inodes: HashSet<u32> = found.listeners.iter().map(|entry| entry.inode).collect();
    let mut owners = owners::find(procfs, &inodes, 1 + WORKERS);
    let half_open = attribute(&found);
    let listener = |(entry, syn_received): (Entry, u32)| {
        let mut holders = owners.remove(&entry.inode).unwrap_or_default().into_iter();
        Listener {
            address: entry.local,
            port: entry.port,
            v6only: entry.v6only,
            queued: entry.queued,
            backlog: entry.backlog,
            syn_received,
            uid: entry.uid,
            inode: entry.inode,
            process: holders.next(),
            device: entry.device,
            workers: holders.collect(),
        }
    };
    Ok(found.listeners.into_iter().zip(half_open).map(listener).collect())
}

/// Asks for the listeners of one port, and takes any answer.
pub(super) fn ask(procfs: &Procfs) -> Result<(), Problem> {
    let filter =
        Filter { protocols: vec![Protocol::Tcp], states: States(states::LISTEN), local_port: 1, ..Filter::default() };
    let listing = Listing { filter, ..Listing::default() };
    let walked = walk(procfs, &listing, ATTEMPT, ALLOWED, |_| ControlFlow::Break(()));
    walked.map(drop).map_err(|unfinished| unfinished.problem)
}

impl Found {
    fn add(&mut self, socket: &Socket<'_>) {
        let Row::Inet(inet) = &socket.row else { return };
        if is_listener(socket.row.state()) {
            self.listeners.push(Entry::of(socket, inet));
        } else {
            let count = self.half_open.entry((inet.local(), inet.local_port())).or_default();
            *count = count.saturating_add(1);
        }
    }
}

impl Entry {
    fn of(socket: &Socket<'_>, inet: &InetRow<'_>) -> Self {
        let row = &socket.row;
        Self {
            local: inet.local(),
            port: inet.local_port(),
            queued: row.receive_queue(),
            backlog: row.send_queue(),
            uid: row.uid(),
            inode: row.inode(),
            v6only: inet.v6only,
            device: (!socket.device.is_empty()).then(|| socket.device.to_owned()),
        }
    }
}

/// The half-open connections of each listener: those to its address, and for a wildcard also those to an address that has no
/// listener of its own. Listeners that share address and port (`SO_REUSEPORT`) share the number: the kernel does not tell whose.
fn attribute(found: &Found) -> Vec<u32> {
    let bound: HashSet<(IpAddr, u16)> = found.listeners.iter().map(|entry| (entry.local, entry.port)).collect();
    let four = |port| (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let six = |port| (IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    let mut totals: HashMap<(IpAddr, u16), u32> = HashMap::new();
    for (&(address, port), count) in &found.half_open {
        let candidates = [(address, port), if address.is_ipv4() { four(port) } else { six(port) }, six(port)];
        if let Some(listener) = candidates.into_iter().find(|candidate| bound.contains(candidate)) {
            let total = totals.entry(listener).or_default();
            *total = total.saturating_add(*count);
        }
    }
    let of = |entry: &Entry| totals.get(&(entry.local, entry.port)).copied().unwrap_or(0);
    found.listeners.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(address: &str, port: u16) -> Entry {
        let local = address.parse().expect("an address");
        Entry { local, port, queued: 0, backlog: 128, uid: 0, inode: 1, v6only: false, device: None }
    }

    fn half_open(address: &str, port: u16, count: u32) -> ((IpAddr, u16), u32) {
        ((address.parse().expect("an address"), port), count)
    }

    #[test]
    fn half_open_connections_go_to_the_closest_listener() {
        let found = Found {
            listeners: vec![
                listener("10.0.0.1", 80),
                listener("0.0.0.0", 80),
                listener("::", 443),
                listener("0.0.0.0", 22),
            ],
            half_open: HashMap::from([
                half_open("10.0.0.1", 80, 3),
                half_open("10.0.0.2", 80, 5),
                half_open("10.0.0.1", 443, 7),
                half_open("fd00::1", 443, 1),
                half_open("10.0.0.1", 9999, 9),
            ]),
        };
        assert_eq!(attribute(&found), [3, 5, 8, 0]);
    }

    #[test]
    fn port_zero_is_refused() {
        let problem = list(&Procfs::open().expect("/proc"), Some(0)).expect_err("no such port");
        assert!(problem.detail.contains("port 0"), "{}", problem.detail);
    }
}
