//! The events of one run, in order: the one bus that feeds the client's stream, the answers about a running diagnosis, and the
//! history.
//!
//! One writer, any number of readers, each with a place of its own. A reader that is slow delays nothing and loses nothing: what it
//! has not read is kept until it is dropped. The size is bounded by what a run may do (the host's limits on calls, findings
//! and log lines of each check), and by [`MOST_EVENTS`]. An event is kept as it goes to clients, so that it is written down once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sonde_proto::events::Written;
use sonde_proto::v1::DiagnosisEvent;
use sonde_proto::v1::diagnosis_event::Event;
use tokio::sync::watch;

use super::fold::{Sum, bounded_evidence};

/// The writing end. When it is dropped without [`Journal::finish`], its readers learn that the run was lost.
#[derive(Debug)]
pub(crate) struct Journal {
    pages: Arc<Pages>,
    state: watch::Sender<usize>,
}

/// The reading end; a clone begins at the first event again.
#[derive(Debug)]
pub(crate) struct Reader {
    pages: Arc<Pages>,
    state: watch::Receiver<usize>,
    next: usize,
}

/// What a reader finds.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// The next event.
    Event(Written),
    /// The last one: the run ended.
    Finished(Arc<Sum>),
    /// The run was lost to a bug of ours.
    Lost,
}

/// One event. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Since the run began.
    pub(crate) at: Option<prost_types::Duration>,
    /// Absent for evidence, which is most of a journal, and which only clients look into.
    pub(crate) event: Option<Arc<Event>>,
    pub(crate) written: Written,
}

impl Line {
    /// `scratch` is a buffer to write in.
    pub(crate) fn of(event: DiagnosisEvent, scratch: &mut Vec<u8>) -> Self {
        let (event, written) = bounded_evidence(event, scratch);
        let DiagnosisEvent { at, event } = event;
        let event = event.filter(|event| !matches!(event, Event::Evidence(_))).map(Arc::new);
        Self { at, event, written }
    }
}

#[derive(Debug, Default)]
struct Pages {
    lines: Mutex<Lines>,
    finished: Mutex<Option<Arc<Sum>>>,
}

#[derive(Debug, Default)]
struct Lines {
    written: Vec<Line>,
    scratch: Vec<u8>,
}

impl Journal {
    /// An empty one, and its first reader.
    pub(crate) fn open() -> (Self, Reader) {
        let (state, watching) = watch::channel(0);
        let pages = Arc::<Pages>::default();
        (Self { pages: Arc::clone(&pages), state }, Reader { pages, state: watching, next: 0 })
    }

    /// Appends an event. Beyond [`MOST_EVENTS`] it is dropped.
    pub(crate) fn write(&self, event: DiagnosisEvent) {
        let length = {
            let Lines { written, scratch } = &mut *self.pages.lines();
            if written.len() < MOST_EVENTS {
                written.push(Line::of(event, scratch));
            }
            written.len()
        };
        self.state.send_replace(length);
    }

    /// What was written so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.pages.lines().written.clone()
    }

    /// Writes the last entry.
    pub(crate) fn finish(self, sum: Arc<Sum>) {
        *self.pages.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(sum);
    }
}

impl Reader {
    /// The next entry. Cancel safe. After the last one it is given again.
    pub(crate) async fn next(&mut self) -> Entry {
        loop {
            let seen = *self.state.borrow_and_update();
            if self.next < seen {
                let written = self.pages.lines().written.get(self.next).map(|line| line.written.clone());
                if let Some(written) = written {
                    self.next += 1;
                    return Entry::Event(written);
                }
            }
            // An error says that the writer is gone; what it wrote before is read first.
            if self.state.changed().await.is_err() && self.next >= self.pages.lines().written.len() {
                let finished = self.pages.finished.lock().unwrap_or_else(PoisonError::into_inner).clone();
                return finished.map_or(Entry::Lost, Entry::Finished);
            }
        }
    }

    /// Waits for the end of the run.
    pub(crate) async fn end(&mut self) -> Option<Arc<Sum>> {
        while self.state.changed().await.is_ok() {}
        self.pages.finished.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was written so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.pages.lines().written.clone()
    }
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self { pages: Arc::clone(&self.pages), state: self.state.clone(), next: 0 }
    }
}

impl Pages {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one run. The limits of the host allow a check 2,000 calls, 256 findings and 200 log lines; this is for many checks.
const MOST_EVENTS: usize = 50_000;

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use sonde_proto::events::EventResponse;
    use sonde_proto::v1::{CheckStarted, Diagnosis};

    use super::*;

    fn event(check: &str) -> DiagnosisEvent {
        DiagnosisEvent { at: None, event: Some(Event::CheckStarted(CheckStarted { check: check.into() })) }
    }

    async fn read(reader: &mut Reader) -> String {
        match reader.next().await {
            Entry::Event(written) => {
                let sent = EventResponse::from(written).encode_to_vec();
                match EventResponse::decode(&*sent).expect("whole").event.and_then(|event| event.event) {
                    Some(Event::CheckStarted(started)) => started.check,
                    other => format!("{other:?}"),
                }
            }
            Entry::Finished(sum) => format!("finished {}", sum.diagnosis().run_id),
            Entry::Lost => "lost".into(),
        }
    }

    #[tokio::test]
    async fn every_reader_reads_everything_in_order() {
        let (journal, mut early) = Journal::open();
        journal.write(event("a"));
        assert_eq!(read(&mut early).await, "a");
        journal.write(event("b"));
        let mut late = early.clone();
        let start = Diagnosis { run_id: "1".into(), ..Diagnosis::default() };
        journal.finish(Arc::new(Sum::of(&start, &[])));

        assert_eq!([read(&mut early).await, read(&mut early).await], ["b", "finished 1"]);
        assert_eq!([read(&mut late).await, read(&mut late).await, read(&mut late).await], ["a", "b", "finished 1"]);
    }

    #[tokio::test]
    async fn a_reader_waits_for_what_is_not_written_yet() {
        let (journal, mut reader) = Journal::open();
        let writing = async {
            tokio::task::yield_now().await;
            journal.write(event("a"));
        };

        let (name, ()) = tokio::join!(read(&mut reader), writing);

        assert_eq!(name, "a");
    }

    #[tokio::test]
    async fn a_writer_that_vanishes_leaves_a_lost_run() {
        let (journal, mut reader) = Journal::open();
        journal.write(event("a"));
        drop(journal);

        assert_eq!([read(&mut reader).await, read(&mut reader).await], ["a", "lost"]);
        assert!(reader.end().await.is_none());
    }

    #[tokio::test]
    async fn a_flood_is_bounded() {
        let (journal, reader) = Journal::open();

        for _ in 0..MOST_EVENTS + 10 {
            journal.write(event("a"));
        }

        assert_eq!(reader.lines().len(), MOST_EVENTS);
    }
}
