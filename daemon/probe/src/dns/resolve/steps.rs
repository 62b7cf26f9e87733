//! The queries that a resolver sent, in the order of sending: the one recorder of every personality.
//!
//! It outlives the lookup: where that is cut off, what it had sent by then is still known. Bounded by [`Resolution::STEPS`].

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sonde_core::observation::dns::{Resolution, Step, StepOutcome, Transport};
use sonde_core::observation::{Endpoint, Timing};

use crate::clock::RunClock;

/// Names one query of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepId(usize);

/// The steps of one lookup. Shared by what runs concurrently within it.
#[derive(Debug)]
pub(super) struct Steps {
    clock: RunClock,
    kept: Mutex<Vec<Kept>>,
}

/// A step, and whether its outcome is known.
#[derive(Debug)]
struct Kept {
    step: Step,
    ended: bool,
}

impl Steps {
    /// None yet.
    pub(super) fn begin(clock: &RunClock) -> Self {
        Self { clock: *clock, kept: Mutex::new(Vec::new()) }
    }

    /// A query is being sent now. `name` is as it goes on the wire; its final dot is added where it is absent.
    pub(super) fn sent(&self, server: Endpoint, transport: Transport, name: &str, qtype: u16) -> StepId {
        let mut kept = self.kept();
        let id = StepId(kept.len());
        if kept.len() < Resolution::STEPS {
            let timing = Timing { at: self.clock.now(), ..Timing::default() };
            let name = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
            let outcome = StepOutcome::Abandoned;
            let step = Step { timing, server, transport, name, qtype, outcome, addresses: Vec::new() };
            kept.push(Kept { step, ended: false });
        }
        id
    }

    /// What became of it, now. The first outcome of a step stays.
    pub(super) fn ended(&self, id: StepId, outcome: StepOutcome, addresses: Vec<IpAddr>) {
        if let Some(kept) = self.kept().get_mut(id.0).filter(|kept| !kept.ended) {
            kept.ended = true;
            kept.step.timing = self.clock.since(kept.step.timing.at);
            kept.step.outcome = outcome;
            kept.step.addresses = addresses;
        }
    }

    /// All of them. Those without an outcome are abandoned now.
    pub(super) fn finish(self) -> Vec<Step> {
        let clock = self.clock;
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.into_iter()
            .map(|Kept { mut step, ended }| {
                if !ended {
                    step.timing = clock.since(step.timing.at);
                }
                step
            })
            .collect()
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SERVER: Endpoint = Endpoint { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 53 };

    #[test]
    fn steps_stand_in_the_order_of_sending_and_open_ones_are_abandoned() {
        let steps = Steps::begin(&RunClock::start());
        let first = steps.sent(SERVER, Transport::Udp, "a.example", 1);
        let second = steps.sent(SERVER, Transport::Udp, "a.example.", 28);
        steps.ended(second, StepOutcome::Answered(0), vec![Ipv4Addr::LOCALHOST.into()]);
        steps.ended(second, StepOutcome::TimedOut, Vec::new());
        let steps = steps.finish();
        assert_eq!(first, StepId(0));
        assert_eq!(steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["a.example.", "a.example."]);
        assert_eq!(steps[0].outcome, StepOutcome::Abandoned);
        assert_eq!(steps[1].outcome, StepOutcome::Answered(0));
        assert_eq!(steps[1].addresses.len(), 1);
    }

    #[test]
    fn no_more_steps_are_kept_than_the_record_says() {
        let steps = Steps::begin(&RunClock::start());
        for _ in 0..Resolution::STEPS + 2 {
            let id = steps.sent(SERVER, Transport::Tcp, ".", 1);
            steps.ended(id, StepOutcome::TimedOut, Vec::new());
        }
        let steps = steps.finish();
        assert_eq!(steps.len(), Resolution::STEPS);
        assert!(steps.iter().all(|step| step.name == "."));
    }
}
