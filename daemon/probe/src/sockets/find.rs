//! The foremost sockets of a filter: a table of any size streams by, and only those wanted are kept.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::ops::ControlFlow;
use std::time::Duration;

use sonde_core::observation::Endpoint;
use sonde_core::observation::sockets::{
    FindRequest, FlowProtocol, Found, Socket as Record, SocketMemory, SocketOrder, SocketTimer, TcpFlow,
};

use super::filter::Filter;
use super::row::{InetRow, Protocol, Row};
use super::states::{is_listener, state_name};
use super::table::{Listing, Socket, walk};
use super::{owners, twice};
use crate::dial::info;
use crate::inspection::Problem;
use crate::tcp_info::TcpInfoFields;
use crate::vantage::Procfs;

const ALLOWED: Duration = Duration::from_secs(3);
const ATTEMPT: &str = "find sockets";
/// Of the contract.
const PROCESSES: usize = 8;
/// `SK_MEMINFO_DROPS` of `linux/sock_diag.h`.
const DROPS: usize = 8;

/// Finds them. Inside the vantage only.
pub(super) fn find(procfs: &Procfs, request: &FindRequest) -> Result<Found, Problem> {
    let listing =
        Listing { filter: Filter::of(&request.filter)?, info: true, memory: true, cgroup: true, ..Listing::default() };
    let mut kept = twice(|| {
        let mut kept = Kept::new(request);
        walk(procfs, &listing, ATTEMPT, ALLOWED, |socket| {
            kept.offer(socket);
            ControlFlow::Continue(())
        })
        .map(|_| kept)
    })?;
    let total = kept.total;
    let mut sockets = kept.take();
    let inodes: HashSet<u32> = sockets.iter().map(|socket| socket.inode).filter(|inode| *inode != 0).collect();
    let owners = owners::find(procfs, &inodes, PROCESSES);
    for socket in &mut sockets {
        socket.processes = owners.get(&socket.inode).cloned().unwrap_or_default();
    }
    Ok(Found { sockets, total })
}

/// The foremost so far: at most `limit`, the least of them on top of the heap.
struct Kept {
    order: SocketOrder,
    limit: usize,
    heap: BinaryHeap<Ranked>,
    total: u64,
}

/// Ordered by how little it is wanted: the least rank is the greatest, of equals the one that came last.
struct Ranked {
    place: (Reverse<u64>, u64),
    record: Record,
}

impl Kept {
    fn new(request: &FindRequest) -> Self {
        Self { order: request.order, limit: request.limit, heap: BinaryHeap::new(), total: 0 }
    }

    fn offer(&mut self, socket: &Socket<'_>) {
        let Row::Inet(inet) = &socket.row else { return };
        let place = (Reverse(rank(self.order, &socket.row, inet)), self.total);
        self.total = self.total.saturating_add(1);
        if self.heap.len() >= self.limit {
            match self.heap.peek() {
                Some(least) if place < least.place => drop(self.heap.pop()),
                _ => return,
            }
        }
        self.heap.push(Ranked { place, record: record(socket, inet) });
    }

    /// Them, the foremost first.
    fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.heap).into_sorted_vec().into_iter().map(|ranked| ranked.record).collect()
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Ranked {}

/// How much a socket is wanted.
fn rank(order: SocketOrder, row: &Row<'_>, inet: &InetRow<'_>) -> u64 {
    let bytes = |queue: u32| if is_listener(row.state()) { 0 } else { queue.into() };
    let info = || inet.info.map(TcpInfoFields::parse).unwrap_or_default();
    match order {
        SocketOrder::Listed => 0,
        SocketOrder::SendQueue => bytes(row.send_queue()),
        SocketOrder::ReceiveQueue => bytes(row.receive_queue()),
        SocketOrder::Drops => row.memory().and_then(|memory| memory.get(DROPS).copied()).unwrap_or(0).into(),
        SocketOrder::Backoff => {
            let info = info();
            u64::from(info.backoff) << 32 | u64::from(info.unacked)
        }
        SocketOrder::Silence => {
            let info = info();
            // Who never sent anything got no acknowledgement.
            let acknowledged = if info.bytes_acked == 0 { u32::MAX } else { info.last_ack_recv_ms };
            info.last_data_recv_ms.min(acknowledged).into()
        }
    }
}

fn record(socket: &Socket<'_>, inet: &InetRow<'_>) -> Record {
    let row = &socket.row;
    let peer = Endpoint { address: inet.peer(), port: inet.peer_port() };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Record {
        protocol: if socket.protocol == Protocol::Udp { FlowProtocol::Udp } else { FlowProtocol::Tcp },
        state: state_name(row.state()).to_owned(),
        local: Endpoint { address: inet.local(), port: inet.local_port() },
        peer: (peer.port != 0).then_some(peer),
        device: text(socket.device),
        receive_queue: row.receive_queue(),
        send_queue: row.send_queue(),
        uid: row.uid(),
        inode: row.inode(),
        cookie: row.cookie(),
        cgroup: text(socket.cgroup),
        processes: Vec::new(),
        timer: inet.timer().map(|(name, expires_ms, retransmits)| SocketTimer {
            name: name.to_owned(),
            expires: Duration::from_millis(expires_ms.into()),
            retransmits: retransmits.into(),
        }),
        memory: row.memory().map(memory),
        congestion: text(inet.congestion()),
        info: inet.info.map(info::parse),
        flow: inet.info.map(|bytes| flow(&TcpInfoFields::parse(bytes))),
    }
}

/// In the order of `SK_MEMINFO_*`.
fn memory(memory: [u32; 9]) -> SocketMemory {
    let [receive_allocated, receive_buffer, send_allocated, send_buffer, _, _, _, _, drops] = memory;
    SocketMemory { receive_allocated, receive_buffer, send_allocated, send_buffer, drops }
}

fn flow(info: &TcpInfoFields) -> TcpFlow {
    TcpFlow {
        rto: Duration::from_micros(info.rto_us.into()),
        congestion_window: info.snd_cwnd,
        last_data_sent: Duration::from_millis(info.last_data_sent_ms.into()),
        last_data_received: Duration::from_millis(info.last_data_recv_ms.into()),
        delivery_rate: info.delivery_rate,
        app_limited: info.app_limited,
        sndbuf_limited: Duration::from_micros(info.sndbuf_limited_us),
        out_of_order_packets: info.rcv_ooopack,
        rcv_wnd: info.rcv_wnd,
        rcv_space: info.rcv_space,
    }
}

#[cfg(test)]
mod tests {
    use sonde_core::observation::sockets::SocketFilter;

    use super::*;

    fn offered(order: SocketOrder, limit: usize, queues: &[(u8, u32)]) -> (Vec<u32>, u64) {
        let mut kept = Kept::new(&FindRequest { filter: SocketFilter::default(), order, limit });
        for (inode, (state, queue)) in (1_u32..).zip(queues) {
            let mut bytes = vec![0; 72];
            bytes[..2].copy_from_slice(&[2, *state]);
            bytes[60..64].copy_from_slice(&queue.to_ne_bytes());
            bytes[68..72].copy_from_slice(&inode.to_ne_bytes());
            let row = Row::parse(Protocol::Tcp, &bytes).expect("a record");
            kept.offer(&Socket { protocol: Protocol::Tcp, row, device: "", owners: &[], cgroup: "" });
        }
        let total = kept.total;
        (kept.take().iter().map(|record| record.inode).collect(), total)
    }

    #[test]
    fn only_the_foremost_are_kept_and_all_are_counted() {
        let queues = [(1, 10), (1, 30), (10, 4096), (1, 20), (1, 30), (1, 0)];
        assert_eq!(offered(SocketOrder::SendQueue, 3, &queues), (vec![2, 5, 4], 6));
    }

    #[test]
    fn what_is_only_listed_stays_in_its_order() {
        let queues = [(1, 10), (1, 30), (1, 20)];
        assert_eq!(offered(SocketOrder::Listed, 2, &queues), (vec![1, 2], 3));
    }

    #[test]
    fn a_listeners_backlog_is_no_queue_of_bytes() {
        assert_eq!(offered(SocketOrder::SendQueue, 1, &[(10, 4096), (1, 1)]), (vec![2], 2));
    }
}
