//! Waiting and the measuring clock, and how long a check may still take.

use std::time::Duration;

use crate::bindings::sonde::check::timer as contract;
use crate::check::Budget;
use crate::wait::microseconds;

/// Waits; ends early only with the run.
pub async fn sleep(duration: Duration) {
    contract::sleep(microseconds(duration)).await;
}

/// The measuring clock, since the run began.
pub fn now() -> Duration {
    Duration::from_micros(contract::now())
}

/// How long a check may still take: its budget, less what its judgement needs at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// By the measuring clock.
    deadline: Duration,
    probe: Duration,
}

impl Allowance {
    /// Of a check that begins now: what a budget says is as of its start.
    pub fn of(budget: Budget) -> Self {
        Self::from(now(), budget)
    }

    /// But so long at most from now on.
    #[must_use]
    pub fn at_most(self, longest: Duration) -> Self {
        Self { deadline: self.deadline.min(now().saturating_add(longest)), ..self }
    }

    /// What is left of it.
    pub fn left(self) -> Duration {
        self.deadline.saturating_sub(now())
    }

    /// More than so much is left.
    pub fn has(self, time: Duration) -> bool {
        self.left() > time
    }

    /// The timeout of a call that would take so long: no longer than any one probe should, nor than what is left.
    pub fn bound(self, timeout: Duration) -> Duration {
        self.bound_at(now(), timeout)
    }

    fn from(now: Duration, budget: Budget) -> Self {
        let deadline = now.saturating_add(budget.remaining().saturating_sub(JUDGEMENT));
        Self { deadline, probe: budget.probe_timeout() }
    }

    fn bound_at(self, now: Duration, timeout: Duration) -> Duration {
        timeout.min(self.probe).min(self.deadline.saturating_sub(now).max(SHORTEST))
    }
}

/// Kept back to judge and to report.
const JUDGEMENT: Duration = Duration::from_millis(200);
/// A call whose time is over fails as one; none at all would be a mistake of its arguments.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_keeps_to_its_own_time_that_of_a_probe_and_what_is_left() {
        let ms = Duration::from_millis;
        let allowance = Allowance::from(ms(1_000), Budget { remaining_us: 5_200_000, probe_timeout_us: 2_000_000 });
        assert_eq!(allowance.bound_at(ms(1_000), ms(1_300)), ms(1_300));
        assert_eq!(allowance.bound_at(ms(1_000), ms(3_500)), ms(2_000));
        assert_eq!(allowance.bound_at(ms(5_500), ms(1_300)), ms(500));
        assert_eq!(allowance.bound_at(ms(9_000), ms(1_300)), ms(1));
        let none = Allowance::from(ms(7), Budget { remaining_us: 100_000, probe_timeout_us: u64::MAX });
        assert_eq!(none.bound_at(ms(7), ms(1_300)), ms(1));
    }
}
