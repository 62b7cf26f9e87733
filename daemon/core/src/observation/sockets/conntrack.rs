//! What connection tracking keeps of one flow.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::Endpoint;

/// Protocols whose flows have ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FlowProtocol {
    Tcp,
    Udp,
}

impl FlowProtocol {
    /// `tcp`, `udp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A flow, as its first packet carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Which protocol.
    pub protocol: FlowProtocol,
    /// From and to.
    pub tuple: FlowTuple,
}

/// One direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowTuple {
    /// The sender.
    pub source: Endpoint,
    /// The receiver.
    pub destination: Endpoint,
}

impl fmt::Display for FlowTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.source, self.destination)
    }
}

/// A tracked flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedFlow {
    /// As the first packet came.
    pub original: FlowTuple,
    /// What answers carry.
    pub reply: FlowTuple,
    /// TCP's, as in `conntrack -L`.
    pub state: Option<String>,
    /// `IPS_SEEN_REPLY`.
    pub answered: bool,
    /// `IPS_ASSURED`.
    pub assured: bool,
    /// Until it is forgotten.
    pub timeout: Option<Duration>,
}
