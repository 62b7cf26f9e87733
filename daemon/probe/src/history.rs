//! The flight recorder: what counters, queues and socket tables of watched namespaces were before now.
//!
//! An [`Archive`] holds a bounded ring for each namespace; a [`Recorder`] adds a step to the ring of one. Who records when, and
//! which namespaces, is the daemon's to decide. Without an archive every answer is `unavailable` and says so.

mod archive;
mod chunk;
mod key;
mod pace;
mod question;
mod recorder;
mod rehearsal;
mod ring;
mod sampler;
mod varint;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sonde_core::observation::history::{Numbers, Period, Recording, Request};
use sonde_core::observation::{Failure, Reason};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use self::archive::{Archive, Watched};
pub use self::chunk::Step;
pub use self::recorder::{RecordError, Recorder};
pub use self::rehearsal::{Rehearsal, read_chunk, write_chunk};
pub use self::ring::Bounds;
use self::ring::Ring;
use self::sampler::Sampler;
use crate::clock::{self, RunClock};
use crate::inspection::{Problem, inspect};
use crate::vantage::{NetworkNamespace, Vantage};

/// Questions that are answered at one time; the others wait.
static ANSWERS: Semaphore = Semaphore::const_new(4);

/// Of one question, with its wait.
const LONGEST: Duration = Duration::from_secs(10);

/// Reads what was recorded of the vantage's namespace. It ends with whoever waits for it.
pub async fn read(
    archive: Option<&Arc<Archive>>,
    vantage: &Vantage,
    clock: &RunClock,
    request: &Request,
) -> Result<Recording, Failure> {
    let at = clock.now();
    let outcome = match archive {
        None => Err(unavailable("a daemon that records", "there is no recorder here; `sonde daemon run` has one")),
        Some(archive) => answer(Arc::clone(archive), vantage.network_namespace(), request.clone()).await,
    };
    outcome.map_err(|problem| problem.into_failure(clock.since(at).elapsed))
}

/// Off the runtime's workers: it may decode a day.
async fn answer(archive: Arc<Archive>, namespace: NetworkNamespace, request: Request) -> Result<Recording, Problem> {
    let failed = |error: io::Error| Problem::os(READ, &error, "");
    let began = clock::instant();
    let ended = CancellationToken::new();
    let _ends = ended.clone().drop_guard();
    let permit = ANSWERS.acquire().await.map_err(|error| failed(io::Error::other(error)))?;
    let stop = move || {
        let late = ended.is_cancelled() || began.elapsed() > LONGEST;
        late.then(|| Problem::timed_out(READ, LONGEST))
    };
    let work = AbortOnDropHandle::new(tokio::task::spawn_blocking(move || {
        let _permit = permit;
        archive.answer(namespace, &request, stop)
    }));
    work.await.unwrap_or_else(|error| Err(failed(io::Error::other(error.to_string()))))
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
        let excerpt = ring.excerpt(ring::micros(period.from), step.end);
        question::answer(&excerpt, &Request { period, points: 2, of }, || None)
    })
    .await
}

fn unavailable(needs: &str, detail: &str) -> Problem {
    Problem { reason: Reason::Unavailable(needs.to_owned()), errno: None, detail: detail.to_owned() }
}

const READ: &str = "read what was recorded";
