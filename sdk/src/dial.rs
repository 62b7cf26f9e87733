//! Timed connections: `tcp`, `tls`, `http`. Wall times, with the kernel's own figures beside them.

mod alert;
pub mod experience;
mod secure;
mod tcp;

use std::time::Duration;

pub use self::alert::alert_name;
pub use crate::bindings::sonde::check::dial::{
    Certificate, Closing, Connection, HttpExchange, HttpPhases, HttpRequest, HttpResponse, Keepalive, KeyShare,
    OcspStaple, OcspStatus, PhaseInfo, ServerHello, Spread, Stamp, Starttls, StarttlsExchange, TcpAttempt, TcpDial,
    TcpFailureGroup, TcpInfo, TcpRequest, TcpSeries, TcpSeriesRequest, TlsDial, TlsHelloDial, TlsHelloRequest,
    TlsRequest, TlsSession, TlsVersion, Verification, VerificationProblem, http, tcp, tcp_repeat, tls, tls_hello,
};
use crate::types::{Endpoint, Property};
use crate::wait::microseconds;

/// Of a request that names none: the bound of one probe, as the host hands it out by default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(3500);

impl HttpRequest {
    /// `GET path` in plain text. `host` is the Host header, `path` begins with `/`.
    pub fn get(remote: Endpoint, host: &str, path: &str) -> Self {
        Self {
            remote,
            tls_server_name: None,
            method: "GET".to_owned(),
            path: path.to_owned(),
            host: host.to_owned(),
            headers: vec![],
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            body_limit_bytes: 64 * 1024,
            deltas: false,
        }
    }

    /// Speaks TLS first, with this server name.
    #[must_use]
    pub fn over_tls(mut self, server_name: &str) -> Self {
        self.tls_server_name = Some(server_name.to_owned());
        self
    }

    /// Another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Property { name: name.to_owned(), value: value.to_owned() });
        self
    }

    /// Where to stop reading the body.
    #[must_use]
    pub fn reading_at_most(mut self, bytes: u32) -> Self {
        self.body_limit_bytes = bytes;
        self
    }

    /// Its timeout.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout_us = microseconds(timeout);
        self
    }

    /// Takes counter deltas around the exchange, in a quiet window.
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

impl HttpResponse {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }
}
