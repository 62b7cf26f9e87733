//! `dial.udp`: datagrams from one connected socket, and what comes back.
//!
//! A connected socket takes datagrams of its peer only, and its kernel hands it the ICMP errors about its own.

mod datagram;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;

use socket2::{Domain, Protocol, Socket, Type};
use sonde_core::observation::dial::udp::{UdpDial, UdpRequest};
use sonde_core::observation::{Endpoint, Failure, IcmpError, Phase, Reason};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use self::datagram::Numbered;
use super::connect::{endpoint, target};
use super::messages::{self, Came, Line, Tally};
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::error_queue::{self, Queued};
use crate::failure::Fault;
use crate::message::Control;
use crate::ready::register;
use crate::vantage::Vantage;
use crate::{message, stamp};

/// Of the first answer.
const KEPT_BYTES: usize = 4 << 10;

/// The longest datagram.
const LONGEST: usize = 65_535;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// Sends datagrams and takes what comes back.
pub async fn udp(vantage: &Vantage, clock: &RunClock, request: &UdpRequest) -> UdpDial {
    let watch = Watch::open(vantage, clock, request.deltas).await;
    let attempt = Attempt::begin(clock, request.timeout);
    let mut tally = Tally::default();
    let opened = open(vantage, request.remote).and_then(|socket| Datagrams::over(socket, request));
    let (outcome, line) = match opened {
        Err(fault) => (Err(attempt.failure(fault, None)), None),
        Ok(line) => {
            messages::run(&line, &attempt, request.count, request.interval, &mut tally).await;
            (line.outcome(&attempt, &tally, request), Some(line))
        }
    };
    let timing = attempt.timing();
    let (deltas, held) = watch.close(vantage, clock).await;
    let local = line.as_ref().and_then(Datagrams::local);
    let icmp = line.as_ref().zip(tally.last_error()).map(|(line, queued)| line.reported(queued.clone()));
    let (answer, answer_bytes) = line.and_then(Datagrams::into_first).unzip();
    drop(held);
    UdpDial {
        timing,
        local,
        sent: tally.left(),
        unsent: tally.kept(),
        received: tally.received(),
        duplicates: tally.duplicates(),
        reordered: tally.reordered(),
        corrupted: tally.corrupted(),
        round_trips: tally.round_trips(),
        answer,
        answer_bytes: answer_bytes.unwrap_or_default(),
        icmp_errors: tally.icmp_errors(),
        icmp,
        replies: tally.into_replies(),
        outcome,
        deltas,
    }
}

/// A connected socket with its error queue and stamps.
pub(crate) fn open(vantage: &Vantage, remote: Endpoint) -> Result<Socket, Fault> {
    let remote = target(remote)?;
    let opened = vantage.within(move || raw(remote));
    opened.map_err(|error| Fault::os(Phase::Socket, "enter the vantage", &error))?
}

fn raw(remote: SocketAddr) -> Result<Socket, Fault> {
    let failed = |doing: &str, error: &io::Error| Fault::os(Phase::Socket, doing, error);
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(remote), kind, Some(Protocol::UDP))
        .map_err(|error| failed("open a UDP socket", &error))?;
    error_queue::enable(&socket, remote.ip()).map_err(|error| failed("ask for ICMP errors", &error))?;
    stamp::enable(&socket).map_err(|error| failed("ask for time stamps", &error))?;
    socket
        .connect(&remote.into())
        .map_err(|error| Fault::os(Phase::Connect, &format!("route a datagram to {remote}"), &error))?;
    Ok(socket)
}

struct Datagrams {
    socket: AsyncFd<Socket>,
    content: Content,
    state: Mutex<State>,
}

enum Content {
    Numbered(Numbered),
    Given(Vec<u8>),
}

#[derive(Default)]
struct State {
    /// The first answer, cut, with its whole length.
    first: Option<(Vec<u8>, u32)>,
    /// How many were sent, and the latest of them.
    sent: u32,
    latest: u16,
    turned_away: bool,
}

impl Datagrams {
    fn over(socket: Socket, request: &UdpRequest) -> Result<Self, Fault> {
        let content = match &request.payload {
            Some(payload) => Content::Given(payload.clone()),
            None => Content::Numbered(Numbered::of_size(request.size_bytes.into())),
        };
        let socket = register(socket, Interest::READABLE | Interest::ERROR)
            .map_err(|error| Fault::os(Phase::Socket, "register the socket", &error))?;
        Ok(Self { socket, content, state: Mutex::default() })
    }

    fn local(&self) -> Option<Endpoint> {
        self.socket.get_ref().local_addr().ok()?.as_socket().map(endpoint)
    }

    fn reported(&self, queued: Queued) -> IcmpError {
        let remote = self.socket.get_ref().peer_addr().ok().and_then(|remote| remote.as_socket());
        let local = self.local().map(|local| local.address);
        // Towards an own address the sender is the peer, and not only this host's stack.
        queued.seen_from(local.filter(|local| Some(*local) != remote.map(|remote: SocketAddr| remote.ip())))
    }

    fn into_first(self) -> Option<(Vec<u8>, u32)> {
        self.state.into_inner().unwrap_or_default().first
    }

    fn outcome(&self, attempt: &Attempt, tally: &Tally, request: &UdpRequest) -> Result<(), Failure> {
        if tally.received() > 0 {
            return Ok(());
        }
        let doing = format!("send to {}", request.remote);
        if let Some(queued) = tally.last_error() {
            let fault = Fault::os(Phase::Wait, &doing, &io::Error::from_raw_os_error(queued.errno));
            return Err(attempt.failure(fault, Some(self.reported(queued.clone()))));
        }
        let answered = self.lock(|state| state.first.as_ref().map(|(_, bytes)| *bytes));
        let fault = match (tally.first_unsent(), answered) {
            (Some(error), _) if tally.left() == 0 => Fault::os(Phase::Send, &doing, error),
            (_, Some(bytes)) => {
                let what = format!("an answer of {bytes} bytes is not what was sent: no service that echoes");
                Fault::new(Phase::Receive, Reason::Malformed(what.clone()), format!("{doing}: {what}"))
            }
            (_, None) => Fault::timed_out(Phase::Wait, &doing),
        };
        Err(attempt.failure(fault, None))
    }

    fn lock<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Line for Datagrams {
    fn socket(&self) -> &AsyncFd<Socket> {
        &self.socket
    }

    fn send(&self, sequence: u16) -> io::Result<()> {
        let sent = match &self.content {
            Content::Numbered(numbered) => self.socket.get_ref().send(&numbered.datagram(sequence)),
            Content::Given(payload) => self.socket.get_ref().send(payload),
        };
        sent.map(|_| {
            self.lock(|state| (state.sent, state.latest) = (state.sent + 1, sequence));
        })
    }

    fn receive(&self) -> Option<Came> {
        let came = BUFFER.with_borrow_mut(|buffer| {
            let mut control = Control::new();
            let received = message::receive(self.socket.get_ref(), 0, buffer, &mut control).ok()?;
            let stamp = stamp::of(received.control);
            let bytes = received.payload;
            let (sent, latest) = self.lock(|state| {
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                state.first.get_or_insert_with(|| (bytes.iter().copied().take(KEPT_BYTES).collect(), length));
                (state.sent, state.latest)
            });
            Some(match &self.content {
                Content::Numbered(numbered) => numbered.judge(bytes, stamp),
                // Whatever answers is an answer: a protocol of the caller's has no number that is known here.
                Content::Given(_) if sent > 1 => Came::Unnumbered,
                Content::Given(_) => Came::Answer { sequence: latest, intact: true, stamp },
            })
        });
        came.or_else(|| {
            let queued = error_queue::take(self.socket.get_ref())?;
            if is_final(queued.errno) {
                self.lock(|state| state.turned_away = true);
            }
            Some(Came::Error(queued))
        })
    }

    fn is_settled(&self, tally: &Tally) -> bool {
        match self.content {
            Content::Given(_) if tally.received() > 0 => true,
            // Nobody is there, and a router's limit on ICMP errors makes further ones look like loss.
            _ => tally.received() == 0 && self.lock(|state| state.turned_away),
        }
    }
}

/// The errors that ICMP's "destination unreachable" and "time exceeded" become (icmp(7)). That a datagram was too large is none:
/// the next one is sent smaller.
fn is_final(errno: i32) -> bool {
    matches!(errno, libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EACCES | libc::ENOPROTOOPT)
}
