//! Counts of TCP sockets by keys.
//!
//! At most 262,144 distinct keys are told apart; sockets of further ones count in the total only. At most 1,000 groups are
//! returned, the largest, ties by key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation::sockets::{Census, CensusGroup, CensusKey, CensusRequest};

use super::diag::{self, Entry, Wanted};
use crate::inspection::Problem;
use crate::netlink::Netlink;

/// A million sockets take about a second.
const ALLOWED: Duration = Duration::from_secs(3);
const DISTINCT: usize = 1 << 18;
const GROUPS: usize = 1_000;
const KEYS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Value {
    Unused,
    State(u8),
    Address(IpAddr),
    Port(u16),
}

#[derive(Clone, Debug, Default)]
struct Tally {
    groups: HashMap<[Value; KEYS], Sums>,
    total: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: u64,
    receive_queue: u64,
    send_queue: u64,
}

/// Takes the census.
pub(super) fn take(request: &CensusRequest) -> Result<Census, Problem> {
    if request.by.len() > KEYS {
        return Err(Problem::invalid(format!("{} census keys; expected at most {KEYS}, each once", request.by.len())));
    }
    let netlink = Netlink::sock_diag("count the TCP sockets", ALLOWED);
    let wanted = Wanted {
        states: diag::state_bits(&request.states)?,
        local_port: request.local_port.unwrap_or(0),
        peer_port: request.peer_port.unwrap_or(0),
    };
    let tally = diag::fold(&netlink, &wanted, Tally::default(), |tally, entry| {
        if matches(request, &entry) {
            tally.add(&request.by, &entry);
        }
    })?;
    Ok(tally.into_census(request.by.len()))
}

fn matches(request: &CensusRequest, entry: &Entry) -> bool {
    request.local_port.is_none_or(|port| port == entry.local_port)
        && request.peer_port.is_none_or(|port| port == entry.peer_port)
        && request.peer_address.is_none_or(|address| address.to_canonical() == entry.peer)
}

impl Tally {
    fn add(&mut self, by: &[CensusKey], entry: &Entry) {
        self.total = self.total.saturating_add(1);
        let mut key = [Value::Unused; KEYS];
        for (slot, by) in key.iter_mut().zip(by) {
            *slot = match by {
                CensusKey::State => Value::State(entry.state),
                CensusKey::LocalAddress => Value::Address(entry.local),
                CensusKey::LocalPort => Value::Port(entry.local_port),
                CensusKey::PeerAddress => Value::Address(entry.peer),
                CensusKey::PeerPort => Value::Port(entry.peer_port),
            };
        }
        if self.groups.len() >= DISTINCT && !self.groups.contains_key(&key) {
            return;
        }
        let sums = self.groups.entry(key).or_default();
        sums.count = sums.count.saturating_add(1);
        // A listener's queues count connections, not bytes.
        if !entry.is_listener() {
            sums.receive_queue = sums.receive_queue.saturating_add(entry.receive_queue.into());
            sums.send_queue = sums.send_queue.saturating_add(entry.send_queue.into());
        }
    }

    fn into_census(self, keys: usize) -> Census {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_unstable_by(|(a_key, a), (b_key, b)| b.count.cmp(&a.count).then_with(|| a_key.cmp(b_key)));
        let group = |(key, sums): ([Value; KEYS], Sums)| CensusGroup {
            key: key.into_iter().take(keys).map(Value::text).collect(),
            count: sums.count,
            receive_queue_bytes: sums.receive_queue,
            send_queue_bytes: sums.send_queue,
        };
        Census { groups: groups.into_iter().take(GROUPS).map(group).collect(), total: self.total }
    }
}

impl Value {
    fn text(self) -> String {
        match self {
            Self::Unused => String::new(),
            Self::State(state) => diag::state_name(state).to_owned(),
            Self::Address(address) => address.to_string(),
            Self::Port(port) => port.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn entry(state: u8, peer: u8, queue: u32) -> Entry {
        Entry {
            state,
            local: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 8080,
            peer: IpAddr::V4(Ipv4Addr::new(10, 0, 0, peer)),
            peer_port: 40_000,
            receive_queue: queue,
            send_queue: queue,
            uid: 0,
            inode: 0,
            v6only: false,
        }
    }

    #[test]
    fn groups_are_largest_first_with_their_sums() {
        let mut tally = Tally::default();
        for entry in [entry(1, 1, 10), entry(8, 2, 1), entry(8, 2, 2), entry(8, 3, 5)] {
            tally.add(&[CensusKey::State, CensusKey::PeerAddress], &entry);
        }
        let census = tally.into_census(2);
        assert_eq!(census.total, 4);
        assert_eq!(census.groups[0].key, ["CLOSE-WAIT", "10.0.0.2"]);
        assert_eq!((census.groups[0].count, census.groups[0].receive_queue_bytes), (2, 3));
        assert_eq!(census.groups.len(), 3);
    }

    #[test]
    fn a_listeners_queue_is_not_bytes() {
        let mut tally = Tally::default();
        tally.add(&[], &entry(10, 0, 128));
        assert_eq!(tally.into_census(0).groups[0].send_queue_bytes, 0);
    }

    #[test]
    fn at_most_a_thousand_groups_are_listed_but_all_are_counted() {
        let mut tally = Tally::default();
        for port in 0..2_000 {
            tally.add(&[CensusKey::PeerPort], &Entry { peer_port: port, ..entry(1, 1, 0) });
        }
        let census = tally.into_census(1);
        assert_eq!((census.groups.len(), census.total), (1_000, 2_000));
    }

    #[test]
    fn too_many_keys_are_refused() {
        let request = CensusRequest { by: vec![CensusKey::State; 6], ..CensusRequest::default() };
        let problem = take(&request).expect_err("six keys");
        assert!(problem.detail.contains("6 census keys"), "{}", problem.detail);
    }
}
