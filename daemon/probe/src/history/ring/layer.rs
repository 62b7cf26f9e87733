//! Steps of one length: sealed chunks, which readers share, and one that grows.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::chunk::{Chunk, Step, Writer};

/// Steps of one length.
#[derive(Debug, Default)]
pub(super) struct Layer {
    sealed: VecDeque<Arc<Chunk>>,
    open: Writer,
    /// Of the sealed ones, in bytes.
    weight: usize,
    /// In the sealed ones.
    steps: u64,
}

impl Layer {
    /// Adds a step. The open chunk is sealed before it where it has as many steps as a chunk may, or takes more than `most` bytes.
    pub(super) fn push(&mut self, step: &Step, most: usize) {
        if self.open.steps() >= CHUNK_STEPS || (self.open.steps() > 0 && self.open.weight() > most) {
            let chunk = std::mem::take(&mut self.open).seal();
            self.weight += weight(&chunk);
            self.steps += u64::from(chunk.steps);
            self.sealed.push_back(Arc::new(chunk));
        }
        self.open.push(step);
    }

    pub(super) fn weight(&self) -> usize {
        self.weight + self.open.weight()
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps + u64::from(self.open.steps())
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.open().map_or_else(|| self.sealed.back().map(|chunk| chunk.end), |chunk| Some(chunk.end))
    }

    pub(super) fn begin(&self) -> Option<u64> {
        self.sealed.front().map(|chunk| chunk.begin).or_else(|| self.open().map(|chunk| chunk.begin))
    }

    /// Those that reach into a time.
    pub(super) fn chunks(&self, from: u64, to: u64) -> impl Iterator<Item = Arc<Chunk>> {
        let within = move |chunk: &Chunk| chunk.end > from && chunk.begin < to;
        let sealed = self.sealed.iter().filter(move |chunk| within(chunk)).map(Arc::clone);
        sealed.chain(self.open().filter(move |chunk| within(chunk)).map(|chunk| Arc::new(chunk.clone())))
    }

    pub(super) fn drop_oldest(&mut self) -> bool {
        let oldest = self.sealed.pop_front();
        oldest.is_some_and(|chunk| self.dropped(&chunk))
    }

    pub(super) fn forget_before(&mut self, time: u64) {
        while self.sealed.front().is_some_and(|chunk| chunk.end < time) {
            self.drop_oldest();
        }
    }

    /// Whole chunks: one that reaches beyond goes with all that it holds.
    pub(super) fn forget_after(&mut self, time: u64) {
        if self.open().is_some_and(|chunk| chunk.end >= time) {
            self.open = Writer::default();
        }
        while let Some(chunk) = self.sealed.pop_back_if(|chunk| chunk.end >= time) {
            self.dropped(&chunk);
        }
    }

    fn open(&self) -> Option<&Chunk> {
        (self.open.steps() > 0).then(|| self.open.chunk())
    }

    fn dropped(&mut self, chunk: &Chunk) -> bool {
        self.weight = self.weight.saturating_sub(weight(chunk));
        self.steps = self.steps.saturating_sub(u64::from(chunk.steps));
        true
    }
}

/// With the two counts of its `Arc` and the pointer to it.
fn weight(chunk: &Chunk) -> usize {
    chunk.weight() + 3 * size_of::<usize>()
}

/// A minute of fine steps, an hour of coarse ones.
const CHUNK_STEPS: u32 = 60;
