//! HTTP/1.1 over a stream that carries plain text: the request, its answer, and the same again after pauses.

use std::error::Error as _;
use std::io;
use std::iter;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use sonde_core::observation::dial::{BodyEnd, HttpPhases, HttpResponse, HttpSequel, IdleClose};
use sonde_core::observation::{Failure, Phase, Reason};

use super::answer::{self, Driver};
use super::{Call, Plain, Said, phases};
use crate::dial::tape::{Tape, Taped};
use crate::dial::tls;
use crate::failure::Fault;

/// Bounds the response head.
const HEAD_BYTES: usize = 64 * 1024;

/// The request and its answer over `stream`, then its sequels.
pub(super) async fn talk<S: Plain>(call: &Call<'_>, stream: S, said: &mut Said) -> Result<(), Failure> {
    let tape = Tape::new(call.attempt.clock());
    // Nothing is sent or awaited yet.
    let opened = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(Taped::new(stream, &tape)))
        .await;
    let (sender, connection) = opened.map_err(|error| call.failure(explain(&error, Phase::Send, "open HTTP/1.1")))?;
    let mut talk = Talk { call: *call, tape, sender, connection: Driver::new(connection), used: false };
    let outcome = Box::pin(talk.exchange(&mut said.phases, &mut said.response)).await;
    let outcome = match not_http(&talk.tape.record().first_bytes) {
        Some(bytes) if outcome.is_err() => {
            let what = format!("not HTTP but \"{}\"", bytes.escape_ascii());
            said.not_http = Some(bytes);
            let detail = format!("{}: the peer sent {what}", call.checked.doing);
            Err(Fault::new(Phase::Receive, Reason::Malformed(what), detail))
        }
        _ => outcome,
    };
    outcome.map_err(|fault| call.failure(fault))?;
    // A body that was left at the limit blocks what would come behind it.
    if said.response.as_ref().is_some_and(|response| response.body_end == BodyEnd::Complete) {
        Box::pin(talk.sequels(&mut said.sequels)).await;
    }
    Ok(())
}

struct Talk<'a, S: Plain> {
    call: Call<'a>,
    tape: Tape,
    sender: SendRequest<Full<Bytes>>,
    connection: Driver<Connection<TokioIo<Taped<S>>, Full<Bytes>>>,
    /// A request was sent before.
    used: bool,
}

impl<S: Plain> Talk<'_, S> {
    /// One request and its answer, with the phases of both.
    async fn exchange(&mut self, seen: &mut HttpPhases, response: &mut Option<HttpResponse>) -> Result<(), Fault> {
        let (call, doing) = (self.call, &self.call.checked.doing);
        let begun = call.now();
        let outcome = call.attempt.bounded(Phase::Wait, doing, self.collect(response)).await;
        let ended = call.now();
        let phase = phases(&self.tape.record(), begun, ended, seen);
        let outcome = match outcome {
            // That the connection is closed says less than why it ended: a late alert, a reset.
            Ok(Err(error)) if error.is_closed() || error.is_canceled() => {
                let cause = self.connection.ended().and_then(|ended| ended.as_ref().err());
                Err(explain(cause.unwrap_or(&error), phase, doing))
            }
            Ok(outcome) => outcome.map_err(|error| explain(&error, phase, doing)),
            Err(fault) => Err(Fault { phase, ..fault }),
        };
        if let (Err(fault), Some(response)) = (&outcome, response) {
            response.body_end = answer::broken(&fault.reason);
        }
        outcome
    }

    async fn collect(&mut self, response: &mut Option<HttpResponse>) -> hyper::Result<()> {
        let checked = self.call.checked;
        let request = checked.http1();
        // The first request is taken at once, and what became of the connection meanwhile is then told of it.
        if self.used {
            self.connection.drive(self.sender.ready()).await?;
        }
        self.used = true;
        let answer = self.connection.drive(self.sender.send_request(request)).await?;
        let seen = response.insert(answer::head(&answer, &checked.method));
        let (mut body, mut beyond) = (pin!(answer.into_body()), false);
        loop {
            if beyond || seen.body_bytes >= checked.body_limit && !body.is_end_stream() {
                // The limit is where we wanted to stop.
                answer::finish(seen, BodyEnd::Limit);
                return Ok(());
            }
            let Some(frame) = self.connection.drive(body.frame()).await else {
                answer::finish(seen, BodyEnd::Complete);
                return Ok(());
            };
            match frame?.into_data() {
                Ok(data) => beyond = answer::take(seen, &data, checked.body_limit),
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        answer::take_trailers(seen, &trailers);
                    }
                }
            }
        }
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
            self.tape.rewind();
            let outcome = self.rest(*pause).await;
            sequel.idle = call.now().saturating_sub(answered);
            let outcome = match outcome {
                Ok(None) => {
                    let outcome = self.exchange(&mut sequel.phases, &mut sequel.response).await;
                    if let Some(written) = self.tape.record().first_write {
                        sequel.idle = written.saturating_sub(answered);
                    }
                    outcome
                }
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

    /// Whether the peer ended the connection meanwhile, and whether with a reset.
    async fn rest(&mut self, pause: Duration) -> Result<Option<bool>, Fault> {
        let doing = "wait before the next request";
        let ended = self.connection.rest(tokio::time::sleep(pause));
        let ended = self.call.attempt.bounded(Phase::Wait, doing, ended).await?;
        Ok(ended.map(|outcome| {
            let fault = outcome.as_ref().err().map(|error| explain(error, Phase::Wait, doing));
            fault.is_some_and(|fault| fault.reason == Reason::Reset)
        }))
    }
}

/// The peer ended the idle connection.
pub(super) fn idle_end(doing: &str, reset: bool) -> Fault {
    let (reason, how) = if reset { (Reason::Reset, "reset") } else { (Reason::Closed, "closed") };
    Fault::new(Phase::Wait, reason, format!("{doing}: the peer {how} the idle connection before it was sent again"))
}

/// The peer's first bytes, where no HTTP/1 response begins like that.
fn not_http(first_bytes: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &[u8] = b"HTTP/";
    let common = first_bytes.len().min(BEGIN.len());
    (first_bytes.get(..common) != BEGIN.get(..common)).then(|| first_bytes.to_vec())
}

/// Why the rest did not come.
fn explain(error: &hyper::Error, phase: Phase, doing: &str) -> Fault {
    // hyper wraps its own errors: a request is cancelled because the connection failed because reading did.
    let mut causes = iter::successors(error.source(), |&cause| cause.source());
    if let Some(error) = causes.find_map(|cause| cause.downcast_ref::<io::Error>()) {
        // hyper's word for broken framing of a body.
        let is_framing = matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
        if is_framing && error.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) {
            return Fault::new(phase, Reason::Malformed(error.to_string()), format!("{doing}: {error}"));
        }
        return tls::fault_of(phase, doing, error);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        let detail = match phase {
            Phase::Receive => "the peer closed the connection before the answer was complete",
            _ => "the peer closed the connection without an answer",
        };
        return Fault::new(phase, Reason::Closed, format!("{doing}: {detail}"));
    }
    let text = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let reason = if error.is_parse() || phase == Phase::Receive {
        Reason::Malformed(text.clone())
    } else {
        Reason::Other(text.clone())
    };
    Fault::new(phase, reason, format!("{doing}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_line_is_http() {
        for http in [&b""[..], b"H", b"HTTP/1.1 200 OK"] {
            assert_eq!(not_http(http), None);
        }
        for other in [&b"SSH-2.0-x"[..], b"\x15\x03\x01", b"HTTQ", b"\0"] {
            assert_eq!(not_http(other).as_deref(), Some(other));
        }
    }
}
