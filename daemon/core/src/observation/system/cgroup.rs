//! What a cgroup may use, and what waits for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One line of PSI: in which share of the time tasks waited, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PressureLine {
    /// Over 10 s.
    pub avg10_percent: f64,
    /// Over a minute.
    pub avg60_percent: f64,
    /// Over five.
    pub avg300_percent: f64,
    /// So far.
    pub total: Duration,
}

/// PSI of one resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// `cpu`, `memory`, `io`.
    pub resource: String,
    /// At least one task waited.
    pub some: PressureLine,
    /// All of them did.
    pub full: Option<PressureLine>,
}

/// A cgroup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CgroupFacts {
    /// Below the mounted tree.
    pub path: String,
    /// CPU time in each period.
    pub quota: Option<Duration>,
    /// Present with the quota.
    pub period: Option<Duration>,
    /// CPU time so far.
    pub usage: Duration,
    /// In which it ran.
    pub periods: u64,
    /// In which its quota ran out.
    pub throttled_periods: u64,
    /// How long it was kept from running.
    pub throttled: Duration,
    /// The process's own, or one above it.
    pub frozen: bool,
    /// memory.current.
    pub memory_bytes: Option<u64>,
    /// memory.max.
    pub memory_limit_bytes: Option<u64>,
    /// `oom_kill`.
    pub oom_kills: Option<u64>,
    /// PSI.
    pub pressure: Vec<Pressure>,
}
