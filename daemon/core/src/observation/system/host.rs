//! The machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cgroup::Pressure;
use super::process::Variable;
use super::route::Family;

/// How full a neighbour table of the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourUse {
    /// ARP, or neighbour discovery.
    pub family: Family,
    /// Of all namespaces.
    pub entries: u64,
    /// `gc_thresh3`.
    pub limit: Option<u64>,
    /// New entries that found no room, so far.
    pub overflows: u64,
}

/// Its facts, of all its namespaces together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// os-release.
    pub os: Vec<Variable>,
    /// Its release.
    pub kernel: String,
    /// Since it was started.
    pub uptime: Duration,
    /// Online.
    pub processors: u32,
    /// All of it.
    pub memory_bytes: u64,
    /// Without swapping.
    pub memory_available_bytes: u64,
    /// File handles in use.
    pub open_files: u64,
    /// fs.file-max.
    pub open_files_limit: u64,
    /// Sockets that no process holds.
    pub tcp_orphans: Option<u64>,
    /// Hidden from other network namespaces than the first.
    pub tcp_orphans_limit: Option<u64>,
    /// Of all TCP sockets.
    pub tcp_memory_pages: Option<u64>,
    /// Low, pressure, high; hidden as well.
    pub tcp_memory_limits_pages: Option<(u64, u64, u64)>,
    /// Hidden as well.
    pub neighbour_tables: Vec<NeighbourUse>,
    /// PSI.
    pub pressure: Vec<Pressure>,
}

/// A setting of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctl {
    /// `net.ipv4.tcp_tw_reuse`.
    pub name: String,
    /// Absent where it does not exist, or must not be read.
    pub value: Option<String>,
    /// The privilege that reading it takes.
    pub needs: Option<String>,
}
