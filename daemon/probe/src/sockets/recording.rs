//! The tables as the flight recorder reads them: a walk that counts by state, peer and own port, and the listeners with something
//! in their queue.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use sonde_core::observation::Counter;

use super::counters;
use super::filter::Filter;
use super::row::{Protocol, Row};
use super::states::{self, States};
use super::table::{Listing, walk};
use crate::inspection::Problem;
use crate::vantage::Procfs;

/// A walk that takes longer is a step without one.
const ALLOWED: Duration = Duration::from_secs(2);

/// Distinct peers or ports of a walk that are told apart; further ones count for their state alone.
const DISTINCT: usize = 1 << 16;

/// Groups of a kind that are kept, the largest.
const GROUPS: usize = 64;

/// TCP sockets, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    totals: [i64; 16],
    /// By state, peer and its port; port 0 for peers that came to a port of ours.
    peers: HashMap<(u8, IpAddr, u16), i64>,
    /// By state and own port, of those that came to it.
    locals: HashMap<(u8, u16), i64>,
    /// By local address and port.
    half_open: HashMap<(IpAddr, u16), i64>,
}

/// A listener that somebody waits at. Where several listen on one address and port (`SO_REUSEPORT`) it is the fullest of them: what
/// does not fit its queue is dropped, whatever room there is in another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) queued: u32,
    pub(crate) backlog: u32,
}

/// All counters, with those of the machine and of devices. Inside the vantage only.
pub(crate) fn read_counters(procfs: &Procfs) -> Result<Vec<Counter>, Problem> {
    let mut counters = counters::read(procfs)?;
    counters::host::read(procfs, &mut counters);
    Ok(counters)
}

/// The fullest listeners with a queue, and the ports of all. The kernel hands out listeners without a look at other sockets. Inside
/// the vantage only.
pub(crate) fn queues(procfs: &Procfs) -> Result<(Vec<Queue>, HashSet<u16>), Problem> {
    let mut ports = HashSet::new();
    let mut waiting = Vec::new();
    let listing = of_states(States(states::LISTEN));
    walk(procfs, &listing, "record the listeners", ALLOWED, |socket| {
        if let Row::Inet(inet) = &socket.row {
            ports.insert(inet.local_port());
            let queued = socket.row.receive_queue();
            if queued > 0 {
                let (address, port) = (inet.local(), inet.local_port());
                waiting.push(Queue { address, port, queued, backlog: socket.row.send_queue() });
            }
        }
        ControlFlow::Continue(())
    })
    .map_err(|unfinished| unfinished.problem)?;
    let mut waiting = fullest(waiting);
    waiting.sort_unstable_by_key(|queue| (std::cmp::Reverse(queue.queued), queue.port, queue.address));
    waiting.truncate(GROUPS);
    Ok((waiting, ports))
}

impl Tally {
    /// Walks over all TCP sockets but listeners. `ports` are those that are listened on. Inside the vantage only.
    pub(crate) fn take(procfs: &Procfs, ports: &HashSet<u16>) -> Result<Self, Problem> {
        let mut tally = Self::default();
        let listing = of_states(States(states::ALL & !states::LISTEN & !states::UNCONN));
        walk(procfs, &listing, "record the sockets", ALLOWED, |socket| {
            if let Row::Inet(inet) = &socket.row {
                tally.add(
                    socket.row.state(),
                    (inet.local(), inet.local_port()),
                    (inet.peer(), inet.peer_port()),
                    ports,
                );
            }
            ControlFlow::Continue(())
        })
        .map_err(|unfinished| unfinished.problem)?;
        Ok(tally)
    }

    fn add(&mut self, state: u8, local: (IpAddr, u16), peer: (IpAddr, u16), ports: &HashSet<u16>) {
        if let Some(total) = self.totals.get_mut(usize::from(state)) {
            *total += 1;
        }
        if state == SYN_RECV {
            count(&mut self.half_open, local);
        }
        if ports.contains(&local.1) {
            count(&mut self.peers, (state, peer.0, 0));
            count(&mut self.locals, (state, local.1));
        } else {
            count(&mut self.peers, (state, peer.0, peer.1));
        }
    }

    /// Sockets of each state that has some.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (u8, i64)> {
        (0..16_u8).zip(self.totals).filter(|(_, total)| *total > 0)
    }

    /// The largest groups by state and peer.
    pub(crate) fn into_groups(self) -> Groups {
        Groups { peers: largest(self.peers), locals: largest(self.locals), half_open: largest(self.half_open) }
    }
}

/// The largest groups of a walk, with how many sockets are in each.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) peers: Vec<((u8, IpAddr, u16), i64)>,
    pub(crate) locals: Vec<((u8, u16), i64)>,
    pub(crate) half_open: Vec<((IpAddr, u16), i64)>,
}

/// The fullest of each address and port.
fn fullest(waiting: Vec<Queue>) -> Vec<Queue> {
    let mut kept: HashMap<(IpAddr, u16), Queue> = HashMap::new();
    for queue in waiting {
        let fullest = kept.entry((queue.address, queue.port)).or_insert(queue);
        if queue.is_fuller(fullest) {
            *fullest = queue;
        }
    }
    kept.into_values().collect()
}

impl Queue {
    /// By what part of its limit is taken, else by how many wait.
    fn is_fuller(&self, other: &Self) -> bool {
        // One more than the backlog has room.
        let part = |of: &Self, beside: &Self| u64::from(of.queued) * (u64::from(beside.backlog) + 1);
        (part(self, other), self.queued) > (part(other, self), other.queued)
    }
}

fn of_states(states: States) -> Listing {
    let filter = Filter { protocols: vec![Protocol::Tcp], states, ..Filter::default() };
    Listing { filter, ..Listing::default() }
}

fn count<K: Eq + Hash>(groups: &mut HashMap<K, i64>, key: K) {
    if groups.len() < DISTINCT || groups.contains_key(&key) {
        *groups.entry(key).or_insert(0) += 1;
    }
}

/// Ties by key, so that the same groups are kept from step to step.
fn largest<K: Ord + Copy>(groups: HashMap<K, i64>) -> Vec<(K, i64)> {
    let mut groups: Vec<(K, i64)> = groups.into_iter().collect();
    let larger = |a: &(K, i64), b: &(K, i64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    if groups.len() > GROUPS {
        groups.select_nth_unstable_by(GROUPS, larger);
        groups.truncate(GROUPS);
    }
    groups
}

/// `net/tcp_states.h`.
const SYN_RECV: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn peers_that_came_to_us_count_without_their_port_and_for_ours() {
        let mut tally = Tally::default();
        let ports = HashSet::from([443]);
        for port in 40_000..40_010 {
            tally.add(1, (address(1), 443), (address(9), port), &ports);
            tally.add(6, (address(1), port), (address(5), 5432), &ports);
        }
        tally.add(SYN_RECV, (address(1), 443), (address(8), 1), &ports);

        let totals: Vec<_> = tally.totals().collect();
        let groups = tally.into_groups();

        assert_eq!(totals, [(1, 10), (3, 1), (6, 10)]);
        assert!(groups.peers.contains(&((1, address(9), 0), 10)), "{groups:?}");
        assert!(groups.peers.contains(&((6, address(5), 5432), 10)), "{groups:?}");
        assert!(groups.locals.contains(&((1, 443), 10)), "{groups:?}");
        assert_eq!(groups.half_open, [((address(1), 443), 1)]);
    }

    #[test]
    fn of_sockets_on_one_port_the_fullest_speaks() {
        let queue = |port, queued, backlog| Queue { address: address(1), port, queued, backlog };
        let waiting =
            vec![queue(80, 1, 128), queue(80, 129, 128), queue(80, 500, 4096), queue(81, 2, 8), queue(81, 3, 8)];

        let mut kept = fullest(waiting);
        kept.sort_unstable_by_key(|queue| queue.port);

        assert_eq!(kept, [queue(80, 129, 128), queue(81, 3, 8)]);
    }

    #[test]
    fn the_largest_groups_are_kept_and_of_equal_ones_always_the_same() {
        let groups = || (0..1_000_u16).map(|port| ((1_u8, port), i64::from(port < 10) + 1)).collect::<HashMap<_, _>>();
        let sorted = |mut groups: Vec<((u8, u16), i64)>| {
            groups.sort_unstable();
            groups
        };

        let kept = sorted(largest(groups()));

        assert_eq!(kept.len(), GROUPS);
        assert_eq!(kept, sorted(largest(groups())));
        assert!(kept.iter().all(|((_, port), _)| *port < 64), "{kept:?}");
    }
}
