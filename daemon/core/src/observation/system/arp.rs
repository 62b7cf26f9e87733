//! Who claims an address on its segment.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An address that was asked for by ARP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpQuestion {
    /// The address.
    pub address: Ipv4Addr,
    /// By name.
    pub device: String,
    /// An address of this host, so that every claim is another host's.
    pub own: bool,
    /// One for each link-layer address that answered, the first first; none of this host's own.
    pub claims: Vec<ArpClaim>,
}

/// A link-layer address that claims an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpClaim {
    /// As `ip` prints it.
    pub link_address: String,
    /// Since the first question.
    pub elapsed: Duration,
}
