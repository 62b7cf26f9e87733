//! Records of the interface `sockets`.

mod conntrack;
mod find;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Counter;

pub use conntrack::{Flow, FlowProtocol, FlowTuple, TrackedFlow};
pub use find::{FindRequest, Found, Socket, SocketMemory, SocketOrder, SocketTimer, TcpFlow};

/// The process behind a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// In the daemon's pid namespace.
    pub pid: u32,
    /// comm.
    pub command: String,
    /// R, S, D, T, Z.
    pub state: String,
    /// Where readable.
    pub open_files: Option<u64>,
    /// Soft `RLIMIT_NOFILE`.
    pub open_files_limit: Option<u64>,
}

/// A TCP listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Unspecified for any.
    pub address: IpAddr,
    /// Bound port.
    pub port: u16,
    /// IPv6 listener that takes no IPv4.
    pub v6only: bool,
    /// Waiting to be accepted.
    pub queued: u32,
    /// Limit of that queue.
    pub backlog: u32,
    /// Half-open connections.
    pub syn_received: u32,
    /// Owner.
    pub uid: u32,
    /// Socket inode.
    pub inode: u32,
    /// Where it can be found; of several the one with the lowest id.
    pub process: Option<Process>,
    /// The device it is bound to.
    pub device: Option<String>,
    /// The other processes that hold it, by pid; at most 64.
    pub workers: Vec<Process>,
}

/// What to group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CensusKey {
    State,
    LocalAddress,
    LocalPort,
    PeerAddress,
    PeerPort,
    Protocol,
    Pid,
    Command,
    Cgroup,
}

/// Which sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketFilter {
    /// Empty for TCP alone.
    pub protocols: Vec<FlowProtocol>,
    /// As in ss; empty for all.
    pub states: Vec<String>,
    /// Any where absent.
    pub local_address: Option<IpAddr>,
    /// Any where absent.
    pub local_port: Option<u16>,
    /// Any where absent.
    pub peer_address: Option<IpAddr>,
    /// Any where absent.
    pub peer_port: Option<u16>,
    /// Held by this process, in the daemon's pid namespace.
    pub pid: Option<u32>,
}

/// `sockets.census`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CensusRequest {
    /// In the order of each group's key.
    pub by: Vec<CensusKey>,
    /// Which sockets are counted.
    pub filter: SocketFilter,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CensusGroup {
    /// A value for each key.
    pub key: Vec<String>,
    /// Sockets.
    pub count: u64,
    /// Sum, bytes.
    pub receive_queue_bytes: u64,
    /// Sum, bytes.
    pub send_queue_bytes: u64,
}

/// Groups, largest first, at most 1,000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Largest first.
    pub groups: Vec<CensusGroup>,
    /// Sockets in all groups, listed or not.
    pub total: u64,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// On the measuring clock, since the run began.
    pub taken_at: Duration,
    /// `Group.Name` in the files' order.
    pub counters: Vec<Counter>,
}
