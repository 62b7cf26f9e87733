//! The interface `connection`: records only.

mod session;

use sonde_core::observation::connection as core;

use crate::bindings::sonde::check::connection as wit;
use crate::session::Session;
use crate::types::{micros, micros32};

impl wit::Host for Session {}

impl From<core::Connection> for wit::Connection {
    fn from(connection: core::Connection) -> Self {
        Self {
            local: connection.local.map(Into::into),
            connect: connection.connect.into(),
            wall_us: micros(connection.wall),
            scheduler_delay_us: micros(connection.scheduler_delay),
            stamp: connection.stamp.into(),
            uncertainty_us: micros(connection.uncertainty),
            syn_retransmits: connection.syn_retransmits,
            info: connection.info.map(Into::into),
            phases: connection.phases.into_iter().map(Into::into).collect(),
            icmp_visible: connection.icmp_visible,
        }
    }
}

impl From<core::Stamp> for wit::Stamp {
    fn from(stamp: core::Stamp) -> Self {
        match stamp {
            core::Stamp::None => Self::None,
            core::Stamp::AtOnce => Self::AtOnce,
            core::Stamp::Stopwatch => Self::Stopwatch,
            core::Stamp::Waiter => Self::Waiter,
            core::Stamp::Packets => Self::Packets,
        }
    }
}

impl From<core::PhaseInfo> for wit::PhaseInfo {
    fn from(phase: core::PhaseInfo) -> Self {
        Self { phase: phase.phase.into(), at_us: micros(phase.at), info: phase.info.into() }
    }
}

impl From<core::TcpInfo> for wit::TcpInfo {
    fn from(info: core::TcpInfo) -> Self {
        Self {
            state: info.state.into_owned(),
            rtt_us: micros32(info.rtt),
            rtt_variance_us: micros32(info.rtt_variance),
            min_rtt_us: micros32(info.min_rtt),
            snd_mss: info.snd_mss,
            rcv_mss: info.rcv_mss,
            pmtu: info.pmtu,
            unacked: info.unacked,
            lost: info.lost,
            retransmits: info.retransmits,
            total_retransmits: info.total_retransmits,
            backoff: info.backoff,
            bytes_acked: info.bytes_acked,
            bytes_received: info.bytes_received,
            bytes_sent: info.bytes_sent,
            bytes_retransmitted: info.bytes_retransmitted,
            notsent_bytes: info.notsent_bytes,
            snd_wnd: info.snd_wnd,
            rwnd_limited_us: micros(info.rwnd_limited),
            busy_us: micros(info.busy),
            last_ack_received_ms: u32::try_from(info.last_ack_received.as_millis()).unwrap_or(u32::MAX),
        }
    }
}
