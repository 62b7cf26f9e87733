//! One datagram there, and what comes back (RFC 1035 section 4.2.1).
//!
//! The socket of an exchange is not connected: a connected one would hide answers from a wrong source. ICMP errors reach it
//! through its error queue, which names the packet that they are about.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};
use sonde_core::observation::dns::{Answer, StrayKind};
use sonde_core::observation::{Endpoint, Failure, Phase, Timing};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::icmp::{self, GRACE, Verdict};
use super::{Seen, Socket, Source, judge};
use crate::clock::RunClock;
use crate::dial::endpoint;
use crate::dns::exchange::Ask;
use crate::dns::message::{self, LONGEST};
use crate::error_queue;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// Datagrams taken at one go, before other tasks may run and the deadline is looked at.
const AT_ONE_GO: usize = 64;

thread_local! {
    /// The kernel cuts a datagram that does not fit, so there is room for the longest; one for each thread costs no clearing.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// Opens a UDP socket towards `server` in the vantage, non-blocking and with its error queue. A connected one hides what comes
/// from elsewhere.
pub(in crate::dns) fn open(vantage: &Vantage, server: SocketAddr, connected: bool) -> Result<UdpSocket, Fault> {
    let opened = vantage.within(move || {
        let socket = raw(server)?;
        if connected {
            socket.connect(&server.into()).map_err(|error| unroutable(server, &error))?;
        }
        Ok(socket)
    });
    register(opened.unwrap_or_else(|error| Err(not_entered(&error)))?)
}

/// As [`open`], with a port, but not connected.
pub(super) fn open_bound(vantage: &Vantage, server: SocketAddr) -> Result<UdpSocket, Fault> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let opened = vantage.within(move || {
        let socket = raw(server)?;
        socket
            .bind(&SocketAddr::new(any, 0).into())
            .map_err(|error| Fault::os(Phase::Socket, "bind to a port", &error))?;
        Ok(socket)
    });
    register(opened.unwrap_or_else(|error| Err(not_entered(&error)))?)
}

pub(super) async fn perform(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Failure> {
    let clock = *ask.attempt.clock();
    let (server, bytes) = (destination(ask.prepared.server), ask.prepared.bytes.clone());
    let sent = ask.vantage.within(move || Sent::send(&clock, server, &bytes));
    let outcome = match sent.unwrap_or_else(|error| Err(not_entered(&error))) {
        Err(fault) => Err(fault),
        Ok(sent) => {
            seen.at = Some(sent.send.at);
            seen.phases.send = Some(sent.send);
            match register(sent.socket) {
                Err(fault) => Err(fault),
                Ok(socket) => {
                    let outcome = match sent.outcome {
                        Ok(()) => receive(ask, seen, &socket, server).await,
                        Err(fault) => Err(fault),
                    };
                    let ended = *seen.ended.get_or_insert_with(|| clock.now());
                    if outcome.is_ok() || seen.phases.wait.is_some() {
                        let at = sent.send.at + sent.send.elapsed;
                        seen.phases.wait = Some(Timing { at, elapsed: ended.saturating_sub(at) });
                    }
                    seen.local = local(&socket, server);
                    seen.socket = Socket::Udp(socket);
                    outcome
                }
            }
        }
    };
    outcome.map_err(|fault| seen.failure(&ask.attempt, fault))
}

/// What the vantage's thread hands back.
struct Sent {
    socket: RawSocket,
    send: Timing,
    outcome: Result<(), Fault>,
}

impl Sent {
    fn send(clock: &RunClock, server: SocketAddr, bytes: &[u8]) -> Result<Self, Fault> {
        let socket = raw(server)?;
        let address = SockAddr::from(server);
        let at = clock.now();
        let result = socket.send_to(bytes, &address);
        let send = clock.since(at);
        let outcome = match result {
            Ok(_) => Ok(()),
            Err(error) if is_routing(&error) => Err(unroutable(server, &error)),
            Err(error) => Err(Fault::os(Phase::Send, &format!("send a query to {server}"), &error)),
        };
        Ok(Self { socket, send, outcome })
    }
}

/// Waits for the answer among the datagrams that come.
async fn receive(ask: &Ask<'_>, seen: &mut Seen, socket: &UdpSocket, server: SocketAddr) -> Result<Answer, Fault> {
    let failed = |error: &io::Error| Fault::os(Phase::Wait, &format!("wait for an answer of {server}"), error);
    let timed_out = || Fault::timed_out(Phase::Wait, &format!("wait for an answer of {server}"));
    seen.phases.wait = Some(Timing::default());
    let mut deadline = ask.attempt.deadline();
    let mut hint = None;
    loop {
        // An ICMP error makes the socket erroneous without making it readable.
        let ready = match timeout_at(deadline, socket.ready(Interest::READABLE | Interest::ERROR)).await {
            Ok(ready) => ready.map_err(|error| failed(&error))?,
            Err(_) => return Err(seen.note_strays(hint.unwrap_or_else(timed_out))),
        };
        // `try_io` takes one interest at a time, and clears that one when there is nothing to receive.
        let which = if ready.is_error() { Interest::ERROR } else { Interest::READABLE };
        let mut found = None;
        // That it is empty is for the runtime to know.
        drop(socket.try_io(which, || {
            let swept = sweep(ask, seen, socket, server, ready.is_error());
            let emptied = swept.emptied;
            found = Some(swept);
            if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        }));
        let Some(Swept { outcome, error, .. }) = found else { continue };
        if let Some(outcome) = outcome {
            return outcome;
        }
        match error {
            Some(Verdict::Certain(error) | Verdict::TooBig(error)) => return Err(seen.note_strays(failed(&error))),
            Some(Verdict::Hint(error)) => {
                deadline = deadline.min(Instant::now() + GRACE);
                hint = Some(failed(&error));
            }
            None => {}
        }
        if Instant::now() >= deadline {
            // Strays can come faster than the runtime looks at its clock.
            return Err(seen.note_strays(hint.unwrap_or_else(timed_out)));
        }
    }
}

/// What waited at the socket.
struct Swept {
    outcome: Option<Result<Answer, Fault>>,
    error: Option<Verdict>,
    /// Nothing waits any more.
    emptied: bool,
}

/// Takes what waits. Datagrams first: an answer that is there counts more than an error.
fn sweep(ask: &Ask<'_>, seen: &mut Seen, socket: &UdpSocket, server: SocketAddr, erroneous: bool) -> Swept {
    let mut swept = Swept { outcome: None, error: None, emptied: false };
    let mut pending = None;
    BUFFER.with_borrow_mut(|buffer| {
        for _ in 0..AT_ONE_GO {
            match rustix::net::recvfrom(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _, from)) => {
                    let at = ask.attempt.clock().now();
                    let from = from.and_then(|from| SocketAddr::try_from(from).ok()).map(endpoint);
                    let message = buffer.get(..length).unwrap_or_default();
                    swept.outcome = take(ask, seen, message, from, server, at);
                    if swept.outcome.is_some() {
                        seen.ended = Some(at);
                        return;
                    }
                }
                Err(rustix::io::Errno::AGAIN) => {
                    swept.emptied = true;
                    return;
                }
                // What the error queue tells in full.
                Err(error) => pending = Some(io::Error::from(error)),
            }
        }
    });
    if erroneous || pending.is_some() {
        swept.error = icmp::take(seen, socket, server, pending);
    }
    swept
}

/// One datagram; its outcome, unless it is a stray.
fn take(
    ask: &Ask<'_>,
    seen: &mut Seen,
    message: &[u8],
    from: Option<Endpoint>,
    server: SocketAddr,
    at: Duration,
) -> Option<Result<Answer, Fault>> {
    let asked = endpoint(server);
    let source = Source { from: from.unwrap_or(asked), at };
    if source.from == asked {
        return judge(&ask.prepared.question, message, seen, &source);
    }
    let shown = if seen.shows_strays() { message::decode(message).ok().map(Box::new) } else { None };
    seen.stray(&source, StrayKind::WrongSource, message.len(), shown);
    None
}

/// Where the kernel sends what is sent to the unspecified address, and so where answers come from.
pub(super) fn destination(server: SocketAddr) -> SocketAddr {
    match server.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), server.port()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), server.port()),
        _ => server,
    }
}

/// The local endpoint. Before, only its port is known: the kernel chooses the address with each datagram that is sent.
fn local(socket: &UdpSocket, server: SocketAddr) -> Option<Endpoint> {
    // Where that fails, the address stays unknown.
    drop(socket2::SockRef::from(socket).connect(&server.into()));
    socket.local_addr().ok().map(endpoint).filter(|local| !local.address.is_unspecified())
}

fn raw(server: SocketAddr) -> Result<RawSocket, Fault> {
    let failed = |doing: &str, error: &io::Error| Fault::os(Phase::Socket, doing, error);
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = RawSocket::new(Domain::for_address(server), kind, Some(Protocol::UDP))
        .map_err(|error| failed("open a UDP socket", &error))?;
    error_queue::enable(&socket, server.ip()).map_err(|error| failed("ask for ICMP errors", &error))?;
    Ok(socket)
}

fn register(socket: RawSocket) -> Result<UdpSocket, Fault> {
    UdpSocket::from_std(socket.into()).map_err(|error| Fault::os(Phase::Socket, "register the socket", &error))
}

/// The route lookup failed, which sendto(2) does before it sends.
fn is_routing(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    errno.is_some_and(|errno| {
        matches!(
            errno,
            libc::ENETUNREACH
                | libc::EHOSTUNREACH
                | libc::EACCES
                | libc::EADDRNOTAVAIL
                | libc::EINVAL
                | libc::EAFNOSUPPORT
        )
    })
}

fn unroutable(server: SocketAddr, error: &io::Error) -> Fault {
    Fault::os(Phase::Connect, &format!("route a query to {server}"), error)
}

fn not_entered(error: &io::Error) -> Fault {
    Fault::os(Phase::Socket, "enter the vantage", error)
}
