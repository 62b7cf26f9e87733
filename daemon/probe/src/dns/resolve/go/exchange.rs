//! One attempt at one server: `exchange` of `net/dnsclient_unix.go`, over UDP and, where that is truncated, over TCP with the same
//! deadline anew.
//!
//! The UDP socket is connected, so a refusal by ICMP ends the attempt at once. Datagrams that are no answer to this question are
//! passed over; on a stream they end the attempt.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sonde_core::observation::dns::{StepOutcome, Transport};
use sonde_core::observation::{Endpoint, Phase};

use super::error::{Trouble, connection};
use super::message::{Message, encode};
use super::sockets::{Channel, Dialled};
use crate::attempt::Attempt;
use crate::dns::resolve::Lookup;
use crate::dns::resolve::steps::StepId;
use crate::failure::Fault;

/// A server as Go writes it, and as the kernel takes it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// `10.0.0.1:53`, `[fe80::1%eth0]:53`, the address as resolv.conf has it.
    pub(super) text: String,
    pub(super) address: SocketAddr,
    pub(super) endpoint: Endpoint,
}

/// What resolv.conf and GODEBUG say of every query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) timeout: Duration,
    pub(super) use_tcp: bool,
    pub(super) trust_ad: bool,
    pub(super) edns: bool,
}

/// An answer to the question, and the step whose outcome it still has to become.
pub(super) type Answered = (Message, StepId);

/// Asks. Steps that failed have their outcome.
pub(super) async fn exchange(
    lookup: &Lookup<'_>,
    manner: Manner,
    server: &Server,
    name: &str,
    qtype: u16,
) -> Result<Answered, Trouble> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|_| Trouble::CannotMarshal)?;
    let query = encode(u16::from_ne_bytes(id), name, qtype, manner.trust_ad, manner.edns);
    let query = query.ok_or(Trouble::CannotMarshal)?;
    let ways: &[Transport] = if manner.use_tcp { &[Transport::Tcp] } else { &[Transport::Udp, Transport::Tcp] };
    for transport in ways {
        let attempt = Attempt::begin(lookup.clock, manner.timeout);
        let step = lookup.steps.sent(server.endpoint, *transport, name, qtype);
        match converse(lookup, &attempt, server, *transport, &query).await {
            Ok(message) if *transport == Transport::Udp && message.is_truncated() => {
                lookup.steps.ended(step, StepOutcome::Truncated, Vec::new());
            }
            Ok(message) => return Ok((message, step)),
            Err(Ended { trouble, outcome }) => {
                let outcome = match outcome {
                    Cause::Fault(fault) => StepOutcome::Failed(attempt.failure(fault, None)),
                    Cause::TimedOut => StepOutcome::TimedOut,
                    Cause::Rejected => StepOutcome::Rejected(trouble.text().to_owned()),
                };
                lookup.steps.ended(step, outcome, Vec::new());
                return Err(trouble);
            }
        }
    }
    // The last way never goes on.
    Err(Trouble::InvalidResponse)
}

/// How an attempt failed, for the program and for the step.
struct Ended {
    trouble: Trouble,
    outcome: Cause,
}

enum Cause {
    Fault(Fault),
    TimedOut,
    Rejected,
}

impl Ended {
    fn system(operation: &str, phase: Phase, call: &str, error: &io::Error) -> Self {
        let trouble = Trouble::system(operation, call, error);
        Self { trouble, outcome: Cause::Fault(Fault::os(phase, operation, error)) }
    }

    fn timed_out(operation: &str) -> Self {
        Self { trouble: Trouble::timeout(operation), outcome: Cause::TimedOut }
    }

    fn rejected(trouble: Trouble) -> Self {
        Self { trouble, outcome: Cause::Rejected }
    }
}

async fn converse(
    lookup: &Lookup<'_>,
    attempt: &Attempt,
    server: &Server,
    transport: Transport,
    query: &[u8],
) -> Result<Message, Ended> {
    let network = transport.as_str();
    let dialling = format!("dial {network} {}", server.text);
    let dialled = Dialled::open(lookup.vantage, server.address, transport == Transport::Tcp);
    let dialled = dialled.map_err(|(call, error)| Ended::system(&dialling, Phase::Connect, call, &error))?;
    let within = attempt.bounded(Phase::Connect, &dialling, dialled.established()).await;
    let (channel, local) = match within {
        Err(_) => return Err(Ended::timed_out(&dialling)),
        Ok(Err(error)) => return Err(Ended::system(&dialling, Phase::Connect, "connect", &error)),
        Ok(Ok(established)) => established,
    };
    let ends = connection(network, local, &server.text);
    let (writing, reading) = (format!("write {ends}"), format!("read {ends}"));
    match attempt.bounded(Phase::Send, &writing, channel.write(query)).await {
        Err(_) => return Err(Ended::timed_out(&writing)),
        Ok(Err(error)) => return Err(Ended::system(&writing, Phase::Send, "write", &error)),
        Ok(Ok(())) => {}
    }
    let read = attempt.bounded(Phase::Wait, &reading, read(&channel, query, &reading)).await;
    let message = read.map_err(|_| Ended::timed_out(&reading))??;
    if message.has_one_question() { Ok(message) } else { Err(Ended::rejected(Trouble::InvalidResponse)) }
}

async fn read(channel: &Channel, query: &[u8], reading: &str) -> Result<Message, Ended> {
    loop {
        let bytes = match channel.read().await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                // The text of the error says whether a message had begun.
                let within = error.to_string() == super::sockets::WITHIN;
                let trouble = Trouble::Closed { within };
                let detail = format!("{reading}: {}", trouble.text());
                let fault = Fault::new(Phase::Receive, sonde_core::observation::Reason::Closed, detail);
                return Err(Ended { trouble, outcome: Cause::Fault(fault) });
            }
            Err(error) => return Err(Ended::system(reading, Phase::Wait, "read", &error)),
        };
        match Message::parse(&bytes) {
            Ok(message) if message.answers(query) => return Ok(message),
            _ if channel.is_datagram() => {}
            Ok(_) => return Err(Ended::rejected(Trouble::InvalidResponse)),
            Err(_) => return Err(Ended::rejected(Trouble::CannotUnmarshal)),
        }
    }
}
