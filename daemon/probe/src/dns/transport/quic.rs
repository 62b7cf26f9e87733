//! DNS over QUIC (RFC 9250): one connection, one stream, one query.
//!
//! quinn drives the connection on a socket that was opened in the vantage. It swallows errors of that socket, so a duplicate of
//! it is watched for ICMP errors.

mod drive;
mod explain;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{HandshakeData, QuicClientConfig};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, RecvStream};
use sonde_core::observation::dns::Answer;
use sonde_core::observation::{Failure, Phase, Reason, Timing};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use self::drive::Driven;
use self::explain::{lost, unread, unsent};
use super::icmp::watching;
use super::{Seen, Socket, Source, judge, tls, udp};
use crate::dial::{Negotiated, Recording, endpoint};
use crate::dns::exchange::Ask;
use crate::dns::message::LONGEST;
use crate::failure::Fault;

/// RFC 9250 section 4.1.1.
const ALPN: &str = "doq";
/// `DOQ_NO_ERROR`, RFC 9250 section 4.3.
const NO_ERROR: quinn::VarInt = quinn::VarInt::from_u32(0);
/// Bounds the wait until the end of a connection was told.
const FAREWELL: Duration = Duration::from_millis(20);

/// What stays open behind an exchange. Dropping it ends the tasks that drive it.
#[derive(Debug)]
pub(super) struct Open {
    endpoint: Endpoint,
    driven: Arc<Driven>,
}

impl Open {
    /// Tells the server, where the conversation `ended_well`.
    pub(super) async fn close(self, ended_well: bool) {
        if ended_well {
            self.endpoint.close(NO_ERROR, b"");
            // A server that does not hear it needs no farewell.
            drop(timeout(FAREWELL, self.endpoint.wait_idle()).await);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driven.abort();
    }
}

pub(super) async fn perform(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Failure> {
    let outcome = exchange(ask, seen).await;
    seen.ended.get_or_insert_with(|| ask.attempt.clock().now());
    outcome.map_err(|fault| seen.failure(&ask.attempt, fault))
}

async fn exchange(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Fault> {
    let server = udp::destination(ask.prepared.server);
    let settings = tls::settings(ask, ALPN)?;
    let name = settings.name();
    let (recording, config) = Recording::begin(settings)?;
    let config = QuicClientConfig::try_from(config).map_err(|error| {
        Fault::new(Phase::Tls, Reason::Other(error.to_string()), format!("configure QUIC: {error}"))
    })?;
    // A route that refuses shows only here; quinn would take it for loss.
    seen.local = udp::open(ask.vantage, server, true)?.local_addr().ok().map(endpoint);
    let (watched, open) = open(ask, server)?;
    // The port of the first socket was another one.
    seen.local = seen.local.zip(open.endpoint.local_addr().ok()).map(|(mut local, real)| {
        local.port = real.port();
        local
    });
    let endpoint = open.endpoint.clone();
    seen.socket = Socket::Quic(Box::new(open));
    let at = *seen.at.insert(ask.attempt.clock().now());
    let config = ClientConfig::new(Arc::new(config));
    let doing = "shake hands";
    let connecting = endpoint
        .connect_with(config, server, &name)
        .map_err(|error| Fault::new(Phase::Tls, Reason::Other(error.to_string()), format!("{doing}: {error}")))?;
    let shaken = watching(ask, seen, (&watched, server), (Phase::Tls, doing), connecting).await;
    seen.phases.tls = Some(ask.attempt.clock().since(at));
    let connection = shaken.and_then(|shaken| shaken.map_err(|error| lost(Phase::Tls, doing, &error)));
    let negotiated = connection.as_ref().map(negotiated).unwrap_or_default();
    // Judged behind the exchange, so that reading the trust store is not in its time.
    let outcome = match connection {
        Ok(connection) => {
            let outcome = converse(ask, seen, &watched, server, &connection).await;
            seen.kernel_rtt = Some(connection.rtt());
            outcome
        }
        Err(fault) => Err(fault),
    };
    seen.ended.get_or_insert_with(|| ask.attempt.clock().now());
    seen.session = Some(recording.session(ask.vantage, &ask.attempt, &negotiated).await);
    outcome
}

/// A socket in the vantage, and quinn on a duplicate of it.
fn open(ask: &Ask<'_>, server: SocketAddr) -> Result<(UdpSocket, Open), Fault> {
    let failed = |doing: &str, error: &std::io::Error| Fault::os(Phase::Socket, doing, error);
    let watched = udp::open_bound(ask.vantage, server)?;
    let socket =
        socket2::SockRef::from(&watched).try_clone().map_err(|error| failed("duplicate the socket", &error))?;
    let driven = Arc::new(Driven::default());
    let endpoint = Endpoint::new(EndpointConfig::default(), None, socket.into(), Arc::clone(&driven) as _)
        .map_err(|error| failed("begin QUIC on the socket", &error))?;
    Ok((watched, Open { endpoint, driven }))
}

fn negotiated(connection: &Connection) -> Negotiated {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    Negotiated::protocol(data.and_then(|data| data.protocol))
}

/// The query on a stream of its own, with FIN, and its answer.
async fn converse(
    ask: &Ask<'_>,
    seen: &mut Seen,
    watched: &UdpSocket,
    server: SocketAddr,
    connection: &Connection,
) -> Result<Answer, Fault> {
    let clock = *ask.attempt.clock();
    let doing = "send the query";
    let at = clock.now();
    let length =
        u16::try_from(ask.prepared.bytes.len()).map_err(|_| Fault::invalid("a query longer than 65535 bytes"))?;
    let framed = [&length.to_be_bytes(), ask.prepared.bytes.as_slice()].concat();
    let sending = async {
        let (mut send, receive) = connection.open_bi().await.map_err(|error| lost(Phase::Send, doing, &error))?;
        send.write_all(&framed).await.map_err(|error| unsent(doing, &error))?;
        // Only a stream that is finished was not finished now.
        drop(send.finish());
        Ok(receive)
    };
    let sent = watching(ask, seen, (watched, server), (Phase::Send, doing), sending).await;
    seen.phases.send = Some(clock.since(at));
    let mut receive = sent??;
    let waiting = clock.now();
    let mut first = None;
    let doing = "wait for the answer";
    let collecting = collect(&mut receive, || {
        first.get_or_insert_with(|| clock.now());
    });
    let collected = watching(ask, seen, (watched, server), (Phase::Wait, doing), collecting).await;
    let ended = *seen.ended.insert(clock.now());
    let span = |at: Duration, end: Duration| Timing { at, elapsed: end.saturating_sub(at) };
    seen.phases.wait = Some(span(waiting, first.unwrap_or(ended)));
    seen.phases.receive = first.map(|first| span(first, ended));
    let phase = if first.is_some() { Phase::Receive } else { Phase::Wait };
    let message = collected.map_err(|fault| Fault { phase, ..fault })?.map_err(|error| unread(phase, doing, &error))?;
    let message = unframed(&message, phase)?;
    let source = Source { from: endpoint(server), at: ended };
    judge(&ask.prepared.question, message, seen, &source).unwrap_or_else(|| {
        let what = "the stream does not hold the answer to the question";
        let fault = Fault::new(Phase::Receive, Reason::Malformed(what.to_owned()), format!("{doing}: {what}"));
        Err(seen.note_strays(fault))
    })
}

/// All that the server sends on the stream, as far as it can be one message and its length.
async fn collect(stream: &mut RecvStream, mut arrived: impl FnMut()) -> Result<Vec<u8>, quinn::ReadError> {
    let mut bytes = Vec::new();
    while bytes.len() <= LONGEST + 2
        && let Some(chunk) = stream.read_chunk(LONGEST, true).await?
    {
        arrived();
        bytes.extend_from_slice(&chunk.bytes);
        if is_complete(&bytes) {
            break;
        }
    }
    Ok(bytes)
}

/// The FIN may come later than the message.
fn is_complete(bytes: &[u8]) -> bool {
    bytes.split_first_chunk().is_some_and(|(length, rest)| rest.len() >= usize::from(u16::from_be_bytes(*length)))
}

/// The message behind its length (RFC 9250 section 4.2).
fn unframed(bytes: &[u8], phase: Phase) -> Result<&[u8], Fault> {
    let doing = "wait for the answer";
    let malformed = |what: String| Fault::new(phase, Reason::Malformed(what.clone()), format!("{doing}: {what}"));
    if bytes.is_empty() {
        return Err(Fault::new(phase, Reason::Closed, format!("{doing}: the server finished the stream without one")));
    }
    let (length, message) =
        bytes.split_first_chunk().ok_or_else(|| malformed("the stream ends within the length".to_owned()))?;
    let length = usize::from(u16::from_be_bytes(*length));
    if message.len() != length {
        return Err(malformed(format!("the stream holds {} bytes where {length} were announced", message.len())));
    }
    Ok(message)
}
