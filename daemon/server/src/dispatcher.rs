//! The dispatcher: one task that owns all runs, going on and finished. Others send it messages and read journals.
//!
//! A run's own events do not pass through here: they go from its driver into its journal. A run that panics ends as lost, and
//! nothing else does.

mod drive;
mod fold;
mod journal;
mod prepared;
mod shelf;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sonde_host::Host;
use sonde_proto::v1;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, error, info};

pub(crate) use self::fold::MOST_BYTES;
use self::fold::Sum;
pub(crate) use self::journal::{Entry, Reader};
pub(crate) use self::prepared::Prepared;
use self::shelf::Shelf;
pub(crate) use self::shelf::{Found, Running};
use crate::config::Runs;
use crate::telemetry::Exporter;

/// A way to the dispatcher. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Dispatcher {
    inbox: mpsc::Sender<Command>,
}

/// Why a run does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// So many go on already.
    Busy(usize),
    /// The daemon is ending.
    Ending,
}

/// A run that began, for the client that asked for it.
#[derive(Debug)]
pub(crate) struct Begun {
    /// As others see it.
    pub(crate) running: Running,
    /// Ends the run when it is dropped, wherever the answer is by then; absent where the client asked to carry on.
    pub(crate) guard: Option<DropGuard>,
}

/// The task, and what it needs to know.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) host: Arc<Host>,
    pub(crate) exporter: Option<Arc<Exporter>>,
    pub(crate) bounds: Runs,
    /// Ends all runs, and then the task.
    pub(crate) ending: CancellationToken,
}

#[derive(Debug)]
enum Command {
    Begin { run: Box<Prepared>, reply: oneshot::Sender<Result<Begun, Refusal>> },
    Find { run_id: String, reply: oneshot::Sender<Option<Found>> },
    Before { place: Option<u64>, size: usize, reply: oneshot::Sender<Vec<(u64, Found)>> },
    Count { reply: oneshot::Sender<usize> },
}

impl Dispatcher {
    /// Begins a run. A client that goes away before the answer reaches it ends the run as one that goes away later.
    pub(crate) async fn begin(&self, run: Prepared) -> Result<Begun, Refusal> {
        self.ask(|reply| Command::Begin { run: Box::new(run), reply }).await?
    }

    /// The run of this id.
    pub(crate) async fn find(&self, run_id: &str) -> Result<Option<Found>, Refusal> {
        self.ask(|reply| Command::Find { run_id: run_id.to_owned(), reply }).await
    }

    /// At most `size` runs before the place, newest first, each with its own place.
    pub(crate) async fn before(&self, place: Option<u64>, size: usize) -> Result<Vec<(u64, Found)>, Refusal> {
        self.ask(|reply| Command::Before { place, size, reply }).await
    }

    /// Runs going on.
    pub(crate) async fn running(&self) -> Result<usize, Refusal> {
        self.ask(|reply| Command::Count { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(command(reply)).await.map_err(|_| Refusal::Ending)?;
        answer.await.map_err(|_| Refusal::Ending)
    }
}

impl Task {
    /// The way to the task, and the task itself, for the caller to poll.
    pub(crate) fn start(self) -> (Dispatcher, impl Future<Output = ()> + Send + 'static) {
        let (inbox, commands) = mpsc::channel(INBOX);
        (Dispatcher { inbox }, self.run(commands))
    }

    async fn run(self, mut inbox: mpsc::Receiver<Command>) {
        let mut known = Shelf::new(self.bounds.history, self.bounds.history_bytes);
        let mut runs: JoinSet<Arc<Sum>> = JoinSet::new();
        let mut places: HashMap<Id, u64> = HashMap::new();
        let mut ending = false;
        let mut open = true;
        while !(ending && runs.is_empty()) {
            tokio::select! {
                () = self.ending.cancelled(), if !ending => {
                    ending = true;
                    known.all_running().for_each(|run| run.cancel.cancel());
                }
                Some(ended) = runs.join_next_with_id() => {
                    let (id, sum) = outcome(ended);
                    if let Some(place) = places.remove(&id) {
                        known.finish(place, sum);
                    }
                }
                command = inbox.recv(), if open => match command {
                    // Nobody can ask any more: what goes on has no one to tell.
                    None => {
                        // A closed inbox is always ready: asking it again would spin until the runs have ended.
                        open = false;
                        self.ending.cancel();
                    }
                    Some(Command::Begin { reply, .. }) if ending => answer(reply, Err(Refusal::Ending)),
                    Some(Command::Begin { reply, .. }) if known.running() >= self.bounds.concurrent => {
                        answer(reply, Err(Refusal::Busy(known.running())));
                    }
                    Some(Command::Begin { run, reply }) => {
                        let carry_on = run.carry_on;
                        let (running, driver) = drive::begin(&self.host, self.exporter.clone(), *run);
                        let id = runs.spawn(driver).id();
                        places.insert(id, known.begin(running.clone()));
                        let guard = (!carry_on).then(|| running.cancel.clone().drop_guard());
                        answer(reply, Ok(Begun { running, guard }));
                    }
                    Some(Command::Find { run_id, reply }) => answer(reply, known.find(&run_id)),
                    Some(Command::Before { place, size, reply }) => answer(reply, known.before(place, size)),
                    Some(Command::Count { reply }) => answer(reply, known.running()),
                }
            }
        }
        debug!("the dispatcher ended");
    }
}

/// What a driver left; nothing where it panicked.
fn outcome(ended: Result<(Id, Arc<Sum>), JoinError>) -> (Id, Option<Arc<Sum>>) {
    match ended {
        Ok((id, sum)) => {
            let diagnosis = sum.diagnosis();
            let (run, target, state) =
                (&diagnosis.run_id, loggable(&diagnosis.target), diagnosis.state().as_str_name());
            let cause = diagnosis.verdict.as_ref().and_then(|verdict| verdict.causes.first()).map(|cause| &cause.cause);
            // A program that asks for one check may ask a thousand times in a second.
            if diagnosis.trigger() == v1::Trigger::RunCheck {
                debug!(run, target, state, cause, "check ended");
            } else {
                info!(run, target, state, cause, "diagnosis ended");
            }
            (id, Some(sum))
        }
        Err(error) => {
            error!(%error, "a run was lost to a bug");
            (error.id(), None)
        }
    }
}

/// A target without its query, which may hold a secret.
fn loggable(target: &str) -> &str {
    target.split_once('?').map_or(target, |(shown, _)| shown)
}

/// An asker that went away needs no answer.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}

/// Commands that wait. They are answered at once; this only smooths bursts.
const INBOX: usize = 64;

/// How long the end of the daemon waits for its runs to end.
pub(crate) const DRAIN: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
