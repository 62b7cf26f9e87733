//! Messages of the interface `connection`.

mod session;

use sonde_core::observation::connection as core;
use sonde_proto::v1;

pub(super) use self::session::session;
use super::duration;
use super::failure::{endpoint, phase, timing};

pub(super) fn connection(connection: &core::Connection) -> v1::Connection {
    v1::Connection {
        local: connection.local.map(endpoint),
        connect: Some(timing(connection.connect)),
        syn_retransmits: connection.syn_retransmits,
        info: connection.info.as_ref().map(tcp_info),
        icmp_visible: connection.icmp_visible,
        wall: Some(duration(connection.wall)),
        scheduler_delay: Some(duration(connection.scheduler_delay)),
        stamp: stamp(connection.stamp).into(),
        uncertainty: Some(duration(connection.uncertainty)),
        phases: connection.phases.iter().map(phase_info).collect(),
    }
}

fn stamp(stamp: core::Stamp) -> v1::Stamp {
    match stamp {
        core::Stamp::None => v1::Stamp::Unspecified,
        core::Stamp::AtOnce => v1::Stamp::AtOnce,
        core::Stamp::Stopwatch => v1::Stamp::Stopwatch,
        core::Stamp::Waiter => v1::Stamp::Waiter,
        core::Stamp::Packets => v1::Stamp::Packets,
    }
}

fn phase_info(info: &core::PhaseInfo) -> v1::PhaseInfo {
    v1::PhaseInfo { phase: phase(info.phase).into(), at: Some(duration(info.at)), info: Some(tcp_info(&info.info)) }
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
