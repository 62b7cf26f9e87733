//! The flight recorder's task: which namespaces are recorded, and one loop for each.
//!
//! Always the daemon's own; those that the configuration names, whenever they are there; and those in which a diagnosis was made
//! of late, until an hour has passed without one. Being recorded keeps no namespace alive.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sonde_probe::history::{Archive, RecordError, Recorder};
use sonde_probe::vantage::{NetworkNamespace, Selector};
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config;

/// A way to the recorder. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) archive: Arc<Archive>,
    seen: mpsc::Sender<Selector>,
}

/// The task.
#[derive(Debug)]
struct Task {
    config: config::Recorder,
    archive: Arc<Archive>,
    ending: CancellationToken,
    /// By inode number.
    places: HashMap<u64, Place>,
    loops: JoinSet<()>,
    share: watch::Sender<Duration>,
}

/// A namespace that is recorded, or was until it went away.
#[derive(Debug)]
struct Place {
    namespace: NetworkNamespace,
    /// It stays, used or not.
    kept: bool,
    used: Instant,
    /// The loop that records it; absent since that ended.
    recorded_by: Option<task::Id>,
    stop: CancellationToken,
}

impl Recording {
    /// A diagnosis is made there. Where the recorder is busy the next one will do.
    pub(crate) fn seen(&self, selector: Selector) {
        if selector != Selector::Own {
            drop(self.seen.try_send(selector));
        }
    }
}

/// The way to a recorder, and its task, for the caller to poll.
pub(crate) fn start(
    config: config::Recorder,
    ending: CancellationToken,
) -> (Recording, impl Future<Output = ()> + Send + 'static) {
    let archive = Archive::new(config.bounds());
    let (seen, inbox) = mpsc::channel(INBOX);
    let (share, _) = watch::channel(whole_share(&config));
    let task =
        Task { config, archive: Arc::clone(&archive), ending, places: HashMap::new(), loops: JoinSet::new(), share };
    (Recording { archive, seen }, task.run(inbox))
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Selector>) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.begin(Selector::Own, true).await;
        loop {
            tokio::select! {
                biased;
                () = self.ending.cancelled() => break,
                Some(selector) = inbox.recv() => self.begin(selector, false).await,
                Some(ended) = self.loops.join_next_with_id() => self.ended(ended),
                _ = look.tick() => self.look().await,
            }
        }
        self.loops.shutdown().await;
    }

    /// Records a namespace, or goes on with one that is recorded already.
    async fn begin(&mut self, selector: Selector, kept: bool) {
        let (archive, share) = (Arc::clone(&self.archive), *self.share.borrow());
        let shown = selector.clone();
        let recorder = match spawn_blocking(move || Recorder::begin(archive, selector, share)).await {
            Ok(Ok(recorder)) => recorder,
            Ok(Err(error)) => {
                debug!(%error, "a namespace is not recorded");
                return;
            }
            Err(error) => {
                warn!(%error, "a namespace is not recorded");
                return;
            }
        };
        let namespace = recorder.network_namespace();
        if self.admit(namespace, kept) {
            info!(namespace = namespace.inode, vantage = ?shown, "recording");
            self.record(recorder);
        }
    }

    /// Gives a namespace its place; false where it is recorded already, or as many are as may.
    fn admit(&mut self, namespace: NetworkNamespace, kept: bool) -> bool {
        let id = namespace.inode;
        // Another one had its number, and is gone.
        if self.places.get(&id).is_some_and(|place| !place.namespace.may_be(namespace)) {
            self.drop_place(id);
        }
        if let Some(place) = self.places.get_mut(&id) {
            place.used = Instant::now();
            place.kept |= kept;
            return place.recorded_by.is_none();
        }
        if self.places.len() >= self.config.most_namespaces && !self.make_room() {
            debug!(namespace = id, "as many namespaces are recorded as may");
            return false;
        }
        let stop = self.ending.child_token();
        self.places.insert(id, Place { namespace, kept, used: Instant::now(), recorded_by: None, stop });
        true
    }

    /// Begins the loop of a namespace that has a place.
    fn record(&mut self, mut recorder: Recorder) {
        let Some(place) = self.places.get_mut(&recorder.network_namespace().inode) else { return };
        recorder.keep();
        let stop = place.stop.clone();
        let recording = record(recorder, self.config.step, self.share.subscribe(), stop);
        place.recorded_by = Some(self.loops.spawn(recording).id());
        self.divide();
    }

    /// Our own is recorded always, the configured ones may have come, and others may be of no use any more.
    async fn look(&mut self) {
        self.begin(Selector::Own, true).await;
        for namespace in self.config.namespaces.clone() {
            self.begin(Selector::Netns(namespace.0), true).await;
        }
        let now = Instant::now();
        let unused: Vec<u64> = self
            .places
            .iter()
            .filter(|(_, place)| !place.kept && now.saturating_duration_since(place.used) > UNUSED)
            .map(|(id, _)| *id)
            .collect();
        for id in unused {
            self.drop_place(id);
        }
    }

    fn ended(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        if let Some(place) = self.places.values_mut().find(|place| place.recorded_by == Some(id)) {
            place.recorded_by = None;
            // One that was configured comes back as another.
            place.kept &= ended.is_err();
        }
        if let Some(error) = ended.err().filter(|error| !error.is_cancelled()) {
            warn!(%error, "a recording was lost to a bug");
        }
        self.divide();
    }

    /// Forgets the one that was used the longest ago; false where all are to stay.
    fn make_room(&mut self) -> bool {
        let oldest = self.places.iter().filter(|(_, place)| !place.kept).min_by_key(|(_, place)| place.used);
        let Some(id) = oldest.map(|(id, _)| *id) else { return false };
        self.drop_place(id);
        true
    }

    fn drop_place(&mut self, id: u64) {
        if let Some(place) = self.places.remove(&id) {
            place.stop.cancel();
        }
        self.archive.forget(id);
        self.divide();
    }

    /// Each namespace gets an equal share of the processor time that a step may take.
    fn divide(&mut self) {
        let running = self.places.values().filter(|place| place.recorded_by.is_some()).count().max(1);
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        self.share.send_replace(whole_share(&self.config) / running);
    }
}

/// Processor time that one step of all namespaces together may take.
fn whole_share(config: &config::Recorder) -> Duration {
    config.cpu.mul_f64(config.step.as_secs_f64())
}

/// Takes a step after the other until it is told to stop or the namespace is gone.
async fn record(
    mut recorder: Recorder,
    step: Duration,
    mut share: watch::Receiver<Duration>,
    ended: CancellationToken,
) {
    let id = recorder.network_namespace().inode;
    let mut next = Instant::now();
    let mut failing = false;
    loop {
        recorder.set_share(*share.borrow_and_update());
        let taken = tokio::select! {
            biased;
            () = ended.cancelled() => return,
            taken = timeout(PATIENCE, recorder.step()) => taken,
        };
        let due = match taken {
            Ok(Ok(due)) => {
                failing = false;
                due
            }
            Ok(Err(error @ (RecordError::Vantage(_) | RecordError::Replaced))) => {
                info!(namespace = id, %error, "recording ended");
                return;
            }
            Ok(Err(RecordError::Read(problem))) => {
                if !failing {
                    warn!(namespace = id, problem, "a step was not recorded");
                }
                failing = true;
                RETRY
            }
            // A machine that is this far behind has a gap.
            Err(_) => 1,
        };
        next += step * due;
        // What was missed is not caught up with: two steps at once would tell less than one.
        let now = Instant::now();
        if next <= now {
            next = now + step * due;
        }
        tokio::select! {
            biased;
            () = ended.cancelled() => return,
            () = sleep_until(next) => {}
        }
    }
}

/// Namespaces that wait to be recorded; those of runs, of which there are few at once.
const INBOX: usize = 64;

/// Between two looks for configured namespaces that were not there, and for unused ones.
const LOOK: Duration = Duration::from_secs(10);

/// A namespace in which no diagnosis was made for so long is no longer recorded.
const UNUSED: Duration = Duration::from_hours(1);

/// Of one step.
const PATIENCE: Duration = Duration::from_secs(10);

/// Steps until the next try where the tables cannot be read.
const RETRY: u32 = 10;

#[cfg(test)]
mod tests;
