//! Records of the interface `path`: how far packets come, how large they may be, how many return.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Endpoint, Failure, IcmpError, Reply, RoundTrips, Timing};

/// What TTL-limited probes are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceTransport {
    /// SYNs.
    Tcp,
    /// Datagrams.
    Udp,
}

/// `path.trace`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceRequest {
    /// The very port that fails.
    pub remote: Endpoint,
    /// What to send.
    pub transport: TraceTransport,
    /// The highest TTL.
    pub max_hops: u8,
    /// Probes of each TTL.
    pub probes_per_hop: u8,
    /// Wait for one probe.
    pub probe_timeout: Duration,
    /// Bound of the whole call.
    pub timeout: Duration,
}

/// What came back of one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeAnswer {
    /// A SYN-ACK, or a datagram.
    Answered,
    /// A RST.
    Reset,
    /// Time exceeded or unreachable.
    Icmp(IcmpError),
    /// Nothing.
    Silent,
    /// This host did not let it out.
    Unsent(Failure),
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopProbe {
    /// Since the run began.
    pub at: Duration,
    /// Until the kernel received what came back.
    pub rtt: Option<Duration>,
    /// What that was.
    pub answer: ProbeAnswer,
}

/// All probes of one TTL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// From 1.
    pub ttl: u8,
    /// In the order they were sent.
    pub probes: Vec<HopProbe>,
}

/// What came of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The whole call.
    pub timing: Timing,
    /// By TTL.
    pub hops: Vec<Hop>,
    /// The smallest TTL at which the destination answered.
    pub reached: Option<u8>,
    /// False below Linux 5.8 for TCP.
    pub icmp_visible: bool,
    /// What the destination said, or where the probes die.
    pub outcome: Result<(), Failure>,
}

/// `path.path-mtu`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathMtuRequest {
    /// Whom to reach.
    pub remote: Endpoint,
    /// Sizes of whole IP packets; empty takes the usual ones.
    pub sizes: Vec<u32>,
    /// How often a size is sent before its silence counts.
    pub attempts: u8,
    /// Open a TCP connection for its figures.
    pub tcp: bool,
    /// Bound of the whole call.
    pub timeout: Duration,
}

/// How the arrival of a packet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MtuMethod {
    /// By an echo reply.
    IcmpEcho,
    /// By an ICMP port unreachable or a datagram.
    Udp,
}

/// What became of a size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RungOutcome {
    /// It arrived.
    Answered,
    /// A router refused it.
    TooBig(IcmpError),
    /// This host refused it, with the MTU it goes by.
    TooBigHere(Option<u32>),
    /// Nothing.
    Silent,
    /// Not sent for another reason.
    Unsent(Failure),
}

/// One size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// The whole IP packet, bytes.
    pub size: u32,
    /// Since the run began.
    pub at: Duration,
    /// How often it was sent.
    pub attempts: u8,
    /// Of the attempt that was answered.
    pub rtt: Option<Duration>,
    /// What became of it.
    pub outcome: RungOutcome,
}

/// What the ladder shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MtuConclusion {
    /// The largest that passed is the path's MTU: what is larger is refused with a notice.
    Measured,
    /// What is larger vanishes.
    BlackHole,
    /// No size was answered.
    #[default]
    Unanswered,
    /// Loss.
    Unclear,
}

/// What came of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathMtu {
    /// The whole call.
    pub timing: Timing,
    /// How it was climbed.
    pub method: Option<MtuMethod>,
    /// In the order they were sent.
    pub rungs: Vec<Rung>,
    /// What they show.
    pub conclusion: MtuConclusion,
    /// The largest size that arrived, bytes.
    pub mtu: Option<u32>,
    /// The smallest size that vanished, bytes.
    pub lost_from: Option<u32>,
    /// Of the device that the route leaves by, bytes.
    pub link_mtu: Option<u32>,
    /// `IP_MTU` before the first probe, bytes.
    pub route_mtu: Option<u32>,
    /// Of the TCP connection, bytes.
    pub mss: Option<u32>,
    /// Of the TCP connection, bytes.
    pub tcp_pmtu: Option<u32>,
    /// Why there was nothing to climb with.
    pub outcome: Result<(), Failure>,
}

impl PathMtu {
    /// Before the first rung.
    pub fn begun(timing: Timing) -> Self {
        Self {
            timing,
            method: None,
            rungs: Vec::new(),
            conclusion: MtuConclusion::Unanswered,
            mtu: None,
            lost_from: None,
            link_mtu: None,
            route_mtu: None,
            mss: None,
            tcp_pmtu: None,
            outcome: Ok(()),
        }
    }
}

/// `path.echo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoRequest {
    /// Whom to ask.
    pub address: IpAddr,
    /// How many requests.
    pub count: u16,
    /// From one to the next.
    pub interval: Duration,
    /// ICMP payload.
    pub payload_bytes: u16,
    /// Bound of the whole call.
    pub timeout: Duration,
}

/// What came of a series of echo requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The whole call.
    pub timing: Timing,
    /// Requests that left.
    pub sent: u32,
    /// Requests that were answered.
    pub received: u32,
    /// Further replies to one request.
    pub duplicates: u32,
    /// Replies that came after one to a later request.
    pub reordered: u32,
    /// Replies with another payload.
    pub corrupted: u32,
    /// Of those answered.
    pub round_trips: Option<RoundTrips>,
    /// In the order they came.
    pub replies: Vec<Reply>,
    /// The last ICMP error that came instead.
    pub icmp: Option<IcmpError>,
    /// Some were answered, or why not.
    pub outcome: Result<(), Failure>,
}
