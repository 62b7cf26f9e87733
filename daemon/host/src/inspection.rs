//! A host call that reads facts of this host: no timeout of its own, an answer that is facts or a failure, and a destination
//! only where the segment itself is asked.

use std::time::Duration;

use sonde_core::observation::{Call, EvidenceId, Failure, Phase, Reason, Timing};
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::call::{HostCall, timed_out};
use crate::run::Run;
use crate::session::Session;

/// One such function.
pub(crate) trait Inspection: Clone + Send + Sync + 'static {
    /// What is read.
    type Facts: Clone + Send + 'static;
    /// `sockets.listeners`.
    const FUNCTION: &'static str;

    /// Asks the run's grants.
    fn admit(&self, _run: &Run) -> Result<(), Reason> {
        Ok(())
    }

    /// Reads it.
    fn look(&self, run: &Run) -> impl Future<Output = Result<Self::Facts, Failure>> + Send;

    /// The ledger's line.
    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call;
}

/// Makes the call, or rejects it for the problem of its arguments.
pub(crate) async fn inspect<I: Inspection>(
    accessor: &Accessor<Session, Imports>,
    inspection: Result<I, String>,
) -> (EvidenceId, Timing, Result<I::Facts, Failure>) {
    let caller = accessor.with(|mut store| store.get().caller.clone());
    match inspection {
        Ok(inspection) => {
            let answered = caller.call(Bounded { inspection, timeout: caller.remaining() }).await;
            (answered.id, answered.timing, answered.answer)
        }
        Err(problem) => {
            let (id, timing, failure) = caller.reject(I::FUNCTION, Phase::Inspect, problem);
            (id, timing, Err(failure))
        }
    }
}

/// An inspection with the time it may take.
#[derive(Clone, Debug)]
struct Bounded<I> {
    inspection: I,
    timeout: Duration,
}

impl<I: Inspection> HostCall for Bounded<I> {
    type Answer = Result<I::Facts, Failure>;
    const FUNCTION: &'static str = I::FUNCTION;
    const PHASE: Phase = Phase::Inspect;

    fn admit(&self, run: &Run) -> Result<(), Reason> {
        self.inspection.admit(run)
    }

    fn clamp(&mut self, remaining: Duration) {
        self.timeout = self.timeout.min(remaining);
    }

    async fn perform(&self, run: &Run) -> Self::Answer {
        let timeout = self.timeout.min(run.probe_timeout);
        tokio::time::timeout(timeout, self.inspection.look(run)).await.unwrap_or_else(|_| Err(timed_out(timeout)))
    }

    fn failed(&self, _timing: Timing, failure: Failure) -> Self::Answer {
        Err(failure)
    }

    fn observed(self, answer: Self::Answer) -> Call {
        self.inspection.observed(answer)
    }
}
