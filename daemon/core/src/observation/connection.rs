//! What is seen of a connection, whoever opened it: by TCP, and by TLS on top.

mod session;

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::session::{Certificate, OcspStaple, OcspStatus, TlsSession, Verification, VerificationProblem};
use super::{Endpoint, Phase, Timing};

/// The TCP part of any dial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The local endpoint the kernel chose.
    pub local: Option<Endpoint>,
    /// The handshake itself: from just before connect(2), or from the SYN, until its outcome stood.
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

/// Who read the clock at the end of a handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stamp {
    /// There was no handshake.
    #[default]
    None,
    /// The thread that called connect(2): the outcome stood when that returned.
    AtOnce,
    /// A thread that waits for nothing else.
    Stopwatch,
    /// The waiting task: at the deadline, or with the scheduler's delay in the figure.
    Waiter,
    /// The kernel, on the packets themselves: the SYN out, and what came back.
    Packets,
}

/// What the kernel said of the connection when a phase had ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseInfo {
    /// The phase.
    pub phase: Phase,
    /// Since the run began.
    pub at: Duration,
    /// What it said.
    pub info: TcpInfo,
}

/// struct `tcp_info` (linux/tcp.h), the fields that diagnosis uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpInfo {
    /// As in ss: `ESTAB`, `SYN-SENT`.
    pub state: Cow<'static, str>,
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
