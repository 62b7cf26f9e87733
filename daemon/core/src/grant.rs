//! What a run may touch. Checked on the address about to be dialled, never only on the name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The grants of one run. They grow as the run's own resolvers answer for the target's name.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// The target's port.
    target_port: Option<u16>,
    /// Any port of a target address may be tried, up to [`EXTRA_PORTS`] beside the target's own.
    targets: BTreeMap<IpAddr, BTreeSet<u16>>,
    /// The configured resolvers, port 53.
    resolvers: BTreeSet<IpAddr>,
    /// Named by the caller.
    endpoints: BTreeSet<SocketAddr>,
}

/// How many ports beside its own a run may try on a target address, to tell a filter from a dead host.
pub const EXTRA_PORTS: usize = 4;

/// Why a destination is not granted; the text names it and what is granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is not granted to this run; granted are {granted}")]
pub struct Denial {
    /// What was asked for.
    pub wanted: String,
    /// What would have been allowed.
    pub granted: String,
}

impl Grants {
    /// For a target with this port.
    pub fn new(target_port: Option<u16>) -> Self {
        Self { target_port, ..Self::default() }
    }

    /// The target's literal address, or one its resolvers returned in this run.
    pub fn add_target(&mut self, _address: IpAddr) {
        unimplemented!()
    }

    /// A configured resolver.
    pub fn add_resolver(&mut self, _address: IpAddr) {
        unimplemented!()
    }

    /// An endpoint named by the caller.
    pub fn add_endpoint(&mut self, _endpoint: SocketAddr) {
        unimplemented!()
    }

    /// Asks for a TCP dial; counts an extra port. IPv4-in-IPv6 is unmapped first.
    pub fn dial(&mut self, _endpoint: SocketAddr) -> Result<(), Denial> {
        unimplemented!()
    }

    /// Asks for a DNS exchange with a server.
    pub fn query(&mut self, _server: SocketAddr) -> Result<(), Denial> {
        unimplemented!()
    }

    /// The target addresses, in no particular order.
    pub fn targets(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.targets.keys().copied()
    }
}
