//! One process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What its open files are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptors {
    /// Of whatever family.
    pub sockets: u64,
    /// Of a file system.
    pub files: u64,
    /// Named or not.
    pub pipes: u64,
    /// Events, timers, memory.
    pub other: u64,
}

/// Its facts. What needs a privilege is absent without it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// In the daemon's pid namespace.
    pub pid: u32,
    /// That of its parent.
    pub parent: u32,
    /// Its comm.
    pub command: String,
    /// As in /proc/PID/stat.
    pub state: String,
    /// The effective one.
    pub uid: u32,
    /// How many.
    pub threads: u32,
    /// Since it began.
    pub age: Duration,
    /// User and system.
    pub cpu: Duration,
    /// Of memory.
    pub resident_bytes: u64,
    /// How many.
    pub open_files: Option<u64>,
    /// Absent where unlimited.
    pub open_files_soft: Option<u64>,
    /// Absent where unlimited.
    pub open_files_hard: Option<u64>,
    /// By kind.
    pub descriptors: Option<Descriptors>,
    /// Path of its cgroup v2.
    pub cgroup: Option<String>,
    /// 64 hex digits.
    pub container_id: Option<String>,
    /// Inode number.
    pub network_namespace: Option<u64>,
    /// In the vantage's network namespace.
    pub here: Option<bool>,
}

/// A variable of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// As it is spelled.
    pub name: String,
    /// With `***` for what is nobody's business.
    pub value: String,
}
