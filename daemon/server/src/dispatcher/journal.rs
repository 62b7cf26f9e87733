//! The events of one run, in order: the one bus that feeds the client's stream, the answers about a running diagnosis, and the
//! history.
//!
//! One writer, any number of readers, each with a place of its own. A reader that is slow delays nothing and loses nothing: what it
//! has not read is kept until it is dropped. The size is bounded by what a run may do (the host's limits on calls, findings
//! and log lines of each check), and by [`MOST_EVENTS`].

use std::sync::{Arc, Mutex, PoisonError};

use sonde_proto::v1::{Diagnosis, DiagnosisEvent};
use tokio::sync::watch;

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
    Event(Arc<DiagnosisEvent>),
    /// The last one: the run ended.
    Finished(Arc<Diagnosis>),
    /// The run was lost to a bug of ours.
    Lost,
}

#[derive(Debug, Default)]
struct Pages {
    events: Mutex<Vec<Arc<DiagnosisEvent>>>,
    finished: Mutex<Option<Arc<Diagnosis>>>,
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
            let mut events = self.pages.events.lock().unwrap_or_else(PoisonError::into_inner);
            if events.len() < MOST_EVENTS {
                events.push(Arc::new(event));
            }
            events.len()
        };
        self.state.send_replace(length);
    }

    /// What was written so far.
    pub(crate) fn events(&self) -> Vec<Arc<DiagnosisEvent>> {
        self.pages.events()
    }

    /// Writes the last entry.
    pub(crate) fn finish(self, diagnosis: Arc<Diagnosis>) {
        *self.pages.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(diagnosis);
    }
}

impl Reader {
    /// The next entry. Cancel safe. After the last one it is given again.
    pub(crate) async fn next(&mut self) -> Entry {
        loop {
            let seen = *self.state.borrow_and_update();
            if self.next < seen {
                let event = self.pages.events.lock().unwrap_or_else(PoisonError::into_inner).get(self.next).cloned();
                if let Some(event) = event {
                    self.next += 1;
                    return Entry::Event(event);
                }
            }
            // An error says that the writer is gone; what it wrote before is read first.
            if self.state.changed().await.is_err() && self.next >= self.pages.len() {
                let finished = self.pages.finished.lock().unwrap_or_else(PoisonError::into_inner).clone();
                return finished.map_or(Entry::Lost, Entry::Finished);
            }
        }
    }

    /// Waits for the end of the run.
    pub(crate) async fn end(&mut self) -> Option<Arc<Diagnosis>> {
        while self.state.changed().await.is_ok() {}
        self.pages.finished.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was written so far.
    pub(crate) fn events(&self) -> Vec<Arc<DiagnosisEvent>> {
        self.pages.events()
    }
}

impl Clone for Reader {
    fn clone(&self) -> Self {
        Self { pages: Arc::clone(&self.pages), state: self.state.clone(), next: 0 }
    }
}

impl Pages {
    fn events(&self) -> Vec<Arc<DiagnosisEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn len(&self) -> usize {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Of one run. The limits of the host allow a check 2,000 calls, 256 findings and 200 log lines; this is for many checks.
const MOST_EVENTS: usize = 50_000;

#[cfg(test)]
mod tests {
    use sonde_proto::v1::CheckStarted;
    use sonde_proto::v1::diagnosis_event::Event;

    use super::*;

    fn event(check: &str) -> DiagnosisEvent {
        DiagnosisEvent { at: None, event: Some(Event::CheckStarted(CheckStarted { check: check.into() })) }
    }

    async fn read(reader: &mut Reader) -> String {
        match reader.next().await {
            Entry::Event(event) => match &event.event {
                Some(Event::CheckStarted(started)) => started.check.clone(),
                other => format!("{other:?}"),
            },
            Entry::Finished(diagnosis) => format!("finished {}", diagnosis.run_id),
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
        journal.finish(Arc::new(Diagnosis { run_id: "1".into(), ..Diagnosis::default() }));

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
        assert_eq!(reader.end().await, None);
    }

    #[tokio::test]
    async fn a_flood_is_bounded() {
        let (journal, reader) = Journal::open();

        for _ in 0..MOST_EVENTS + 10 {
            journal.write(event("a"));
        }

        assert_eq!(reader.events().len(), MOST_EVENTS);
    }
}
