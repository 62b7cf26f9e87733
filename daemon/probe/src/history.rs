//! The flight recorder: what counters, queues and socket tables of watched namespaces were before now.
//!
//! An [`Archive`] holds a bounded ring for each namespace; a [`Recorder`] adds a step to the ring of one. Who records when, and
//! which namespaces, is the daemon's to decide. Without an archive every answer is `unavailable` and says so.

mod chunk;
mod key;
mod pace;
mod question;
mod ring;
mod sampler;
mod varint;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sonde_core::observation::history::{Numbers, Period, Recording, Request};
use sonde_core::observation::{Failure, Reason};

pub use self::ring::Bounds;
use self::ring::Ring;
use self::sampler::Sampler;
use crate::clock::RunClock;
use crate::inspection::{Problem, inspect};
use crate::vantage::{Selector, Vantage, VantageError};

/// What was recorded, by namespace. Shared through an `Arc`.
#[derive(Debug)]
pub struct Archive {
    bounds: Bounds,
    rings: Mutex<BTreeMap<u64, Arc<Mutex<Kept>>>>,
}

/// One namespace.
#[derive(Debug)]
struct Kept {
    ring: Ring,
    /// Processor time of recording so far, and since when.
    cost: Duration,
    since: Duration,
    walk_every: Duration,
}

/// What is known of a recorded namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The inode number of the namespace.
    pub network_namespace: u64,
    /// In fine steps; absent before the first.
    pub fine: Option<Period>,
    /// In steps of any length.
    pub all: Option<Period>,
    /// Fine and coarse ones kept.
    pub steps: (u64, u64),
    /// Memory, in bytes.
    pub bytes: u64,
    /// Processor time that recording took, as the recorder measures itself.
    pub cost: Duration,
    /// Since when, by the wall clock.
    pub since: Duration,
    /// From one walk over all sockets to the next.
    pub walk_every: Duration,
}

impl Archive {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, rings: Mutex::default() })
    }

    /// How much is kept.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Whether this namespace is recorded.
    pub fn holds(&self, network_namespace: u64) -> bool {
        self.rings().contains_key(&network_namespace)
    }

    /// The recorded namespaces, by inode number.
    pub fn watched(&self) -> Vec<Watched> {
        let rings: Vec<_> = self.rings().iter().map(|(id, kept)| (*id, Arc::clone(kept))).collect();
        rings.into_iter().map(|(id, kept)| watched(id, &lock(&kept))).collect()
    }

    /// What of a namespace's time is kept, in steps of any length.
    pub fn kept(&self, network_namespace: u64) -> Option<Period> {
        let kept = Arc::clone(self.rings().get(&network_namespace)?);
        watched(network_namespace, &lock(&kept)).all
    }

    /// Forgets a namespace.
    pub fn forget(&self, network_namespace: u64) {
        let mut rings = self.rings();
        rings.remove(&network_namespace);
        self.share(&rings);
    }

    /// What was recorded. It may decode a day: not on a worker of a runtime.
    fn answer(&self, network_namespace: u64, request: &Request) -> Result<Recording, Problem> {
        let kept = self.rings().get(&network_namespace).map(Arc::clone);
        let Some(kept) = kept else {
            let watched = "a recorder that watches this namespace";
            return Err(unavailable(watched, "the recorder has not watched this namespace"));
        };
        question::answer(&lock(&kept).ring, request)
    }

    /// The ring of a namespace, a new one where there is none.
    fn ring(&self, network_namespace: u64) -> Arc<Mutex<Kept>> {
        let mut rings = self.rings();
        if let Some(kept) = rings.get(&network_namespace) {
            return Arc::clone(kept);
        }
        let ring = Ring::new(self.bounds);
        let since = RunClock::wall_now();
        let kept = Kept { ring, cost: Duration::ZERO, since, walk_every: self.bounds.step };
        let kept = Arc::new(Mutex::new(kept));
        rings.insert(network_namespace, Arc::clone(&kept));
        self.share(&rings);
        kept
    }

    fn share(&self, rings: &BTreeMap<u64, Arc<Mutex<Kept>>>) {
        let share = self.bounds.bytes / (rings.len() as u64).max(1);
        for kept in rings.values() {
            lock(kept).ring.limit(share);
        }
    }

    fn rings(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Mutex<Kept>>>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what was recorded of the vantage's namespace.
pub async fn read(
    archive: Option<&Arc<Archive>>,
    vantage: &Vantage,
    clock: &RunClock,
    request: &Request,
) -> Result<Recording, Failure> {
    let at = clock.now();
    let outcome = match archive {
        None => Err(unavailable("a daemon that records", "there is no recorder here; `sonde daemon run` has one")),
        Some(archive) => {
            let (archive, id, request) = (Arc::clone(archive), vantage.id(), request.clone());
            let read = tokio::task::spawn_blocking(move || archive.answer(id, &request));
            read.await.unwrap_or_else(|error| {
                Err(Problem::os("read what was recorded", &io::Error::other(error.to_string()), ""))
            })
        }
    };
    outcome.map_err(|problem| problem.into_failure(clock.since(at).elapsed))
}

/// The same numbers as they are now, as a recording of one step: for those who have no recorder.
pub async fn present(vantage: &Vantage, clock: &RunClock, of: Numbers) -> Result<Recording, Failure> {
    inspect(vantage, clock, move |procfs| {
        let bounds = Bounds::default();
        let (mut step, _) = Sampler::new(bounds.step, bounds.step).take(procfs)?;
        step.span = ring::micros(bounds.step);
        let to = Duration::from_micros(step.end);
        let period = Period { from: to.saturating_sub(bounds.step), to };
        let mut ring = Ring::new(bounds);
        ring.push(&step);
        question::answer(&ring, &Request { period, points: 2, of })
    })
    .await
}

fn unavailable(needs: &str, detail: &str) -> Problem {
    Problem { reason: Reason::Unavailable(needs.to_owned()), errno: None, detail: detail.to_owned() }
}

fn watched(network_namespace: u64, kept: &Kept) -> Watched {
    let wall = Duration::from_micros;
    let last = kept.ring.last().map(wall);
    let until = |begin: u64| last.map(|to| Period { from: wall(begin), to });
    let begins = kept.ring.begins();
    Watched {
        network_namespace,
        fine: begins.and_then(|(fine, _)| until(fine)),
        all: begins.and_then(|(_, all)| until(all)),
        steps: kept.ring.steps(),
        bytes: kept.ring.weight() as u64,
        cost: kept.cost,
        since: kept.since,
        walk_every: kept.walk_every,
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a namespace has no step.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be entered.
    #[error(transparent)]
    Vantage(#[from] VantageError),
    /// What is there now is another namespace.
    #[error("another namespace is there now")]
    Replaced,
    /// A table could not be read.
    #[error("{0}")]
    Read(String),
}

/// Records one namespace. A foreign one is entered for each step and left again: being watched keeps no namespace alive.
#[derive(Debug)]
pub struct Recorder {
    archive: Arc<Archive>,
    selector: Selector,
    network_namespace: u64,
    /// The daemon's own, which stays.
    own: Option<Arc<Vantage>>,
    sampler: Option<Sampler>,
    share: Duration,
}

impl Recorder {
    /// Begins with the namespace that the selector means now. `share` is the processor time that one step may take. Blocks for the
    /// time of a few system calls.
    pub fn begin(archive: Arc<Archive>, selector: Selector, share: Duration) -> Result<Self, VantageError> {
        let vantage = Vantage::open(&selector)?;
        let network_namespace = vantage.id();
        let own = (selector == Selector::Own).then(|| Arc::new(vantage));
        archive.ring(network_namespace);
        Ok(Self { archive, selector, network_namespace, own, sampler: None, share })
    }

    /// The inode number of its namespace.
    pub fn network_namespace(&self) -> u64 {
        self.network_namespace
    }

    /// The share changes with the number of namespaces.
    pub fn set_share(&mut self, share: Duration) {
        self.share = share;
        if let Some(sampler) = &mut self.sampler {
            sampler.pace.set_share(share);
        }
    }

    /// Takes a step and keeps it; after how many steps the next is due.
    pub async fn step(&mut self) -> Result<u32, RecordError> {
        let vantage = self.enter().await?;
        let procfs = vantage.procfs();
        let step = self.archive.bounds.step;
        let mut sampler = self.sampler.take().unwrap_or_else(|| Sampler::new(step, self.share));
        let kept = self.archive.ring(self.network_namespace);
        let work = move || {
            let began = crate::clock::on_processor();
            let taken = sampler.take(&procfs);
            let mut kept = lock(&kept);
            kept.walk_every = step * sampler.pace.steps_of_a_walk();
            let outcome = taken.map(|(step, _)| kept.ring.push(&step));
            kept.cost += crate::clock::on_processor().saturating_sub(began);
            (sampler, outcome)
        };
        let worked = vantage.inspect(work).await.map_err(|error| RecordError::Read(error.to_string()))?;
        let (sampler, outcome) = worked;
        let due = sampler.pace.steps_of_a_reading();
        self.sampler = Some(sampler);
        outcome.map(|()| due).map_err(|problem| RecordError::Read(problem.detail))
    }

    async fn enter(&self) -> Result<Arc<Vantage>, RecordError> {
        if let Some(own) = &self.own {
            return Ok(Arc::clone(own));
        }
        let selector = self.selector.clone();
        let opened = tokio::task::spawn_blocking(move || Vantage::open(&selector)).await;
        let vantage = opened.map_err(|error| RecordError::Read(error.to_string()))??;
        if vantage.id() == self.network_namespace { Ok(Arc::new(vantage)) } else { Err(RecordError::Replaced) }
    }
}
