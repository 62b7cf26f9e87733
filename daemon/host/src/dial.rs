//! The interface `dial`.

mod echo;
mod http;
mod path_mtu;
mod series;
mod tcp;
mod tls;
mod tls_hello;
mod trace;
mod udp;

use std::net::SocketAddr;
use std::time::Duration;

use sonde_core::observation::dial as core;
use sonde_core::observation::{Endpoint, Reason};
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::dial as wit;
use crate::run::Run;
use crate::session::Session;
use crate::types::micros;

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn tcp(accessor: &Accessor<Session, Self>, request: wit::TcpRequest) -> wit::TcpDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        tcp::dial(&caller, &request).await
    }

    async fn tcp_repeat(accessor: &Accessor<Session, Self>, request: wit::TcpSeriesRequest) -> wit::TcpSeries {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        series::dial(&caller, &request).await
    }

    async fn tls(accessor: &Accessor<Session, Self>, request: wit::TlsRequest) -> wit::TlsDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        tls::dial(&caller, &request).await
    }

    async fn tls_hello(accessor: &Accessor<Session, Self>, request: wit::TlsHelloRequest) -> wit::TlsHelloDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        tls_hello::dial(&caller, &request).await
    }

    async fn http(accessor: &Accessor<Session, Self>, request: wit::HttpRequest) -> wit::HttpExchange {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        http::dial(&caller, &request).await
    }

    async fn trace(accessor: &Accessor<Session, Self>, request: wit::TraceRequest) -> wit::TraceResult {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        trace::dial(&caller, &request).await
    }

    async fn path_mtu(accessor: &Accessor<Session, Self>, request: wit::PathMtuRequest) -> wit::PathMtuResult {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        path_mtu::dial(&caller, &request).await
    }

    async fn echo(accessor: &Accessor<Session, Self>, request: wit::EchoRequest) -> wit::EchoResult {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        echo::dial(&caller, &request).await
    }

    async fn udp(accessor: &Accessor<Session, Self>, request: wit::UdpRequest) -> wit::UdpDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        udp::dial(&caller, request).await
    }
}

/// The longest DNS name (RFC 1035 section 3.1), and more than an address takes.
const SERVER_NAME_BYTES: usize = 255;

/// Asks the grants on the address about to be dialled.
fn admit(run: &Run, remote: Endpoint) -> Result<(), Reason> {
    let remote = SocketAddr::new(remote.address, remote.port);
    run.with_grants(|grants| grants.dial(remote)).map_err(|denial| Reason::Denied(denial.to_string()))
}

/// As `dev_valid_name` of the kernel wants it: neither empty nor longer than 15 bytes, no slash, colon or white space.
fn device(name: &str) -> Result<String, String> {
    let valid = (1..=15).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.chars().any(|letter| letter == '/' || letter == ':' || letter.is_whitespace() || letter.is_control());
    if valid {
        return Ok(name.to_owned());
    }
    let shown = crate::text::tidy(name, 32);
    Err(format!("{shown:?} is no name of a device; it has 1 to 15 bytes, without slash, colon or white space"))
}

/// Microseconds; a duration beyond 71 minutes is cut.
fn micros32(duration: Duration) -> u32 {
    u32::try_from(micros(duration)).unwrap_or(u32::MAX)
}

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
