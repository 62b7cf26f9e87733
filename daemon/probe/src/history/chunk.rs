//! A run of steps in few bytes: a dictionary that grows as keys appear, levels as differences to the step before.
//!
//! A chunk stands for itself, so that the oldest can be dropped whole. Units: microseconds since the Unix epoch.
//!
//! A step is: time since the step before, its length, flags, how many entries, and the entries. An entry is a place in the
//! dictionary plus one, or 0 and a new key, and then a signed number: of a counter its growth, of a level what it differs by.

use std::collections::HashMap;

use super::key::Key;
use super::varint::{self, Cursor};

/// What was measured at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Microseconds since the Unix epoch.
    pub(crate) end: u64,
    /// Its length in microseconds: counters grew in it.
    pub(crate) span: u64,
    /// All sockets were walked over in it.
    pub(crate) counted: bool,
    /// Each key once. Levels that are not named are zero.
    pub(crate) values: Vec<(Key, i64)>,
}

/// Steps that nothing is added to any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    /// The begin of its first step.
    pub(super) begin: u64,
    /// The end of its last step.
    pub(super) end: u64,
    /// So many.
    pub(super) steps: u32,
    bytes: Vec<u8>,
}

/// A chunk that grows.
#[derive(Debug, Default)]
pub(super) struct Writer {
    chunk: Chunk,
    places: HashMap<Key, usize>,
    /// Of each place: its level, whether that lasts and is one of a walk, and the step that named it last.
    levels: Vec<Level>,
    dictionary_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    value: i64,
    lasts: bool,
    counted: bool,
    named: u32,
}

impl Chunk {
    /// To be read; when its steps were is not known.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// In bytes.
    pub(super) fn weight(&self) -> usize {
        self.bytes.capacity() + size_of::<Self>()
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.bytes)
    }
}

impl Writer {
    /// In bytes.
    pub(super) fn weight(&self) -> usize {
        self.chunk.weight() + self.dictionary_bytes
    }

    pub(super) fn steps(&self) -> u32 {
        self.chunk.steps
    }

    pub(super) fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    pub(super) fn seal(mut self) -> Chunk {
        self.chunk.bytes.shrink_to_fit();
        self.chunk
    }

    /// Invariant: `step` ends after the step before.
    pub(super) fn push(&mut self, step: &Step) {
        let first = self.chunk.steps == 0;
        let since = if first { step.end } else { step.end.saturating_sub(self.chunk.end) };
        if first {
            self.chunk.begin = step.end.saturating_sub(step.span);
        }
        self.chunk.end = step.end;
        self.chunk.steps += 1;
        let mut entries = Vec::new();
        let mut count = 0_u64;
        for (key, value) in &step.values {
            count += u64::from(self.entry(&mut entries, key, *value));
        }
        // What a walk counts stays as it was where none was made.
        let gone = |level: &Level, steps| {
            level.lasts && level.value != 0 && level.named != steps && (step.counted || !level.counted)
        };
        let steps = self.chunk.steps;
        for (place, level) in self.levels.iter_mut().enumerate() {
            if gone(level, steps) {
                varint::write(&mut entries, place as u64 + 1);
                varint::write_signed(&mut entries, level.value.wrapping_neg());
                level.value = 0;
                count += 1;
            }
        }
        let bytes = &mut self.chunk.bytes;
        varint::write(bytes, since);
        varint::write(bytes, step.span);
        bytes.push(u8::from(step.counted));
        varint::write(bytes, count);
        bytes.extend_from_slice(&entries);
    }

    /// Whether there was anything to write.
    fn entry(&mut self, bytes: &mut Vec<u8>, key: &Key, value: i64) -> bool {
        let known = self.places.get(key).copied();
        if let Some(level) = known.and_then(|place| self.levels.get_mut(place)) {
            let written = if level.lasts { value.wrapping_sub(level.value) } else { value };
            level.named = self.chunk.steps;
            level.value = value;
            if written != 0 {
                varint::write(bytes, known.unwrap_or_default() as u64 + 1);
                varint::write_signed(bytes, written);
            }
            return written != 0;
        }
        varint::write(bytes, 0);
        key.write(bytes);
        varint::write_signed(bytes, value);
        self.dictionary_bytes += key.weight();
        self.places.insert(key.clone(), self.levels.len());
        let (lasts, counted) = (key.is_level(), key.is_counted());
        self.levels.push(Level { value, lasts, counted, named: self.chunk.steps });
        true
    }
}

/// Reads steps, oldest first. Bytes that are no chunk end it early; nothing makes it panic.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The dictionary so far.
    pub(super) keys: Vec<Key>,
    /// Of each key its level after the last step; of counters nothing.
    pub(super) levels: Vec<i64>,
    /// Places of the levels that hold after the last step: all gauges, and of the others those that are not zero.
    pub(super) held: Vec<usize>,
    /// Of each key whether it is among them.
    listed: Vec<bool>,
    /// Places of counters that grew in the last step, and by how much.
    pub(super) grown: Vec<(usize, i64)>,
    end: u64,
}

/// The head of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) end: u64,
    pub(super) span: u64,
    pub(super) counted: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            cursor: Cursor(bytes),
            keys: Vec::new(),
            levels: Vec::new(),
            held: Vec::new(),
            listed: Vec::new(),
            grown: Vec::new(),
            end: 0,
        }
    }

    /// Goes on to the next step.
    pub(super) fn step(&mut self) -> Option<Head> {
        self.end = self.end.checked_add(self.cursor.varint()?)?;
        let span = self.cursor.varint()?;
        let counted = self.cursor.byte()? != 0;
        let count = self.cursor.varint()?;
        self.grown.clear();
        for _ in 0..count {
            self.entry()?;
        }
        self.held.retain(|place| {
            let level = self.levels.get(*place).is_some_and(|level| *level != 0);
            let holds = level || matches!(self.keys.get(*place), Some(Key::Gauge(_)));
            if let Some(listed) = self.listed.get_mut(*place) {
                *listed = holds;
            }
            holds
        });
        Some(Head { end: self.end, span, counted })
    }

    fn entry(&mut self) -> Option<()> {
        let place = match self.cursor.varint()? {
            0 => {
                self.keys.push(Key::read(&mut self.cursor)?);
                self.levels.push(0);
                self.listed.push(false);
                self.keys.len() - 1
            }
            place => usize::try_from(place - 1).ok()?,
        };
        let value = self.cursor.signed()?;
        if self.keys.get(place)?.is_level() {
            let level = self.levels.get_mut(place)?;
            *level = level.wrapping_add(value);
            if let Some(listed) = self.listed.get_mut(place).filter(|listed| !**listed) {
                *listed = true;
                self.held.push(place);
            }
        } else if value != 0 {
            self.grown.push((place, value));
        }
        Some(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn counter(name: &str) -> Key {
        Key::Counter(name.into())
    }

    pub(in super::super) fn peer(state: u8, last: u8, port: u16) -> Key {
        Key::Peer(state, IpAddr::from([10, 0, 0, last]), port)
    }

    /// What a reader makes of each step: its head, what grew, and every level that is not zero.
    type Told = (Head, BTreeMap<Key, i64>);

    fn told(chunk: &Chunk) -> Vec<Told> {
        let mut reader = chunk.reader();
        let mut told = Vec::new();
        while let Some(head) = reader.step() {
            let mut values: BTreeMap<Key, i64> =
                reader.grown.iter().map(|(place, value)| (reader.keys[*place].clone(), *value)).collect();
            let levels = reader.keys.iter().zip(&reader.levels).filter(|(_, level)| **level != 0);
            values.extend(levels.map(|(key, level)| (key.clone(), *level)));
            told.push((head, values));
        }
        told
    }

    fn written(steps: &[Step]) -> Chunk {
        let mut writer = Writer::default();
        for step in steps {
            writer.push(step);
        }
        writer.seal()
    }

    #[test]
    fn counters_are_growth_and_levels_hold_until_they_change_or_vanish() {
        let step = |end: u64, counted, values: &[(Key, i64)]| Step { end, span: 10, counted, values: values.to_vec() };
        let chunk = written(&[
            step(100, true, &[(counter("a"), 5), (peer(6, 1, 80), 40)]),
            step(110, false, &[(counter("a"), 2)]),
            step(120, true, &[]),
        ]);

        let told = told(&chunk);

        assert_eq!((chunk.begin, chunk.end), (90, 120));
        assert_eq!(told[0].1, BTreeMap::from([(counter("a"), 5), (peer(6, 1, 80), 40)]));
        assert_eq!(told[1].1, BTreeMap::from([(counter("a"), 2), (peer(6, 1, 80), 40)]));
        assert_eq!(told[2].1, BTreeMap::new());
        assert_eq!(told[1].0, Head { end: 110, span: 10, counted: false });
    }

    #[test]
    fn of_the_levels_only_those_are_held_that_hold() {
        let gauge = || Key::Gauge("g".into());
        let step = |end: u64, values: &[(Key, i64)]| Step { end, span: 10, counted: true, values: values.to_vec() };
        let chunk = written(&[
            step(100, &[(gauge(), 0), (peer(6, 1, 80), 4), (peer(6, 2, 80), 5)]),
            step(110, &[(gauge(), 0), (peer(6, 2, 80), 5)]),
            step(120, &[(gauge(), 1), (peer(6, 1, 80), 2)]),
        ]);

        let mut reader = chunk.reader();
        let mut held = Vec::new();
        while reader.step().is_some() {
            let mut places = reader.held.clone();
            places.sort_unstable();
            held.push(places);
        }

        assert_eq!(held, [vec![0, 1, 2], vec![0, 2], vec![0, 1]]);
        assert_eq!(chunk.steps, 3);
    }

    #[test]
    fn a_level_that_stays_costs_nothing() {
        let step = |end| Step { end, span: 10, counted: true, values: vec![(peer(6, 1, 80), 40_000)] };
        let one = written(&[step(100)]).bytes.len();
        let ten: Vec<Step> = (10..20).map(|n| step(n * 10)).collect();

        assert_eq!(written(&ten).bytes.len(), one + 9 * 4);
    }

    fn key() -> impl Strategy<Value = Key> {
        let address = any::<IpAddr>();
        prop_oneof![
            "[a-zA-Z.]{1,12}".prop_map(|name| Key::Counter(name.into())),
            "[a-zA-Z.]{1,12}".prop_map(|name| Key::Gauge(name.into())),
            (0..13_u8).prop_map(Key::Total),
            (0..13_u8, address.clone(), any::<u16>()).prop_map(|(state, peer, port)| Key::Peer(state, peer, port)),
            (0..13_u8, any::<u16>()).prop_map(|(state, port)| Key::Local(state, port)),
            (address.clone(), any::<u16>()).prop_map(|(address, port)| Key::HalfOpen(address, port)),
            (address.clone(), any::<u16>()).prop_map(|(address, port)| Key::Queued(address, port)),
            (address, any::<u16>()).prop_map(|(address, port)| Key::Backlog(address, port)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            steps in proptest::collection::vec((1..1_000_000_u64, 0..1_000_000_u64, proptest::collection::btree_map(key(), any::<i64>(), 0..8)), 1..20)
        ) {
            let mut end = 0;
            let steps: Vec<Step> = steps.into_iter().map(|(since, span, values)| {
                end += since;
                Step { end, span, counted: true, values: values.into_iter().collect() }
            }).collect();
            let expected: Vec<Told> = steps.iter().map(|step| {
                let head = Head { end: step.end, span: step.span, counted: true };
                (head, step.values.iter().filter(|(_, value)| *value != 0).cloned().collect())
            }).collect();

            prop_assert_eq!(told(&written(&steps)), expected);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let chunk = Chunk::of(bytes);
            let read = told(&chunk).len();
            prop_assert!(read <= chunk.bytes.len());
        }
    }
}
