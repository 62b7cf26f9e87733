//! One query to one server, with no cache and no hidden retry.
//!
//! A transport sends the query and tells what it saw on the way; here the exchange is prepared, announced to the vantage, and
//! written down.

use std::net::SocketAddr;

use sonde_core::observation::dns::{Exchange, Query, Transport};
use sonde_core::observation::{Phase, Reason};

use super::message::Question;
use super::transport::{self, Seen};
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::dial;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// One exchange.
pub async fn query(vantage: &Vantage, clock: &RunClock, query: &Query) -> Exchange {
    perform(vantage, clock, query, Seen::default()).await.0
}

/// One exchange, with the bytes of the message that was decoded into its answer.
pub(super) async fn query_raw(vantage: &Vantage, clock: &RunClock, query: &Query) -> (Exchange, Option<Vec<u8>>) {
    perform(vantage, clock, query, Seen::keeping_bytes()).await
}

async fn perform(vantage: &Vantage, clock: &RunClock, query: &Query, mut seen: Seen) -> (Exchange, Option<Vec<u8>>) {
    let prepared = match Prepared::new(query) {
        Ok(prepared) => prepared,
        Err(fault) => {
            let attempt = Attempt::begin(clock, query.timeout);
            return (Exchange::failed(attempt.timing(), attempt.failure(fault, None)), None);
        }
    };
    let watch = Watch::open(vantage, clock, query.deltas).await;
    let attempt = Attempt::begin(clock, query.timeout);
    let ask = Ask { vantage, attempt, query, prepared: &prepared };
    let outcome = transport::perform(&ask, &mut seen).await;
    let timing = seen.timing(&attempt);
    let (deltas, held) = watch.close(vantage, clock).await;
    // The socket is closed behind the window.
    let raw = seen.close(outcome.is_ok()).await;
    drop(held);
    let query_bytes = u32::try_from(prepared.bytes.len()).unwrap_or(u32::MAX);
    (seen.exchange(timing, query_bytes, outcome, deltas), raw)
}

/// What is sent, checked.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) question: Question,
    /// The message, without the length that stream transports put before it.
    pub(super) bytes: Vec<u8>,
    pub(super) server: SocketAddr,
}

impl Prepared {
    fn new(query: &Query) -> Result<Self, Fault> {
        let id = match query.transport {
            // A stream of its own tells answers apart: RFC 8484 section 4.1, RFC 9250 section 4.2.1.
            Transport::Https | Transport::Quic => 0,
            Transport::Udp | Transport::Tcp | Transport::Tls => random_id()?,
        };
        let (question, bytes) = Question::encode(query, id).map_err(Fault::invalid)?;
        Ok(Self { question, bytes, server: dial::target(query.server)? })
    }
}

/// What every transport works with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) vantage: &'a Vantage,
    pub(super) attempt: Attempt,
    pub(super) query: &'a Query,
    pub(super) prepared: &'a Prepared,
}

fn random_id() -> Result<u16, Fault> {
    let mut id = [0; 2];
    getrandom::fill(&mut id)
        .map_err(|error| Fault::new(Phase::Socket, Reason::Other(error.to_string()), "draw a random query id"))?;
    Ok(u16::from_ne_bytes(id))
}
