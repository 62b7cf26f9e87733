//! The stream of a run's events to its client: it holds the client's deadline, and ends the run when the client goes away.

use futures_util::{Stream, stream};
use sonde_proto::events::EventResponse;
use sonde_proto::v1::DiagnosisEvent;
use sonde_proto::v1::diagnosis_event::Event;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::DropGuard;
use tonic::Status;

use super::refusal;
use crate::dispatcher::{Begun, Entry, Reader};

/// The events, the finished diagnosis last. Dropped before that, it ends the run, unless the client asked to carry on.
pub(super) fn events(
    begun: Begun,
    deadline: Option<Instant>,
    omit_evidence: bool,
) -> impl Stream<Item = Result<EventResponse, Status>> + Send + use<> {
    let state = State { reader: begun.running.reader, deadline, omit_evidence, guard: begun.guard };
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            (item, Last::No) => Some((item, Some(state))),
            (item, Last::Yes) => Some((item, None)),
        }
    })
}

struct State {
    reader: Reader,
    deadline: Option<Instant>,
    omit_evidence: bool,
    guard: Option<DropGuard>,
}

enum Last {
    Yes,
    No,
}

impl State {
    async fn next(&mut self) -> (Result<EventResponse, Status>, Last) {
        let entry = match self.deadline {
            None => self.reader.next().await,
            Some(deadline) => {
                let Ok(entry) = timeout_at(deadline, self.reader.next()).await else {
                    // The run holds the same deadline, and ends by it: to cancel it now would hide why it ended.
                    if let Some(guard) = self.guard.take() {
                        guard.disarm();
                    }
                    return (Err(refusal::deadline()), Last::Yes);
                };
                entry
            }
        };
        match entry {
            Entry::Event(written) => (Ok(written.into()), Last::No),
            // The run ended because the deadline passed: the answer is that it passed.
            Entry::Finished(_) if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                (Err(refusal::deadline()), Last::Yes)
            }
            Entry::Finished(sum) => {
                let diagnosis = if self.omit_evidence { sum.diagnosis().clone() } else { sum.whole() };
                let at = diagnosis.elapsed;
                let event = DiagnosisEvent { at, event: Some(Event::Finished(Box::new(diagnosis))) };
                (Ok(event.into()), Last::Yes)
            }
            Entry::Lost => {
                (Err(refusal::internal("the run was lost to a bug of the daemon; its log says more")), Last::Yes)
            }
        }
    }
}
