//! Which size is tried next, and what all of them show.
//!
//! The least comes first: unless it is answered, the silence of others says nothing. Then the largest, which on most paths
//! passes; else the way down by what routers say, and the narrowing between what passed and what did not.

use std::collections::BTreeMap;

use sonde_core::observation::path::{MtuConclusion, Rung, RungOutcome};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Try(u32),
    Done,
}

/// The sizes tried so far.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// Ascending.
    sizes: Vec<u32>,
    seen: BTreeMap<u32, Seen>,
    /// Sizes that routers named as what fits.
    named: Vec<u32>,
    /// Once the ladder has ended at a loss: the largest that passed and the smallest lost, tried again, with what they came to.
    again: Vec<(u32, Seen)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Passed,
    Refused,
    Lost,
    /// This host would not send it, for no reason of size.
    Unsent,
}

impl Ladder {
    /// Of ascending sizes.
    pub(super) fn new(sizes: &[u32]) -> Self {
        Self { sizes: sizes.to_vec(), seen: BTreeMap::new(), named: Vec::new(), again: Vec::new() }
    }

    pub(super) fn next(&self) -> Step {
        let (Some(least), Some(most)) = (self.sizes.first(), self.sizes.last()) else { return Step::Done };
        if !self.seen.contains_key(least) {
            return Step::Try(*least);
        }
        if !self.seen.contains_key(most) {
            return Step::Try(*most);
        }
        let Some(passed) = self.passed() else { return Step::Done };
        let Some((failed, how)) = self.failed() else { return Step::Done };
        if failed < passed || how == Seen::Unsent {
            return Step::Done;
        }
        let between = |size: &&u32| **size > passed && **size < failed;
        if let Some(named) = self.named.iter().filter(between).max() {
            return Step::Try(*named);
        }
        // A router that named what passes has said where the path ends.
        if how == Seen::Refused && (self.named.contains(&passed) || failed == passed + 1) {
            return Step::Done;
        }
        let untried: Vec<u32> = self.sizes.iter().filter(between).copied().collect();
        if let Some(middle) = untried.get(untried.len() / 2) {
            return Step::Try(*middle);
        }
        if failed > passed + 1 {
            return Step::Try(passed + (failed - passed) / 2);
        }
        // Silence of one size proves nothing unless it stays while a smaller one passes again, before and after.
        match self.again.len() {
            0 | 2 => Step::Try(passed),
            1 => Step::Try(failed),
            _ => Step::Done,
        }
    }

    /// Takes what came of a size.
    pub(super) fn note(&mut self, rung: &Rung) {
        let seen = match &rung.outcome {
            RungOutcome::Answered => Seen::Passed,
            RungOutcome::TooBig(error) => {
                self.named.extend(error.mtu);
                Seen::Refused
            }
            RungOutcome::TooBigHere(mtu) => {
                self.named.extend(*mtu);
                Seen::Refused
            }
            RungOutcome::Silent => Seen::Lost,
            RungOutcome::Unsent(_) => Seen::Unsent,
        };
        if let std::collections::btree_map::Entry::Vacant(e) = self.seen.entry(rung.size) {
            e.insert(seen);
        } else {
            self.again.push((rung.size, seen));
        }
    }

    /// The largest that passed.
    pub(super) fn passed(&self) -> Option<u32> {
        self.seen.iter().rev().find(|(_, seen)| **seen == Seen::Passed).map(|(size, _)| *size)
    }

    /// The smallest that was lost.
    pub(super) fn lost_from(&self) -> Option<u32> {
        self.seen.iter().find(|(_, seen)| **seen == Seen::Lost).map(|(size, _)| *size)
    }

    pub(super) fn conclusion(&self) -> MtuConclusion {
        let Some(passed) = self.passed() else { return MtuConclusion::Unanswered };
        let is_done = self.next() == Step::Done;
        match self.failed() {
            _ if !is_done => MtuConclusion::Unclear,
            Some((failed, _)) if failed < passed => MtuConclusion::Unclear,
            None | Some((_, Seen::Refused)) => MtuConclusion::Measured,
            Some((failed, Seen::Lost)) => {
                let confirmed = self
                    .again
                    .iter()
                    .all(|(size, seen)| *seen == if *size == failed { Seen::Lost } else { Seen::Passed });
                if confirmed { MtuConclusion::BlackHole } else { MtuConclusion::Unclear }
            }
            Some(_) => MtuConclusion::Unclear,
        }
    }

    /// The smallest that did not pass.
    fn failed(&self) -> Option<(u32, Seen)> {
        self.seen.iter().find(|(_, seen)| **seen != Seen::Passed).map(|(size, seen)| (*size, *seen))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use sonde_core::observation::IcmpError;

    use super::*;

    const SIZES: [u32; 6] = [576, 1280, 1400, 1450, 1492, 1500];

    fn too_big(mtu: u32) -> RungOutcome {
        RungOutcome::TooBig(IcmpError { sender: None, icmp_type: 3, code: 4, mtu: Some(mtu) })
    }

    /// Climbs against a path; what it came to, and the sizes that it took.
    fn climb(mut path: impl FnMut(u32) -> RungOutcome) -> (Ladder, Vec<u32>) {
        let mut ladder = Ladder::new(&SIZES);
        let mut tried = Vec::new();
        while let Step::Try(size) = ladder.next() {
            tried.push(size);
            assert!(tried.len() < 40, "no end: {tried:?}");
            ladder.note(&Rung { size, at: Duration::ZERO, attempts: 1, rtt: None, outcome: path(size) });
        }
        (ladder, tried)
    }

    fn figures(ladder: &Ladder) -> (MtuConclusion, Option<u32>, Option<u32>) {
        (ladder.conclusion(), ladder.passed(), ladder.lost_from())
    }

    fn silent_above(mtu: u32) -> impl FnMut(u32) -> RungOutcome {
        move |size| if size <= mtu { RungOutcome::Answered } else { RungOutcome::Silent }
    }

    #[test]
    fn a_whole_path_takes_two_sizes() {
        let (ladder, tried) = climb(|_| RungOutcome::Answered);
        assert_eq!((figures(&ladder), tried), ((MtuConclusion::Measured, Some(1500), None), vec![576, 1500]));
    }

    #[test]
    fn a_router_that_names_its_mtu_is_believed_when_that_passes() {
        let (ladder, tried) = climb(|size| if size <= 1337 { RungOutcome::Answered } else { too_big(1337) });
        assert_eq!((figures(&ladder), tried), ((MtuConclusion::Measured, Some(1337), None), vec![576, 1500, 1337]));
    }

    #[test]
    fn a_refusal_without_a_number_is_narrowed_down() {
        let refused = || RungOutcome::TooBigHere(None);
        let (ladder, _) = climb(|size| if size <= 1337 { RungOutcome::Answered } else { refused() });
        assert_eq!(figures(&ladder), (MtuConclusion::Measured, Some(1337), None));
    }

    #[test]
    fn silence_above_a_size_is_a_black_hole_from_the_very_byte() {
        let (ladder, tried) = climb(silent_above(1337));
        assert_eq!(figures(&ladder), (MtuConclusion::BlackHole, Some(1337), Some(1338)));
        assert_eq!(tried[tried.len() - 3..], [1337, 1338, 1337]);
    }

    #[test]
    fn a_black_hole_behind_a_tunnel_that_speaks_is_found() {
        let (ladder, _) = climb(|size| match size {
            1401.. => too_big(1400),
            1301.. => RungOutcome::Silent,
            _ => RungOutcome::Answered,
        });
        assert_eq!(figures(&ladder), (MtuConclusion::BlackHole, Some(1300), Some(1301)));
    }

    #[test]
    fn nothing_at_all_is_unanswered_and_a_notice_about_the_largest_is_still_asked_for() {
        let (ladder, tried) = climb(|_| RungOutcome::Silent);
        assert_eq!((ladder.conclusion(), tried), (MtuConclusion::Unanswered, vec![576, 1500]));
    }

    #[test]
    fn a_loss_that_does_not_repeat_is_unclear() {
        let mut lost = Vec::new();
        let (ladder, tried) = climb(|size| {
            if size <= 1337 || lost.contains(&size) {
                return RungOutcome::Answered;
            }
            lost.push(size);
            RungOutcome::Silent
        });
        assert_eq!(
            (ladder.conclusion(), tried.iter().filter(|size| **size == 1338).count()),
            (MtuConclusion::Unclear, 2)
        );
    }

    #[test]
    fn an_unfinished_ladder_concludes_nothing() {
        let mut ladder = Ladder::new(&SIZES);
        for (size, outcome) in [(576, RungOutcome::Answered), (1500, RungOutcome::Silent)] {
            ladder.note(&Rung { size, at: Duration::ZERO, attempts: 1, rtt: None, outcome });
        }
        assert_eq!(ladder.conclusion(), MtuConclusion::Unclear);
    }

    proptest! {
        #[test]
        fn any_black_hole_is_found_to_the_byte(mtu in 576_u32..1500) {
            let (ladder, _) = climb(silent_above(mtu));
            prop_assert_eq!(figures(&ladder), (MtuConclusion::BlackHole, Some(mtu), Some(mtu + 1)));
        }

        #[test]
        fn random_loss_ends(outcomes in prop::collection::vec(any::<bool>(), 64)) {
            let mut outcomes = outcomes.into_iter().cycle();
            climb(|_| if outcomes.next() == Some(true) { RungOutcome::Answered } else { RungOutcome::Silent });
        }
    }
}
