//! One TCP connection: opened inside the vantage, established on the runtime, closed so that nothing stays behind.
//!
//! The handshake is timed from just before connect(2). Where it ends at once (loopback, a local refusal) its end is read on
//! the same thread, so no scheduler is in the figure; else it ends when the runtime sees the socket writable.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sonde_core::observation::dial::{Connection, PhaseInfo, Stamp};
use sonde_core::observation::{Endpoint, Failure, Phase, Timing};
use tokio::net::TcpStream;

use super::info;
use super::open::{Opened, Options};
use crate::attempt::Attempt;
use crate::error_queue;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// Between two looks at a handshake whose outcome no event will announce.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// A connection, or what became of the attempt. Dropping it resets an established connection, so that a cancelled call leaves
/// nothing in the kernel; [`Dialled::close`] ends it politely.
#[derive(Debug)]
pub(crate) struct Dialled {
    /// Kept after a failure too: `TCP_INFO` and the error queue are still asked, and closing it would move counters.
    stream: Option<Arc<TcpStream>>,
    connection: Connection,
    phases: Mutex<Vec<PhaseInfo>>,
}

impl Dialled {
    /// The established connection.
    pub(crate) fn stream(&self) -> Option<&Arc<TcpStream>> {
        self.stream.as_ref()
    }

    /// When and how long the handshake was; absent before connect(2).
    pub(crate) fn handshake(&self) -> Option<Timing> {
        self.connection.local.is_some().then_some(self.connection.connect)
    }

    /// The record of a later fault on this connection, with the ICMP error behind it.
    pub(crate) fn failure(&self, attempt: &Attempt, fault: Fault) -> Failure {
        let icmp = self.stream.as_ref().and_then(|stream| error_queue::drain(stream, self.local_address()));
        attempt.failure(fault, icmp)
    }

    /// Keeps what the kernel says now that a phase has ended.
    pub(crate) fn phase_ended(&self, attempt: &Attempt, phase: Phase) {
        if let Some(info) = self.stream.as_ref().and_then(|stream| info::read(stream).ok()) {
            let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
            phases.push(PhaseInfo { phase, at: attempt.clock().now(), info });
        }
    }

    /// The TCP facts, with `TCP_INFO` as it is now.
    pub(crate) fn connection(&self) -> Connection {
        let info = self.stream.as_ref().and_then(|stream| info::read(stream).ok());
        let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Connection { info: info.or_else(|| self.connection.info.clone()), phases, ..self.connection.clone() }
    }

    /// Ends it: with FIN where the conversation `ended_well`, else with a reset.
    pub(crate) fn close(self, ended_well: bool) {
        if ended_well && let Some(stream) = &self.stream {
            // Not fatal: the connection is then reset, which is what it was set up for.
            drop(socket2::SockRef::from(stream.as_ref()).set_linger(None));
        }
    }

    /// Writes down a handshake that began at `at` and whose outcome stood at `end`; now is when the waiting task knows of it.
    fn handshake_ended(&mut self, at: Duration, end: Duration, stamp: Stamp, now: Duration) {
        self.connection.connect = Timing { at, elapsed: end.saturating_sub(at) };
        self.connection.wall = now.saturating_sub(at);
        self.connection.scheduler_delay = now.saturating_sub(end);
        self.connection.stamp = stamp;
    }

    fn local_address(&self) -> Option<IpAddr> {
        self.connection.local.map(|local| local.address)
    }
}

/// Connects. The failure is for the record; the [`Dialled`] beside it holds the facts.
pub(crate) async fn connect(
    vantage: &Vantage,
    attempt: &Attempt,
    remote: Endpoint,
    options: Options,
) -> (Dialled, Result<(), Failure>) {
    let connection = Connection { icmp_visible: error_queue::visible_in_syn_sent(), ..Connection::default() };
    let mut dialled = Dialled { stream: None, connection, phases: Mutex::default() };
    let outcome = establish(vantage, attempt, remote, options, &mut dialled).await;
    if let Some(stream) = &dialled.stream {
        if let Ok(info) = info::read(stream) {
            // Before data is sent, every retransmission is a SYN's. The timer's own count also has those that a local
            // filter swallowed, which never became retransmissions.
            let timer = if info.state == "SYN-SENT" { info.retransmits.into() } else { 0 };
            dialled.connection.syn_retransmits = info.total_retransmits.max(timer);
            dialled.connection.info = Some(info);
            if outcome.is_ok() {
                dialled.phase_ended(attempt, Phase::Connect);
            }
        }
        if outcome.is_ok() {
            drop(socket2::SockRef::from(stream.as_ref()).set_linger(Some(Duration::ZERO)));
        }
    }
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
    let opened = vantage
        .within(move || Opened::open(&clock, remote, &options))
        .map_err(|error| Fault::os(Phase::Socket, "enter the vantage", &error))??;
    dialled.connection.local = opened.local;
    dialled.handshake_ended(opened.at, opened.at + opened.elapsed, Stamp::AtOnce, clock.now());
    let doing = format!("connect to {remote}");
    let stream = TcpStream::from_std(opened.socket.into())
        .map_err(|error| Fault::os(Phase::Socket, "register the socket", &error))?;
    let stream = Arc::clone(dialled.stream.insert(Arc::new(stream)));
    opened.begun.map_err(|error| Fault::os(Phase::Connect, &doing, &error))?;
    if opened.finished {
        return settled(&stream).unwrap_or(Ok(())).map_err(|error| Fault::os(Phase::Connect, &doing, &error));
    }
    let outcome = attempt.bounded(Phase::Connect, &doing, established(&stream)).await;
    let now = clock.now();
    dialled.handshake_ended(opened.at, now, Stamp::Waiter, now);
    // The kernel may have chosen the address only now.
    if let Ok(address) = stream.local_addr() {
        dialled.connection.local = Some(endpoint(address));
    }
    outcome?.map_err(|error| Fault::os(Phase::Connect, &doing, &error))
}

/// The socket address of an endpoint to talk to.
pub(crate) fn target(remote: Endpoint) -> Result<SocketAddr, Fault> {
    if remote.port == 0 {
        return Err(Fault::invalid("port 0: a port from 1 to 65535 is needed"));
    }
    Ok(SocketAddr::new(remote.address.to_canonical(), remote.port))
}

/// Waits until the handshake has an outcome.
async fn established(stream: &TcpStream) -> io::Result<()> {
    stream.writable().await?;
    // An entry of the error queue alone wakes us too, and then leaves the runtime no way to wait for more: it takes the
    // stream's writing side for closed. Such a handshake ends a second or more later, with the next SYN, so asking is cheap.
    loop {
        match settled(stream) {
            Some(outcome) => return outcome,
            None => tokio::time::sleep(ASK_AGAIN).await,
        }
    }
}

/// The outcome of the handshake, once there is one.
fn settled(stream: &TcpStream) -> Option<io::Result<()>> {
    match stream.take_error() {
        Ok(Some(error)) | Err(error) => return Some(Err(error)),
        Ok(None) => {}
    }
    stream.peer_addr().is_ok().then_some(Ok(()))
}

/// As the ledger writes it.
pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address: address.ip().to_canonical(), port: address.port() }
}
