//! Records of `dial.udp`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::{CounterDeltas, Endpoint, Failure, IcmpError, Reply, RoundTrips, Timing};

/// `dial.udp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpRequest {
    /// Whom to send to.
    pub remote: Endpoint,
    /// What each datagram holds; absent: a sequence number and a pattern.
    pub payload: Option<Vec<u8>>,
    /// Of the datagrams with a sequence number.
    pub size_bytes: u16,
    /// How many at most.
    pub count: u16,
    /// From one to the next.
    pub interval: Duration,
    /// Bound of the whole call.
    pub timeout: Duration,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpDial {
    /// The whole call.
    pub timing: Timing,
    /// The local endpoint the kernel chose.
    pub local: Option<Endpoint>,
    /// Datagrams that left.
    pub sent: u32,
    /// Datagrams that this host did not let out.
    pub unsent: u32,
    /// Datagrams that were answered.
    pub received: u32,
    /// Further answers to one datagram.
    pub duplicates: u32,
    /// Answers that came after one to a later datagram.
    pub reordered: u32,
    /// Answers whose bytes are others than were sent.
    pub corrupted: u32,
    /// Of those answered.
    pub round_trips: Option<RoundTrips>,
    /// In the order they came.
    pub replies: Vec<Reply>,
    /// At most the first 4 KiB of the first answer.
    pub answer: Option<Vec<u8>>,
    /// Its whole length.
    pub answer_bytes: u32,
    /// ICMP errors that came.
    pub icmp_errors: u32,
    /// The last of them.
    pub icmp: Option<IcmpError>,
    /// Some were answered, or why not.
    pub outcome: Result<(), Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}
