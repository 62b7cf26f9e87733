//! The threads that live in a foreign vantage and run closures there.
//!
//! Two of them, so that opening a socket never waits behind a dump of a hundred thousand sockets. Both end when the vantage is
//! dropped. A closure that panics ends its own call only.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc as async_mpsc, oneshot};

use super::VantageError;
use super::entry::Entry;

type Job = Box<dyn FnOnce() + Send>;

/// Callers of `within` are operating system threads that wait for their job, so this is the number of threads that may wait.
const SHORT_JOBS: usize = 1024;
/// Callers of `inspect` wait for a place; a few jobs in hand keep the thread busy.
const LONG_JOBS: usize = 16;
/// A short job takes microseconds; this only bounds a kernel that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Lanes {
    short: SyncSender<Job>,
    long: async_mpsc::Sender<Job>,
}

impl Lanes {
    /// Starts both threads and returns once they are inside.
    pub(super) fn start(entry: &Entry) -> Result<Self, VantageError> {
        let (short, jobs) = mpsc::sync_channel(SHORT_JOBS);
        spawn(entry, "vantage-open", move || run(|| jobs.recv().ok()))?;
        let (long, mut jobs) = async_mpsc::channel(LONG_JOBS);
        spawn(entry, "vantage-read", move || run(|| jobs.blocking_recv()))?;
        Ok(Self { short, long })
    }

    pub(super) fn within<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (reply, answer) = mpsc::sync_channel(1);
        // The caller may have stopped waiting.
        let job: Job = Box::new(move || drop(reply.try_send(f())));
        self.short.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => io::Error::new(io::ErrorKind::WouldBlock, "the vantage's thread is overloaded"),
            TrySendError::Disconnected(_) => gone(),
        })?;
        answer.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Disconnected => panicked(),
            RecvTimeoutError::Timeout => {
                io::Error::new(io::ErrorKind::TimedOut, "the vantage's thread does not answer")
            }
        })
    }

    pub(super) async fn inspect<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Nobody waits any more: the run was cancelled.
            if !reply.is_closed() {
                drop(reply.send(f()));
            }
        });
        self.long.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| panicked())
    }
}

/// The error of a call whose closure panicked; the panic itself was reported by the panic hook.
pub(super) fn panicked() -> io::Error {
    io::Error::other("the work inside the vantage panicked")
}

fn gone() -> io::Error {
    io::Error::other("the vantage's thread has ended")
}

fn spawn(entry: &Entry, name: &str, serve: impl FnOnce() + Send + 'static) -> Result<(), VantageError> {
    let own = entry.duplicate()?;
    let (entered, answer) = mpsc::sync_channel(1);
    let body = move || {
        let result = own.enter();
        let inside = result.is_ok();
        drop(own);
        if entered.try_send(result).is_ok() && inside {
            serve();
        }
    };
    // The thread owns its receiver and ends when the vantage, which holds the sender, is dropped.
    let handle = thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| entry.error("its thread cannot be started".to_owned(), Some(error)))?;
    drop(handle);
    match answer.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(_) => Err(entry.error("its thread does not answer".to_owned(), None)),
    }
}

fn run(mut next: impl FnMut() -> Option<Job>) {
    while let Some(job) = next() {
        // The waiting caller learns of a panic because its reply channel is dropped with the closure.
        drop(catch_unwind(AssertUnwindSafe(job)));
    }
}
