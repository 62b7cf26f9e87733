//! What an exchange shows beside its outcome. Bounded, whatever comes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation::connection::TlsSession;
use sonde_core::observation::dns::{Answer, Exchange, QueryPhases, Stray, StrayKind};
use sonde_core::observation::{CounterDeltas, Endpoint, Failure, IcmpError, Timing};

use super::Socket;
use crate::attempt::Attempt;
use crate::error_queue::Queued;
use crate::failure::Fault;

/// Strays beyond this many bytes, all together, are not shown decoded.
const DECODED_STRAYS_BYTES: usize = 1 << 16;

/// Gathered by a transport.
#[derive(Debug, Default)]
pub(in crate::dns) struct Seen {
    /// When the exchange began, on the wire; absent where it did not.
    pub(super) at: Option<Duration>,
    /// When the answer was there, or the failure.
    pub(super) ended: Option<Duration>,
    pub(super) phases: QueryPhases,
    pub(super) local: Option<Endpoint>,
    pub(super) kernel_rtt: Option<Duration>,
    pub(super) session: Option<TlsSession>,
    pub(super) http_status: Option<u16>,
    /// The bytes of the answer are wanted.
    keeps_bytes: bool,
    bytes: Option<Vec<u8>>,
    /// Open until the counters were read.
    pub(super) socket: Socket,
    reported: Option<IcmpError>,
    icmp: Vec<Queued>,
    strays: Vec<Stray>,
    decoded_bytes: usize,
    stray_kinds: BTreeMap<&'static str, u32>,
}

/// Where and when a message came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) from: Endpoint,
    pub(super) at: Duration,
}

impl Seen {
    /// One that keeps the bytes of the answer.
    pub(in crate::dns) fn keeping_bytes() -> Self {
        Self { keeps_bytes: true, ..Self::default() }
    }

    /// The message that is the answer.
    pub(super) fn answer(&mut self, message: &[u8]) {
        if self.keeps_bytes {
            self.bytes = Some(message.to_vec());
        }
    }

    /// A message that is not the answer.
    pub(super) fn stray(&mut self, source: &Source, kind: StrayKind, length: usize, answer: Option<Box<Answer>>) {
        let count = self.stray_kinds.entry(words(kind)).or_default();
        *count = count.saturating_add(1);
        if self.strays.len() < Exchange::SHOWN {
            self.decoded_bytes = self.decoded_bytes.saturating_add(length);
            let answer = answer.filter(|_| self.decoded_bytes <= DECODED_STRAYS_BYTES).map(|answer| *answer);
            let size_bytes = u32::try_from(length).unwrap_or(u32::MAX);
            self.strays.push(Stray { at: source.at, kind, from: source.from, size_bytes, answer });
        }
    }

    /// Whether strays are still shown; those beyond are only counted, and need not be decoded.
    pub(super) fn shows_strays(&self) -> bool {
        self.strays.len() < Exchange::SHOWN
    }

    /// The fault, telling which strays came instead of an answer.
    pub(super) fn note_strays(&self, mut fault: Fault) -> Fault {
        let kinds = self.stray_kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>();
        if !kinds.is_empty() {
            let count = self.stray_count();
            fault.detail =
                format!("{}; {count} messages came that were not the answer: {}", fault.detail, kinds.join(", "));
        }
        fault
    }

    /// ICMP errors about what the exchange sent.
    pub(super) fn icmp(&mut self, errors: impl IntoIterator<Item = Queued>) {
        let room = Exchange::SHOWN.saturating_sub(self.icmp.len());
        self.icmp.extend(errors.into_iter().take(room));
    }

    /// An ICMP error that a failure already tells.
    pub(super) fn reported(&mut self, error: Option<&IcmpError>) {
        self.reported = error.cloned();
    }

    /// The record of a fault that was noticed now, with the last ICMP error, where the fault has none of its own.
    pub(super) fn failure(&self, attempt: &Attempt, fault: Fault) -> Failure {
        let icmp = self.icmp.last().map(|queued| queued.clone().seen_from(self.local_address()));
        attempt.failure(fault, icmp)
    }

    /// From the first packet to the outcome.
    pub(in crate::dns) fn timing(&self, attempt: &Attempt) -> Timing {
        match (self.at, self.ended) {
            (Some(at), Some(ended)) => Timing { at, elapsed: ended.saturating_sub(at) },
            (Some(at), None) => attempt.clock().since(at),
            (None, _) => attempt.timing(),
        }
    }

    /// Closes the socket, politely where the exchange `ended_well`. The bytes of the answer are left over.
    pub(in crate::dns) async fn close(&mut self, ended_well: bool) -> Option<Vec<u8>> {
        std::mem::take(&mut self.socket).close(ended_well).await;
        self.bytes.take()
    }

    /// The record.
    pub(in crate::dns) fn exchange(
        self,
        timing: Timing,
        query_bytes: u32,
        outcome: Result<Answer, Failure>,
        deltas: Option<CounterDeltas>,
    ) -> Exchange {
        let (local, stray_count) = (self.local_address(), self.stray_count());
        let queued = self.icmp.into_iter().map(|queued| queued.seen_from(local));
        Exchange {
            timing,
            phases: self.phases,
            local: self.local,
            kernel_rtt: self.kernel_rtt,
            stray_count,
            strays: self.strays,
            icmp: self.reported.into_iter().chain(queued).take(Exchange::SHOWN).collect(),
            session: self.session,
            http_status: self.http_status,
            query_bytes,
            outcome,
            deltas,
        }
    }

    fn stray_count(&self) -> u32 {
        self.stray_kinds.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn local_address(&self) -> Option<IpAddr> {
        self.local.map(|local| local.address)
    }
}

fn words(kind: StrayKind) -> &'static str {
    match kind {
        StrayKind::WrongSource => "from a wrong source",
        StrayKind::WrongId => "with a wrong id",
        StrayKind::WrongQuestion => "to a wrong question",
        StrayKind::Malformed => "malformed",
        StrayKind::NotAnAnswer => "no answer at all",
    }
}
