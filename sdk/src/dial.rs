//! Timed connections: `tcp`, `tls`, `http`. Wall times, with the kernel's own figures beside them.

mod http;
mod tcp;

use std::time::Duration;

pub use crate::bindings::sonde::check::dial::{
    BodyEnd, BodyFraming, Certificate, Closing, Connection, GoAway, Http2Facts, HttpExchange, HttpPhases, HttpProtocol,
    HttpRequest, HttpResponse, HttpSequel, IdleClose, Keepalive, PhaseInfo, Spread, Stamp, StreamReset, TcpAttempt,
    TcpDial, TcpFailureGroup, TcpInfo, TcpRequest, TcpSeries, TcpSeriesRequest, TlsDial, TlsRequest, TlsSession,
    Verification, http, tcp, tcp_repeat, tls,
};
use crate::types::Endpoint;
use crate::wait::microseconds;

/// Of a request that names none: the bound of one probe, as the host hands it out by default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(3500);

impl TlsRequest {
    /// With SNI, no ALPN, without deltas. The name is verified; it may be an address.
    pub fn to(remote: Endpoint, server_name: &str) -> Self {
        Self {
            remote,
            server_name: server_name.to_owned(),
            send_sni: true,
            alpn: vec![],
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            deltas: false,
        }
    }

    /// Sends no SNI, but verifies against the name.
    #[must_use]
    pub fn without_sni(mut self) -> Self {
        self.send_sni = false;
        self
    }

    /// Offers these protocols, most wanted first.
    #[must_use]
    pub fn offering<'a>(mut self, protocols: impl IntoIterator<Item = &'a str>) -> Self {
        self.alpn.extend(protocols.into_iter().map(str::to_owned));
        self
    }

    /// Its timeout.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout_us = microseconds(timeout);
        self
    }

    /// Takes counter deltas around the dial, in a quiet window.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.deltas = true;
        self
    }
}

impl Connection {
    /// The kernel's smoothed round trip; none where the SYN was retransmitted, which spoils it.
    pub fn rtt(&self) -> Option<Duration> {
        let info = self.info.as_ref().filter(|i| self.syn_retransmits == 0 && i.rtt_us > 0)?;
        Some(Duration::from_micros(info.rtt_us.into()))
    }

    /// The kernel's smallest round trip.
    pub fn min_rtt(&self) -> Option<Duration> {
        let info = self.info.as_ref().filter(|i| i.min_rtt_us > 0 && i.min_rtt_us != u32::MAX)?;
        Some(Duration::from_micros(info.min_rtt_us.into()))
    }
}
