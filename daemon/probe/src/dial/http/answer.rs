//! Sends the request and collects the answer, as far as it comes.

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::io;
use std::iter;
use std::pin::{Pin, pin};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sonde_core::observation::dial::{HttpResponse, Property};
use sonde_core::observation::{Phase, Reason};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::dial::tls;
use crate::failure::Fault;

/// How much of the body is kept.
const PREFIX_BYTES: usize = 4096;
/// Bounds the response head.
const HEAD_BYTES: usize = 64 * 1024;

/// What came, also where the rest did not.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) response: Option<HttpResponse>,
}

/// Why the rest did not come.
#[derive(Debug)]
pub(super) struct Problem(hyper::Error);

impl Problem {
    pub(super) fn fault(&self, phase: Phase, doing: &str) -> Fault {
        // hyper wraps its own errors: a request is cancelled because the connection failed because reading did.
        let mut causes = iter::successors(self.0.source(), |&cause| cause.source());
        if let Some(error) = causes.find_map(|cause| cause.downcast_ref::<io::Error>()) {
            // hyper's word for broken framing of a body.
            let is_framing = matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
            if is_framing && error.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) {
                return Fault::new(phase, Reason::Malformed(error.to_string()), format!("{doing}: {error}"));
            }
            return tls::fault_of(phase, doing, error);
        }
        if self.0.is_incomplete_message() || self.0.is_closed() || self.0.is_canceled() {
            let detail = match phase {
                Phase::Receive => "the peer closed the connection before the answer was complete",
                _ => "the peer closed the connection without an answer",
            };
            return Fault::new(phase, Reason::Closed, format!("{doing}: {detail}"));
        }
        let text = match self.0.source() {
            Some(source) => format!("{}: {source}", self.0),
            None => self.0.to_string(),
        };
        let reason = if self.0.is_parse() || phase == Phase::Receive {
            Reason::Malformed(text.clone())
        } else {
            Reason::Other(text.clone())
        };
        Fault::new(phase, reason, format!("{doing}: {text}"))
    }
}

/// Sends `request` over `stream`, and reads the answer up to `limit` bytes of body.
pub(super) async fn collect<S>(
    stream: S,
    request: Request<Empty<Bytes>>,
    limit: u64,
    collected: &mut Collected,
) -> Result<(), Problem>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(Problem)?;
    let mut connection = Driver { connection: pin!(connection), ended: false };
    let answer = connection.drive(sender.send_request(request)).await.map_err(Problem)?;
    let seen = collected.response.insert(head(&answer));
    let mut body = pin!(answer.into_body());
    loop {
        if seen.body_bytes >= limit {
            // The limit is where we wanted to stop.
            seen.body_complete = true;
            return Ok(());
        }
        let Some(frame) = connection.drive(body.frame()).await else {
            seen.body_complete = true;
            return Ok(());
        };
        // Trailers are no body.
        let Ok(data) = frame.map_err(Problem)?.into_data() else { continue };
        let wanted = usize::try_from(limit - seen.body_bytes).unwrap_or(usize::MAX).min(data.len());
        let data = data.get(..wanted).unwrap_or_default();
        seen.body_bytes += u64::try_from(wanted).unwrap_or(u64::MAX);
        let room = PREFIX_BYTES.saturating_sub(seen.body_prefix.len()).min(wanted);
        seen.body_prefix.extend_from_slice(data.get(..room).unwrap_or_default());
    }
}

fn head(answer: &Response<Incoming>) -> HttpResponse {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = answer.headers();
    HttpResponse {
        version: format!("{:?}", answer.version()),
        status: answer.status().as_u16(),
        headers: headers
            .iter()
            .map(|(name, value)| Property { name: name.as_str().to_owned(), value: text(value.as_bytes()) })
            .collect(),
        content_length: headers
            .get(http::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok()),
        body_bytes: 0,
        body_complete: false,
        body_prefix: Vec::new(),
    }
}

/// hyper's connection makes progress only while it is polled; here that is whenever we wait for it, and no task is needed.
struct Driver<'a, C> {
    connection: Pin<&'a mut C>,
    ended: bool,
}

impl<C: Future<Output = hyper::Result<()>>> Driver<'_, C> {
    async fn drive<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = pin!(wanted);
        poll_fn(|cx| {
            // How the connection ended is told through what is wanted of it.
            self.ended = self.ended || self.connection.as_mut().poll(cx).is_ready();
            wanted.as_mut().poll(cx)
        })
        .await
    }
}
