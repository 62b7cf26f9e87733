//! Counts of sockets by keys.
//!
//! At most 262,144 distinct keys are told apart; sockets of further ones count in the total only. At most 1,000 groups are
//! returned, the largest, ties by key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use sonde_core::observation::sockets::{Census, CensusGroup, CensusKey};

use super::filter::Filter;
use super::row::Row;
use super::states::{is_listener, state_name};
use super::table::{Listing, Socket, walk};
use super::twice;
use crate::inspection::Problem;
use crate::vantage::Procfs;

/// A million sockets take about a second, and a walk over /proc for their processes as long.
const ALLOWED: Duration = Duration::from_secs(3);
const ATTEMPT: &str = "count the sockets";
const DISTINCT: usize = 1 << 18;
const GROUPS: usize = 1_000;
const KEYS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Value {
    Unused,
    Protocol(&'static str),
    State(u8),
    Address(IpAddr),
    Port(u16),
    Pid(u32),
    /// A place in the texts seen.
    Text(usize),
}

#[derive(Debug, Default)]
struct Tally {
    groups: HashMap<[Value; KEYS], Sums>,
    texts: Texts,
    total: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: u64,
    receive_queue: u64,
    send_queue: u64,
}

/// Texts by the order in which they were seen first.
#[derive(Debug, Default)]
struct Texts(HashMap<String, usize>);

/// Takes the census.
pub(super) fn take(procfs: &Procfs, filter: Filter, by: &[CensusKey]) -> Result<Census, Problem> {
    if by.len() > KEYS {
        return Err(Problem::invalid(format!("{} census keys; expected at most {KEYS}, each once", by.len())));
    }
    let listing = Listing {
        filter,
        owners: by.iter().any(|key| matches!(key, CensusKey::Pid | CensusKey::Command)),
        cgroup: by.contains(&CensusKey::Cgroup),
        ..Listing::default()
    };
    let tally = twice(|| {
        let mut tally = Tally::default();
        walk(procfs, &listing, ATTEMPT, ALLOWED, |socket| {
            tally.add(by, socket);
            ControlFlow::Continue(())
        })
        .map(|_| tally)
    })?;
    Ok(tally.into_census(by.len()))
}

impl Tally {
    fn add(&mut self, by: &[CensusKey], socket: &Socket<'_>) {
        self.total = self.total.saturating_add(1);
        let mut key = [Value::Unused; KEYS];
        for (slot, by) in key.iter_mut().zip(by) {
            *slot = self.value(*by, socket);
        }
        if self.groups.len() >= DISTINCT && !self.groups.contains_key(&key) {
            return;
        }
        let sums = self.groups.entry(key).or_default();
        sums.count = sums.count.saturating_add(1);
        // A listener's queues count connections, not bytes.
        if !is_listener(socket.row.state()) {
            sums.receive_queue = sums.receive_queue.saturating_add(socket.row.receive_queue().into());
            sums.send_queue = sums.send_queue.saturating_add(socket.row.send_queue().into());
        }
    }

    fn value(&mut self, key: CensusKey, socket: &Socket<'_>) -> Value {
        let inet = match &socket.row {
            Row::Inet(inet) => Some(inet),
            Row::Unix(_) => None,
        };
        let owner = socket.owners.first();
        let value = match key {
            CensusKey::Protocol => Some(Value::Protocol(socket.protocol.name())),
            CensusKey::State => Some(Value::State(socket.row.state())),
            CensusKey::LocalAddress => inet.map(|inet| Value::Address(inet.local())),
            CensusKey::LocalPort => inet.map(|inet| Value::Port(inet.local_port())),
            CensusKey::PeerAddress => inet.map(|inet| Value::Address(inet.peer())),
            CensusKey::PeerPort => inet.map(|inet| Value::Port(inet.peer_port())),
            CensusKey::Pid => owner.map(|owner| Value::Pid(owner.pid)),
            CensusKey::Command => owner.map(|owner| self.texts.place(&owner.command)),
            CensusKey::Cgroup => (!socket.cgroup.is_empty()).then(|| self.texts.place(socket.cgroup)),
        };
        value.unwrap_or(Value::Unused)
    }

    fn into_census(self, keys: usize) -> Census {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_unstable_by(|(a_key, a), (b_key, b)| b.count.cmp(&a.count).then_with(|| a_key.cmp(b_key)));
        let mut texts = vec![String::new(); self.texts.0.len()];
        for (text, place) in self.texts.0 {
            if let Some(slot) = texts.get_mut(place) {
                *slot = text;
            }
        }
        let group = |(key, sums): ([Value; KEYS], Sums)| CensusGroup {
            key: key.into_iter().take(keys).map(|value| value.text(&texts)).collect(),
            count: sums.count,
            receive_queue_bytes: sums.receive_queue,
            send_queue_bytes: sums.send_queue,
        };
        Census { groups: groups.into_iter().take(GROUPS).map(group).collect(), total: self.total }
    }
}

impl Texts {
    fn place(&mut self, text: &str) -> Value {
        let next = self.0.len();
        match self.0.get(text) {
            Some(place) => Value::Text(*place),
            // Groups are bounded, so their texts are too.
            None if next >= DISTINCT => Value::Unused,
            None => {
                self.0.insert(text.to_owned(), next);
                Value::Text(next)
            }
        }
    }
}

impl Value {
    fn text(self, texts: &[String]) -> String {
        match self {
            Self::Unused => String::new(),
            Self::Protocol(name) => name.to_owned(),
            Self::State(state) => state_name(state).to_owned(),
            Self::Address(address) => address.to_string(),
            Self::Port(port) => port.to_string(),
            Self::Pid(pid) => pid.to_string(),
            Self::Text(place) => texts.get(place).cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Protocol;
    use super::*;

    fn record(state: u8, peer: u8, peer_port: u16, queue: u32) -> Vec<u8> {
        let mut record = vec![0; 72];
        record[..2].copy_from_slice(&[2, state]);
        record[6..8].copy_from_slice(&peer_port.to_be_bytes());
        record[24..28].copy_from_slice(&[10, 0, 0, peer]);
        record[56..60].copy_from_slice(&queue.to_ne_bytes());
        record[60..64].copy_from_slice(&queue.to_ne_bytes());
        record
    }

    fn tally(by: &[CensusKey], records: &[Vec<u8>]) -> Census {
        let mut tally = Tally::default();
        for record in records {
            let row = Row::parse(Protocol::Tcp, record).expect("a record");
            tally.add(by, &Socket { protocol: Protocol::Tcp, row, device: "", owners: &[], cgroup: "/a" });
        }
        tally.into_census(by.len())
    }

    #[test]
    fn groups_are_largest_first_with_their_sums() {
        let records = [record(1, 1, 1, 10), record(8, 2, 1, 1), record(8, 2, 1, 2), record(8, 3, 1, 5)];
        let census = tally(&[CensusKey::State, CensusKey::PeerAddress, CensusKey::Cgroup], &records);
        assert_eq!(census.total, 4);
        assert_eq!(census.groups[0].key, ["CLOSE-WAIT", "10.0.0.2", "/a"]);
        assert_eq!((census.groups[0].count, census.groups[0].receive_queue_bytes), (2, 3));
        assert_eq!(census.groups.len(), 3);
    }

    #[test]
    fn a_listeners_queue_is_not_bytes() {
        let census = tally(&[CensusKey::Protocol, CensusKey::Pid], &[record(10, 0, 0, 128)]);
        assert_eq!(census.groups[0].key, ["tcp", ""]);
        assert_eq!(census.groups[0].send_queue_bytes, 0);
    }

    #[test]
    fn at_most_a_thousand_groups_are_listed_but_all_are_counted() {
        let records: Vec<_> = (0..2_000).map(|port| record(1, 1, port, 0)).collect();
        let census = tally(&[CensusKey::PeerPort], &records);
        assert_eq!((census.groups.len(), census.total), (1_000, 2_000));
    }

    #[test]
    fn too_many_keys_are_refused() {
        let procfs = Procfs::open().expect("/proc");
        let problem = take(&procfs, Filter::default(), &[CensusKey::State; 6]).expect_err("six keys");
        assert!(problem.detail.contains("6 census keys"), "{}", problem.detail);
    }
}
