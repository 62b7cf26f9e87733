//! Which numbers a question is about, and the series that each key counts for.

use std::net::IpAddr;

use sonde_core::observation::history::{GroupFilter, GroupKey, Numbers};

use super::super::key::Key;
use crate::inspection::Problem;
use crate::sockets::{States, state_name};

/// Which numbers, ready to be compared.
pub(super) enum Chosen<'a> {
    Counters(&'a [String]),
    Sockets { by: &'a [GroupKey], states: States, filter: &'a GroupFilter, family: Family },
    Listeners(Option<u16>),
}

/// Where groups of sockets come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Total,
    Peer,
    Local,
}

impl<'a> Chosen<'a> {
    pub(super) fn of(numbers: &'a Numbers) -> Result<Self, Problem> {
        match numbers {
            Numbers::Counters { names } => Ok(Self::Counters(names)),
            Numbers::Listeners { port } => Ok(Self::Listeners(*port)),
            Numbers::Sockets { by, filter } => {
                let states = States::named(&filter.states).map_err(Problem::invalid)?;
                let peer = filter.peer_address.is_some()
                    || filter.peer_port.is_some()
                    || by.iter().any(|key| matches!(key, GroupKey::PeerAddress | GroupKey::PeerPort));
                let local = filter.local_port.is_some() || by.contains(&GroupKey::LocalPort);
                let family = match (peer, local) {
                    (true, true) => {
                        return Err(Problem::invalid(
                            "the recorder counts sockets by peer or by local port; ask for one of them".to_owned(),
                        ));
                    }
                    (true, false) => Family::Peer,
                    (false, true) => Family::Local,
                    (false, false) => Family::Total,
                };
                Ok(Self::Sockets { by, states, filter, family })
            }
        }
    }

    /// So many that all series together stay within [`POINTS_IN_ALL`].
    pub(super) fn most_points(&self) -> u64 {
        POINTS_IN_ALL / self.most_series() as u64
    }

    pub(super) fn most_series(&self) -> usize {
        match self {
            Self::Counters(names) if names.iter().all(|name| !name.ends_with('*')) => names.len().clamp(1, SERIES),
            Self::Counters(_) => SERIES,
            Self::Sockets { .. } => GROUPS,
            Self::Listeners(_) => 3 * GROUPS,
        }
    }

    /// The series that a key counts for.
    pub(super) fn series(&self, key: &Key) -> Option<(Vec<String>, Fill)> {
        match (self, key) {
            (Self::Counters(names), Key::Counter(name)) => {
                wanted(names, name).then(|| (vec![name.to_string()], Fill::Growth))
            }
            (Self::Counters(names), Key::Gauge(name)) => {
                wanted(names, name).then(|| (vec![name.to_string()], Fill::Level))
            }
            (Self::Sockets { by, states, filter, family }, key) => {
                let (of, state, peer, port, local) = match *key {
                    Key::Total(state) => (Family::Total, state, None, None, None),
                    Key::Peer(state, peer, port) => (Family::Peer, state, Some(peer), Some(port), None),
                    Key::Local(state, local) => (Family::Local, state, None, None, Some(local)),
                    _ => return None,
                };
                let passes = of == *family
                    && states.contains(state)
                    && filter.peer_address.is_none_or(|wanted| peer == Some(wanted))
                    && filter.peer_port.is_none_or(|wanted| port == Some(wanted))
                    && filter.local_port.is_none_or(|wanted| local == Some(wanted));
                passes.then(|| (group(by, state, peer, port.filter(|port| *port != 0), local), Fill::Walk))
            }
            (Self::Listeners(wanted), Key::Queued(address, port)) => listener(*wanted, *address, *port, "queued"),
            (Self::Listeners(wanted), Key::Backlog(address, port)) => listener(*wanted, *address, *port, "backlog"),
            (Self::Listeners(wanted), Key::HalfOpen(address, port)) => {
                listener(*wanted, *address, *port, "syn-received")
            }
            _ => None,
        }
    }

    /// Whether a key is a group of sockets that the rest of its state is told apart from.
    pub(super) fn groups(&self, key: &Key) -> Option<u8> {
        match (self, key) {
            (Self::Sockets { family: Family::Peer, .. }, Key::Peer(state, ..))
            | (Self::Sockets { family: Family::Local, .. }, Key::Local(state, _)) => Some(*state),
            _ => None,
        }
    }

    /// Where a group counts that finds no place any more: for its state.
    pub(super) fn beyond(&self, key: &Key) -> Option<Vec<String>> {
        match self {
            Self::Sockets { by, .. } => self.groups(key).map(|state| group(by, state, None, None, None)),
            Self::Counters(_) | Self::Listeners(_) => None,
        }
    }

    /// Where the rest of a state counts, which has no group of its own.
    pub(super) fn rest(&self, key: &Key) -> Option<Vec<String>> {
        match (self, key) {
            (Self::Sockets { by, states, filter, family }, Key::Total(state))
                if *family != Family::Total
                    && states.contains(*state)
                    && filter.peer_address.is_none()
                    && filter.peer_port.is_none()
                    && filter.local_port.is_none() =>
            {
                Some(group(by, *state, None, None, None))
            }
            _ => None,
        }
    }
}

fn wanted(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| match wanted.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == wanted,
    })
}

fn group(by: &[GroupKey], state: u8, peer: Option<IpAddr>, port: Option<u16>, local: Option<u16>) -> Vec<String> {
    let text = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
    by.iter()
        .map(|key| match key {
            GroupKey::State => state_name(state).to_owned(),
            GroupKey::PeerAddress => peer.map(|peer| peer.to_string()).unwrap_or_default(),
            GroupKey::PeerPort => text(port),
            GroupKey::LocalPort => text(local),
        })
        .collect()
}

fn listener(wanted: Option<u16>, address: IpAddr, port: u16, what: &str) -> Option<(Vec<String>, Fill)> {
    let fill = match what {
        "queued" => Fill::Step,
        "backlog" => Fill::Level,
        _ => Fill::Walk,
    };
    wanted
        .is_none_or(|wanted| wanted == port)
        .then(|| (vec![address.to_string(), port.to_string(), what.to_owned()], fill))
}

/// What stands where a series has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// Nothing: it did not grow.
    Growth,
    /// Nothing: it was not there.
    Level,
    /// 0 in every step.
    Step,
    /// 0 in every step in which all sockets were walked over.
    Walk,
}

/// Of all series of an answer.
const POINTS_IN_ALL: u64 = 65_536;

/// Counters of an answer.
const SERIES: usize = 256;

/// Groups of sockets, and listeners, of an answer.
const GROUPS: usize = 64;
