//! One network call against its deadline: when it began, how long it may take, and failures that carry its time.

use std::future::Future;
use std::time::Duration;

use sonde_core::observation::{Failure, IcmpError, Phase, Timing};
use tokio::time::{Instant, timeout_at};

use crate::clock::RunClock;
use crate::failure::Fault;

/// No call of a guest may ask for more; also keeps deadlines far from overflow.
const LONGEST: Duration = Duration::from_mins(10);

/// Begins with the first thing that the network could notice, not with the wait for a quiet window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    clock: RunClock,
    at: Duration,
    deadline: Instant,
}

impl Attempt {
    pub(crate) fn begin(clock: &RunClock, timeout: Duration) -> Self {
        Self { clock: *clock, at: clock.now(), deadline: Instant::now() + timeout.min(LONGEST) }
    }

    pub(crate) fn clock(&self) -> &RunClock {
        &self.clock
    }

    /// From its begin until now.
    pub(crate) fn timing(&self) -> Timing {
        self.clock.since(self.at)
    }

    /// When it must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What is left of it.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// `future`, or a timed-out fault of `phase` while `doing`.
    pub(crate) async fn bounded<T>(
        &self,
        phase: Phase,
        doing: &str,
        future: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        timeout_at(self.deadline, future).await.map_err(|_| Fault::timed_out(phase, doing))
    }

    /// The record of a fault that was noticed now.
    pub(crate) fn failure(&self, fault: Fault, icmp: Option<IcmpError>) -> Failure {
        let Fault { phase, reason, errno, detail } = fault;
        Failure { phase, reason, errno, icmp, elapsed: self.timing().elapsed, detail }
    }
}
