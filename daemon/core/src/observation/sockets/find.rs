//! Single sockets, with what the kernel says of each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FlowProtocol, Process, SocketFilter};
use crate::observation::Endpoint;
use crate::observation::connection::TcpInfo;

/// `sockets.find`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindRequest {
    /// Which sockets.
    pub filter: SocketFilter,
    /// Which of them first.
    pub order: SocketOrder,
    /// At most so many.
    pub limit: usize,
}

/// Which sockets are wanted most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocketOrder {
    /// As the kernel lists them.
    Listed,
    /// By bytes; a listener's queues are none.
    SendQueue,
    /// By bytes; a listener's queues are none.
    ReceiveQueue,
    /// By packets dropped at it.
    Drops,
    /// By timeouts in a row, then by unacknowledged segments.
    Backoff,
    /// By how long neither data nor an acknowledgement came.
    Silence,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The foremost.
    pub sockets: Vec<Socket>,
    /// Sockets that passed the filter, listed or not.
    pub total: u64,
}

/// One socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// Of which table.
    pub protocol: FlowProtocol,
    /// As in ss.
    pub state: String,
    /// Unspecified for any.
    pub local: Endpoint,
    /// Where it has one.
    pub peer: Option<Endpoint>,
    /// The device it is bound to.
    pub device: Option<String>,
    /// Not yet read, bytes; of a listener the connections that wait.
    pub receive_queue: u32,
    /// Not yet acknowledged, bytes; of a listener the limit of its queue.
    pub send_queue: u32,
    /// Owner.
    pub uid: u32,
    /// 0 where no process holds it any more.
    pub inode: u32,
    /// The kernel's name of it while it lives.
    pub cookie: u64,
    /// cgroup v2 path, where the kernel tells.
    pub cgroup: Option<String>,
    /// Those that hold it, by pid; at most 8.
    pub processes: Vec<Process>,
    /// The one that runs.
    pub timer: Option<SocketTimer>,
    /// Where the kernel tells.
    pub memory: Option<SocketMemory>,
    /// The congestion control.
    pub congestion: Option<String>,
    /// Of TCP, but not of TIME-WAIT and SYN-RECV.
    pub info: Option<TcpInfo>,
    /// With `info`.
    pub flow: Option<TcpFlow>,
}

/// The timer of a TCP socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketTimer {
    /// As in ss: `on`, `keepalive`, `timewait`, `persist`.
    pub name: String,
    /// Until it ends.
    pub expires: Duration,
    /// Of what it repeats, so far.
    pub retransmits: u32,
}

/// What a socket holds of memory, in bytes (`SK_MEMINFO_*` of `linux/sock_diag.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketMemory {
    /// Received and not read.
    pub receive_allocated: u32,
    /// `SO_RCVBUF`.
    pub receive_buffer: u32,
    /// Sent and not yet freed by the device.
    pub send_allocated: u32,
    /// `SO_SNDBUF`.
    pub send_buffer: u32,
    /// Packets dropped at this socket.
    pub drops: u32,
}

/// What [`TcpInfo`] lacks of struct `tcp_info`, as far as checks want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpFlow {
    /// Retransmission timeout.
    pub rto: Duration,
    /// Segments.
    pub congestion_window: u32,
    /// Since payload was sent.
    pub last_data_sent: Duration,
    /// Since payload came.
    pub last_data_received: Duration,
    /// Bytes a second, the latest sample.
    pub delivery_rate: u64,
    /// That sample was limited by the program.
    pub app_limited: bool,
    /// Time limited by our own send buffer.
    pub sndbuf_limited: Duration,
    /// Packets that came out of order.
    pub out_of_order_packets: u32,
    /// The window that we announce, bytes.
    pub rcv_wnd: u32,
    /// What the receive buffer is sized by, bytes.
    pub rcv_space: u32,
}
