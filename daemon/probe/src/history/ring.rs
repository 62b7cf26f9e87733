//! What is kept of one namespace: fine steps for an hour, coarse ones for a day, both under one bound of bytes.
//!
//! Pure: it is told the time by the steps that it is given. A coarse step is made of the fine ones in it: growth is summed, of
//! levels the largest is kept. Where the bound is reached the oldest chunk goes, a fine one as long as those take more than their
//! share.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::chunk::{Chunk, Reader, Step, Writer};
use super::key::Key;

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

/// Steps of one length.
#[derive(Debug, Default)]
struct Layer {
    sealed: VecDeque<Chunk>,
    open: Writer,
    /// Of the sealed ones, in bytes.
    weight: usize,
}

/// A coarse step that is not over.
#[derive(Debug)]
struct Folding {
    /// Which, counted from the Unix epoch.
    number: u64,
    begin: u64,
    end: u64,
    counted: bool,
    values: BTreeMap<Key, i64>,
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
        self.fold(step);
        self.fine.push(step);
        self.fine.forget_before(step.end.saturating_sub(micros(self.bounds.fine)));
        self.coarse.forget_before(step.end.saturating_sub(micros(self.bounds.coarse)));
        self.shrink();
    }

    /// In bytes.
    pub(crate) fn weight(&self) -> usize {
        let folding = self.folding.as_ref().map_or(0, |folding| folding.values.keys().map(Key::weight).sum());
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

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Fine and coarse steps kept.
    pub(crate) fn steps(&self) -> (u64, u64) {
        (self.fine.steps(), self.coarse.steps())
    }

    /// Readers of what may lie in a time, oldest first: coarse chunks, then fine ones. Coarse steps count that begin before the
    /// moment that comes with them, where the fine ones begin.
    pub(super) fn readers(&self, from: u64, to: u64) -> impl Iterator<Item = (Reader<'_>, u64)> {
        let fine = self.fine.begin().unwrap_or(u64::MAX);
        let coarse = self.coarse.chunks(from, to.min(fine)).map(move |chunk| (chunk.reader(), fine));
        coarse.chain(self.fine.chunks(from, to).map(|chunk| (chunk.reader(), u64::MAX)))
    }

    fn fold(&mut self, step: &Step) {
        let number = step.end.saturating_sub(1) / micros(self.bounds.coarse_step).max(1);
        if let Some(over) = self.folding.take_if(|folding| folding.number != number) {
            self.coarse.push(&over.into_step());
        }
        let folding = self.folding.get_or_insert_with(|| Folding {
            number,
            begin: step.end.saturating_sub(step.span),
            end: 0,
            counted: false,
            values: BTreeMap::new(),
        });
        folding.end = step.end;
        folding.counted |= step.counted;
        for (key, value) in &step.values {
            // Bounded as any step is; what does not fit any more is of no weight.
            if folding.values.len() >= MOST_FOLDED && !folding.values.contains_key(key) {
                continue;
            }
            let kept = folding.values.entry(key.clone()).or_insert(0);
            *kept = if key.is_level() { (*kept).max(*value) } else { kept.saturating_add(*value) };
        }
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

impl Layer {
    fn push(&mut self, step: &Step) {
        if self.open.steps() >= CHUNK_STEPS {
            let chunk = std::mem::take(&mut self.open).seal();
            self.weight += chunk.weight();
            self.sealed.push_back(chunk);
        }
        self.open.push(step);
    }

    fn weight(&self) -> usize {
        self.weight + self.open.weight()
    }

    fn steps(&self) -> u64 {
        self.sealed.len() as u64 * u64::from(CHUNK_STEPS) + u64::from(self.open.steps())
    }

    fn last(&self) -> Option<u64> {
        if self.open.steps() > 0 { Some(self.open.chunk().end) } else { self.sealed.back().map(|chunk| chunk.end) }
    }

    fn begin(&self) -> Option<u64> {
        self.all().next().map(|chunk| chunk.begin)
    }

    fn all(&self) -> impl Iterator<Item = &Chunk> {
        self.sealed.iter().chain((self.open.steps() > 0).then(|| self.open.chunk()))
    }

    fn chunks(&self, from: u64, to: u64) -> impl Iterator<Item = &Chunk> {
        self.all().filter(move |chunk| chunk.end > from && chunk.begin < to)
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.sealed.pop_front();
        self.weight = self.weight.saturating_sub(oldest.as_ref().map_or(0, Chunk::weight));
        oldest.is_some()
    }

    fn forget_before(&mut self, time: u64) {
        while self.sealed.front().is_some_and(|chunk| chunk.end < time) {
            self.drop_oldest();
        }
    }

    /// Whole chunks: one that reaches beyond goes with all that it holds.
    fn forget_after(&mut self, time: u64) {
        if self.open.steps() > 0 && self.open.chunk().end >= time {
            self.open = Writer::default();
        }
        while let Some(chunk) = self.sealed.pop_back_if(|chunk| chunk.end >= time) {
            self.weight = self.weight.saturating_sub(chunk.weight());
        }
    }
}

impl Folding {
    fn into_step(self) -> Step {
        Step {
            end: self.end,
            span: self.end.saturating_sub(self.begin),
            counted: self.counted,
            values: self.values.into_iter().collect(),
        }
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A minute of fine steps, an hour of coarse ones.
const CHUNK_STEPS: u32 = 60;

/// Keys of one coarse step.
const MOST_FOLDED: usize = 4_096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::chunk::tests::{counter, peer};
    use super::*;

    const SECOND: u64 = 1_000_000;
    const BEGAN: u64 = 1_795_000_020 * SECOND;

    fn step(second: u64, values: &[(Key, i64)]) -> Step {
        Step { end: BEGAN + second * SECOND, span: SECOND, counted: true, values: values.to_vec() }
    }

    /// Steps between two seconds, and the growth of `a` in them.
    fn read(ring: &Ring, from: u64, to: u64) -> (usize, i64, i64) {
        let (mut steps, mut growth, mut most) = (0, 0, 0);
        for (mut reader, until) in ring.readers(BEGAN + from * SECOND, BEGAN + to * SECOND) {
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
