//! How often what is dear may be done: a walk over all sockets costs by their number, and recording must not be felt.
//!
//! The recorder measures its own processor time. What a step needs in any case comes off its share; the walk is taken as often as
//! the rest of the share allows, at least once in [`RAREST`] steps.

use std::time::Duration;

/// The pace of one namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Processor time for one step.
    share: Duration,
    /// What a step costs without a walk, and what a walk costs beside it; smoothed.
    plain: Duration,
    walk: Duration,
    /// Steps until the next walk.
    until_walk: u32,
}

impl Pace {
    /// `share` is the processor time that one step may take on the long run.
    pub(crate) fn new(share: Duration) -> Self {
        Self { share, plain: Duration::ZERO, walk: Duration::ZERO, until_walk: 0 }
    }

    /// The share changes with the number of namespaces.
    pub(crate) fn set_share(&mut self, share: Duration) {
        self.share = share;
    }

    /// Whether this step walks over all sockets.
    pub(crate) fn walks(&self) -> bool {
        self.until_walk == 0
    }

    /// A step is over, and cost so much.
    pub(crate) fn spent(&mut self, plain: Duration, walk: Option<Duration>) {
        self.plain = smooth(self.plain, plain);
        match walk {
            None => self.until_walk = self.until_walk.saturating_sub(1),
            Some(walk) => {
                self.walk = smooth(self.walk, walk);
                self.until_walk = self.steps_of_a_walk() - 1;
            }
        }
    }

    /// Steps from one walk to the next.
    pub(crate) fn steps_of_a_walk(&self) -> u32 {
        let left = self.share.saturating_sub(self.plain).max(self.share / 8);
        steps(self.walk, left)
    }

    /// Steps from one reading to the next: more than one only where the plain reading alone is dearer than its share.
    pub(crate) fn steps_of_a_reading(&self) -> u32 {
        steps(self.plain, self.share)
    }
}

fn steps(cost: Duration, share: Duration) -> u32 {
    let needed = cost.as_nanos().div_ceil(share.as_nanos().max(1)).clamp(1, RAREST.into());
    u32::try_from(needed).unwrap_or(RAREST)
}

fn smooth(before: Duration, now: Duration) -> Duration {
    if before.is_zero() { now } else { (before * 7 + now) / 8 }
}

/// A walk that is never taken would tell nothing.
const RAREST: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(share: u64, plain: u64, walk: u64) -> Pace {
        let mut pace = Pace::new(Duration::from_micros(share));
        for _ in 0..200 {
            let walked = pace.walks().then_some(Duration::from_micros(walk));
            pace.spent(Duration::from_micros(plain), walked);
        }
        pace
    }

    #[test]
    fn a_cheap_walk_is_taken_in_every_step() {
        assert_eq!(after(4_000, 400, 1_000).steps_of_a_walk(), 1);
    }

    #[test]
    fn a_dear_walk_is_taken_as_often_as_the_share_allows() {
        assert_eq!(after(4_000, 400, 9_000).steps_of_a_walk(), 3);
        assert_eq!(after(4_000, 400, 10_000_000).steps_of_a_walk(), 60);
    }

    #[test]
    fn a_share_that_is_too_small_stretches_the_steps() {
        assert_eq!(after(4_000, 400, 0).steps_of_a_reading(), 1);
        assert_eq!(after(100, 400, 0).steps_of_a_reading(), 4);
    }

    #[test]
    fn over_time_the_cost_stays_within_the_share() {
        let (share, plain, walk) = (4_000_u64, 700_u64, 26_000_u64);
        let mut pace = Pace::new(Duration::from_micros(share));
        let mut spent = 0;
        for _ in 0..1_000 {
            let walks = pace.walks();
            spent += plain + if walks { walk } else { 0 };
            pace.spent(Duration::from_micros(plain), walks.then_some(Duration::from_micros(walk)));
        }
        assert!(spent <= share * 1_000 + walk, "{spent}");
    }
}
