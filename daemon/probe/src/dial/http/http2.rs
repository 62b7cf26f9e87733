//! HTTP/2 over a stream that carries plain text: the request, its answer, and the same again after pauses.
//!
//! One stream at a time. What the server's frames say of the connection is read beside the library (`frames`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Reason as Code, RecvStream};
use sonde_core::observation::dial::{BodyEnd, HttpPhases, HttpResponse, HttpSequel, IdleClose};
use sonde_core::observation::{Failure, Phase, Reason};

use super::answer::{self, Driver};
use super::frames::{Frames, Overheard, begins_http2};
use super::http1::idle_end;
use super::{Call, Plain, Said};
use crate::dial;
use crate::dial::tape::{Tape, Taped};
use crate::failure::Fault;

/// Bounds the head of a response.
const HEAD_BYTES: u32 = 64 * 1024;
/// As browsers: a body is never held up by our window.
const WINDOW_BYTES: u32 = 1 << 20;

/// The request and its answer over `stream`, then its sequels.
pub(super) async fn talk<S: Plain>(call: &Call<'_>, stream: S, said: &mut Said) -> Result<(), Failure> {
    let tape = Tape::new(call.attempt.clock());
    let frames = Arc::new(Mutex::new(Frames::default()));
    let overheard = Overheard::new(Taped::new(stream, &tape), &frames);
    let outcome = Box::pin(conversation(call, overheard, said)).await;
    said.http2 = Some(frames.lock().unwrap_or_else(PoisonError::into_inner).facts());
    let first_bytes = tape.record().first_bytes;
    let outcome = match outcome {
        Err(fault) if !begins_http2(&first_bytes) => {
            let what = format!("not HTTP/2 but \"{}\"", first_bytes.escape_ascii());
            said.not_http = Some(first_bytes);
            let detail = format!("{}: the peer sent {what}", call.checked.doing);
            Err(Fault::new(fault.phase, Reason::Malformed(what), detail))
        }
        outcome => outcome,
    };
    outcome.map_err(|fault| call.failure(fault))
}

async fn conversation<S: Plain>(call: &Call<'_>, stream: Overheard<Taped<S>>, said: &mut Said) -> Result<(), Fault> {
    let doing = &call.checked.doing;
    let at = call.now();
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .max_header_list_size(HEAD_BYTES)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let opened = call.attempt.bounded(Phase::Send, doing, builder.handshake(stream)).await?;
    let (sender, connection) = opened.map_err(|error| explain(Phase::Send, doing, error))?;
    let mut talk = Talk { call: *call, sender, connection: Driver::new(connection) };
    talk.exchange(at, &mut said.phases, &mut said.response).await?;
    if said.response.as_ref().is_some_and(|response| response.body_end == BodyEnd::Complete) {
        talk.sequels(&mut said.sequels).await;
    }
    Ok(())
}

struct Talk<'a, S: Plain> {
    call: Call<'a>,
    sender: SendRequest<Bytes>,
    connection: Driver<Connection<Overheard<Taped<S>>, Bytes>>,
}

impl<S: Plain> Talk<'_, S> {
    /// One request on a stream of its own, with its phases.
    async fn exchange(
        &mut self,
        begun: Duration,
        phases: &mut HttpPhases,
        response: &mut Option<HttpResponse>,
    ) -> Result<(), Fault> {
        let Call { attempt, checked, .. } = self.call;
        let (clock, doing) = (attempt.clock(), &checked.doing);
        let (request, body) = checked.http2();
        let sending = async {
            let mut sender = self.connection.drive(self.sender.clone().ready()).await?;
            let (answer, mut upload) = sender.send_request(request, body.is_empty())?;
            if !body.is_empty() {
                upload.send_data(body, true)?;
            }
            // One turn of the connection writes what it holds.
            self.connection.drive(async {}).await;
            Ok(answer)
        };
        let sent = attempt.bounded(Phase::Send, doing, sending).await;
        phases.send = Some(clock.since(begun));
        let answer = sent?.map_err(|error| explain(Phase::Send, doing, error))?;
        let waiting = clock.now();
        let answer = attempt.bounded(Phase::Wait, doing, self.connection.drive(answer)).await;
        phases.wait = Some(clock.since(waiting));
        let answer = answer?.map_err(|error| explain(Phase::Wait, doing, error))?;
        let receiving = clock.now();
        let seen = response.insert(answer::head(&answer, &checked.method));
        let collecting = self.connection.drive(collect(answer.into_body(), checked.body_limit, seen));
        let collected = attempt.bounded(Phase::Receive, doing, collecting).await;
        phases.receive = Some(clock.since(receiving));
        let outcome = match collected {
            Ok(outcome) => outcome.map_err(|error| explain(Phase::Receive, doing, error)),
            Err(fault) => Err(fault),
        };
        if let (Err(fault), Some(response)) = (&outcome, response) {
            response.body_end = answer::broken(&fault.reason);
        }
        outcome
    }

    /// The same again after each pause, until something ends it.
    async fn sequels(&mut self, sequels: &mut Vec<HttpSequel>) {
        let call = self.call;
        for pause in &call.checked.again_after {
            let answered = call.now();
            let mut sequel = HttpSequel {
                idle: Duration::ZERO,
                closed: None,
                phases: HttpPhases::default(),
                response: None,
                outcome: Ok(()),
            };
            let resting = self.connection.rest(tokio::time::sleep(*pause));
            let ended = call.attempt.bounded(Phase::Wait, "wait before the next request", resting).await;
            let ended = ended.map(|ended| ended.map(|outcome| outcome.as_ref().err().is_some_and(is_reset)));
            let now = call.now();
            sequel.idle = now.saturating_sub(answered);
            let outcome = match ended {
                Ok(None) => Box::pin(self.exchange(now, &mut sequel.phases, &mut sequel.response)).await,
                Ok(Some(reset)) => {
                    sequel.closed = Some(IdleClose { after: sequel.idle, reset });
                    Err(idle_end(&call.checked.doing, reset))
                }
                Err(fault) => Err(fault),
            };
            sequel.outcome = outcome.map_err(|fault| call.failure(fault));
            let is_whole = sequel.outcome.is_ok()
                && sequel.response.as_ref().is_some_and(|response| response.body_end == BodyEnd::Complete);
            sequels.push(sequel);
            if !is_whole {
                return;
            }
        }
    }
}

async fn collect(mut body: RecvStream, limit: u64, seen: &mut HttpResponse) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let data = data?;
        let beyond = answer::take(seen, &data, limit);
        body.flow_control().release_capacity(data.len())?;
        if beyond || seen.body_bytes >= limit && !body.is_end_stream() {
            answer::finish(seen, BodyEnd::Limit);
            return Ok(());
        }
    }
    if let Some(trailers) = body.trailers().await? {
        answer::take_trailers(seen, &trailers);
    }
    answer::finish(seen, BodyEnd::Complete);
    Ok(())
}

fn is_reset(error: &h2::Error) -> bool {
    error.get_io().is_some_and(|error| matches!(error.kind(), std::io::ErrorKind::ConnectionReset))
}

/// The library words the end of the stream of bytes as a broken pipe; one of the kernel has no words.
fn is_end(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe && error.get_ref().is_some()
}

/// What ended an HTTP/2 conversation.
pub(crate) fn explain(phase: Phase, doing: &str, error: h2::Error) -> Fault {
    let text = error.to_string();
    let detail = format!("{doing}: {text}");
    let (reset, away, by_peer) = (error.is_reset(), error.is_go_away(), error.is_remote());
    if error.get_io().is_some_and(is_end) {
        return Fault::new(phase, Reason::Closed, format!("{doing}: the peer closed the connection"));
    }
    if error.is_io() {
        return match error.into_io() {
            Some(error) => dial::fault_of(phase, doing, &error),
            None => Fault::new(phase, Reason::Closed, detail),
        };
    }
    let reason = match (by_peer, reset, away) {
        // The library's word on what we asked of it: nothing of that left.
        _ if error.reason().is_none() => Reason::InvalidRequest(text),
        (true, true, _) => Reason::Reset,
        (true, _, true) => Reason::Closed,
        // Found wrong here, by the library.
        (false, ..) if error.reason() != Some(Code::NO_ERROR) => Reason::Malformed(text),
        _ => Reason::Other(text),
    };
    Fault::new(phase, reason, detail)
}
