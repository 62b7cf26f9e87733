//! One TCP connection: opened inside the vantage, established, closed so that nothing stays behind.
//!
//! The handshake is timed from just before connect(2) until its outcome stands, as the thread of connect(2) or the stopwatch
//! saw it, or by its packets where many are under way; the waiting task reads the clock only where there is no stopwatch. The
//! runtime knows the socket only once it carries data. ICMP errors are asked for until then, and no longer: an established connection survives them, as every client's does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, Socket};
use sonde_core::observation::connection::{Connection, PhaseInfo, Stamp};
use sonde_core::observation::{Endpoint, Failure, Phase, Timing};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::info;
use super::open::{Opened, Options, settled};
use super::stopwatch::{Stamped, Watched};
use super::tap::Flight;
use crate::attempt::Attempt;
use crate::failure::Fault;
use crate::vantage::Vantage;
use crate::{error_queue, ready};

/// Between two looks at a handshake that ended without an outcome.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// A connection, or what became of the attempt. Dropping it resets an established connection, so that a cancelled call leaves
/// nothing in the kernel; [`Dialled::close`] ends it politely.
#[derive(Debug)]
pub(crate) struct Dialled {
    /// Kept after a failure too: `TCP_INFO` and the error queue are still asked, and closing it would move counters.
    socket: Option<Held>,
    /// It is established, and nobody has said that it ended well.
    abort: bool,
    connection: Connection,
    phases: Mutex<Vec<PhaseInfo>>,
}

impl Dialled {
    /// The established connection.
    pub(crate) fn stream(&self) -> Option<&Arc<TcpStream>> {
        match &self.socket {
            Some(Held::Registered(stream)) => Some(stream),
            Some(Held::Bare(_)) | None => None,
        }
    }

    /// Makes an established connection ready for a conversation: [`Dialled::stream`] is there then.
    pub(crate) fn register(&mut self) -> Result<(), Fault> {
        let failed = |doing: &str, error: &io::Error| Fault::os(Phase::Socket, doing, error);
        match self.socket.take() {
            Some(Held::Bare(socket)) => {
                if let Some(local) = self.local_address() {
                    error_queue::disable(&socket, local)
                        .map_err(|error| failed("ask for ICMP errors no more", &error))?;
                }
                // A request is one write, and its time must not wait for an acknowledgement.
                socket.set_tcp_nodelay(true).map_err(|error| failed("switch off Nagle's algorithm", &error))?;
                let stream =
                    TcpStream::from_std(socket.into()).map_err(|error| failed("register the socket", &error))?;
                self.socket = Some(Held::Registered(Arc::new(stream)));
            }
            registered => self.socket = registered,
        }
        Ok(())
    }

    /// When and how long the handshake was; absent before connect(2).
    pub(crate) fn handshake(&self) -> Option<Timing> {
        self.connection.local.is_some().then_some(self.connection.connect)
    }

    /// The record of a later fault on this connection, with the ICMP error behind it.
    pub(crate) fn failure(&self, attempt: &Attempt, fault: Fault) -> Failure {
        let icmp = self.socket.as_ref().and_then(|socket| error_queue::drain(socket, self.local_address()));
        attempt.failure(fault, icmp)
    }

    /// Keeps what the kernel says now that a phase has ended.
    pub(crate) fn phase_ended(&self, attempt: &Attempt, phase: Phase) {
        if let Some(info) = self.socket.as_ref().and_then(|socket| info::read(socket).ok()) {
            let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
            phases.push(PhaseInfo { phase, at: attempt.clock().now(), info });
        }
    }

    /// The TCP facts at the end of the handshake, for a dial that did nothing since.
    pub(crate) fn handshake_facts(&mut self) -> Connection {
        let phases = std::mem::take(self.phases.get_mut().unwrap_or_else(PoisonError::into_inner));
        Connection { phases, ..self.connection.clone() }
    }

    /// The TCP facts, with `TCP_INFO` as it is now.
    pub(crate) fn connection(&self) -> Connection {
        let info = self.socket.as_ref().and_then(|socket| info::read(socket).ok());
        let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Connection { info: info.or_else(|| self.connection.info.clone()), phases, ..self.connection.clone() }
    }

    /// Ends it: with FIN where the conversation `ended_well`, else with a reset.
    pub(crate) fn close(mut self, ended_well: bool) {
        self.abort &= !ended_well;
    }

    /// Writes down a handshake that began at `at` and whose outcome stood at `end`; now is when the waiting task knows of it.
    fn handshake_ended(&mut self, at: Duration, end: Duration, stamp: Stamp, now: Duration) {
        self.connection.connect = Timing { at, elapsed: end.saturating_sub(at) };
        self.connection.wall = now.saturating_sub(at);
        self.connection.scheduler_delay = now.saturating_sub(end);
        self.connection.stamp = stamp;
    }

    /// What the kernel says of a handshake that has ended.
    fn take_stock(&mut self, attempt: &Attempt, connected: bool) {
        let Some(socket) = &self.socket else { return };
        self.abort = connected;
        let Ok(info) = info::read(socket) else { return };
        // Before data is sent, every retransmission is a SYN's. The timer's own count also has those that a local
        // filter swallowed, which never became retransmissions.
        let timer = if info.state == "SYN-SENT" { info.retransmits.into() } else { 0 };
        self.connection.syn_retransmits = info.total_retransmits.max(timer);
        if connected {
            let phases = self.phases.get_mut().unwrap_or_else(PoisonError::into_inner);
            phases.push(PhaseInfo { phase: Phase::Connect, at: attempt.clock().now(), info: info.clone() });
        }
        self.connection.info = Some(info);
    }

    fn local_address(&self) -> Option<IpAddr> {
        self.connection.local.map(|local| local.address)
    }
}

impl Drop for Dialled {
    fn drop(&mut self) {
        if self.abort
            && let Some(socket) = &self.socket
        {
            // Whoever else still holds the socket closes it so, too. Where it fails, the connection ends with FIN.
            drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
        }
    }
}

/// The socket of a dial.
#[derive(Debug)]
enum Held {
    Bare(Socket),
    /// Known to the runtime.
    Registered(Arc<TcpStream>),
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Bare(socket) => socket.as_fd(),
            Self::Registered(stream) => stream.as_fd(),
        }
    }
}

/// Connects, for a conversation. The failure is for the record; the [`Dialled`] beside it holds the facts.
pub(crate) async fn connect(
    vantage: &Vantage,
    attempt: &Attempt,
    remote: Endpoint,
    options: Options,
) -> (Dialled, Result<(), Failure>) {
    let (mut dialled, outcome) = connect_bare(vantage, attempt, remote, options).await;
    let outcome = outcome.and_then(|()| dialled.register().map_err(|fault| dialled.failure(attempt, fault)));
    (dialled, outcome)
}

/// Connects, and leaves the runtime out of it: there is no stream.
pub(crate) async fn connect_bare(
    vantage: &Vantage,
    attempt: &Attempt,
    remote: Endpoint,
    options: Options,
) -> (Dialled, Result<(), Failure>) {
    let connection = Connection { icmp_visible: error_queue::visible_in_syn_sent(), ..Connection::default() };
    let mut dialled = Dialled { socket: None, abort: false, connection, phases: Mutex::default() };
    let outcome = establish(vantage, attempt, remote, options, &mut dialled).await;
    dialled.take_stock(attempt, outcome.is_ok());
    let outcome = outcome.map_err(|fault| dialled.failure(attempt, fault));
    (dialled, outcome)
}

async fn establish(
    vantage: &Vantage,
    attempt: &Attempt,
    remote: Endpoint,
    options: Options,
    dialled: &mut Dialled,
) -> Result<(), Fault> {
    let remote = target(remote)?;
    let clock = *attempt.clock();
    let mut flight = Flight::begin(vantage, remote);
    let opened = vantage
        .within(move || Opened::open(&clock, remote, &options))
        .map_err(|error| Fault::os(Phase::Socket, "enter the vantage", &error))??;
    let Opened { socket, at, elapsed, off_processor, outcome } = opened;
    flight.watch(|| socket.local_addr().ok()?.as_socket(), remote);
    dialled.connection.uncertainty = off_processor;
    dialled.handshake_ended(at, at + elapsed, Stamp::AtOnce, clock.now());
    let doing = || format!("connect to {remote}");
    let outcome = if outcome.is_some() {
        outcome
    } else {
        let ended = timeout_at(attempt.deadline(), established(&socket)).await;
        let now = clock.now();
        match &ended {
            Ok((Some(stamped), _)) => {
                dialled.connection.uncertainty += stamped.uncertainty;
                dialled.handshake_ended(at, clock.offset(stamped.at), Stamp::Stopwatch, now);
            }
            Ok((None, _)) | Err(_) => dialled.handshake_ended(at, now, Stamp::Waiter, now),
        }
        ended.ok().map(|(_, outcome)| outcome)
    };
    if let Some(wire) = outcome.as_ref().and_then(|_| flight.wire(&clock, at)) {
        let known = dialled.connection.connect.at + dialled.connection.wall;
        dialled.handshake_ended(wire.out, wire.back, Stamp::Packets, known.max(wire.back));
        dialled.connection.uncertainty = Duration::ZERO;
    }
    let outcome = match outcome {
        Some(outcome) => outcome.map_err(|error| Fault::os(Phase::Connect, &doing(), &error)),
        None => Err(Fault::timed_out(Phase::Connect, &doing())),
    };
    if let Some(address) = socket.local_addr().ok().and_then(|address| address.as_socket()) {
        dialled.connection.local = Some(endpoint(address));
    }
    dialled.socket = Some(Held::Bare(socket));
    outcome
}

/// Waits until the handshake has an outcome. Without a stopwatch (this process may be out of files or threads, which is not the
/// network's fault) the runtime says when, and nobody has stamped it.
async fn established(socket: &Socket) -> (Option<Stamped>, io::Result<()>) {
    loop {
        let stamped = match watched(socket).await {
            Ok(stamped) => Some(stamped),
            Err(error) => {
                tracing::debug!(%error, "a handshake is timed without the stopwatch");
                if let Err(error) = writable(socket).await {
                    return (None, Err(error));
                }
                None
            }
        };
        match settled(socket) {
            Some(outcome) => return (stamped, outcome),
            // No event is known that is no end; should there be one, it must not make this loop spin.
            None => tokio::time::sleep(ASK_AGAIN).await,
        }
    }
}

async fn watched(socket: &Socket) -> io::Result<Stamped> {
    Watched::new(socket.as_fd())?.end().await
}

async fn writable(socket: &Socket) -> io::Result<()> {
    ready::lend(socket.as_fd(), Interest::WRITABLE)?.writable().await.map(drop)
}

/// The socket address of an endpoint to talk to.
pub(crate) fn target(remote: Endpoint) -> Result<SocketAddr, Fault> {
    if remote.port == 0 {
        return Err(Fault::invalid("port 0: a port from 1 to 65535 is needed"));
    }
    Ok(SocketAddr::new(remote.address.to_canonical(), remote.port))
}

/// As the ledger writes it.
pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address: address.ip().to_canonical(), port: address.port() }
}
