//! What is kept of an answer, whichever HTTP carried it, and how its body ended.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response, StatusCode, Version};
use sonde_core::observation::Reason;
use sonde_core::observation::dial::{BodyEnd, BodyFraming, HttpResponse, Property};

/// How much of the body is kept.
const PREFIX_BYTES: usize = 4096;
/// Trailers kept; more have no place in a probe.
const TRAILERS: usize = 64;

/// The head, with a body of which nothing has come yet.
pub(super) fn head<B>(answer: &Response<B>, method: &Method) -> HttpResponse {
    let headers = answer.headers();
    HttpResponse {
        version: match answer.version() {
            // As the record names it: `HTTP/2`.
            Version::HTTP_2 => "HTTP/2".to_owned(),
            version => format!("{version:?}"),
        },
        status: answer.status().as_u16(),
        headers: fields(headers),
        content_length: headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok()),
        body_framing: framing(answer.version(), answer.status(), method, headers),
        body_end: BodyEnd::Unfinished,
        body_bytes: 0,
        body_complete: false,
        body_prefix: Vec::new(),
        trailers: Vec::new(),
    }
}

/// RFC 9112 section 6.3.
fn framing(version: Version, status: StatusCode, method: &Method, headers: &HeaderMap) -> BodyFraming {
    let bodiless = method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless {
        BodyFraming::None
    } else if version == Version::HTTP_2 {
        BodyFraming::Stream
    } else if let Some(coding) = headers.get(TRANSFER_ENCODING) {
        let is_chunked =
            coding.to_str().is_ok_and(|coding| coding.to_ascii_lowercase().trim_end().ends_with("chunked"));
        if is_chunked { BodyFraming::Chunked } else { BodyFraming::UntilClose }
    } else if headers.contains_key(CONTENT_LENGTH) {
        BodyFraming::Length
    } else {
        BodyFraming::UntilClose
    }
}

/// Header fields or trailers, in order.
pub(super) fn fields(headers: &HeaderMap) -> Vec<Property> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers
        .iter()
        .map(|(name, value)| Property { name: name.as_str().to_owned(), value: text(value.as_bytes()) })
        .collect()
}

/// Takes a part of the body, up to `limit` bytes of it in all; true where some of it is beyond.
pub(super) fn take(seen: &mut HttpResponse, data: &[u8], limit: u64) -> bool {
    let length = data.len();
    let wanted = usize::try_from(limit.saturating_sub(seen.body_bytes)).unwrap_or(usize::MAX).min(length);
    let data = data.get(..wanted).unwrap_or_default();
    seen.body_bytes += u64::try_from(wanted).unwrap_or(u64::MAX);
    let room = PREFIX_BYTES.saturating_sub(seen.body_prefix.len()).min(wanted);
    seen.body_prefix.extend_from_slice(data.get(..room).unwrap_or_default());
    wanted < length
}

pub(super) fn take_trailers(seen: &mut HttpResponse, trailers: &HeaderMap) {
    seen.trailers = fields(trailers);
    seen.trailers.truncate(TRAILERS);
}

/// Marks how the body ended well.
pub(super) fn finish(seen: &mut HttpResponse, end: BodyEnd) {
    seen.body_end = end;
    seen.body_complete = true;
}

/// How a body ended that did not end well.
pub(super) fn broken(reason: &Reason) -> BodyEnd {
    match reason {
        Reason::TimedOut => BodyEnd::Unfinished,
        Reason::Reset => BodyEnd::Reset,
        Reason::Malformed(_) => BodyEnd::Malformed,
        _ => BodyEnd::Cut,
    }
}

/// The connection of a protocol library makes progress only while it is polled; here that is whenever something is wanted of
/// it, and no task is needed.
pub(crate) struct Driver<C: Future> {
    connection: Pin<Box<C>>,
    ended: Option<C::Output>,
}

impl<C: Future> Driver<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self { connection: Box::pin(connection), ended: None }
    }

    /// Waits for what is wanted of the connection. How the connection ended is told through it.
    pub(crate) async fn drive<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = pin!(wanted);
        poll_fn(|cx| {
            self.advance(cx);
            wanted.as_mut().poll(cx)
        })
        .await
    }

    /// Waits for `pause`, or for the end of the connection, which it then hands out.
    pub(super) async fn rest(&mut self, pause: impl Future<Output = ()>) -> Option<&C::Output> {
        let mut pause = pin!(pause);
        poll_fn(|cx| {
            self.advance(cx);
            if self.ended.is_some() { std::task::Poll::Ready(()) } else { pause.as_mut().poll(cx) }
        })
        .await;
        self.ended.as_ref()
    }

    /// How the connection ended, once it has.
    pub(super) fn ended(&self) -> Option<&C::Output> {
        self.ended.as_ref()
    }

    fn advance(&mut self, cx: &mut std::task::Context<'_>) {
        if self.ended.is_none()
            && let std::task::Poll::Ready(outcome) = self.connection.as_mut().poll(cx)
        {
            self.ended = Some(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(version: Version, status: u16, method: &Method, fields: &[(&str, &str)]) -> BodyFraming {
        let mut answer = Response::builder().version(version).status(status);
        for (name, value) in fields {
            answer = answer.header(*name, *value);
        }
        head(&answer.body(()).expect("a response"), method).body_framing
    }

    #[test]
    fn the_framing_is_that_of_the_specification() {
        let (get, chunked, length) = (&Method::GET, ("transfer-encoding", "gzip, Chunked"), ("content-length", "5"));
        assert_eq!(framed(Version::HTTP_11, 200, get, &[chunked, length]), BodyFraming::Chunked);
        assert_eq!(
            framed(Version::HTTP_11, 200, get, &[("transfer-encoding", "gzip"), length]),
            BodyFraming::UntilClose
        );
        assert_eq!(framed(Version::HTTP_11, 200, get, &[length]), BodyFraming::Length);
        assert_eq!(framed(Version::HTTP_10, 200, get, &[]), BodyFraming::UntilClose);
        assert_eq!(framed(Version::HTTP_2, 200, get, &[length]), BodyFraming::Stream);
        assert_eq!(framed(Version::HTTP_11, 204, get, &[]), BodyFraming::None);
        assert_eq!(framed(Version::HTTP_2, 200, &Method::HEAD, &[length]), BodyFraming::None);
    }

    #[test]
    fn a_body_is_counted_to_the_limit_and_kept_to_4_kib() {
        let mut seen = head(&Response::new(()), &Method::GET);
        assert!(!take(&mut seen, &[0; 5000], 6000));
        assert!(!take(&mut seen, &[0; 1000], 6000));
        assert!(take(&mut seen, &[0; 1], 6000));
        assert_eq!((seen.body_bytes, seen.body_prefix.len()), (6000, PREFIX_BYTES));
    }
}
