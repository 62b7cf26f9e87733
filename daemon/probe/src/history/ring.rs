//! What is kept of one namespace: fine steps for an hour, coarse ones for a day, both under one bound of bytes.
//!
//! Pure: it is told the time by the steps that it is given. Where the bound is reached the oldest chunk goes, a fine one as long as
//! those take more than their share. What it keeps is read from an [`Excerpt`], apart from it.

mod folding;
mod layer;

use std::sync::Arc;
use std::time::Duration;

use self::folding::Folding;
use self::layer::Layer;
use super::chunk::{Chunk, Step};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Between two fine steps.
    pub step: Duration,
    /// How long fine steps are kept.
    pub fine: Duration,
    /// The length of a coarse step.
    pub coarse_step: Duration,
    /// How long coarse steps are kept.
    pub coarse: Duration,
    /// All that is kept, of all namespaces.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(1),
            fine: Duration::from_hours(1),
            coarse_step: Duration::from_mins(1),
            coarse: Duration::from_hours(24),
            bytes: 64 << 20,
        }
    }
}

/// The steps of one namespace.
#[derive(Debug)]
pub(crate) struct Ring {
    bounds: Bounds,
    /// This namespace's share.
    bytes: usize,
    fine: Layer,
    coarse: Layer,
    folding: Option<Folding>,
}

/// What a ring holds of a time, apart from it: the ring goes on while somebody reads.
#[derive(Debug)]
pub(super) struct Excerpt {
    /// From one fine step to the next.
    pub(super) step: Duration,
    /// Oldest first: coarse chunks, then fine ones. Coarse steps count that begin before the moment that comes with them, where the
    /// fine ones begin.
    pub(super) chunks: Vec<(Arc<Chunk>, u64)>,
    /// The begin and the end of all that is kept.
    pub(super) kept: Option<(u64, u64)>,
}

impl Ring {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let bytes = usize::try_from(bounds.bytes).unwrap_or(usize::MAX);
        Self { bounds, bytes, fine: Layer::default(), coarse: Layer::default(), folding: None }
    }

    /// Its share changes with the number of namespaces.
    pub(crate) fn limit(&mut self, bytes: u64) {
        self.bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.shrink();
    }

    /// Adds a step. One that does not end after the last says that the wall clock was set back: what it had recorded of the time
    /// that comes again is forgotten.
    pub(crate) fn push(&mut self, step: &Step) {
        if self.last().is_some_and(|last| step.end <= last) {
            self.rewind(step.end);
        }
        let most = self.bytes / OPEN_SHARE;
        self.fold(step, most);
        self.fine.push(step, most);
        self.fine.forget_before(step.end.saturating_sub(micros(self.bounds.fine)));
        self.coarse.forget_before(step.end.saturating_sub(micros(self.bounds.coarse)));
        self.shrink();
    }

    /// In bytes.
    pub(crate) fn weight(&self) -> usize {
        let folding = self.folding.as_ref().map_or(0, Folding::weight);
        self.fine.weight() + self.coarse.weight() + folding
    }

    /// The end of the last step.
    pub(crate) fn last(&self) -> Option<u64> {
        self.fine.last().or_else(|| self.coarse.last())
    }

    /// The begin of what is kept, in fine steps and in all.
    pub(crate) fn begins(&self) -> Option<(u64, u64)> {
        let fine = self.fine.begin()?;
        Some((fine, self.coarse.begin().map_or(fine, |coarse| coarse.min(fine))))
    }

    /// Fine and coarse steps kept.
    pub(crate) fn steps(&self) -> (u64, u64) {
        (self.fine.steps(), self.coarse.steps())
    }

    /// What may lie in a time. Sealed chunks are shared, the open ones are copied.
    pub(super) fn excerpt(&self, from: u64, to: u64) -> Excerpt {
        let fine = self.fine.begin().unwrap_or(u64::MAX);
        let coarse = self.coarse.chunks(from, to.min(fine)).map(|chunk| (chunk, fine));
        let chunks = coarse.chain(self.fine.chunks(from, to).map(|chunk| (chunk, u64::MAX))).collect();
        let kept = self.begins().and_then(|(_, begin)| Some((begin, self.last()?)));
        Excerpt { step: self.bounds.step, chunks, kept }
    }

    fn fold(&mut self, step: &Step, most: usize) {
        let number = step.end.saturating_sub(1) / micros(self.bounds.coarse_step).max(1);
        if let Some(over) = self.folding.take_if(|folding| folding.number() != number) {
            self.coarse.push(&over.into_step(), most);
        }
        self.folding.get_or_insert_with(|| Folding::begin(number, step)).add(step);
    }

    fn rewind(&mut self, now: u64) {
        self.folding = None;
        self.fine.forget_after(now);
        self.coarse.forget_after(now);
    }

    fn shrink(&mut self) {
        while self.weight() > self.bytes {
            let fine_first = self.fine.weight() > self.bytes / 3 * 2;
            let (first, second) =
                if fine_first { (&mut self.fine, &mut self.coarse) } else { (&mut self.coarse, &mut self.fine) };
            if !(first.drop_oldest() || second.drop_oldest()) {
                // The bound is smaller than what is being written: begin anew.
                self.folding = None;
                self.fine = Layer::default();
                self.coarse = Layer::default();
                return;
            }
        }
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// An open chunk is sealed once it takes such a part of a namespace's share: its dictionary goes then, and what is sealed stays.
const OPEN_SHARE: usize = 16;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::super::chunk::tests::{counter, peer};
    use super::super::key::Key;
    use super::*;

    const SECOND: u64 = 1_000_000;
    const BEGAN: u64 = 1_795_000_020 * SECOND;

    fn step(second: u64, values: &[(Key, i64)]) -> Step {
        Step { end: BEGAN + second * SECOND, span: SECOND, counted: true, values: values.to_vec() }
    }

    /// Steps between two seconds, and the growth of `a` in them.
    fn read(ring: &Ring, from: u64, to: u64) -> (usize, i64, i64) {
        let (mut steps, mut growth, mut most) = (0, 0, 0);
        for (chunk, until) in ring.excerpt(BEGAN + from * SECOND, BEGAN + to * SECOND).chunks {
            let mut reader = chunk.reader();
            while let Some(head) = reader.step() {
                let begin = head.end - head.span;
                if begin >= until || head.end <= BEGAN + from * SECOND || head.end > BEGAN + to * SECOND {
                    continue;
                }
                steps += 1;
                growth += reader.grown.iter().map(|(_, value)| value).sum::<i64>();
                most = most.max(reader.levels.iter().copied().max().unwrap_or(0));
            }
        }
        (steps, growth, most)
    }

    #[test]
    fn an_hour_is_kept_finely_and_a_day_coarsely() {
        let mut ring = Ring::new(Bounds::default());
        for second in 1..=3 * 3_600 {
            ring.push(&step(second, &[(counter("a"), 1), (peer(6, 1, 80), (second % 60).cast_signed())]));
        }

        let (fine, all) = ring.begins().expect("something is kept");

        // A chunk more or less.
        assert!((3_600..3_700).contains(&((ring.last().expect("a last step") - fine) / SECOND)), "{fine}");
        assert_eq!(all, BEGAN);
        assert_eq!(read(&ring, 2 * 3_600 + 60, 3 * 3_600).0, 3_540);
        let (steps, growth, most) = read(&ring, 0, 3 * 3_600);
        assert!(steps < 3_600 + 61 + 2 * 60, "{steps}");
        assert_eq!((growth, most), (3 * 3_600, 59));
    }

    #[test]
    fn a_day_is_the_end_of_what_is_kept() {
        let bounds = Bounds { step: Duration::from_secs(10), ..Bounds::default() };
        let mut ring = Ring::new(bounds);
        for tenth in 1..=30 * 360 {
            ring.push(&step(tenth * 10, &[(counter("a"), 1)]));
        }

        let (_, all) = ring.begins().expect("something is kept");

        let kept = (ring.last().expect("a last step") - all) / SECOND;
        assert!((24 * 3_600..=25 * 3_600 + 60).contains(&kept), "{kept}");
    }

    #[test]
    fn the_oldest_goes_where_the_bound_is_reached() {
        let bytes = 100 << 10;
        let mut ring = Ring::new(Bounds { bytes, ..Bounds::default() });
        for second in 1..=7_200_u64 {
            let level = (second * 7_919 % 1_000_u64).cast_signed();
            let busy: Vec<(Key, i64)> = (0..50).map(|n| (peer(6, n, 80), level)).collect();
            ring.push(&step(second, &busy));
            assert!(ring.weight() as u64 <= bytes, "{} after {second}", ring.weight());
        }

        let (fine, _) = ring.begins().expect("something is kept");
        assert!(fine > BEGAN + 6_000 * SECOND);
        assert_eq!(read(&ring, 7_190, 7_200).0, 10);
    }

    /// A hundred counters and eighty gauges that move, a hundred and thirty groups of sockets that change in every step.
    #[test]
    fn a_busy_hour_takes_a_few_mebibytes() {
        let counters: Vec<Key> = (0..100).map(|n| counter(&format!("TcpExt.SomeCounter{n}"))).collect();
        let gauges: Vec<Key> = (0..80).map(|n| Key::Gauge(format!("sockstat.Some.gauge{n}").into())).collect();
        let mut ring = Ring::new(Bounds { bytes: u64::MAX, ..Bounds::default() });
        for second in 1..=3_600_u64 {
            let noise = |n: usize, most: u64| ((second * 2_654_435_761 + n as u64 * 40_503) % most).cast_signed();
            let counted = counters.iter().enumerate().map(|(n, key)| (key.clone(), noise(n, 100_000) + 1));
            let levels = gauges.iter().enumerate().map(|(n, key)| (key.clone(), noise(n, 10_000)));
            let groups = (0..130_u8).map(|n| (peer(6, n, 5_432), noise(n.into(), 5_000)));
            let values: Vec<(Key, i64)> = counted.chain(levels).chain(groups).collect();
            ring.push(&step(second, &values));
        }

        let kept = ring.weight();

        assert!((1 << 20..8 << 20).contains(&kept), "{kept} bytes");
    }

    /// Sixty-four clients that are others in every step: the dictionary of a minute of them is larger than the share.
    #[test]
    fn keys_that_never_come_again_do_not_push_out_what_is_sealed() {
        let bytes = 256 << 10;
        let mut ring = Ring::new(Bounds { bytes, ..Bounds::default() });
        for second in 1..=600_u64 {
            let other =
                |n: u64| Key::Peer(6, IpAddr::from(u32::try_from(second * 64 + n).unwrap_or(0).to_be_bytes()), 80);
            let values: Vec<(Key, i64)> = (0..64).map(|n| (other(n), 1)).collect();
            ring.push(&step(second, &values));
            assert!(ring.weight() as u64 <= bytes, "{} after {second}", ring.weight());
            assert!(second < 60 || ring.steps().0 >= 60, "{} steps after {second}", ring.steps().0);
        }

        let begin = ring.begins().expect("something is kept").0;
        assert_eq!(ring.steps().0, 600 - (begin - BEGAN) / SECOND);
    }

    #[test]
    fn a_bound_that_nothing_fits_keeps_nothing() {
        let mut ring = Ring::new(Bounds { bytes: 10, ..Bounds::default() });
        ring.push(&step(1, &[(counter("a"), 1)]));
        assert_eq!(ring.begins(), None);
    }

    #[test]
    fn a_clock_that_is_set_back_records_that_time_again() {
        let mut ring = Ring::new(Bounds::default());
        (1..=300).for_each(|second| ring.push(&step(second, &[(counter("a"), 1)])));
        (100..=160).for_each(|second| ring.push(&step(second, &[(counter("a"), 5)])));

        assert_eq!(ring.last(), Some(BEGAN + 160 * SECOND));
        assert_eq!(read(&ring, 100, 160), (60, 300, 0));
    }

    proptest! {
        #[test]
        fn no_order_of_steps_breaks_the_bound(
            ends in proptest::collection::vec((0..100_000_u64, 0..100_u8, 0..1_000_000_u64), 0..300),
            bytes in 0..20_000_u64,
        ) {
            let mut ring = Ring::new(Bounds { bytes, ..Bounds::default() });
            for (second, last, value) in ends {
                let mut step = step(second, &[(peer(6, last, 80), value.cast_signed()), (counter("a"), 1)]);
                step.span = value;
                ring.push(&step);
                prop_assert!(ring.weight() as u64 <= bytes.max(1_000));
            }
        }
    }
}
