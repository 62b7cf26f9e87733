//! Records of the interface `dial`.

pub mod path;
mod series;
mod tcp;
pub mod udp;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::series::{MOST_FAILURE_GROUPS, SeriesRequest, Spread, TcpAttempt, TcpFailureGroup, TcpSeries};
pub use self::tcp::{Closing, Keepalive, PhaseInfo, Stamp, TcpRequest};
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
    /// The handshake itself: from just before connect(2) until its outcome stood.
    pub connect: Timing,
    /// The same as the waiting task saw it.
    pub wall: Duration,
    /// How long the outcome stood before the waiting task ran.
    pub scheduler_delay: Duration,
    /// Who read the clock at the end of the handshake.
    pub stamp: Stamp,
    /// How long the thread that read the clock itself waited for a processor meanwhile.
    pub uncertainty: Duration,
    /// SYNs beyond the first.
    pub syn_retransmits: u32,
    /// At the end of the dial.
    pub info: Option<TcpInfo>,
    /// At the end of each phase.
    pub phases: Vec<PhaseInfo>,
    /// False below Linux 5.8.
    pub icmp_visible: bool,
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

/// `dial.tls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsRequest {
    /// Whom to dial.
    pub remote: Endpoint,
    /// SNI, and the name to verify.
    pub server_name: String,
    /// False: verify, but send no SNI.
    pub send_sni: bool,
    /// Offered protocols, most wanted first.
    pub alpn: Vec<String>,
    /// Bound of the whole call.
    pub timeout: Duration,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

/// One presented certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// RFC 4514 style.
    pub subject: String,
    /// RFC 4514 style.
    pub issuer: String,
    /// Lower-case hex.
    pub serial_hex: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// SAN DNS names.
    pub dns_names: Vec<String>,
    /// SAN addresses.
    pub addresses: Vec<IpAddr>,
    /// Basic constraints.
    pub is_ca: bool,
    /// `RSA 2048`, `EC P-256`.
    pub key: String,
    /// By name, else its OID.
    pub signature_algorithm: String,
    /// Of the DER.
    pub sha256_hex: String,
    /// Issuer equals subject and its own key verifies it.
    pub self_signed: bool,
}

/// Why the presented chain is not accepted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; sdk/wit/dial.wit documents each")]
pub enum Verification {
    Accepted,
    Expired,
    NotYetValid,
    NameMismatch,
    UnknownIssuer,
    SelfSigned,
    Revoked,
    BadSignature,
    Unsupported,
    NotReached,
}

/// What was seen of a TLS session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSession {
    /// `TLSv1.3`.
    pub version: Option<String>,
    /// IANA name.
    pub cipher: Option<String>,
    /// The protocol chosen.
    pub alpn: Option<String>,
    /// Leaf first.
    pub chain: Vec<Certificate>,
    /// Separate from the handshake.
    pub verification: Verification,
    /// What the verifier said.
    pub verification_detail: String,
    /// The certificate at fault, counted from the leaf.
    pub verification_depth: Option<u8>,
    /// `CertificateRequest` seen.
    pub client_certificate_requested: bool,
    /// The peer's first bytes where they were not a TLS record.
    pub plaintext: Option<Vec<u8>>,
    /// Unix seconds.
    pub verified_at: i64,
}

/// What came of a TLS dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsDial {
    /// The whole call.
    pub timing: Timing,
    /// The TCP facts.
    pub connection: Connection,
    /// Absent when it did not begin.
    pub handshake: Option<Timing>,
    /// Also when the handshake failed.
    pub session: Option<TlsSession>,
    /// The handshake, whatever the certificate.
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
