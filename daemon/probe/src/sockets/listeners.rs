//! The TCP listeners with their accept queues, half-open connections and processes.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sonde_core::observation::sockets::Listener;

use super::diag::{self, Entry, Wanted};
use super::owners;
use crate::inspection::Problem;
use crate::netlink::Netlink;
use crate::vantage::Procfs;

const ALLOWED: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Default)]
struct Found {
    listeners: Vec<Entry>,
    /// Half-open connections by local address and port.
    half_open: HashMap<(IpAddr, u16), u32>,
}

/// The listeners, or those of one port, by port and address.
pub(super) fn list(procfs: &Procfs, port: Option<u16>) -> Result<Vec<Listener>, Problem> {
    if port == Some(0) {
        return Err(Problem::invalid("port 0 is never listened on; expected 1 to 65535, or none for all".to_owned()));
    }
    let netlink = Netlink::sock_diag("list the TCP listeners", ALLOWED);
    let wanted = Wanted { states: diag::listener_states(), local_port: port.unwrap_or(0), peer_port: 0 };
    let mut found = diag::fold(&netlink, &wanted, Found::default(), |found, entry| {
        if port.is_some_and(|port| port != entry.local_port) {
            return;
        }
        if entry.is_listener() {
            found.listeners.push(entry);
        } else {
            let count = found.half_open.entry((entry.local, entry.local_port)).or_default();
            *count = count.saturating_add(1);
        }
    })?;
    found.listeners.sort_by_key(|entry| (entry.local_port, entry.local, entry.inode));
    let inodes: HashSet<u32> = found.listeners.iter().map(|entry| entry.inode).collect();
    let owners = owners::find(procfs, &inodes);
    let half_open = attribute(&found);
    let listener = |(entry, syn_received): (&Entry, u32)| Listener {
        address: entry.local,
        port: entry.local_port,
        v6only: entry.v6only,
        queued: entry.receive_queue,
        backlog: entry.send_queue,
        syn_received,
        uid: entry.uid,
        inode: entry.inode,
        process: owners.get(&entry.inode).cloned(),
    };
    Ok(found.listeners.iter().zip(half_open).map(listener).collect())
}

/// The half-open connections of each listener: those to its address, and for a wildcard also those to an address that has no
/// listener of its own. Listeners that share address and port (`SO_REUSEPORT`) share the number: the kernel does not tell whose.
fn attribute(found: &Found) -> Vec<u32> {
    let bound: HashSet<(IpAddr, u16)> = found.listeners.iter().map(|entry| (entry.local, entry.local_port)).collect();
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
    let of = |entry: &Entry| totals.get(&(entry.local, entry.local_port)).copied().unwrap_or(0);
    found.listeners.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(address: &str, port: u16) -> Entry {
        Entry {
            state: 10,
            local: address.parse().expect("an address"),
            local_port: port,
            peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            peer_port: 0,
            receive_queue: 0,
            send_queue: 128,
            uid: 0,
            inode: 1,
            v6only: false,
        }
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
