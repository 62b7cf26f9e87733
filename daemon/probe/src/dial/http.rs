//! `dial.http`: one HTTP/1.1 request on a connection of its own.
//!
//! Phases are read at the stream that carries the plain text: the request is written, the first byte comes, the rest comes.
//! Redirects are not followed. The request is sent whatever the judgement of the certificates was, as the dial's purpose is to
//! see the answer: whoever puts secrets into headers must dial TLS first and look.

mod answer;
mod request;

use std::time::Duration;

use sonde_core::observation::dial::{Connection, HttpExchange, HttpPhases, HttpRequest, HttpResponse, TlsSession};
use sonde_core::observation::{Failure, Phase, Reason, Timing};
use tokio::io::{AsyncRead, AsyncWrite};

use self::answer::{Collected, collect};
use self::request::Checked;
use super::connect::{Dialled, connect};
use super::open::Options;
use super::tape::{Lent, Record, Tape, Taped};
use super::tls::{self, Shaken};
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// One HTTP/1.1 request on a connection of its own.
pub async fn http(vantage: &Vantage, clock: &RunClock, request: &HttpRequest) -> HttpExchange {
    let checked = match Checked::new(request) {
        Ok(checked) => checked,
        Err(fault) => {
            let attempt = Attempt::begin(clock, request.timeout);
            let outcome = Err(attempt.failure(fault, None));
            return Said::default().exchange(attempt.timing(), Connection::default(), outcome);
        }
    };
    let watch = Watch::open(vantage, clock, request.deltas).await;
    let attempt = Attempt::begin(clock, request.timeout);
    let (dialled, connected) = connect(vantage, &attempt, request.remote, Options::default()).await;
    let mut said = Said::default();
    said.phases.connect = dialled.handshake();
    let outcome = match connected {
        Ok(()) => Box::pin(converse(vantage, &attempt, &dialled, checked, &mut said)).await,
        Err(failure) => Err(failure),
    };
    let timing = attempt.timing();
    let connection = dialled.connection();
    let (deltas, held) = watch.close(vantage, clock).await;
    dialled.close(outcome.is_ok());
    drop(held);
    HttpExchange { deltas, ..said.exchange(timing, connection, outcome) }
}

/// What was seen beyond the connection.
#[derive(Debug, Default)]
struct Said {
    phases: HttpPhases,
    session: Option<TlsSession>,
    response: Option<HttpResponse>,
    not_http: Option<Vec<u8>>,
}

impl Said {
    fn exchange(self, timing: Timing, connection: Connection, outcome: Result<(), Failure>) -> HttpExchange {
        let Self { phases, session, response, not_http } = self;
        HttpExchange { timing, connection, phases, session, response, not_http, outcome, deltas: None }
    }
}

async fn converse(
    vantage: &Vantage,
    attempt: &Attempt,
    dialled: &Dialled,
    checked: Checked,
    said: &mut Said,
) -> Result<(), Failure> {
    let Some(stream) = dialled.stream() else {
        return Err(attempt.failure(Fault::new(Phase::Socket, Reason::Closed, "the socket is gone"), None));
    };
    match &checked.tls {
        None => talk(attempt, dialled, Lent::new(stream), checked, said).await,
        Some(settings) => {
            let Shaken { handshake, session, outcome } = tls::shake(vantage, attempt, dialled, stream, settings).await;
            said.phases.tls = Some(handshake);
            said.session = Some(session);
            if outcome.is_ok() {
                dialled.phase_ended(attempt, Phase::Tls);
            }
            talk(attempt, dialled, outcome?, checked, said).await
        }
    }
}

/// The request and its answer over `stream`, which carries plain text.
async fn talk<S>(
    attempt: &Attempt,
    dialled: &Dialled,
    stream: S,
    checked: Checked,
    said: &mut Said,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let tape = Tape::new(attempt.clock());
    let begun = attempt.clock().now();
    let mut collected = Collected::default();
    let taped = Taped::new(stream, &tape);
    // Without the query: failures are exported, and queries carry secrets.
    let doing = format!("{} {}", checked.request.method(), checked.request.uri().path());
    let answered = Box::pin(collect(taped, checked.request, checked.body_limit, &mut collected));
    let outcome = attempt.bounded(Phase::Wait, &doing, answered).await;
    let ended = attempt.clock().now();
    let record = tape.record();
    let phase = phases(&record, begun, ended, &mut said.phases);
    let outcome = match outcome {
        // A response that is complete at the deadline was still answered.
        Ok(outcome) => outcome.map_err(|error| error.fault(phase, &doing)),
        Err(fault) => Err(Fault { phase, ..fault }),
    };
    said.response = collected.response;
    let outcome = match not_http(&record.first_bytes) {
        Some(bytes) if outcome.is_err() => {
            let what = format!("not HTTP but \"{}\"", bytes.escape_ascii());
            said.not_http = Some(bytes);
            Err(Fault::new(phase, Reason::Malformed(what.clone()), format!("{doing}: the peer sent {what}")))
        }
        _ => outcome,
    };
    outcome.map_err(|fault| dialled.failure(attempt, fault))
}

/// Writes the phases that the record shows, and names the one in which the exchange ended.
fn phases(record: &Record, begun: Duration, ended: Duration, phases: &mut HttpPhases) -> Phase {
    let span = |at: Duration, end: Duration| Timing { at, elapsed: end.saturating_sub(at) };
    let sending = record.first_write.unwrap_or(begun);
    let Some(sent) = record.last_write else {
        phases.send = Some(span(sending, ended));
        return Phase::Send;
    };
    phases.send = Some(span(sending, sent));
    phases.wait = Some(span(sent, record.first_read.unwrap_or(ended)));
    let Some(first) = record.first_read else { return Phase::Wait };
    phases.receive = Some(span(first, ended));
    Phase::Receive
}

/// The peer's first bytes, where no HTTP/1 response begins like that.
fn not_http(first_bytes: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &[u8] = b"HTTP/";
    let common = first_bytes.len().min(BEGIN.len());
    (first_bytes.get(..common) != BEGIN.get(..common)).then(|| first_bytes.to_vec())
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

    #[test]
    fn the_phases_touch_each_other() {
        let ms = Duration::from_millis;
        let record = Record {
            first_bytes: Vec::new(),
            first_write: Some(ms(10)),
            last_write: Some(ms(12)),
            first_read: Some(ms(40)),
        };
        let mut seen = HttpPhases::default();
        assert_eq!(phases(&record, ms(9), ms(50), &mut seen), Phase::Receive);
        assert_eq!(seen.send, Some(Timing { at: ms(10), elapsed: ms(2) }));
        assert_eq!(seen.wait, Some(Timing { at: ms(12), elapsed: ms(28) }));
        assert_eq!(seen.receive, Some(Timing { at: ms(40), elapsed: ms(10) }));
    }
}
