//! All runs that the daemon knows: those going on, and the last finished ones. Pure.
//!
//! Bounded in number and in bytes: beyond the bytes the oldest lose findings and evidence, beyond the number they go.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sonde_proto::v1::Diagnosis;
use tokio_util::sync::CancellationToken;

use super::fold::Sum;
use super::journal::Reader;

/// A run going on, as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// What was known at its start.
    pub(crate) start: Arc<Diagnosis>,
    /// Its events.
    pub(crate) reader: Reader,
    /// Ends it.
    pub(crate) cancel: CancellationToken,
}

/// A run, wherever it is in its life.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// Going on.
    Running(Running),
    /// Ended.
    Finished(Arc<Sum>),
}

/// The runs by age.
#[derive(Debug)]
pub(super) struct Shelf {
    runs: BTreeMap<u64, Found>,
    places: HashMap<String, u64>,
    next: u64,
    running: usize,
    bytes: u64,
    most: usize,
    most_bytes: u64,
}

impl Running {
    /// What it adds up to by now.
    pub(crate) fn so_far(&self) -> Sum {
        Sum::of(&self.start, &self.reader.lines()).bounded()
    }
}

impl Shelf {
    pub(super) fn new(most: usize, most_bytes: u64) -> Self {
        Self { runs: BTreeMap::new(), places: HashMap::new(), next: 1, running: 0, bytes: 0, most, most_bytes }
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Takes a run that begins; its place is its age.
    pub(super) fn begin(&mut self, run: Running) -> u64 {
        let place = self.next;
        self.next += 1;
        self.running += 1;
        self.places.insert(run.start.run_id.clone(), place);
        self.runs.insert(place, Found::Running(run));
        place
    }

    /// Replaces a run by its result; `None` for one that was lost, which keeps what it had.
    pub(super) fn finish(&mut self, place: u64, sum: Option<Arc<Sum>>) {
        let Some(Found::Running(run)) = self.runs.get(&place) else { return };
        let sum = sum.unwrap_or_else(|| Arc::new(lost(run)));
        self.running -= 1;
        self.bytes += sum.size_bytes() as u64;
        self.runs.insert(place, Found::Finished(sum));
        self.shrink();
    }

    pub(super) fn find(&self, run_id: &str) -> Option<Found> {
        self.runs.get(self.places.get(run_id)?).cloned()
    }

    /// At most `size` runs older than the place, newest first, each with its place.
    pub(super) fn before(&self, place: Option<u64>, size: usize) -> Vec<(u64, Found)> {
        self.runs
            .range(..place.unwrap_or(u64::MAX))
            .rev()
            .take(size)
            .map(|(place, run)| (*place, run.clone()))
            .collect()
    }

    /// Every run going on.
    pub(super) fn all_running(&self) -> impl Iterator<Item = &Running> {
        self.runs.values().filter_map(|run| match run {
            Found::Running(run) => Some(run),
            Found::Finished(_) => None,
        })
    }

    fn shrink(&mut self) {
        while self.runs.len() - self.running > self.most {
            let oldest = self.runs.iter().find(|(_, run)| matches!(run, Found::Finished(_))).map(|(place, _)| *place);
            let Some(Found::Finished(sum)) = oldest.and_then(|place| self.runs.remove(&place)) else { return };
            self.bytes -= sum.size_bytes() as u64;
            self.places.remove(&sum.diagnosis().run_id);
        }
        if self.bytes <= self.most_bytes {
            return;
        }
        for run in self.runs.values_mut() {
            if self.bytes <= self.most_bytes {
                return;
            }
            if let Found::Finished(sum) = run {
                let short = Arc::new(sum.shortened());
                self.bytes -= sum.size_bytes() as u64 - short.size_bytes() as u64;
                *sum = short;
            }
        }
    }
}

fn lost(run: &Running) -> Sum {
    use sonde_proto::v1::{RunState, Verdict, VerdictState};
    run.so_far().ended(|diagnosis| {
        diagnosis.state = RunState::Cancelled.into();
        diagnosis.verdict = Some(Verdict {
            state: VerdictState::Undecided.into(),
            summary: "the daemon lost this run to a bug of its own; its log says more".into(),
            ..Verdict::default()
        });
    })
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::diagnosis_event::Event;
    use sonde_proto::v1::{DiagnosisEvent, Evidence, RunState};

    use super::super::journal::{Journal, Line};
    use super::*;

    fn running(run_id: &str) -> Running {
        let start = Diagnosis { run_id: run_id.into(), state: RunState::Running.into(), ..Diagnosis::default() };
        Running { start: Arc::new(start), reader: Journal::open().1, cancel: CancellationToken::new() }
    }

    fn finished(run_id: &str, evidence_bytes: usize) -> Arc<Sum> {
        let evidence = Evidence { check: "x".repeat(evidence_bytes), ..Evidence::default() };
        let event = DiagnosisEvent { at: None, event: Some(Event::Evidence(Box::new(evidence))) };
        let start = Diagnosis { run_id: run_id.into(), state: RunState::Finished.into(), ..Diagnosis::default() };
        Arc::new(Sum::of(&start, &[Line::of(event, &mut Vec::new())]))
    }

    fn ids(found: &[(u64, Found)]) -> Vec<String> {
        found
            .iter()
            .map(|(_, run)| match run {
                Found::Running(run) => run.start.run_id.clone(),
                Found::Finished(sum) => sum.diagnosis().run_id.clone(),
            })
            .collect()
    }

    #[test]
    fn runs_are_listed_newest_first_from_any_place() {
        let mut shelf = Shelf::new(10, 1 << 20);
        let places: Vec<_> = ["a", "b", "c"].into_iter().map(|id| shelf.begin(running(id))).collect();
        shelf.finish(places[1], Some(finished("b", 1)));

        let page = shelf.before(None, 2);
        let rest = shelf.before(page.last().map(|(place, _)| *place), 2);

        assert_eq!(ids(&page), ["c", "b"]);
        assert_eq!(ids(&rest), ["a"]);
    }

    #[test]
    fn the_oldest_finished_run_goes_and_a_running_one_stays() {
        let mut shelf = Shelf::new(2, 1 << 20);
        shelf.begin(running("old but running"));
        for id in ["a", "b", "c"] {
            let place = shelf.begin(running(id));
            shelf.finish(place, Some(finished(id, 1)));
        }

        assert_eq!(ids(&shelf.before(None, 10)), ["c", "b", "old but running"]);
        assert!(shelf.find("a").is_none());
        assert_eq!(shelf.running(), 1);
    }

    #[test]
    fn beyond_the_bytes_the_oldest_lose_their_evidence() {
        let mut shelf = Shelf::new(10, 2_500);
        for id in ["a", "b", "c"] {
            let place = shelf.begin(running(id));
            shelf.finish(place, Some(finished(id, 1_000)));
        }

        let evidence = |id| match shelf.find(id) {
            Some(Found::Finished(sum)) => sum.whole().evidence.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!([evidence("a"), evidence("b"), evidence("c")], [0, 1, 1]);
    }

    #[test]
    fn a_lost_run_does_not_look_as_if_it_went_on() {
        let mut shelf = Shelf::new(10, 1 << 20);
        let place = shelf.begin(running("a"));

        shelf.finish(place, None);

        assert!(
            matches!(shelf.find("a"), Some(Found::Finished(sum)) if sum.diagnosis().state() == RunState::Cancelled)
        );
        assert_eq!(shelf.running(), 0);
    }
}
