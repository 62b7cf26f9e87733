//! One query to one server, over UDP or TCP.
//!
//! The UDP socket is connected: the kernel drops what other hosts send, picks a random source port, and hands us the server's
//! ICMP errors. What comes from the server but is no answer to this question is counted, and the wait goes on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use sonde_core::observation::dns::{Answer, Exchange, Query, Transport};
use sonde_core::observation::{Failure, Phase, Reason, Timing};
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};

use super::message::{Question, Reading};
use super::reader::Malformed;
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::dial;
use crate::error_queue;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// No DNS message is longer.
const LONGEST_MESSAGE: usize = 65_535;

/// One exchange, with no cache and no hidden retry.
pub async fn query(vantage: &Vantage, clock: &RunClock, query: &Query) -> Exchange {
    let mut id = [0; 2];
    let encoded = getrandom::fill(&mut id)
        .map_err(|error| Fault::new(Phase::Socket, Reason::Other(error.to_string()), "draw a random query id"))
        .and_then(|()| Question::encode(query, u16::from_ne_bytes(id)).map_err(Fault::invalid))
        .and_then(|(question, bytes)| Ok((question, bytes, dial::target(query.server)?)));
    let (question, bytes, server) = match encoded {
        Ok(encoded) => encoded,
        Err(fault) => {
            let attempt = Attempt::begin(clock, query.timeout);
            let outcome = Err(attempt.failure(fault, None));
            return Exchange { outcome, ..empty(attempt.timing()) };
        }
    };
    let watch = Watch::open(vantage, clock, query.deltas).await;
    let attempt = Attempt::begin(clock, query.timeout);
    match query.transport {
        Transport::Udp => over_udp(vantage, &attempt, watch, &question, bytes, server).await,
        _ => over_tcp(vantage, &attempt, watch, &question, &bytes, query).await,
    }
}

async fn over_udp(
    vantage: &Vantage,
    attempt: &Attempt,
    watch: Watch,
    question: &Question,
    bytes: Vec<u8>,
    server: SocketAddr,
) -> Exchange {
    let clock = *attempt.clock();
    let sent = vantage
        .within(move || Sent::send(&clock, server, &bytes))
        .unwrap_or_else(|error| Err(Fault::os(Phase::Socket, "enter the vantage", &error)));
    let mut strays = 0;
    let (outcome, timing, socket) = match sent {
        Err(fault) => (Err(attempt.failure(fault, None)), attempt.timing(), None),
        Ok(Sent { socket, local, at, result }) => match UdpSocket::from_std(socket.into()) {
            Err(error) => {
                let fault = Fault::os(Phase::Socket, "register the socket", &error);
                (Err(attempt.failure(fault, None)), attempt.timing(), None)
            }
            Ok(socket) => {
                let result = match result {
                    Ok(()) => datagrams(attempt, &socket, question, server, &mut strays).await,
                    Err(fault) => Err(fault),
                };
                let timing = clock.since(at);
                let failed = |fault| attempt.failure(fault, error_queue::drain(&socket, local));
                (result.map_err(failed), timing, Some(socket))
            }
        },
    };
    let (deltas, held) = watch.close(vantage, &clock).await;
    drop(socket);
    drop(held);
    Exchange { stray_count: strays, outcome, deltas, ..empty(timing) }
}

fn empty(timing: Timing) -> Exchange {
    let failure = Failure {
        phase: Phase::Wait,
        reason: Reason::TimedOut,
        errno: None,
        icmp: None,
        elapsed: timing.elapsed,
        detail: String::new(),
    };
    Exchange::failed(timing, failure)
}

/// What the vantage's thread hands back.
struct Sent {
    socket: Socket,
    local: Option<IpAddr>,
    /// Just before the query was sent.
    at: Duration,
    result: Result<(), Fault>,
}

impl Sent {
    fn send(clock: &RunClock, server: SocketAddr, bytes: &[u8]) -> Result<Self, Fault> {
        let failed = |doing: &str, error: io::Error| Fault::os(Phase::Socket, doing, &error);
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(server), kind, Some(Protocol::UDP))
            .map_err(|error| failed("open a UDP socket", error))?;
        error_queue::enable(&socket, server.ip()).map_err(|error| failed("ask for ICMP errors", error))?;
        let at = clock.now();
        let result = match socket.connect(&SockAddr::from(server)) {
            Err(error) => Err(Fault::os(Phase::Connect, &format!("route a query to {server}"), &error)),
            Ok(()) => match socket.send(bytes) {
                Err(error) => Err(Fault::os(Phase::Send, &format!("send a query to {server}"), &error)),
                Ok(_) => Ok(()),
            },
        };
        let local = socket.local_addr().ok().and_then(|local| local.as_socket()).map(|local| local.ip());
        Ok(Self { socket, local, at, result })
    }
}

/// Waits for the answer among the datagrams that come.
async fn datagrams(
    attempt: &Attempt,
    socket: &UdpSocket,
    question: &Question,
    server: SocketAddr,
    strays: &mut u32,
) -> Result<Answer, Fault> {
    let doing = format!("wait for an answer of {server}");
    // An ICMP error makes the socket erroneous without making it readable.
    let interest = Interest::READABLE | Interest::ERROR;
    let mut buffer = vec![0; LONGEST_MESSAGE];
    loop {
        let ready = attempt.bounded(Phase::Wait, &doing, socket.ready(interest)).await;
        let ready = ready.map_err(|fault| note_strays(fault, *strays))?;
        let ready = ready.map_err(|error| Fault::os(Phase::Wait, &doing, &error))?;
        // `try_io` takes one interest at a time, and clears that one when there is nothing to receive.
        let which = if ready.is_error() { Interest::ERROR } else { Interest::READABLE };
        let flags = rustix::net::RecvFlags::DONTWAIT;
        match socket.try_io(which, || Ok(rustix::net::recv(socket, &mut buffer[..], flags)?.0)) {
            Ok(length) => {
                if let Some(outcome) = judge(question, buffer.get(..length).unwrap_or_default(), strays) {
                    return outcome;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Fault::os(Phase::Wait, &doing, &error)),
        }
    }
}

/// The outcome, unless the message is a stray.
fn judge(question: &Question, message: &[u8], strays: &mut u32) -> Option<Result<Answer, Fault>> {
    match question.read(message) {
        Reading::Answer(answer) => Some(Ok(*answer)),
        Reading::Malformed(Malformed(what)) => {
            let detail = format!("decode an answer of {} bytes: {what}", message.len());
            Some(Err(Fault::new(Phase::Receive, Reason::Malformed(what), detail)))
        }
        Reading::Stray => {
            *strays = strays.saturating_add(1);
            None
        }
    }
}

fn note_strays(mut fault: Fault, strays: u32) -> Fault {
    if strays > 0 {
        fault.detail = format!("{}; {strays} messages came that were not the answer", fault.detail);
    }
    fault
}

async fn over_tcp(
    vantage: &Vantage,
    attempt: &Attempt,
    watch: Watch,
    question: &Question,
    bytes: &[u8],
    query: &Query,
) -> Exchange {
    let (dialled, connected) = dial::connect(vantage, attempt, query.server, None).await;
    let mut strays = 0;
    let outcome: Result<Answer, Failure> = match (connected, dialled.stream()) {
        (Err(failure), _) => Err(failure),
        (Ok(()), None) => Err(attempt.failure(Fault::new(Phase::Socket, Reason::Closed, "the socket is gone"), None)),
        (Ok(()), Some(stream)) => {
            let result = messages(attempt, stream, question, bytes, &mut strays).await;
            result.map_err(|fault| dialled.failure(attempt, fault))
        }
    };
    let timing = match dialled.handshake() {
        Some(Timing { at, .. }) => attempt.clock().since(at),
        None => attempt.timing(),
    };
    let kernel_rtt = dialled.connection().info.map(|info| info.rtt).filter(|rtt| !rtt.is_zero());
    let (deltas, held) = watch.close(vantage, attempt.clock()).await;
    dialled.close(outcome.is_ok());
    drop(held);
    Exchange { kernel_rtt, stray_count: strays, outcome, deltas, ..empty(timing) }
}

/// Sends the query and waits for its answer among the messages that come (RFC 7766).
async fn messages(
    attempt: &Attempt,
    stream: &TcpStream,
    question: &Question,
    bytes: &[u8],
    strays: &mut u32,
) -> Result<Answer, Fault> {
    let length = u16::try_from(bytes.len()).map_err(|_| Fault::invalid("a query longer than 65535 bytes"))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(bytes);
    attempt
        .bounded(Phase::Send, "send the query", write(stream, &framed))
        .await?
        .map_err(|error| Fault::os(Phase::Send, "send the query", &error))?;
    let mut phase = Phase::Wait;
    loop {
        let mut prefix = [0; 2];
        fill(attempt, stream, &mut prefix, &mut phase, *strays).await?;
        let mut message = vec![0; u16::from_be_bytes(prefix).into()];
        fill(attempt, stream, &mut message, &mut phase, *strays).await?;
        if let Some(outcome) = judge(question, &message, strays) {
            return outcome;
        }
        phase = Phase::Wait;
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads exactly `buffer`; the first byte ends the phase of waiting.
async fn fill(
    attempt: &Attempt,
    stream: &TcpStream,
    buffer: &mut [u8],
    phase: &mut Phase,
    strays: u32,
) -> Result<(), Fault> {
    let doing = "wait for the answer";
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        attempt
            .bounded(*phase, doing, stream.readable())
            .await
            .map_err(|fault| note_strays(fault, strays))?
            .map_err(|error| Fault::os(*phase, doing, &error))?;
        match stream.try_read(rest) {
            Ok(0) => {
                let detail = format!("{doing}: the server closed the connection");
                return Err(note_strays(Fault::new(*phase, Reason::Closed, detail), strays));
            }
            Ok(count) => {
                filled += count;
                *phase = Phase::Receive;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Fault::os(*phase, doing, &error)),
        }
    }
    Ok(())
}
