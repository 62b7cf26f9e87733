//! What was asked of the network and what came back: the records of the evidence ledger.
//!
//! One module for each interface of the guest contract, with the same name. Durations are `Duration`; instants are offsets
//! from the run's begin on the measuring clock.

pub mod connection;
pub mod dial;
pub mod dns;
pub mod history;
mod messages;
pub mod path;
pub mod sockets;
pub mod system;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::messages::{Reply, RoundTrips};

/// Names one host call of a run; also the id of its span. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EvidenceId(pub u64);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One line of the ledger: a host call, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Issued by the host; a guest cannot choose it.
    pub id: EvidenceId,
    /// The check that asked.
    pub check: String,
    /// On the measuring clock, since the run began.
    pub timing: Timing,
    /// Wall clock at its begin, since the Unix epoch.
    pub started_at: Duration,
    /// The network namespace (inode number) it was made in.
    pub vantage: u64,
    /// What was asked and what came back.
    pub call: Call,
}

/// The host calls of the contract, with request and answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the interface function of that name; the records are documented")]
#[expect(
    clippy::large_enum_variant,
    reason = "lines of the ledger are few and of mixed kinds; a box for each would cost more"
)]
pub enum Call {
    DnsQuery {
        request: dns::Query,
        answer: dns::Exchange,
    },
    DnsConfig {
        request: dns::ConfigRequest,
        answer: dns::ResolverConfig,
    },
    DnsResolve {
        request: dns::ResolveRequest,
        answer: dns::Resolution,
    },
    DnsWalk {
        request: dns::WalkRequest,
        answer: dns::WalkResult,
    },
    DialTcp {
        request: dial::TcpRequest,
        answer: dial::TcpDial,
    },
    DialTcpSeries {
        request: dial::SeriesRequest,
        answer: dial::TcpSeries,
    },
    DialTls {
        request: dial::TlsRequest,
        answer: dial::TlsDial,
    },
    DialTlsHello {
        request: dial::TlsHelloRequest,
        answer: dial::TlsHelloDial,
    },
    DialHttp {
        request: dial::HttpRequest,
        answer: dial::HttpExchange,
    },
    DialUdp {
        request: dial::udp::UdpRequest,
        answer: dial::udp::UdpDial,
    },
    Trace {
        request: path::TraceRequest,
        answer: path::Trace,
    },
    PathMtu {
        request: path::PathMtuRequest,
        answer: path::PathMtu,
    },
    Echo {
        request: path::EchoRequest,
        answer: path::Echo,
    },
    Listeners {
        port: Option<u16>,
        answer: Result<Vec<sockets::Listener>, Failure>,
    },
    Census {
        request: sockets::CensusRequest,
        answer: Result<sockets::Census, Failure>,
    },
    Find {
        request: sockets::FindRequest,
        answer: Result<sockets::Found, Failure>,
    },
    Counters {
        /// With softnet and every device.
        host: bool,
        answer: Result<sockets::Counters, Failure>,
    },
    Conntrack {
        flow: sockets::Flow,
        answer: Result<Option<sockets::TrackedFlow>, Failure>,
    },
    RouteTo {
        address: IpAddr,
        answer: Result<system::Route, Failure>,
    },
    DefaultRoutes {
        answer: Result<Vec<system::Route>, Failure>,
    },
    Neighbour {
        address: IpAddr,
        answer: Result<system::Neighbour, Failure>,
    },
    Links {
        answer: Result<Vec<system::Link>, Failure>,
    },
    Clock {
        answer: Result<system::ClockState, Failure>,
    },
    Arp {
        towards: Option<IpAddr>,
        answer: Result<Vec<system::ArpQuestion>, Failure>,
    },
    Proxies {
        pid: Option<u32>,
        answer: Result<Vec<system::Variable>, Failure>,
    },
    Rules {
        answer: Result<Vec<system::Rule>, Failure>,
    },
    Routes {
        answer: Result<system::Table<system::TableRoute>, Failure>,
    },
    Neighbours {
        answer: Result<system::Table<system::Neighbour>, Failure>,
    },
    Sysctls {
        names: Vec<String>,
        answer: Result<Vec<system::Sysctl>, Failure>,
    },
    Process {
        pid: u32,
        answer: Result<system::ProcessFacts, Failure>,
    },
    Environment {
        pid: Option<u32>,
        names: Vec<String>,
        answer: Result<Vec<system::Variable>, Failure>,
    },
    Cgroup {
        pid: u32,
        answer: Result<system::CgroupFacts, Failure>,
    },
    Host {
        answer: Result<system::HostFacts, Failure>,
    },
    History {
        request: history::Request,
        answer: Result<history::Recording, Failure>,
    },
    /// A call that was refused before it became any of the above: bad arguments.
    Rejected {
        function: String,
        failure: Failure,
    },
}

impl Call {
    /// The failure this call ended in, where it did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::DnsQuery { answer, .. } => answer.outcome.as_ref().err(),
            Self::DnsConfig { answer, .. } => answer.problem.as_ref(),
            Self::DnsResolve { answer, .. } => answer.failure.as_ref(),
            Self::DnsWalk { answer, .. } => answer.failure.as_ref(),
            Self::DialTcp { answer, .. } => answer.outcome.as_ref().err(),
            Self::DialTcpSeries { answer, .. } => answer.outcome.as_ref().err(),
            Self::DialTls { answer, .. } => answer.outcome.as_ref().err(),
            Self::DialTlsHello { answer, .. } => answer.outcome.as_ref().err(),
            Self::DialHttp { answer, .. } => answer.outcome.as_ref().err(),
            Self::DialUdp { answer, .. } => answer.outcome.as_ref().err(),
            Self::Trace { answer, .. } => answer.outcome.as_ref().err(),
            Self::PathMtu { answer, .. } => answer.outcome.as_ref().err(),
            Self::Echo { answer, .. } => answer.outcome.as_ref().err(),
            Self::Listeners { answer, .. } => answer.as_ref().err(),
            Self::Census { answer, .. } => answer.as_ref().err(),
            Self::Find { answer, .. } => answer.as_ref().err(),
            Self::Counters { answer, .. } => answer.as_ref().err(),
            Self::Conntrack { answer, .. } => answer.as_ref().err(),
            Self::RouteTo { answer, .. } => answer.as_ref().err(),
            Self::DefaultRoutes { answer } => answer.as_ref().err(),
            Self::Neighbour { answer, .. } => answer.as_ref().err(),
            Self::Links { answer } => answer.as_ref().err(),
            Self::Clock { answer } => answer.as_ref().err(),
            Self::Arp { answer, .. } => answer.as_ref().err(),
            Self::Proxies { answer, .. } | Self::Environment { answer, .. } => answer.as_ref().err(),
            Self::Rules { answer } => answer.as_ref().err(),
            Self::Routes { answer } => answer.as_ref().err(),
            Self::Neighbours { answer } => answer.as_ref().err(),
            Self::Sysctls { answer, .. } => answer.as_ref().err(),
            Self::Process { answer, .. } => answer.as_ref().err(),
            Self::Cgroup { answer, .. } => answer.as_ref().err(),
            Self::Host { answer } => answer.as_ref().err(),
            Self::History { answer, .. } => answer.as_ref().err(),
            Self::Rejected { failure, .. } => Some(failure),
        }
    }
}

/// When something began, since the run's begin, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Since the run began, on the measuring clock.
    pub at: Duration,
    /// Wall time of it.
    pub elapsed: Duration,
}

/// One transport endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Never an IPv4-mapped IPv6 address.
    pub address: IpAddr,
    /// 0 only for local endpoints not yet bound.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// Where in a network operation something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Opening or configuring the socket.
    Socket,
    /// The TCP handshake, or the route lookup before it.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request or query.
    Send,
    /// Waiting for the first byte of the answer.
    Wait,
    /// The rest of the answer.
    Receive,
    /// Reading facts of this host.
    Inspect,
}

/// What went wrong, as the layer that noticed it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the errno's meanings; sdk/wit/types.wit documents each")]
pub enum Reason {
    TimedOut,
    Refused,
    Reset,
    Closed,
    NetworkUnreachable,
    HostUnreachable,
    NotPermitted,
    AddressNotAvailable,
    AddressInUse,
    InvalidArgument,
    ProcessFileLimit,
    SystemFileLimit,
    NoBufferSpace,
    MessageTooBig,
    Malformed(String),
    TlsAlert(u8),
    Denied(String),
    Unavailable(String),
    InvalidRequest(String),
    BudgetExhausted(String),
    Other(String),
}

impl Reason {
    /// OpenTelemetry's `error.type` for it: low cardinality, stable.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::Refused => "connection_refused",
            Self::Reset => "connection_reset",
            Self::Closed => "connection_closed",
            Self::NetworkUnreachable => "network_unreachable",
            Self::HostUnreachable => "host_unreachable",
            Self::NotPermitted => "access_denied",
            Self::AddressNotAvailable => "address_not_available",
            Self::AddressInUse => "address_already_in_use",
            Self::InvalidArgument => "invalid_argument",
            Self::ProcessFileLimit => "too_many_open_files",
            Self::SystemFileLimit => "too_many_open_files_in_system",
            Self::NoBufferSpace => "no_buffer_space_available",
            Self::MessageTooBig => "message_size",
            Self::Malformed(_) => "malformed",
            Self::TlsAlert(_) => "tls_alert",
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
            Self::InvalidRequest(_) => "invalid_request",
            Self::BudgetExhausted(_) => "budget_exhausted",
            Self::Other(_) => "_OTHER",
        }
    }
}

/// An ICMP error that the kernel queued for a socket (`IP_RECVERR`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcmpError {
    /// Who sent it; absent when this kernel raised the error itself.
    pub sender: Option<IpAddr>,
    /// ICMP or `ICMPv6` type, by the socket's family.
    pub icmp_type: u8,
    /// Its code.
    pub code: u8,
    /// Next-hop MTU of "fragmentation needed" and "packet too big".
    pub mtu: Option<u32>,
}

/// A failure is data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where it ended.
    pub phase: Phase,
    /// What was seen there.
    pub reason: Reason,
    /// The kernel's error number.
    pub errno: Option<i32>,
    /// The ICMP error behind it.
    pub icmp: Option<IcmpError>,
    /// Since the call began.
    pub elapsed: Duration,
    /// One lower-case fragment for people.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// One kernel counter, named as in /proc/net (`TcpExt.ListenOverflows`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// `Group.Name`.
    pub name: String,
    /// Its value or delta.
    pub value: i64,
}

/// What moved during a quiet window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterDeltas {
    /// The window.
    pub window: Timing,
    /// False when another probe of ours ran inside the window.
    pub quiet: bool,
    /// Those that moved.
    pub moved: Vec<Counter>,
}
