//! `dial.http`: one HTTP request on a connection of its own, and on request the same again after pauses.
//!
//! Phases are read at the stream that carries the plain text: the request is written, the first byte comes, the rest comes.
//! Redirects are not followed and nothing is sent twice. The request is sent whatever the judgement of the certificates was, as
//! the dial's purpose is to see the answer: whoever puts secrets into headers must dial TLS first and look.

mod answer;
mod frames;
mod http1;
mod http2;
mod request;
mod tunnel;

use std::time::Duration;

use sonde_core::observation::connection::{Connection, TlsSession};
use sonde_core::observation::dial::{
    Http2Facts, HttpExchange, HttpPhases, HttpProtocol, HttpRequest, HttpResponse, HttpSequel,
};
use sonde_core::observation::{Failure, Phase, Reason, Timing};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::answer::Driver;
pub use self::frames::read_http2_frames;
pub(crate) use self::http2::explain;
use self::request::Checked;
pub use self::tunnel::read_tunnel_answer;
use super::connect::{Dialled, connect};
use super::open::Options;
use super::tape::{Lent, Record};
use super::tls::{self, Shaken};
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// One HTTP request on a connection of its own, and its sequels.
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
    let options = Options::leaving(request.local_address, request.device.as_ref());
    let options = Options { segment_bytes: request.segment_bytes, ..options };
    let (dialled, connected) = connect(vantage, &attempt, request.remote, options).await;
    let mut said = Said::default();
    said.phases.connect = dialled.handshake();
    let outcome = match connected {
        Ok(()) => {
            let call = Call { attempt: &attempt, dialled: &dialled, checked: &checked };
            Box::pin(converse(vantage, &call, &mut said)).await
        }
        Err(failure) => Err(failure),
    };
    let timing = attempt.timing();
    let connection = dialled.connection();
    let (deltas, held) = watch.close(vantage, clock).await;
    dialled.close(outcome.is_ok());
    drop(held);
    HttpExchange { deltas, ..said.exchange(timing, connection, outcome) }
}

/// What every part of the conversation needs.
#[derive(Clone, Copy)]
struct Call<'a> {
    attempt: &'a Attempt,
    dialled: &'a Dialled,
    checked: &'a Checked,
}

impl Call<'_> {
    fn failure(&self, fault: Fault) -> Failure {
        self.dialled.failure(self.attempt, fault)
    }

    fn now(&self) -> Duration {
        self.attempt.clock().now()
    }
}

/// What was seen beyond the connection.
#[derive(Debug, Default)]
struct Said {
    phases: HttpPhases,
    session: Option<TlsSession>,
    tunnel: Option<HttpResponse>,
    http2: Option<Http2Facts>,
    response: Option<HttpResponse>,
    not_http: Option<Vec<u8>>,
    sequels: Vec<HttpSequel>,
}

impl Said {
    fn exchange(self, timing: Timing, connection: Connection, outcome: Result<(), Failure>) -> HttpExchange {
        let Self { phases, session, tunnel, http2, response, not_http, sequels } = self;
        HttpExchange {
            timing,
            connection,
            phases,
            session,
            tunnel,
            http2,
            response,
            not_http,
            outcome,
            sequels,
            deltas: None,
        }
    }
}

async fn converse(vantage: &Vantage, call: &Call<'_>, said: &mut Said) -> Result<(), Failure> {
    let Call { attempt, dialled, checked } = *call;
    let Some(stream) = dialled.stream() else {
        return Err(attempt.failure(Fault::new(Phase::Socket, Reason::Closed, "the socket is gone"), None));
    };
    if let Some(origin) = &checked.tunnel {
        let at = call.now();
        let answered = tunnel::ask(call, &mut Lent::new(stream), origin, &mut said.tunnel).await;
        said.phases.tunnel = Some(attempt.clock().since(at));
        answered.map_err(|fault| call.failure(fault))?;
    }
    let Some(settings) = &checked.tls else {
        return match checked.protocol {
            HttpProtocol::Http2 => http2::talk(call, Lent::new(stream), said).await,
            HttpProtocol::Auto | HttpProtocol::Http1 => http1::talk(call, Lent::new(stream), said).await,
        };
    };
    let Shaken { handshake, session, outcome } = tls::shake(vantage, attempt, dialled, stream, settings).await;
    said.phases.tls = Some(handshake);
    let agreed = session.alpn.clone();
    said.session = Some(session);
    let stream = outcome?;
    dialled.phase_ended(attempt, Phase::Tls);
    match (agreed.as_deref(), checked.protocol) {
        (Some(HTTP2), _) => http2::talk(call, stream, said).await,
        (_, HttpProtocol::Http2) => {
            let what = "the server agrees on no HTTP/2";
            let fault = Fault::new(Phase::Tls, Reason::Malformed(what.to_owned()), format!("shake hands: {what}"));
            Err(call.failure(fault))
        }
        (_, HttpProtocol::Auto | HttpProtocol::Http1) => http1::talk(call, stream, said).await,
    }
}

/// The name of HTTP/2 over TLS (RFC 9113 section 3.2).
const HTTP2: &str = "h2";

/// A stream that carries plain text.
trait Plain: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Plain for S {}

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

#[cfg(test)]
mod tests {
    use super::*;

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
