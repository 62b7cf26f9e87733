//! Records of the interface `system`.

mod arp;
mod cgroup;
mod host;
mod process;
mod route;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Counter;

pub use arp::{ArpClaim, ArpQuestion};
pub use cgroup::{CgroupFacts, Pressure, PressureLine};
pub use host::{HostFacts, NeighbourUse, Sysctl};
pub use process::{Descriptors, ProcessFacts, Variable};
pub use route::{Family, Route, RouteKind, Rule, TableRoute};

/// The rows of a table that may be long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table<T> {
    /// Those that are listed.
    pub rows: Vec<T>,
    /// Listed or not.
    pub total: u64,
}

/// A neighbour entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The neighbour.
    pub address: IpAddr,
    /// By name.
    pub device: String,
    /// As in `ip neigh`; `NONE` when there is no entry.
    pub state: String,
    /// Link-layer address.
    pub link_address: Option<String>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// By name.
    pub name: String,
    /// Interface index.
    pub index: u32,
    /// `IFF_UP`.
    pub up: bool,
    /// `IFF_LOWER_UP`.
    pub carrier: bool,
    /// `IFF_LOOPBACK`.
    pub loopback: bool,
    /// Bytes.
    pub mtu: u32,
    /// CIDR.
    pub addresses: Vec<String>,
    /// `rx_errors`, `tx_errors`, ...
    pub statistics: Vec<Counter>,
    /// `veth`, `bridge`; absent for a hardware device.
    pub kind: Option<String>,
    /// The bridge, bond or VRF it belongs to.
    pub master: Option<String>,
}

/// adjtimex(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    /// Unix microseconds.
    pub wall_us: i64,
    /// The kernel clock is disciplined.
    pub synchronised: bool,
    /// As the kernel estimates.
    pub estimated_error: Duration,
    /// Its bound.
    pub maximum_error: Duration,
}
