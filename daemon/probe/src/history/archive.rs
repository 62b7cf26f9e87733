//! What was recorded, by namespace: a ring for each, under one bound.
//!
//! Locks are held for moments: to add a step, to copy a list of chunks. What is decoded is decoded behind them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use sonde_core::observation::history::{Period, Recording, Request};

use super::question;
use super::ring::{Bounds, Ring, micros};
use super::sampler::Sampler;
use super::unavailable;
use crate::clock::{self, RunClock};
use crate::inspection::Problem;
use crate::vantage::{NetworkNamespace, Procfs};

/// What was recorded, by namespace. Shared through an `Arc`.
#[derive(Debug)]
pub struct Archive {
    bounds: Bounds,
    /// By inode number, of which only one namespace at a time has each.
    watches: Mutex<BTreeMap<u64, Arc<Watch>>>,
}

/// One namespace.
#[derive(Debug)]
pub(super) struct Watch {
    namespace: NetworkNamespace,
    step: Duration,
    /// Held from taking a step to keeping it: there is one at a time, and each is newer than the one before.
    sampler: Mutex<Sampler>,
    kept: Mutex<Kept>,
}

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
        Arc::new(Self { bounds, watches: Mutex::default() })
    }

    /// How much is kept.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The recorded namespaces, by inode number.
    pub fn watched(&self) -> Vec<Watched> {
        let watches: Vec<_> = lock(&self.watches).values().map(Arc::clone).collect();
        watches.iter().map(|watch| watch.told()).collect()
    }

    /// What of a namespace's time is kept, in steps of any length.
    pub fn kept(&self, namespace: NetworkNamespace) -> Option<Period> {
        self.find(namespace)?.told().all
    }

    /// Forgets the namespace that has this inode number.
    pub fn forget(&self, inode: u64) {
        let mut watches = lock(&self.watches);
        let forgotten = watches.remove(&inode);
        self.share(&watches);
        drop(watches);
        // What it holds is freed behind the lock.
        drop(forgotten);
    }

    /// What was recorded. It may decode a day: not on a worker of a runtime. `stop` may end it, for a reason.
    pub(super) fn answer(
        &self,
        namespace: NetworkNamespace,
        request: &Request,
        stop: impl Fn() -> Option<Problem>,
    ) -> Result<Recording, Problem> {
        let Some(watch) = self.find(namespace) else {
            let watched = "a recorder that watches this namespace";
            return Err(unavailable(watched, "the recorder has not watched this namespace"));
        };
        let excerpt = lock(&watch.kept).ring.excerpt(micros(request.period.from), micros(request.period.to));
        question::answer(&excerpt, request, stop)
    }

    /// The place of a namespace, a new one where there is none. What another one left there, which had its inode number before it, is
    /// forgotten.
    pub(super) fn watch(&self, namespace: NetworkNamespace) -> Arc<Watch> {
        let mut watches = lock(&self.watches);
        if let Some(watch) = watches.get(&namespace.inode).filter(|watch| watch.namespace.may_be(namespace)) {
            return Arc::clone(watch);
        }
        let step = self.bounds.step;
        let kept =
            Kept { ring: Ring::new(self.bounds), cost: Duration::ZERO, since: RunClock::wall_now(), walk_every: step };
        let sampler = Mutex::new(Sampler::new(step, step));
        let watch = Arc::new(Watch { namespace, step, sampler, kept: Mutex::new(kept) });
        let replaced = watches.insert(namespace.inode, Arc::clone(&watch));
        self.share(&watches);
        drop(watches);
        drop(replaced);
        watch
    }

    fn find(&self, namespace: NetworkNamespace) -> Option<Arc<Watch>> {
        let watches = lock(&self.watches);
        watches.get(&namespace.inode).filter(|watch| watch.namespace.may_be(namespace)).map(Arc::clone)
    }

    fn share(&self, watches: &BTreeMap<u64, Arc<Watch>>) {
        let share = self.bounds.bytes / (watches.len() as u64).max(1);
        for watch in watches.values() {
            lock(&watch.kept).ring.limit(share);
        }
    }
}

impl Watch {
    /// Takes a step and keeps it; after how many steps the next is due. Inside the vantage only.
    pub(super) fn record(&self, procfs: &Procfs, share: Duration) -> Result<u32, Problem> {
        let mut sampler = match self.sampler.try_lock() {
            Ok(sampler) => sampler,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The step before is not over, though nobody waits for it any more: this one would tell of the same time.
            Err(TryLockError::WouldBlock) => return Ok(1),
        };
        let began = clock::on_processor();
        sampler.pace.set_share(share);
        let taken = sampler.take(procfs);
        let mut kept = lock(&self.kept);
        kept.walk_every = self.step * sampler.pace.steps_of_a_walk();
        let outcome = taken.map(|(step, _)| kept.ring.push(&step));
        kept.cost += clock::on_processor().saturating_sub(began);
        outcome.map(|()| sampler.pace.steps_of_a_reading())
    }

    fn told(&self) -> Watched {
        let kept = lock(&self.kept);
        let wall = Duration::from_micros;
        let last = kept.ring.last().map(wall);
        let until = |begin: u64| last.map(|to| Period { from: wall(begin), to });
        let begins = kept.ring.begins();
        Watched {
            network_namespace: self.namespace.inode,
            fine: begins.and_then(|(fine, _)| until(fine)),
            all: begins.and_then(|(_, all)| until(all)),
            steps: kept.ring.steps(),
            bytes: kept.ring.weight() as u64,
            cost: kept.cost,
            since: kept.since,
            walk_every: kept.walk_every,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::chunk::Step;
    use super::super::chunk::tests::counter;
    use super::*;

    const END: u64 = 1_795_000_000_000_000;

    fn namespace(cookie: Option<u64>) -> NetworkNamespace {
        NetworkNamespace { inode: 4_026_532_000, cookie }
    }

    fn recorded(cookie: Option<u64>) -> Arc<Archive> {
        let archive = Archive::new(Bounds::default());
        let step = Step { end: END, span: 1_000_000, counted: false, values: vec![(counter("a"), 1)] };
        lock(&archive.watch(namespace(cookie)).kept).ring.push(&step);
        archive
    }

    #[test]
    fn a_namespace_inherits_nothing_of_one_that_had_its_number() {
        let archive = recorded(Some(1));
        let asked = archive.kept(namespace(Some(2)));
        archive.watch(namespace(Some(2)));

        assert_eq!(asked, None);
        assert_eq!((archive.kept(namespace(Some(1))), archive.kept(namespace(Some(2)))), (None, None));
        assert_eq!(archive.watched().len(), 1);
    }

    #[test]
    fn where_the_kernel_has_no_cookies_the_number_is_all_there_is() {
        for (was, is) in [(None, None), (None, Some(1)), (Some(1), None), (Some(1), Some(1))] {
            let archive = recorded(was);
            archive.watch(namespace(is));
            assert!(archive.kept(namespace(is)).is_some(), "{was:?} {is:?}");
        }
    }

    #[test]
    fn a_step_is_left_out_while_the_one_before_it_goes_on() {
        let procfs = Procfs::open().expect("/proc");
        let archive = Archive::new(Bounds::default());
        let watch = archive.watch(namespace(None));

        let before = watch.sampler.lock().expect("nobody else has it");
        let left_out = watch.record(&procfs, Duration::from_millis(4));
        let steps = watch.told().steps;
        drop(before);
        let taken = watch.record(&procfs, Duration::from_millis(4));

        assert_eq!((left_out, steps), (Ok(1), (0, 0)));
        assert!(taken.is_ok() && watch.told().steps == (1, 0), "{taken:?}");
    }
}
