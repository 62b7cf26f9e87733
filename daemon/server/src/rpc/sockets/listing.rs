//! A listing as a stream: a thread of the vantage writes rows into batches, a bounded channel carries them, and the stream holds the
//! client's deadline. Whoever drops the stream ends the thread at its next batch.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, stream};
use sonde_core::observation::Failure;
use sonde_probe::clock::RunClock;
use sonde_probe::sockets::{self, Listing, Socket, Walked};
use sonde_probe::vantage::Vantage;
use sonde_proto::rows::Batch;
use sonde_proto::v1;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::super::refusal;
use super::{LONGEST, filter, row};

/// What a client wants to see.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    listing: Listing,
    details: bool,
    /// 0 for no limit.
    limit: u64,
}

impl Asked {
    pub(super) fn of(request: &v1::ListSocketsRequest) -> Result<Self, Status> {
        let listing = Listing {
            filter: filter::filter(request.filter.as_ref())?,
            info: request.with_info,
            memory: request.with_details,
            cgroup: request.with_details,
            owners: request.with_processes,
        };
        Ok(Self { listing, details: request.with_details, limit: request.limit.into() })
    }
}

/// The rows, the summary last.
pub(super) fn stream(
    vantage: Arc<Vantage>,
    asked: Asked,
    deadline: Instant,
) -> impl Stream<Item = Result<v1::ListSocketsResponse, Status>> + Send {
    let (batches, receiver) = mpsc::channel(BATCHES);
    let mut work = JoinSet::new();
    work.spawn(async move {
        let allowed = LONGEST.min(deadline.saturating_duration_since(Instant::now()));
        let mut writer = Writer::new(batches, &asked, deadline);
        let ended = Arc::clone(&writer.ended);
        let visit = move |socket: &Socket<'_>| writer.write(socket);
        let walked = sockets::visit(&vantage, &RunClock::start(), asked.listing, allowed, visit).await;
        walked.map(|walked| (walked, *ended.lock().unwrap_or_else(PoisonError::into_inner)))
    });
    let state = State { batches: receiver, work, deadline };
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Step::Rows(rows) => Some((Ok(rows), Some(state))),
            Step::End(end) => Some((end, None)),
        }
    })
}

struct State {
    batches: mpsc::Receiver<v1::ListSocketsResponse>,
    work: JoinSet<Result<(Walked, Counted), Failure>>,
    deadline: Instant,
}

enum Step {
    Rows(v1::ListSocketsResponse),
    End(Result<v1::ListSocketsResponse, Status>),
}

impl State {
    async fn next(&mut self) -> Step {
        match timeout_at(self.deadline, self.batches.recv()).await {
            Err(_) => return Step::End(Err(refusal::deadline())),
            Ok(Some(rows)) => return Step::Rows(rows),
            Ok(None) => {}
        }
        Step::End(match self.work.join_next().await {
            Some(Ok(Ok((_, Counted { late: true, .. })))) => Err(refusal::deadline()),
            Some(Ok(Ok((walked, counted)))) => {
                let summary = v1::ListingSummary {
                    sent: counted.sent,
                    limited: counted.limited,
                    changed: walked.changed,
                    owners_cut: walked.owners_cut,
                };
                Ok(v1::ListSocketsResponse::last(summary))
            }
            Some(Ok(Err(failure))) => Err(refusal::failure(&failure)),
            Some(Err(_)) | None => {
                Err(refusal::internal("the listing was lost to a bug of the daemon; its log says more"))
            }
        })
    }
}

/// How many rows went.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    sent: u64,
    limited: bool,
    /// The client did not take a batch before its deadline.
    late: bool,
}

/// Fills batches on the vantage's thread.
struct Writer {
    batch: Batch,
    counted: Counted,
    limit: u64,
    details: bool,
    batches: mpsc::Sender<v1::ListSocketsResponse>,
    deadline: Instant,
    runtime: Handle,
    ended: Arc<Mutex<Counted>>,
}

impl Writer {
    fn new(batches: mpsc::Sender<v1::ListSocketsResponse>, asked: &Asked, deadline: Instant) -> Self {
        Self {
            batch: Batch::default(),
            counted: Counted::default(),
            limit: asked.limit,
            details: asked.details,
            batches,
            deadline,
            runtime: Handle::current(),
            ended: Arc::default(),
        }
    }

    fn write(&mut self, socket: &Socket<'_>) -> ControlFlow<()> {
        if self.limit != 0 && self.counted.sent == self.limit {
            self.counted.limited = true;
            return ControlFlow::Break(());
        }
        let details = self.details;
        self.batch.push(|writer| row::write(writer, socket, details));
        self.counted.sent += 1;
        if self.batch.count() == ROWS || self.batch.size_bytes() >= FULL_BYTES {
            return self.send();
        }
        ControlFlow::Continue(())
    }

    /// Waits for its turn, at most until the deadline: a client that reads no more must not keep the thread.
    fn send(&mut self) -> ControlFlow<()> {
        let rows = self.batch.take();
        let rows = match self.batches.try_send(rows) {
            Ok(()) => return ControlFlow::Continue(()),
            Err(TrySendError::Closed(_)) => return ControlFlow::Break(()),
            Err(TrySendError::Full(rows)) => rows,
        };
        match self.runtime.block_on(timeout_at(self.deadline, self.batches.send(rows))) {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) => ControlFlow::Break(()),
            Err(_) => {
                self.counted.late = true;
                ControlFlow::Break(())
            }
        }
    }
}

/// The walk drops it at its end: what is left is sent then.
impl Drop for Writer {
    fn drop(&mut self) {
        if self.batch.count() > 0 && !self.counted.late {
            // Whoever listens no more misses nothing.
            let _: ControlFlow<()> = self.send();
        }
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = self.counted;
    }
}

/// Rows in a message: some 36 KiB, a few frames of HTTP/2.
const ROWS: usize = 512;

/// Long before a message would be too large for a client (4 MiB), whatever the rows hold.
const FULL_BYTES: usize = 256 << 10;

/// Messages on their way: enough for the kernel to be read while a client prints.
const BATCHES: usize = 4;
