//! The evidence ledger of one run: append-only, and the only place where evidence ids are made.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use sonde_core::observation::{Call, EvidenceId, Observation, Reason};

/// Host calls in the order of their ends.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    observations: Vec<Arc<Observation>>,
    issued: HashMap<EvidenceId, State>,
    random: Random,
}

/// What an issued id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A call that has not ended.
    Pending,
    /// A call that was refused before it did anything.
    Refused,
    /// A call that saw something, be it a failure.
    Seen,
}

impl State {
    fn of(call: &Call) -> Self {
        let refused = matches!(call, Call::Rejected { .. })
            || call.failure().is_some_and(|failure| {
                matches!(failure.reason, Reason::Denied(_) | Reason::InvalidRequest(_) | Reason::BudgetExhausted(_))
            });
        if refused { Self::Refused } else { Self::Seen }
    }
}

impl Ledger {
    /// A fresh id: random, not zero, unique in this run.
    pub(crate) fn issue(&self) -> EvidenceId {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let id = EvidenceId(lines.random.next());
            if id.0 != 0 && !lines.issued.contains_key(&id) {
                lines.issued.insert(id, State::Pending);
                return id;
            }
        }
    }

    /// Records what an issued id stands for, once; false when it was recorded before.
    pub(crate) fn record(&self, observation: &Arc<Observation>) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.issued.get(&observation.id).is_some_and(|state| *state != State::Pending) {
            return false;
        }
        lines.issued.insert(observation.id, State::of(&observation.call));
        lines.observations.push(Arc::clone(observation));
        true
    }

    /// Whether an id stands for a recorded host call of this run.
    pub(crate) fn knows(&self, id: EvidenceId) -> bool {
        self.state(id).is_some_and(|state| state != State::Pending)
    }

    /// Whether an id stands for a host call that was performed.
    pub(crate) fn saw(&self, id: EvidenceId) -> bool {
        self.state(id) == Some(State::Seen)
    }

    fn state(&self, id: EvidenceId) -> Option<State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).issued.get(&id).copied()
    }

    /// All of it.
    pub(crate) fn observations(&self) -> Vec<Arc<Observation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observations.clone()
    }
}

/// Random numbers from the kernel, fetched many at a time: a system call for each costs as much as all the rest of a line.
#[derive(Debug, Default)]
struct Random(Vec<u64>);

impl Random {
    fn next(&mut self) -> u64 {
        if self.0.is_empty() {
            let mut bytes = [0; FETCHED * size_of::<u64>()];
            if getrandom::fill(&mut bytes).is_ok() {
                self.0.extend(bytes.as_chunks().0.iter().copied().map(u64::from_ne_bytes));
            }
        }
        // Where it has none to give (no getrandom, no /dev/urandom): the process' own hash seeds, which are random too.
        self.0.pop().unwrap_or_else(|| RandomState::new().hash_one(0_u8))
    }
}

/// A few, since most runs make a few calls.
const FETCHED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use sonde_core::observation::{Failure, Phase, Timing};

    fn observation(id: EvidenceId) -> Arc<Observation> {
        let call = Call::DefaultRoutes { answer: Ok(Vec::new()) };
        let timing = Timing::default();
        Arc::new(Observation { id, check: "a".to_owned(), timing, started_at: timing.at, vantage: 1, call })
    }

    #[test]
    fn a_refused_call_is_known_but_has_seen_nothing() {
        let ledger = Ledger::default();
        for (reason, saw) in [
            (Reason::Denied("no".to_owned()), false),
            (Reason::InvalidRequest("no".to_owned()), false),
            (Reason::BudgetExhausted("no".to_owned()), false),
            (Reason::NotPermitted, true),
            (Reason::TimedOut, true),
        ] {
            let failure = Failure {
                phase: Phase::Inspect,
                reason,
                errno: None,
                icmp: None,
                elapsed: std::time::Duration::ZERO,
                detail: String::new(),
            };
            let id = ledger.issue();
            let call = Call::DefaultRoutes { answer: Err(failure) };
            ledger.record(&Arc::new(Observation { call, ..Observation::clone(&observation(id)) }));
            assert!(ledger.knows(id));
            assert_eq!(ledger.saw(id), saw);
        }
    }

    #[test]
    fn an_id_is_known_once_its_call_is_recorded() {
        let ledger = Ledger::default();
        let id = ledger.issue();
        assert!(!ledger.knows(id), "a call that has not ended is no evidence");
        assert!(ledger.record(&observation(id)));
        assert!(ledger.knows(id));
        assert!(!ledger.knows(EvidenceId(id.0 ^ 1)));
    }

    #[test]
    fn a_call_is_recorded_once() {
        let ledger = Ledger::default();
        let id = ledger.issue();
        assert!(ledger.record(&observation(id)));
        assert!(!ledger.record(&observation(id)));
        assert_eq!(ledger.observations().len(), 1);
    }

    #[test]
    fn ids_are_unique_and_not_zero() {
        let ledger = Ledger::default();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| ledger.issue()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(!ids.contains(&EvidenceId(0)));
    }
}
