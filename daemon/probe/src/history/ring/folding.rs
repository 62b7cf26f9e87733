//! A coarse step while it is made of the fine ones in it: growth is summed, of levels the largest is kept.
//!
//! Counts of sockets are those of one walk, for each state the one with the most of them: the largest counts of groups, each of
//! another moment, would together be more sockets than there ever were.

use std::collections::BTreeMap;

use super::super::chunk::Step;
use super::super::key::Key;

/// A coarse step that is not over.
#[derive(Debug)]
pub(super) struct Folding {
    /// Which, counted from the Unix epoch.
    number: u64,
    begin: u64,
    end: u64,
    counted: bool,
    values: BTreeMap<Key, i64>,
    /// By state, the walk with the most sockets in it.
    walks: BTreeMap<u8, Walk>,
    weight: usize,
}

/// The sockets of one state in one walk.
#[derive(Debug, Default)]
struct Walk {
    counts: Vec<(Key, i64)>,
    total: i64,
    peers: i64,
    locals: i64,
}

impl Folding {
    pub(super) fn begin(number: u64, first: &Step) -> Self {
        Self {
            number,
            begin: first.end.saturating_sub(first.span),
            end: 0,
            counted: false,
            values: BTreeMap::new(),
            walks: BTreeMap::new(),
            weight: 0,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// In bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn add(&mut self, step: &Step) {
        self.end = step.end;
        self.counted |= step.counted;
        let mut walks: BTreeMap<u8, Walk> = BTreeMap::new();
        for (key, value) in &step.values {
            match state(key) {
                Some(state) => walks.entry(state).or_default().add(key, *value),
                None => self.value(key, *value),
            }
        }
        for (state, walk) in walks {
            let kept = self.walks.get(&state);
            if kept.is_none_or(|kept| walk.sockets() > kept.sockets()) {
                self.weight = self.weight.saturating_sub(kept.map_or(0, Walk::weight)).saturating_add(walk.weight());
                self.walks.insert(state, walk);
            }
        }
    }

    fn value(&mut self, key: &Key, value: i64) {
        if let Some(kept) = self.values.get_mut(key) {
            *kept = if key.is_level() { (*kept).max(value) } else { kept.saturating_add(value) };
        } else if self.values.len() < MOST_FOLDED {
            // Bounded as any step is; what does not fit any more is of no weight.
            self.weight += key.weight();
            let value = if key.is_level() { value.max(0) } else { value };
            self.values.insert(key.clone(), value);
        }
    }

    pub(super) fn into_step(self) -> Step {
        let counts = self.walks.into_values().flat_map(|walk| walk.counts);
        Step {
            end: self.end,
            span: self.end.saturating_sub(self.begin),
            counted: self.counted,
            values: self.values.into_iter().chain(counts).collect(),
        }
    }
}

impl Walk {
    fn add(&mut self, key: &Key, count: i64) {
        let sum = match key {
            Key::Peer(..) => &mut self.peers,
            Key::Local(..) => &mut self.locals,
            _ => &mut self.total,
        };
        *sum = sum.saturating_add(count);
        self.counts.push((key.clone(), count));
    }

    /// The state's own count, or what its groups have together.
    fn sockets(&self) -> i64 {
        self.total.max(self.peers).max(self.locals)
    }

    fn weight(&self) -> usize {
        self.counts.iter().map(|(key, _)| key.weight()).sum()
    }
}

/// Of keys that count the sockets of a state.
fn state(key: &Key) -> Option<u8> {
    match key {
        Key::Total(state) | Key::Peer(state, ..) | Key::Local(state, _) => Some(*state),
        _ => None,
    }
}

/// Keys of one coarse step, beside the counts of walks.
const MOST_FOLDED: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::super::super::chunk::tests::{counter, peer};
    use super::*;

    fn step(end: u64, counted: bool, values: &[(Key, i64)]) -> Step {
        Step { end, span: 10, counted, values: values.to_vec() }
    }

    #[test]
    fn counts_of_a_state_are_those_of_the_walk_that_found_the_most() {
        let mut folding = Folding::begin(0, &step(10, true, &[]));
        folding.add(&step(
            10,
            true,
            &[(Key::Total(6), 50), (peer(6, 1, 80), 50), (Key::Total(1), 9), (counter("a"), 1)],
        ));
        folding.add(&step(
            20,
            true,
            &[(Key::Total(6), 70), (peer(6, 2, 80), 40), (Key::Total(1), 2), (counter("a"), 2)],
        ));
        folding.add(&step(30, false, &[]));
        folding.add(&step(40, true, &[(Key::Total(6), 60), (peer(6, 1, 80), 60)]));

        let weight = folding.weight();
        let folded = folding.into_step();

        assert_eq!((folded.end, folded.span, folded.counted), (40, 40, true));
        assert_eq!(folded.values, [(counter("a"), 3), (Key::Total(1), 9), (Key::Total(6), 70), (peer(6, 2, 80), 40)]);
        assert_eq!(weight, folded.values.iter().map(|(key, _)| key.weight()).sum::<usize>());
    }

    #[test]
    fn a_full_step_takes_no_more_keys_and_goes_on_with_those_it_has() {
        let mut folding = Folding::begin(0, &step(10, true, &[]));
        let many: Vec<(Key, i64)> = (0..=MOST_FOLDED).map(|n| (counter(&format!("c{n:05}")), 1)).collect();
        folding.add(&step(10, false, &many));
        folding.add(&step(20, false, &many));

        let folded = folding.into_step();

        assert_eq!(folded.values.len(), MOST_FOLDED);
        assert!(folded.values.iter().all(|(_, growth)| *growth == 2));
    }
}
