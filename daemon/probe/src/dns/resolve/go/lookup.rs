//! A lookup over DNS: `tryOneName` and the DNS part of `goLookupIPCNAMEOrder` in `net/dnsclient_unix.go`.
//!
//! A and AAAA go side by side, each from server to server on its own, unless `single-request` is set. NXDOMAIN and NODATA end a
//! name at once; everything else goes on with the next server, and after the last one with the first, `attempts` times. Every name
//! of the search list is tried whatever became of the one before, until one has an address.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::future::Either;
use futures_util::stream::{self, FuturesUnordered};
use sonde_core::observation::dns::{Family, StepOutcome};

use super::error::{LookupError, Trouble};
use super::exchange::{Manner, Server, exchange};
use super::message::{A, AAAA, Message};
use super::name::names;
use crate::dns::resolve::Lookup;

/// What all queries of a lookup share: `dnsConfig`.
pub(super) struct Plan {
    pub(super) servers: Vec<Server>,
    pub(super) search: Vec<String>,
    pub(super) ndots: u32,
    pub(super) attempts: u32,
    pub(super) rotate: bool,
    pub(super) single_request: bool,
    pub(super) manner: Manner,
    /// Counts up with every name and type where `rotate` is set. A program starts with zero.
    pub(super) offset: AtomicUsize,
}

/// Addresses, or the last error worth telling.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) canonical_name: Option<String>,
    pub(super) error: Option<LookupError>,
}

struct Taken {
    message: Message,
    /// Records before the first of the type asked for.
    passed: usize,
    server: String,
}

impl Plan {
    /// Asks for every name in turn until one has an address.
    pub(super) async fn look_up(&self, lookup: &Lookup<'_>) -> Answer {
        let name = lookup.request.name.as_str();
        let types: &[u16] = match lookup.request.family {
            Family::Any => &[A, AAAA],
            Family::Ipv4 => &[A],
            Family::Ipv6 => &[AAAA],
        };
        let mut answer = Answer::default();
        for full in names(name, &self.search, self.ndots) {
            let itself = full.strip_suffix('.') == Some(name);
            let asked = types.iter().map(|qtype| self.one_name(lookup, &full, *qtype));
            let results = if self.single_request {
                Either::Left(stream::iter(asked).then(|one| one))
            } else {
                // The scheduler runs the goroutine that was started last first: AAAA before A.
                Either::Right(asked.rev().collect::<FuturesUnordered<_>>())
            };
            let mut results = std::pin::pin!(results);
            while let Some(result) = results.next().await {
                match result {
                    Ok(taken) => answer.add(&taken),
                    // The error of the name as it was given is preferred.
                    Err(error) if answer.error.is_none() || itself => answer.error = Some(error),
                    Err(_) => {}
                }
            }
            if !answer.addresses.is_empty() {
                break;
            }
        }
        answer
    }

    /// `tryOneName`.
    async fn one_name(&self, lookup: &Lookup<'_>, name: &str, qtype: u16) -> Result<Taken, LookupError> {
        let offset = if self.rotate { self.offset.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let mut last = LookupError::no_such_host();
        let rounds = (0..self.attempts).flat_map(|_| {
            self.servers.iter().cycle().skip(offset % self.servers.len().max(1)).take(self.servers.len())
        });
        for server in rounds {
            let told = |trouble| LookupError { trouble, server: Some(server.text.clone()) };
            let (message, step) = match exchange(lookup, self.manner, server, name, qtype).await {
                Ok(answered) => answered,
                Err(trouble) => {
                    last = told(trouble);
                    continue;
                }
            };
            let rcode = message.rcode().0;
            match message.check(qtype) {
                Ok(passed) => {
                    let addresses = message.read(passed).addresses;
                    lookup.steps.ended(step, StepOutcome::Answered(rcode), addresses);
                    return Ok(Taken { message, passed, server: server.text.clone() });
                }
                Err(Trouble::NoSuchHost) => {
                    lookup.steps.ended(step, StepOutcome::Answered(rcode), Vec::new());
                    return Err(told(Trouble::NoSuchHost));
                }
                Err(trouble) => {
                    let why = format!("{}, response code {rcode}", trouble.text());
                    lookup.steps.ended(step, StepOutcome::Rejected(why), Vec::new());
                    last = told(trouble);
                }
            }
        }
        Err(last)
    }
}

impl Answer {
    fn add(&mut self, taken: &Taken) {
        let read = taken.message.read(taken.passed);
        self.addresses.extend(read.addresses);
        self.canonical_name = self.canonical_name.take().or(read.canonical_name);
        if read.malformed {
            self.error = Some(LookupError { trouble: Trouble::CannotUnmarshal, server: Some(taken.server.clone()) });
        }
    }
}
