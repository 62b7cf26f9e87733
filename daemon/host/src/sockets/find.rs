//! `sockets.find`.

use std::time::Duration;

use sonde_core::observation::sockets::{
    FindRequest, FlowProtocol, Found, Socket, SocketMemory, SocketOrder, SocketTimer, TcpFlow,
};
use sonde_core::observation::{Call, Failure};

use super::filter;
use crate::bindings::sonde::check::sockets as wit;
use crate::inspection::Inspection;
use crate::run::Run;
use crate::types::micros;

/// Of the contract: further ones are counted only.
const MOST: usize = 256;

/// The search a guest wants.
pub(super) fn parsed(asked: &wit::CensusFilter, order: wit::SocketOrder, limit: u32) -> Result<FindRequest, String> {
    if limit == 0 {
        return Err(format!("a limit of 0 finds nothing; give 1 to {MOST}, or ask for a census"));
    }
    let limit = usize::try_from(limit).unwrap_or(MOST).min(MOST);
    Ok(FindRequest { filter: filter(asked)?, order: order.into(), limit })
}

impl Inspection for FindRequest {
    type Facts = Found;
    const FUNCTION: &'static str = "sockets.find";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::sockets::find(&run.vantage, &run.clock, self).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Find { request: self, answer }
    }
}

impl From<wit::SocketOrder> for SocketOrder {
    fn from(order: wit::SocketOrder) -> Self {
        match order {
            wit::SocketOrder::Listed => Self::Listed,
            wit::SocketOrder::SendQueue => Self::SendQueue,
            wit::SocketOrder::ReceiveQueue => Self::ReceiveQueue,
            wit::SocketOrder::Drops => Self::Drops,
            wit::SocketOrder::Backoff => Self::Backoff,
            wit::SocketOrder::Silence => Self::Silence,
        }
    }
}

impl From<Socket> for wit::Socket {
    fn from(socket: Socket) -> Self {
        Self {
            protocol: match socket.protocol {
                FlowProtocol::Tcp => wit::FlowProtocol::Tcp,
                FlowProtocol::Udp => wit::FlowProtocol::Udp,
            },
            state: socket.state,
            local: socket.local.into(),
            peer: socket.peer.map(Into::into),
            device: socket.device,
            receive_queue_bytes: socket.receive_queue,
            send_queue_bytes: socket.send_queue,
            uid: socket.uid,
            inode: socket.inode,
            cookie: socket.cookie,
            cgroup: socket.cgroup,
            processes: socket.processes.into_iter().map(Into::into).collect(),
            timer: socket.timer.map(Into::into),
            memory: socket.memory.map(Into::into),
            congestion: socket.congestion,
            info: socket.info.map(Into::into),
            flow: socket.flow.map(Into::into),
        }
    }
}

impl From<SocketTimer> for wit::SocketTimer {
    fn from(timer: SocketTimer) -> Self {
        Self { name: timer.name, expires_us: micros(timer.expires), retransmits: timer.retransmits }
    }
}

impl From<SocketMemory> for wit::SocketMemory {
    fn from(memory: SocketMemory) -> Self {
        Self {
            receive_allocated_bytes: memory.receive_allocated,
            receive_buffer_bytes: memory.receive_buffer,
            send_allocated_bytes: memory.send_allocated,
            send_buffer_bytes: memory.send_buffer,
            drops: memory.drops,
        }
    }
}

impl From<TcpFlow> for wit::TcpFlow {
    fn from(flow: TcpFlow) -> Self {
        let micros32 = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        Self {
            rto_us: micros32(flow.rto),
            congestion_window: flow.congestion_window,
            last_data_sent_ms: millis(flow.last_data_sent),
            last_data_received_ms: millis(flow.last_data_received),
            delivery_rate: flow.delivery_rate,
            app_limited: flow.app_limited,
            sndbuf_limited_us: micros(flow.sndbuf_limited),
            out_of_order_packets: flow.out_of_order_packets,
            rcv_wnd_bytes: flow.rcv_wnd,
            rcv_space_bytes: flow.rcv_space,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> wit::CensusFilter {
        wit::CensusFilter {
            protocols: vec![],
            states: vec![],
            local_address: None,
            local_port: None,
            peer_address: None,
            peer_port: None,
            pid: None,
        }
    }

    #[test]
    fn a_search_is_bounded_whatever_is_asked_for() {
        let request = parsed(&all(), wit::SocketOrder::Silence, u32::MAX).expect("it is right");
        assert_eq!((request.limit, request.order), (MOST, SocketOrder::Silence));
        assert!(parsed(&all(), wit::SocketOrder::Listed, 0).expect_err("no limit").contains("limit of 0"));
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused_with_what_it_says() {
        for (asked, part) in [
            (wit::CensusFilter { pid: Some(0), ..all() }, "0 is no process id"),
            (wit::CensusFilter { local_address: Some("ten".to_owned()), ..all() }, "\"ten\""),
            (wit::CensusFilter { protocols: vec![wit::FlowProtocol::Udp; 3], ..all() }, "3 protocols"),
            (wit::CensusFilter { states: vec!["ESTAB".to_owned(); 13], ..all() }, "13 states"),
        ] {
            let problem = parsed(&asked, wit::SocketOrder::Listed, 1).expect_err(part);
            assert!(problem.contains(part), "{problem}");
        }
    }
}
