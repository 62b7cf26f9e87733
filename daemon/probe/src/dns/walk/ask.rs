//! One question to one server within the limits of a walk: UDP with EDNS and DO, TCP where the answer was cut.
//!
//! Every query of a walk goes through [`Asker::ask`], which counts them and knows when the walk is over.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, Record, RecordType};
use sonde_core::observation::dns::{Answer, EdnsRequest, HeaderFlags, Query, Transport, WalkRequest};
use sonde_core::observation::{Endpoint, Failure, Phase, Reason};

use crate::clock::RunClock;
use crate::dns::exchange;
use crate::vantage::Vantage;

/// Queries of one walk, over both transports: 13 root servers and the 13 of a large zone, each in both families and asked three
/// things, are 156.
const MOST_QUERIES: u32 = 600;

/// DNS flag day 2020: what passes a path without fragments.
const UDP_SIZE: u16 = 1232;

/// Sends the queries of one walk.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    vantage: &'a Vantage,
    clock: &'a RunClock,
    query_timeout: Duration,
    /// On the run's clock.
    ends: Duration,
    /// Of servers found on the way.
    port: u16,
    ipv6: bool,
    queries: AtomicU32,
}

/// What came of one question.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) elapsed: Duration,
    /// Absent: the walk was over before the server could be asked for as long as the caller allows.
    pub(super) outcome: Option<Result<Answer, Failure>>,
    /// The same answer, as the validator reads it.
    pub(super) message: Option<Message>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(vantage: &'a Vantage, clock: &'a RunClock, request: &WalkRequest) -> Self {
        Self {
            vantage,
            clock,
            query_timeout: request.query_timeout,
            ends: clock.now().saturating_add(request.timeout),
            port: request.port,
            ipv6: request.ipv6,
            queries: AtomicU32::new(0),
        }
    }

    /// Sent so far.
    pub(super) fn queries(&self) -> u32 {
        self.queries.load(Ordering::Relaxed)
    }

    /// Where a server found at `address` is asked; nothing for a family that the caller excludes.
    pub(super) fn endpoint(&self, address: IpAddr) -> Option<Endpoint> {
        (self.ipv6 || address.is_ipv4()).then_some(Endpoint { address, port: self.port })
    }

    pub(super) fn ipv6(&self) -> bool {
        self.ipv6
    }

    /// Why nothing more can be asked, where that is so.
    pub(super) fn exhausted(&self) -> Option<(Reason, String)> {
        if self.queries() >= MOST_QUERIES {
            let text = format!("a walk of at most {MOST_QUERIES} queries");
            return Some((
                Reason::Unavailable(text),
                format!("{MOST_QUERIES} queries were sent, and more were needed"),
            ));
        }
        let over = self.clock.now() >= self.ends;
        over.then(|| (Reason::TimedOut, "the time for the walk was over".to_owned()))
    }

    /// Asks once; over TCP again where TC is set.
    pub(super) async fn ask(&self, server: Endpoint, name: &Name, rtype: RecordType) -> Reply {
        let reply = self.once(server, name, rtype, Transport::Udp).await;
        match &reply.outcome {
            Some(Ok(answer)) if answer.flags.truncated => {
                let whole = self.once(server, name, rtype, Transport::Tcp).await;
                Reply { elapsed: reply.elapsed.saturating_add(whole.elapsed), ..whole }
            }
            _ => reply,
        }
    }

    async fn once(&self, server: Endpoint, name: &Name, rtype: RecordType, transport: Transport) -> Reply {
        let left = self.ends.saturating_sub(self.clock.now());
        if left.is_zero() || self.queries.fetch_add(1, Ordering::Relaxed) >= MOST_QUERIES {
            return Reply { elapsed: Duration::ZERO, outcome: None, message: None };
        }
        let timeout = self.query_timeout.min(left);
        let query = Query {
            transport,
            flags: HeaderFlags::default(),
            edns: Some(EdnsRequest { dnssec_ok: true, ..EdnsRequest::sized(UDP_SIZE) }),
            ..Query::new(server, &text(name), rtype.into(), timeout)
        };
        let (exchange, bytes) = exchange::query_raw(self.vantage, self.clock, &query).await;
        let elapsed = exchange.timing.elapsed;
        let (outcome, message) = match exchange.outcome {
            // Silence counts only where the server had its time.
            Err(failure) if failure.reason == Reason::TimedOut && timeout < self.query_timeout => {
                drop(failure);
                (None, None)
            }
            Err(failure) => (Some(Err(failure)), None),
            Ok(answer) => match bytes.as_deref().map(Message::from_vec) {
                Some(Ok(message)) => (Some(Ok(answer)), Some(message)),
                Some(Err(error)) => (Some(Err(undecodable(elapsed, &error.to_string()))), None),
                None => (Some(Err(undecodable(elapsed, "its bytes are gone"))), None),
            },
        };
        Reply { elapsed, outcome, message }
    }
}

fn undecodable(elapsed: Duration, problem: &str) -> Failure {
    Failure {
        phase: Phase::Receive,
        reason: Reason::Malformed(problem.to_owned()),
        errno: None,
        icmp: None,
        elapsed,
        detail: format!("decode an answer for the validator: {problem}"),
    }
}

impl Reply {
    /// The records of the answer section with this owner and type.
    pub(super) fn answers<'r>(&'r self, name: &'r Name, rtype: RecordType) -> impl Iterator<Item = &'r Record> + 'r {
        let answers = self.message.iter().flat_map(|message| message.answers.iter());
        answers.filter(move |record| record.record_type() == rtype && record.name == *name)
    }

    /// The extended response code; nothing where no answer came.
    pub(super) fn rcode(&self) -> Option<u16> {
        self.answer().map(|answer| answer.rcode)
    }

    /// AA.
    pub(super) fn authoritative(&self) -> bool {
        self.answer().is_some_and(|answer| answer.flags.authoritative)
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        self.outcome.as_ref()?.as_ref().ok()
    }
}

/// In presentation format with the final dot; escapes are decimal (RFC 1035 section 5.1), as everywhere in `dns`.
pub(super) fn text(name: &Name) -> String {
    let mut text = String::new();
    for label in name {
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => text.extend(['\\', char::from(byte)]),
                b'!'..=b'~' => text.push(byte.into()),
                // Writing to a string cannot fail.
                _ => drop(write!(text, "\\{byte:03}")),
            }
        }
        text.push('.');
    }
    if text.is_empty() { ".".to_owned() } else { text }
}
