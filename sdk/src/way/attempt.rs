//! What was tried: the dials of a check, whatever they sent.

use std::time::Duration;

use crate::dial::{TcpDial, UdpDial};
use crate::types::{CounterDeltas, Endpoint, EvidenceId, Failure};

/// One attempt to reach the endpoint, or another port of its address.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The call.
    pub evidence: EvidenceId,
    /// How long the whole call took.
    pub elapsed: Duration,
    /// None: it succeeded.
    pub failure: Option<&'a Failure>,
    /// What moved meanwhile, where that was asked for.
    pub deltas: Option<&'a CounterDeltas>,
    /// From where.
    pub local: Option<&'a Endpoint>,
}

/// An attempt at another port of the address.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere<'a> {
    /// That port.
    pub port: u16,
    /// The call.
    pub evidence: EvidenceId,
    /// None: it succeeded.
    pub failure: Option<&'a Failure>,
    /// The host at the address itself answered, in whatever way.
    pub answered: bool,
}

impl<'a> From<&'a TcpDial> for Attempt<'a> {
    fn from(dial: &'a TcpDial) -> Self {
        Self {
            evidence: dial.evidence,
            elapsed: dial.timing.elapsed(),
            failure: dial.outcome.as_ref().err(),
            deltas: dial.deltas.as_ref(),
            local: dial.connection.local.as_ref(),
        }
    }
}

impl<'a> From<&'a UdpDial> for Attempt<'a> {
    fn from(dial: &'a UdpDial) -> Self {
        Self {
            evidence: dial.evidence,
            elapsed: dial.timing.elapsed(),
            failure: dial.outcome.as_ref().err(),
            deltas: dial.deltas.as_ref(),
            local: dial.local.as_ref(),
        }
    }
}

impl<'a> Elsewhere<'a> {
    /// An attempt at this port.
    pub fn new(port: u16, attempt: impl Into<Attempt<'a>>, answered: bool) -> Self {
        let Attempt { evidence, failure, .. } = attempt.into();
        Self { port, evidence, failure, answered }
    }
}
