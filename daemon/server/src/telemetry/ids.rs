//! Ids of spans that are chosen beforehand: the SDK asks a generator for them, and this one answers what it was told.
//!
//! Invariant: the ids travel in a thread-local for the time of one synchronous call, so they cannot meet another span.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// Answers with the ids of [`with_ids`], at random outside it.
#[derive(Debug, Default)]
pub(super) struct ChosenIds(RandomIdGenerator);

/// While `build` runs on this thread, the generator answers with these.
pub(super) fn with_ids<T>(trace: TraceId, id: SpanId, build: impl FnOnce() -> T) -> T {
    CHOSEN.set(Some((trace, id)));
    let span = build();
    CHOSEN.set(None);
    span
}

impl IdGenerator for ChosenIds {
    fn new_trace_id(&self) -> TraceId {
        CHOSEN.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        CHOSEN.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}

thread_local! {
    static CHOSEN: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}
