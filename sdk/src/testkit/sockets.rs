//! Single sockets.

use super::{evidence, tcp_info, timing};
use crate::sockets::{FlowProtocol, Process, Socket, SocketMemory, SocketsAnswer, TcpFlow};
use crate::types::Endpoint;

/// Asleep, with 10 of 1,024 files open.
pub fn process(pid: u32, command: &str) -> Process {
    Process {
        pid,
        command: command.to_owned(),
        state: "S".to_owned(),
        open_files: Some(10),
        open_files_limit: Some(1024),
    }
}

/// An established TCP connection of `server` (4242) with empty queues and a round trip of 0.2 ms.
pub fn socket(local: Endpoint, peer: Endpoint) -> Socket {
    Socket {
        protocol: FlowProtocol::Tcp,
        state: "ESTAB".to_owned(),
        cookie: u64::from(local.port) << 16 | u64::from(peer.port),
        local,
        peer: Some(peer),
        device: None,
        receive_queue_bytes: 0,
        send_queue_bytes: 0,
        uid: 1000,
        inode: 1,
        cgroup: None,
        processes: vec![process(4242, "server")],
        timer: None,
        memory: Some(SocketMemory {
            receive_allocated_bytes: 0,
            receive_buffer_bytes: 131_072,
            send_allocated_bytes: 0,
            send_buffer_bytes: 87_040,
            drops: 0,
        }),
        congestion: Some("cubic".to_owned()),
        info: Some(tcp_info(200)),
        flow: Some(flow()),
    }
}

/// Of a connection that sent and received 10 ms ago.
pub fn flow() -> TcpFlow {
    TcpFlow {
        rto_us: 204_000,
        congestion_window: 10,
        last_data_sent_ms: 10,
        last_data_received_ms: 10,
        delivery_rate: 1_000_000,
        app_limited: true,
        sndbuf_limited_us: 0,
        out_of_order_packets: 0,
        rcv_wnd_bytes: 65_535,
        rcv_space_bytes: 14_480,
    }
}

/// What a search found, whole.
pub fn sockets_answer(n: u64, sockets: Vec<Socket>) -> SocketsAnswer {
    let total = u64::try_from(sockets.len()).unwrap_or(u64::MAX);
    SocketsAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(sockets), total }
}
