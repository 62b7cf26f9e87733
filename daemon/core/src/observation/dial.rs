//! Records of the interface `dial`.

mod tls;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::tls::{
    Certificate, KeyShare, OcspStaple, OcspStatus, ServerHello, Starttls, StarttlsExchange, TlsDial, TlsHelloDial,
    TlsHelloRequest, TlsRequest, TlsSession, TlsVersion, Verification, VerificationProblem,
};
use super::{CounterDeltas, Endpoint, Failure, Timing};

/// struct `tcp_info` (linux/tcp.h), the fields that diagnosis uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpInfo {
    /// As in ss: `ESTAB`, `SYN-SENT`.
    pub state: String,
    /// Smoothed round trip.
    pub rtt: Duration,
    /// Its mean deviation.
    pub rtt_variance: Duration,
    /// Smallest seen; zero when unknown.
    pub min_rtt: Duration,
    /// Bytes.
    pub snd_mss: u32,
    /// Bytes.
    pub rcv_mss: u32,
    /// Bytes.
    pub pmtu: u32,
    /// Segments.
    pub unacked: u32,
    /// Segments.
    pub lost: u32,
    /// Of the oldest segment, since the last acknowledgement.
    pub retransmits: u8,
    /// Segments, over the connection's life.
    pub total_retransmits: u32,
    /// Exponent of the retransmission timer.
    pub backoff: u8,
    /// Bytes.
    pub bytes_acked: u64,
    /// Bytes.
    pub bytes_received: u64,
    /// Bytes.
    pub bytes_sent: u64,
    /// Bytes.
    pub bytes_retransmitted: u64,
    /// Bytes written but not yet sent.
    pub notsent_bytes: u32,
    /// The peer's window, bytes.
    pub snd_wnd: u32,
    /// Time limited by the peer's window.
    pub rwnd_limited: Duration,
    /// Time with data outstanding.
    pub busy: Duration,
    /// Since the last acknowledgement came.
    pub last_ack_received: Duration,
}

/// The TCP part of any dial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The local endpoint the kernel chose.
    pub local: Option<Endpoint>,
    /// The handshake by the wall clock.
    pub connect: Timing,
    /// SYNs beyond the first.
    pub syn_retransmits: u32,
    /// At the end of the dial.
    pub info: Option<TcpInfo>,
    /// False below Linux 5.8.
    pub icmp_visible: bool,
}

/// `dial.tcp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpRequest {
    /// Whom to dial.
    pub remote: Endpoint,
    /// Bind there first.
    pub local_address: Option<IpAddr>,
    /// Bound of the whole call.
    pub timeout: Duration,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpDial {
    /// The whole call.
    pub timing: Timing,
    /// The TCP facts.
    pub connection: Connection,
    /// Connected, or why not.
    pub outcome: Result<(), Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}

/// A header field or other named text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its value; bytes that are not UTF-8 are replaced.
    pub value: String,
}

/// `dial.http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// Whom to dial.
    pub remote: Endpoint,
    /// Present: TLS first, with this name.
    pub tls_server_name: Option<String>,
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The Host header.
    pub host: String,
    /// Further headers.
    pub headers: Vec<Property>,
    /// Bound of the whole call.
    pub timeout: Duration,
    /// Stop reading the body there.
    pub body_limit_bytes: u32,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

/// What was received of the response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// `HTTP/1.1`.
    pub version: String,
    /// Status code.
    pub status: u16,
    /// In order.
    pub headers: Vec<Property>,
    /// As announced.
    pub content_length: Option<u64>,
    /// As received.
    pub body_bytes: u64,
    /// Ended as its framing promised, or the limit was reached.
    pub body_complete: bool,
    /// At most 4 KiB.
    pub body_prefix: Vec<u8>,
}

/// The phases of an HTTP exchange; absent where not begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPhases {
    /// TCP handshake.
    pub connect: Option<Timing>,
    /// TLS handshake.
    pub tls: Option<Timing>,
    /// Writing the request.
    pub send: Option<Timing>,
    /// Request written to first byte.
    pub wait: Option<Timing>,
    /// The rest.
    pub receive: Option<Timing>,
}

/// What came of an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpExchange {
    /// The whole call.
    pub timing: Timing,
    /// The TCP facts.
    pub connection: Connection,
    /// Its phases.
    pub phases: HttpPhases,
    /// Of an https request.
    pub session: Option<TlsSession>,
    /// The head, also where the body failed.
    pub response: Option<HttpResponse>,
    /// The peer's first bytes where they were not HTTP.
    pub not_http: Option<Vec<u8>>,
    /// Complete, or why not.
    pub outcome: Result<(), Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}
