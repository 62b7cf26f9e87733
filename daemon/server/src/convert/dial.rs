//! Messages of the interface `dial`.

mod http;
mod path;
mod tcp;
mod tls;
mod udp;

use sonde_core::observation::dial as core;
use sonde_proto::v1;

pub(super) use self::http::http;
pub(super) use self::path::{echo, path_mtu, trace};
pub(super) use self::tcp::{series, tcp};
pub(super) use self::tls::{hello, session, tls};
pub(super) use self::udp::udp;
use super::duration;
use super::failure::{endpoint, timing};

fn connection(connection: &core::Connection) -> v1::Connection {
    v1::Connection {
        local: connection.local.map(endpoint),
        connect: Some(timing(connection.connect)),
        syn_retransmits: connection.syn_retransmits,
        info: connection.info.as_ref().map(tcp_info),
        icmp_visible: connection.icmp_visible,
        wall: Some(duration(connection.wall)),
        scheduler_delay: Some(duration(connection.scheduler_delay)),
        stamp: tcp::stamp(connection.stamp).into(),
        uncertainty: Some(duration(connection.uncertainty)),
        phases: connection.phases.iter().map(tcp::phase_info).collect(),
    }
}

pub(super) fn tcp_info(info: &core::TcpInfo) -> v1::TcpInfo {
    v1::TcpInfo {
        state: info.state.to_string(),
        rtt: Some(duration(info.rtt)),
        rtt_variance: Some(duration(info.rtt_variance)),
        min_rtt: Some(duration(info.min_rtt)),
        snd_mss_bytes: info.snd_mss,
        rcv_mss_bytes: info.rcv_mss,
        pmtu_bytes: info.pmtu,
        unacked: info.unacked,
        lost: info.lost,
        retransmits: info.retransmits.into(),
        total_retransmits: info.total_retransmits,
        backoff: info.backoff.into(),
        bytes_acked: info.bytes_acked,
        bytes_received: info.bytes_received,
        bytes_sent: info.bytes_sent,
        bytes_retransmitted: info.bytes_retransmitted,
        notsent_bytes: info.notsent_bytes,
        snd_wnd_bytes: info.snd_wnd,
        rwnd_limited: Some(duration(info.rwnd_limited)),
        busy: Some(duration(info.busy)),
        last_ack_received: Some(duration(info.last_ack_received)),
    }
}
