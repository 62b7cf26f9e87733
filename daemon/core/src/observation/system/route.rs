//! Routes, and the rules that choose their table.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

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

/// The family of a route or rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Family {
    Ipv4,
    Ipv6,
}

/// How the kernel would route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its fate.
    pub kind: RouteKind,
    /// That of the destination.
    pub family: Family,
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
    /// The smallest is taken.
    pub metric: Option<u32>,
    /// 254 is `main`.
    pub table: Option<u32>,
}

/// A policy rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Whose packets it takes.
    pub family: Family,
    /// Ascending.
    pub priority: u32,
    /// As `ip rule` prints it; `all` where it takes everything.
    pub selector: String,
    /// `lookup`, `blackhole`, `unreachable`, `prohibit`, `nop`, `goto 200` (a priority).
    pub action: String,
    /// Of `lookup`.
    pub table: Option<u32>,
}

/// A route of a table; one for each next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRoute {
    /// Of the destination.
    pub family: Family,
    /// Its fate.
    pub kind: RouteKind,
    /// 254 is `main`.
    pub table: u32,
    /// `default` or CIDR.
    pub destination: String,
    /// Absent when on-link.
    pub gateway: Option<IpAddr>,
    /// By name.
    pub device: Option<String>,
    /// The address the kernel would choose.
    pub source: Option<IpAddr>,
    /// The smallest is taken.
    pub metric: u32,
    /// Bytes.
    pub mtu: Option<u32>,
    /// As in `ip route`.
    pub protocol: String,
}
