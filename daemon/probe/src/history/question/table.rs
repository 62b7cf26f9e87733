//! The answer while it is gathered: a slot for each series, and what of the time is covered.

use std::collections::{BTreeMap, HashMap};

use sonde_core::observation::history::{Point, Series, SeriesKind};

use super::super::chunk::{Head, Reader};
use super::super::key::Key;
use super::chosen::{Chosen, Fill};
use super::wall;

/// What has been gathered so far.
#[derive(Default)]
pub(super) struct Table {
    from: u64,
    /// Of a point.
    width: u64,
    /// A step may begin so much before or after the end of the one before it.
    tolerance: u64,
    pub(super) covered: Option<(u64, u64)>,
    pub(super) finest: Option<u64>,
    pub(super) gaps: Vec<(u64, u64)>,
    /// By the number of the point: its last end, and whether a walk was taken in it.
    times: BTreeMap<u64, (u64, bool)>,
    slots: Vec<Slot>,
    by_key: HashMap<Vec<String>, usize>,
    /// Slots with a sum in the step at hand.
    touched: Vec<usize>,
}

struct Slot {
    key: Vec<String>,
    fill: Fill,
    values: BTreeMap<u64, i64>,
    /// Within the step at hand.
    sum: Option<i64>,
}

/// Where a place of a chunk's dictionary counts: its own series, and the rest it is taken from or adds to.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    own: Option<usize>,
    rest: Option<usize>,
}

impl Table {
    pub(super) fn new(from: u64, width: u64, tolerance: u64) -> Self {
        Self { from, width: width.max(1), tolerance, ..Self::default() }
    }

    /// Adds a step, where it does not reach into what is there: the last coarse one may reach into the fine ones.
    pub(super) fn add(&mut self, chosen: &Chosen<'_>, head: Head, reader: &Reader<'_>, places: &mut Vec<Place>) {
        let begin = head.end.saturating_sub(head.span);
        if self.covered.is_some_and(|(_, last)| begin.saturating_add(self.tolerance) < last) {
            return;
        }
        self.cover(head);
        let point = (head.end.saturating_sub(1).saturating_sub(self.from)) / self.width;
        let time = self.times.entry(point).or_default();
        *time = (head.end, time.1 || head.counted);
        for key in reader.keys.iter().skip(places.len()) {
            places.push(self.place(chosen, key));
        }
        for (place, value) in &reader.grown {
            if let Some(slot) = places.get(*place).and_then(|place| self.slots.get_mut(place.own?)) {
                let kept = slot.values.entry(point).or_insert(0);
                *kept = kept.saturating_add(*value);
            }
        }
        self.levels(chosen, head.counted, reader, places);
        while let Some(slot) = self.touched.pop() {
            if let Some(slot) = self.slots.get_mut(slot)
                && let Some(sum) = slot.sum.take()
            {
                let kept = slot.values.entry(point).or_insert(sum);
                *kept = (*kept).max(sum);
            }
        }
    }

    fn cover(&mut self, head: Head) {
        let begin = head.end.saturating_sub(head.span);
        if let Some((_, last)) = self.covered
            && begin > last.saturating_add(self.tolerance)
            && self.gaps.len() < MOST_GAPS
        {
            self.gaps.push((last, begin));
        }
        let first = self.covered.map_or(begin, |(first, _)| first);
        self.covered = Some((first, head.end));
        if head.span > 0 {
            self.finest = Some(self.finest.map_or(head.span, |finest| finest.min(head.span)));
        }
    }

    fn place(&mut self, chosen: &Chosen<'_>, key: &Key) -> Place {
        let own = chosen.series(key).and_then(|(series, fill)| {
            if self.slots.len() < SLOTS || self.by_key.contains_key(&series) {
                return Some(self.slot(series, fill));
            }
            chosen.beyond(key).map(|series| self.slot(series, fill))
        });
        let rest = chosen.rest(key).map(|series| self.slot(series, Fill::Walk));
        Place { own, rest }
    }

    fn levels(&mut self, chosen: &Chosen<'_>, counted: bool, reader: &Reader<'_>, places: &[Place]) {
        let held = || {
            reader
                .held
                .iter()
                .filter_map(|place| Some((reader.keys.get(*place)?, *reader.levels.get(*place)?, places.get(*place)?)))
                .filter(|(key, ..)| counted || !key.is_counted())
        };
        // What the groups of a state hold, to be taken from its total.
        let mut grouped: HashMap<u8, i64> = HashMap::new();
        for (key, level, place) in held() {
            if let Some(own) = place.own {
                self.raise(own, level);
            }
            if let Some(state) = chosen.groups(key) {
                let sum = grouped.entry(state).or_insert(0);
                *sum = sum.saturating_add(level);
            }
        }
        for (key, level, place) in held() {
            let (Some(rest), Key::Total(state)) = (place.rest, key) else { continue };
            let left = level.saturating_sub(grouped.get(state).copied().unwrap_or(0));
            if left > 0 {
                self.raise(rest, left);
            }
        }
    }

    fn raise(&mut self, slot: usize, level: i64) {
        let Some(found) = self.slots.get_mut(slot) else { return };
        if found.sum.is_none() {
            self.touched.push(slot);
        }
        found.sum = Some(found.sum.unwrap_or(0).saturating_add(level));
    }

    fn slot(&mut self, key: Vec<String>, fill: Fill) -> usize {
        if let Some(slot) = self.by_key.get(&key) {
            return *slot;
        }
        let next = self.slots.len();
        self.by_key.insert(key.clone(), next);
        self.slots.push(Slot { key, fill, values: BTreeMap::new(), sum: None });
        next
    }

    /// The largest, or of counters all in the order of their names.
    pub(super) fn into_series(self, chosen: &Chosen<'_>) -> Vec<Series> {
        let mut slots: Vec<Slot> = self.slots.into_iter().filter(|slot| !slot.values.is_empty()).collect();
        let most = |slot: &Slot| slot.values.values().copied().max().unwrap_or(0);
        match chosen {
            Chosen::Counters(_) => slots.sort_by(|a, b| a.key.cmp(&b.key)),
            Chosen::Sockets { .. } => slots.sort_by(|a, b| most(b).cmp(&most(a)).then_with(|| a.key.cmp(&b.key))),
            Chosen::Listeners(_) => {
                let mut fullest: HashMap<Vec<String>, i64> = HashMap::new();
                for slot in &slots {
                    let full = fullest.entry(slot.key.iter().take(2).cloned().collect()).or_insert(0);
                    *full = (*full).max(most(slot));
                }
                let rank = |slot: &Slot| fullest.get(slot.key.get(..2).unwrap_or_default()).copied().unwrap_or(0);
                slots.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.key.cmp(&b.key)));
            }
        }
        slots.truncate(chosen.most_series());
        slots.into_iter().map(|slot| slot.into_series(&self.times)).collect()
    }
}

impl Slot {
    fn into_series(self, times: &BTreeMap<u64, (u64, bool)>) -> Series {
        let value = |number: &u64, counted: bool| match (self.values.get(number), self.fill) {
            (Some(value), _) => Some(*value),
            (None, Fill::Step) => Some(0),
            (None, Fill::Walk) if counted => Some(0),
            (None, Fill::Walk | Fill::Growth | Fill::Level) => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let points = times
            .iter()
            .filter_map(|(number, (end, counted))| {
                Some(Point { at: wall(*end), value: value(number, *counted)? as f64 })
            })
            .collect();
        let kind = if self.fill == Fill::Growth { SeriesKind::Counter } else { SeriesKind::Gauge };
        Series { key: self.key, kind, points }
    }
}

/// Series that are gathered, of which the largest are told. Further groups of sockets count for their state alone.
const SLOTS: usize = 2_048;

/// Gaps of an answer.
const MOST_GAPS: usize = 256;
