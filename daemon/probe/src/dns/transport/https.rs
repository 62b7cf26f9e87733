//! DNS over HTTPS (RFC 8484): one HTTP/2 connection, one request.
//!
//! Redirects are not followed. A status other than 200, or a body that is no DNS message, ends the exchange as a failure that
//! quotes it. Absent: HTTP/1.1 and HTTP/3.

use std::net::IpAddr;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use sonde_core::observation::dns::{Answer, HttpMethod};
use sonde_core::observation::{Failure, Phase, Reason, Timing};

use super::tcp::ended;
use super::{Seen, Socket, Source, judge, tls};
use crate::dial::{Driver, Stream, endpoint, explain};
use crate::dns::exchange::Ask;
use crate::dns::message::LONGEST;
use crate::failure::Fault;

const ALPN: &str = "h2";
/// RFC 8484 section 6.
const MEDIA_TYPE: &str = "application/dns-message";
/// RFC 8484 section 3 asks for a configured template; this one is what nearly all servers have.
const USUAL_PATH: &str = "/dns-query";
/// Bounds the head of a response.
const HEAD_BYTES: u32 = 16 * 1024;
/// The longest message fits into the window at once.
const WINDOW_BYTES: u32 = 1 << 17;

pub(super) async fn perform(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Failure> {
    let request = request(ask).map_err(|fault| seen.failure(&ask.attempt, fault))?;
    let (mut stream, dialled) = tls::shake(ask, seen, ALPN).await?;
    let chosen = seen.session.as_ref().and_then(|session| session.alpn.as_deref());
    let outcome = if chosen == Some(ALPN) {
        converse(ask, seen, &mut stream, request).await
    } else {
        let what = "the server chose no HTTP/2";
        Err(Fault::new(Phase::Tls, Reason::Malformed(what.to_owned()), format!("agree on a protocol: {what}")))
    };
    ended(&dialled, seen);
    seen.socket = Socket::Tls(stream, dialled);
    outcome.map_err(|fault| seen.failure(&ask.attempt, fault))
}

/// The request with its body; the error says what cannot be sent.
fn request(ask: &Ask<'_>) -> Result<(Request<()>, Bytes), Fault> {
    let path = ask.query.http_path.as_deref().unwrap_or(USUAL_PATH);
    let invalid = || {
        let path = path.chars().take(100).collect::<String>();
        Fault::invalid(format!("HTTP path {path:?}: one that begins with / is needed, other bytes as %XX"))
    };
    let message = &ask.prepared.bytes;
    let (method, path, body) = match ask.query.http_method {
        HttpMethod::Post => (Method::POST, path.to_owned(), Bytes::copy_from_slice(message)),
        HttpMethod::Get => {
            let join = if path.contains('?') { '&' } else { '?' };
            (Method::GET, format!("{path}{join}dns={}", BASE64URL_NOPAD.encode(message)), Bytes::new())
        }
    };
    if !path.starts_with('/') {
        return Err(invalid());
    }
    let uri = Uri::builder()
        .scheme(Scheme::HTTPS)
        .authority(authority(ask)?)
        .path_and_query(PathAndQuery::try_from(path).map_err(|_| invalid())?)
        .build()
        .map_err(|_| invalid())?;
    let mut request = Request::new(());
    let is_post = method == Method::POST;
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("sonde/", env!("CARGO_PKG_VERSION"))));
    if is_post {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        // Optional in HTTP/2, but BIND answers 400 without it (lib/isc/netmgr/http.c).
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    Ok((request, body))
}

/// The server's name, or its address; the port where it is not the scheme's own.
fn authority(ask: &Ask<'_>) -> Result<Authority, Fault> {
    let server = ask.prepared.server;
    let host = match (&ask.query.server_name, server.ip()) {
        (Some(name), _) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        (None, IpAddr::V4(address)) => address.to_string(),
        (None, IpAddr::V6(address)) => format!("[{address}]"),
    };
    let text = if server.port() == 443 { host } else { format!("{host}:{}", server.port()) };
    Authority::try_from(text.as_str())
        .map_err(|_| Fault::invalid(format!("server name {text:?}: a DNS name is needed")))
}

/// The request and its answer.
async fn converse(
    ask: &Ask<'_>,
    seen: &mut Seen,
    stream: &mut Stream,
    (request, body): (Request<()>, Bytes),
) -> Result<Answer, Fault> {
    let clock = *ask.attempt.clock();
    let doing = format!("{} {}", request.method(), request.uri().path());
    let begun = clock.now();
    let mut builder = h2::client::Builder::new();
    builder.enable_push(false).max_header_list_size(HEAD_BYTES).initial_window_size(WINDOW_BYTES);
    let sending = async {
        let (sender, connection) = builder.handshake::<_, Bytes>(stream).await?;
        let mut connection = Driver::new(connection);
        let mut sender = connection.drive(sender.ready()).await?;
        let is_empty = body.is_empty();
        let (response, mut upload) = sender.send_request(request, is_empty)?;
        if !is_empty {
            upload.send_data(body, true)?;
        }
        // One turn of the connection writes what it holds.
        connection.drive(async {}).await;
        Ok((connection, sender, response))
    };
    let sent = ask.attempt.bounded(Phase::Send, &doing, sending).await;
    seen.phases.send = Some(clock.since(begun));
    let (mut connection, _sender, response) = sent?.map_err(|error| explain(Phase::Send, &doing, error))?;
    let waiting = clock.now();
    let head = ask.attempt.bounded(Phase::Wait, &doing, connection.drive(response)).await;
    seen.phases.wait = Some(clock.since(waiting));
    let head = head?.map_err(|error| explain(Phase::Wait, &doing, error))?;
    seen.http_status = Some(head.status().as_u16());
    let receiving = clock.now();
    let (head, body) = head.into_parts();
    let collected = ask.attempt.bounded(Phase::Receive, &doing, connection.drive(collect(body))).await;
    let at = clock.now();
    seen.phases.receive = Some(Timing { at: receiving, elapsed: at.saturating_sub(receiving) });
    seen.ended = Some(at);
    let message = collected?.map_err(|error| explain(Phase::Receive, &doing, error))?;
    let message = is_message(head.status, &head.headers, message)
        .map_err(|what| Fault::new(Phase::Receive, Reason::Malformed(what.clone()), format!("{doing}: {what}")))?;
    let source = Source { from: endpoint(ask.prepared.server), at };
    judge(&ask.prepared.question, &message, seen, &source).unwrap_or_else(|| {
        let what = "the body is not the answer to the question";
        let fault = Fault::new(Phase::Receive, Reason::Malformed(what.to_owned()), format!("{doing}: {what}"));
        Err(seen.note_strays(fault))
    })
}

/// The body, as far as it can be a message and one byte more.
async fn collect(mut body: h2::RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut message = Vec::new();
    while message.len() <= LONGEST
        && let Some(data) = body.data().await
    {
        let data = data?;
        let room = (LONGEST + 1).saturating_sub(message.len()).min(data.len());
        message.extend_from_slice(data.get(..room).unwrap_or_default());
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(message)
}

/// The body, where it says that it is a message; else what it is.
fn is_message(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Result<Vec<u8>, String> {
    let media_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let essence = media_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if status != StatusCode::OK {
        return Err(format!("the status is {}, not 200", status.as_u16()));
    }
    if !essence.eq_ignore_ascii_case(MEDIA_TYPE) {
        let essence = essence.chars().take(100).collect::<String>();
        return Err(format!("the media type is {essence:?}, not {MEDIA_TYPE}"));
    }
    if body.len() > LONGEST {
        return Err(format!("the body is longer than the {LONGEST} bytes of a message"));
    }
    Ok(body)
}
