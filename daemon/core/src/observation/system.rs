//! Records of the interface `system`.

mod arp;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Counter;

pub use arp::{ArpClaim, ArpQuestion};

/// rtnetlink's RTN_* kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are rtnetlink's; `None` is: no route matches")]
pub enum RouteKind {
    Unicast,
    Local,
    Broadcast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
    None,
    Other,
}

/// How the kernel would route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its fate.
    pub kind: RouteKind,
    /// Absent when on-link.
    pub gateway: Option<IpAddr>,
    /// By name.
    pub device: Option<String>,
    /// The address the kernel would choose.
    pub source: Option<IpAddr>,
    /// `default` or CIDR.
    pub prefix: Option<String>,
    /// Bytes.
    pub mtu: Option<u32>,
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

/// A variable that tells a client which proxy to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyVariable {
    /// As it is spelled: `HTTPS_PROXY`, `no_proxy`.
    pub name: String,
    /// With `***` for user and password.
    pub value: String,
}
