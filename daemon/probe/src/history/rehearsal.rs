//! A recording of steps that come as the bytes of a chunk, without a namespace: for tests that think of bytes.
//!
//! What it does with them is what a recorder does: the same chunks, the same ring, the same answers.

use std::collections::BTreeMap;
use std::time::Duration;

use sonde_core::observation::Failure;
use sonde_core::observation::history::{Period, Recording, Request};

use super::chunk::{Chunk, Step, Writer};
use super::key::Key;
use super::question;
use super::ring::{Bounds, Ring, micros};

/// A ring that is filled by hand.
#[derive(Debug)]
pub struct Rehearsal(Ring);

impl Rehearsal {
    /// Nothing is kept so far.
    pub fn new(bounds: Bounds) -> Self {
        Self(Ring::new(bounds))
    }

    /// Keeps a step, and what its bounds leave of the others.
    pub fn push(&mut self, step: &Step) {
        self.0.push(step);
    }

    /// In bytes.
    pub fn weight(&self) -> usize {
        self.0.weight()
    }

    /// What is kept, in steps of any length.
    pub fn kept(&self) -> Option<Period> {
        let (_, begin) = self.0.begins()?;
        Some(Period { from: Duration::from_micros(begin), to: Duration::from_micros(self.0.last()?) })
    }

    /// What was recorded of a time.
    pub fn answer(&self, request: &Request) -> Result<Recording, Failure> {
        let excerpt = self.0.excerpt(micros(request.period.from), micros(request.period.to));
        question::answer(&excerpt, request, || None).map_err(|problem| problem.into_failure(Duration::ZERO))
    }
}

/// The steps of a chunk; of bytes that are none, those up to where they stop being one.
pub fn read_chunk(bytes: &[u8]) -> Vec<Step> {
    let chunk = Chunk::of(bytes.to_vec());
    let mut reader = chunk.reader();
    let mut steps = Vec::new();
    while let Some(head) = reader.step() {
        let mut values: BTreeMap<Key, i64> = BTreeMap::new();
        for (place, growth) in &reader.grown {
            if let Some(key) = reader.keys.get(*place) {
                let grown = values.entry(key.clone()).or_insert(0);
                *grown = grown.saturating_add(*growth);
            }
        }
        values.retain(|_, growth| *growth != 0);
        for place in &reader.held {
            if let (Some(key), Some(level)) = (reader.keys.get(*place), reader.levels.get(*place)) {
                values.insert(key.clone(), *level);
            }
        }
        steps.push(Step {
            end: head.end,
            span: head.span,
            counted: head.counted,
            values: values.into_iter().collect(),
        });
    }
    steps
}

/// The chunk of these steps.
pub fn write_chunk(steps: &[Step]) -> Vec<u8> {
    let mut writer = Writer::default();
    for step in steps {
        writer.push(step);
    }
    writer.seal().into_bytes()
}
