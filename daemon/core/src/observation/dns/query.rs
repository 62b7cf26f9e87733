//! One query to one server, and what came of it. sdk/wit/dns.wit documents each field with its RFC.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::connection::TlsSession;
use crate::observation::{CounterDeltas, Endpoint, Failure, IcmpError, Timing};

/// How a query travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Https,
    Quic,
}

impl Transport {
    /// RFC 1035, RFC 7858, RFC 8484, RFC 9250.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 53,
            Self::Tls | Self::Quic => 853,
            Self::Https => 443,
        }
    }

    /// In lower case, as in `network.transport` and URI schemes: `udp`, `tcp`, `tls`, `https`, `quic`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
            Self::Quic => "quic",
        }
    }
}

/// The flag bits of a header, by name (RFC 1035 section 4.1.1, RFC 4035 section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "these are the bits of the wire")]
pub struct HeaderFlags {
    /// AA.
    pub authoritative: bool,
    /// TC.
    pub truncated: bool,
    /// RD.
    pub recursion_desired: bool,
    /// RA.
    pub recursion_available: bool,
    /// Z, reserved.
    pub z: bool,
    /// AD.
    pub authentic_data: bool,
    /// CD.
    pub checking_disabled: bool,
}

/// An EDNS option by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdnsOption {
    /// OPTION-CODE.
    pub code: u16,
    /// OPTION-DATA.
    pub data: Vec<u8>,
}

/// RFC 7871.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSubnet {
    /// Address and SOURCE PREFIX-LENGTH.
    pub prefix: ipnet::IpNet,
    /// SCOPE PREFIX-LENGTH.
    pub scope: u8,
}

/// RFC 7873.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// Invariant: 8 bytes.
    pub client: Vec<u8>,
    /// Invariant: empty, or 8 to 32 bytes.
    pub server: Vec<u8>,
}

/// The OPT record of a query (RFC 6891).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdnsRequest {
    /// UDP payload size, in bytes.
    pub udp_size: u16,
    /// 0 but for tests of the server.
    pub version: u8,
    /// DO.
    pub dnssec_ok: bool,
    /// Ask for NSID.
    pub nsid: bool,
    /// ECS.
    pub client_subnet: Option<ClientSubnet>,
    /// COOKIE.
    pub cookie: Option<Cookie>,
    /// Pad to a multiple of this many bytes.
    pub padding_block: Option<u16>,
    /// Sent as they are, behind the others.
    pub options: Vec<EdnsOption>,
}

impl EdnsRequest {
    /// Version 0 with this payload size and nothing else.
    pub fn sized(udp_size: u16) -> Self {
        Self {
            udp_size,
            version: 0,
            dnssec_ok: false,
            nsid: false,
            client_subnet: None,
            cookie: None,
            padding_block: None,
            options: Vec::new(),
        }
    }
}

/// RFC 8484 section 4.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HttpMethod {
    Get,
    #[default]
    Post,
}

/// One query to one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The server asked.
    pub server: Endpoint,
    /// How.
    pub transport: Transport,
    /// As it goes on the wire, without search list; the final dot is optional.
    pub name: String,
    /// RFC 1035 QTYPE.
    pub qtype: u16,
    /// RFC 1035 QCLASS.
    pub qclass: u16,
    /// Header bits, sent as they are.
    pub flags: HeaderFlags,
    /// Absent: no OPT record.
    pub edns: Option<EdnsRequest>,
    /// SNI and the name to verify; absent: the address is verified.
    pub server_name: Option<String>,
    /// Of https; absent: `/dns-query`.
    pub http_path: Option<String>,
    /// Of https.
    pub http_method: HttpMethod,
    /// Bound of the whole exchange.
    pub timeout: Duration,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

impl Query {
    /// Over UDP, class IN, recursion desired, without EDNS or deltas.
    pub fn new(server: Endpoint, name: &str, qtype: u16, timeout: Duration) -> Self {
        Self {
            server,
            transport: Transport::Udp,
            name: name.to_owned(),
            qtype,
            qclass: 1,
            flags: HeaderFlags { recursion_desired: true, ..HeaderFlags::default() },
            edns: None,
            server_name: None,
            http_path: None,
            http_method: HttpMethod::Post,
            timeout,
            deltas: false,
        }
    }
}

/// One resource record in presentation format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Owner name with final dot.
    pub name: String,
    /// RFC 1035 TYPE.
    pub rtype: u16,
    /// RFC 1035 CLASS.
    pub rclass: u16,
    /// Seconds.
    pub ttl: u32,
    /// Presentation format.
    pub rdata: String,
}

/// The echoed question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "RFC 1035 section 4.1.2")]
pub struct Question {
    pub name: String,
    pub qtype: u16,
    pub qclass: u16,
}

/// RFC 8914.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub info_code: u16,
    /// EXTRA-TEXT.
    pub extra_text: String,
}

/// What the answer's OPT record said (RFC 6891).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edns {
    /// The server's UDP payload size.
    pub udp_size: u16,
    /// EDNS version.
    pub version: u8,
    /// DO.
    pub dnssec_ok: bool,
    /// EDE options in order.
    pub extended_errors: Vec<ExtendedError>,
    /// NSID.
    pub nsid: Option<Vec<u8>>,
    /// ECS.
    pub client_subnet: Option<ClientSubnet>,
    /// COOKIE.
    pub cookie: Option<Cookie>,
    /// Bytes of padding.
    pub padding_bytes: Option<u16>,
    /// In units of 100 ms.
    pub tcp_keepalive: Option<u16>,
    /// The options that are none of the above, and such of the above that were malformed.
    pub options: Vec<EdnsOption>,
}

/// A decoded answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// ID.
    pub id: u16,
    /// OPCODE.
    pub opcode: u8,
    /// Extended response code.
    pub rcode: u16,
    /// Header bits.
    pub flags: HeaderFlags,
    /// As echoed.
    pub question: Option<Question>,
    /// Answer section.
    pub answers: Vec<Resource>,
    /// Authority section.
    pub authorities: Vec<Resource>,
    /// Additional section without OPT.
    pub additionals: Vec<Resource>,
    /// OPT.
    pub edns: Option<Edns>,
    /// Of the message, without the TCP length prefix.
    pub size_bytes: u32,
}

/// Why a message was not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; sdk/wit/dns.wit documents each")]
pub enum StrayKind {
    WrongSource,
    WrongId,
    WrongQuestion,
    Malformed,
    NotAnAnswer,
}

/// A message that came and was not the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Since the run began.
    pub at: Duration,
    /// Why not.
    pub kind: StrayKind,
    /// Its source.
    pub from: Endpoint,
    /// Its length.
    pub size_bytes: u32,
    /// Where it could be decoded.
    pub answer: Option<Answer>,
}

/// The phases of an exchange; absent where not begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryPhases {
    /// TCP handshake.
    pub connect: Option<Timing>,
    /// TLS or QUIC handshake.
    pub tls: Option<Timing>,
    /// Writing the query.
    pub send: Option<Timing>,
    /// Query sent to the first byte of the answer.
    pub wait: Option<Timing>,
    /// The rest.
    pub receive: Option<Timing>,
}

/// What came of one query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The whole exchange.
    pub timing: Timing,
    /// Its phases.
    pub phases: QueryPhases,
    /// The local endpoint the kernel chose.
    pub local: Option<Endpoint>,
    /// Of the TCP connection, or QUIC's own; absent on UDP.
    pub kernel_rtt: Option<Duration>,
    /// The first [`Exchange::SHOWN`] messages that came but were not the answer.
    pub strays: Vec<Stray>,
    /// All of them.
    pub stray_count: u32,
    /// Errors queued while the exchange went on; at most [`Exchange::SHOWN`].
    pub icmp: Vec<IcmpError>,
    /// Of an encrypted transport, whatever the certificate.
    pub session: Option<TlsSession>,
    /// Of https.
    pub http_status: Option<u16>,
    /// Of the query's message.
    pub query_bytes: u32,
    /// The answer, or why there is none.
    pub outcome: Result<Answer, Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}

impl Exchange {
    /// How many strays and ICMP errors are kept.
    pub const SHOWN: usize = 16;

    /// One that ended before anything was sent.
    pub fn failed(timing: Timing, failure: Failure) -> Self {
        Self {
            timing,
            phases: QueryPhases::default(),
            local: None,
            kernel_rtt: None,
            strays: Vec::new(),
            stray_count: 0,
            icmp: Vec::new(),
            session: None,
            http_status: None,
            query_bytes: 0,
            outcome: Err(failure),
            deltas: None,
        }
    }
}

impl Answer {
    /// The addresses of its A and AAAA records, in order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.answers
            .iter()
            .filter(|record| matches!(record.rtype, 1 | 28))
            .filter_map(|record| record.rdata.parse().ok())
    }
}
