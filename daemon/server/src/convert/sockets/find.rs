//! Single sockets.

use sonde_core::observation::sockets as core;
use sonde_proto::v1;

use super::{process, protocols};
use crate::convert::connection::tcp_info;
use crate::convert::{address, duration};

pub(in crate::convert) fn search(request: &core::FindRequest, found: Option<&core::Found>) -> v1::SocketSearch {
    let filter = &request.filter;
    v1::SocketSearch {
        filter: Some(v1::SocketFilter {
            protocols: protocols(filter),
            states: filter.states.clone(),
            local_address: address(filter.local_address),
            local_port: filter.local_port.unwrap_or_default().into(),
            peer_address: address(filter.peer_address),
            peer_port: filter.peer_port.unwrap_or_default().into(),
            pid: filter.pid.unwrap_or_default(),
            ..v1::SocketFilter::default()
        }),
        order: order(request.order).into(),
        limit: u32::try_from(request.limit).unwrap_or(u32::MAX),
        sockets: found.map_or_else(Vec::new, |found| found.sockets.iter().map(socket).collect()),
        total: found.map_or(0, |found| found.total),
    }
}

fn order(order: core::SocketOrder) -> v1::SocketOrder {
    match order {
        core::SocketOrder::Listed => v1::SocketOrder::Listed,
        core::SocketOrder::SendQueue => v1::SocketOrder::SendQueue,
        core::SocketOrder::ReceiveQueue => v1::SocketOrder::ReceiveQueue,
        core::SocketOrder::Drops => v1::SocketOrder::Drops,
        core::SocketOrder::Backoff => v1::SocketOrder::Backoff,
        core::SocketOrder::Silence => v1::SocketOrder::Silence,
    }
}

fn socket(socket: &core::Socket) -> v1::FoundSocket {
    let row = v1::Socket {
        protocol: socket.protocol.name().to_owned(),
        state: socket.state.clone(),
        local: socket.local.to_string(),
        peer: socket.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        receive_queue: socket.receive_queue,
        send_queue: socket.send_queue,
        uid: socket.uid,
        inode: socket.inode,
        device: socket.device.clone().unwrap_or_default(),
        timer: socket.timer.as_ref().map(timer),
        memory: socket.memory.map(memory),
        info: socket.info.as_ref().map(tcp_info),
        congestion: socket.congestion.clone().unwrap_or_default(),
        cgroup: socket.cgroup.clone().unwrap_or_default(),
        flow: socket.flow.map(flow),
        cookie: socket.cookie,
        ..v1::Socket::default()
    };
    v1::FoundSocket { socket: Some(row), processes: socket.processes.iter().map(process).collect() }
}

fn timer(timer: &core::SocketTimer) -> v1::SocketTimer {
    v1::SocketTimer { name: timer.name.clone(), expires: Some(duration(timer.expires)), retransmits: timer.retransmits }
}

fn memory(memory: core::SocketMemory) -> v1::SocketMemory {
    v1::SocketMemory {
        receive_allocated_bytes: memory.receive_allocated,
        receive_buffer_bytes: memory.receive_buffer,
        send_allocated_bytes: memory.send_allocated,
        send_buffer_bytes: memory.send_buffer,
        drops: memory.drops,
        ..v1::SocketMemory::default()
    }
}

fn flow(flow: core::TcpFlow) -> v1::TcpFlow {
    v1::TcpFlow {
        rto: Some(duration(flow.rto)),
        congestion_window: flow.congestion_window,
        last_data_sent: Some(duration(flow.last_data_sent)),
        last_data_received: Some(duration(flow.last_data_received)),
        delivery_rate: flow.delivery_rate,
        app_limited: flow.app_limited,
        sndbuf_limited: Some(duration(flow.sndbuf_limited)),
        out_of_order_packets: flow.out_of_order_packets,
        rcv_wnd_bytes: flow.rcv_wnd,
        rcv_space_bytes: flow.rcv_space,
        ..v1::TcpFlow::default()
    }
}
