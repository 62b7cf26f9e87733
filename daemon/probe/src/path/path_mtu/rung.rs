//! One size: sent with DF until its arrival shows, somebody refuses it, or its silence counts.
//!
//! What is waited for is told apart by a number, or, where the peer may answer what it likes, by a socket of its own.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use socket2::Socket;
use sonde_core::observation::path::{Rung, RungOutcome};
use sonde_core::observation::{Endpoint, Failure, IcmpError, Phase};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout_at};

use crate::attempt::Attempt;
use crate::dial::udp;
use crate::error_queue::{self, Queued};
use crate::failure::Fault;
use crate::message::Control;
use crate::path::icmp::{Arrived, Pinger, packet};
use crate::ready::register;
use crate::stamp::{self, Sent};
use crate::vantage::Vantage;
use crate::{message, options};

/// How long a size is waited for: some round trips of one that was answered, within bounds; a second before any was.
const PATIENCE: u32 = 4;
const LEAST_WAIT: Duration = Duration::from_millis(60);
const MOST_WAIT: Duration = Duration::from_secs(1);

/// Linux sends one host so many ICMP errors at once, then one a second (`icmp_ratelimit`, `XRLIM_BURST_FACTOR`).
const ERRORS_AT_ONCE: u32 = 5;
const ERROR_EVERY: Duration = Duration::from_millis(1_050);

const IPV4_HEADER_BYTES: u32 = 20;
const IPV6_HEADER_BYTES: u32 = 40;
/// Of UDP, and of an ICMP echo message.
const HEADER_BYTES: u32 = 8;

/// A way to send packets of a chosen size.
pub(super) struct Climber<'a> {
    vantage: &'a Vantage,
    way: Way,
    remote: Endpoint,
    /// What this host's link takes, and so what it refuses: the kernel is told to disregard what it holds for the path.
    link_mtu: Option<u32>,
    next: u16,
    longest: Option<Duration>,
    /// ICMP errors that showed arrivals.
    errors: u32,
}

enum Way {
    Echo(Pinger),
    Datagrams(AsyncFd<Socket>),
}

/// What has come for a size.
enum Came {
    /// It is about another, or about nothing of ours.
    Other,
    Arrival(Option<Duration>),
    /// Its arrival showed by an ICMP error, which are rationed.
    Rationed(Option<Duration>),
    Refusal(IcmpError),
    /// It will not come, by an error that is not about its size.
    Hindrance(Failure),
}

impl<'a> Climber<'a> {
    pub(super) fn by_echo(vantage: &'a Vantage, remote: Endpoint, link_mtu: Option<u32>) -> Result<Self, Fault> {
        let way = Way::Echo(Pinger::open(vantage, remote.address.to_canonical(), true)?);
        Ok(Self { vantage, way, remote, link_mtu, next: 0, longest: None, errors: 0 })
    }

    pub(super) fn by_datagrams(vantage: &'a Vantage, remote: Endpoint, link_mtu: Option<u32>) -> Result<Self, Fault> {
        let way = Way::Datagrams(datagrams(vantage, remote)?);
        Ok(Self { vantage, way, remote, link_mtu, next: 0, longest: None, errors: 0 })
    }

    /// What the kernel holds for the path.
    pub(super) fn route_mtu(&self) -> Option<u32> {
        options::path_mtu(self.socket().get_ref(), self.address())
    }

    fn address(&self) -> IpAddr {
        self.remote.address.to_canonical()
    }

    /// Sends a whole IP packet of `size` bytes, up to `attempts` times.
    pub(super) async fn try_size(&mut self, attempt: &Attempt, size: u32, attempts: u8) -> Rung {
        let mut rung = Rung { size, at: attempt.clock().now(), attempts: 0, rtt: None, outcome: RungOutcome::Silent };
        while rung.attempts < attempts && !attempt.remaining().is_zero() {
            if self.errors >= ERRORS_AT_ONCE {
                sleep(ERROR_EVERY.min(attempt.remaining())).await;
            }
            rung.attempts += 1;
            let sequence = self.next;
            self.next = self.next.wrapping_add(1);
            if let Err(fault) = self.forget(sequence) {
                rung.outcome = RungOutcome::Unsent(failure(fault, None));
                return rung;
            }
            let sent = Sent::now(attempt.clock());
            if let Err(error) = self.send(sequence, size) {
                rung.outcome = self.unsent(&error);
                return rung;
            }
            let wait = self.longest.map_or(MOST_WAIT, |trip| (trip * PATIENCE).clamp(LEAST_WAIT, MOST_WAIT));
            let until = (Instant::now() + wait).min(attempt.deadline());
            let stamp = match self.came(sequence, until).await {
                None | Some(Came::Other) => continue,
                Some(Came::Refusal(error)) => {
                    rung.outcome = RungOutcome::TooBig(error);
                    return rung;
                }
                Some(Came::Hindrance(failure)) => {
                    rung.outcome = RungOutcome::Unsent(failure);
                    return rung;
                }
                Some(Came::Rationed(stamp)) => {
                    self.errors += 1;
                    stamp
                }
                Some(Came::Arrival(stamp)) => stamp,
            };
            let rtt = sent.until(attempt.clock(), stamp);
            self.longest = self.longest.max(Some(rtt));
            rung.rtt = Some(rtt);
            rung.outcome = RungOutcome::Answered;
            return rung;
        }
        rung
    }

    /// Waits for what comes for this number.
    async fn came(&self, sequence: u16, until: Instant) -> Option<Came> {
        let mut others = 0;
        // Looked at each time: what others send may come faster than a timer is asked.
        while Instant::now() < until {
            match self.take(sequence) {
                Some(Came::Other) => {
                    others += 1;
                    if others % AT_ONE_GO == 0 {
                        yield_now().await;
                    }
                }
                Some(came) => return Some(came),
                None => match timeout_at(until, self.socket().ready(Interest::READABLE | Interest::ERROR)).await {
                    Ok(Ok(mut guard)) => guard.clear_ready(),
                    Ok(Err(_)) | Err(_) => return None,
                },
            }
        }
        None
    }

    /// Makes sure that nothing of an earlier try is taken for this one's.
    fn forget(&mut self, sequence: u16) -> Result<(), Fault> {
        match &self.way {
            // Numbers tell these apart; but an error that waits would be taken for one of sending.
            Way::Echo(pinger) => {
                for _ in 0..AT_ONE_GO {
                    if pinger.receive().is_none() {
                        break;
                    }
                }
            }
            Way::Datagrams(_) if sequence > 0 => {
                self.way = Way::Datagrams(datagrams(self.vantage, self.remote)?);
            }
            Way::Datagrams(_) => {}
        }
        Ok(())
    }

    fn socket(&self) -> &AsyncFd<Socket> {
        match &self.way {
            Way::Echo(pinger) => pinger.socket(),
            Way::Datagrams(socket) => socket,
        }
    }

    /// An error that waits at the socket would be taken for one of sending: then it is tried a second time.
    fn send(&self, sequence: u16, size: u32) -> io::Result<()> {
        let fits = self.link_mtu.is_some_and(|most| size <= most);
        self.send_once(sequence, size).or_else(|error| match error.raw_os_error() {
            Some(libc::EMSGSIZE) if !fits => Err(error),
            Some(libc::EPERM | libc::EACCES) => Err(error),
            _ => self.send_once(sequence, size),
        })
    }

    fn send_once(&self, sequence: u16, size: u32) -> io::Result<()> {
        let headers = HEADER_BYTES + if self.address().is_ipv4() { IPV4_HEADER_BYTES } else { IPV6_HEADER_BYTES };
        let payload = usize::try_from(size.saturating_sub(headers)).unwrap_or_default();
        match &self.way {
            Way::Echo(pinger) => pinger.send(sequence, payload),
            Way::Datagrams(socket) => {
                let mut bytes = sequence.to_be_bytes().to_vec();
                bytes.resize(payload, 0);
                socket.get_ref().send(&bytes).map(drop)
            }
        }
    }

    /// Takes one thing that has come; `None` when nothing waits.
    fn take(&self, wanted: u16) -> Option<Came> {
        let (queued, sequence) = match &self.way {
            Way::Echo(pinger) => match pinger.receive()? {
                Arrived::Reply { sequence, stamp, .. } if sequence == wanted => return Some(Came::Arrival(stamp)),
                Arrived::Reply { .. } | Arrived::Foreign => return Some(Came::Other),
                Arrived::Error(queued) => {
                    let quoted = packet::quoted(&queued.quoted, self.address().is_ipv6());
                    let sequence = quoted.map(|quoted| quoted.sequence);
                    (queued, sequence)
                }
            },
            Way::Datagrams(socket) => {
                let (mut byte, mut control) = ([0_u8; 16], Control::new());
                if let Ok(received) = message::receive(socket.get_ref(), 0, &mut byte, &mut control) {
                    return Some(Came::Arrival(stamp::of(received.control)));
                }
                let queued = error_queue::take(socket.get_ref())?;
                let sequence = queued.quoted.first_chunk().map(|number| u16::from_be_bytes(*number));
                (queued, sequence)
            }
        };
        // A router may quote too little to tell; then it is about the last one.
        let ours = sequence.is_none_or(|sequence| sequence == wanted);
        Some(if ours { self.judge(queued) } else { Came::Other })
    }

    fn judge(&self, queued: Queued) -> Came {
        let (stamp, errno) = (queued.stamp, queued.errno);
        let error = self.reported(queued);
        let remote = self.address();
        let is_port_unreachable = match remote {
            IpAddr::V4(_) => (error.icmp_type, error.code) == (3, 3),
            IpAddr::V6(_) => (error.icmp_type, error.code) == (1, 4),
        };
        let is_too_big = match remote {
            IpAddr::V4(_) => (error.icmp_type, error.code) == (3, 4),
            IpAddr::V6(_) => error.icmp_type == 2,
        };
        if is_too_big {
            Came::Refusal(error)
        } else if is_port_unreachable && error.sender.is_none_or(|sender| sender == remote) {
            Came::Rationed(stamp)
        } else {
            let doing = format!("reach {remote}");
            let fault = Fault::os(Phase::Wait, &doing, &io::Error::from_raw_os_error(errno));
            Came::Hindrance(failure(fault, Some(error)))
        }
    }

    fn reported(&self, queued: Queued) -> IcmpError {
        match &self.way {
            Way::Echo(pinger) => pinger.reported(queued),
            Way::Datagrams(socket) => {
                let local = socket.get_ref().local_addr().ok().and_then(|local| local.as_socket());
                queued.seen_from(local.map(|local| local.ip().to_canonical()).filter(|local| *local != self.address()))
            }
        }
    }

    fn unsent(&self, error: &io::Error) -> RungOutcome {
        if error.raw_os_error() == Some(libc::EMSGSIZE) {
            return RungOutcome::TooBigHere(self.link_mtu);
        }
        RungOutcome::Unsent(failure(Fault::os(Phase::Send, &format!("send to {}", self.address()), error), None))
    }
}

/// A socket for datagrams that nobody fragments.
fn datagrams(vantage: &Vantage, remote: Endpoint) -> Result<AsyncFd<Socket>, Fault> {
    let failed = |doing: &str, error: &io::Error| Fault::os(Phase::Socket, doing, error);
    let socket = udp::open(vantage, remote)?;
    options::never_fragment(&socket, remote.address.to_canonical())
        .map_err(|error| failed("forbid fragments", &error))?;
    register(socket, Interest::READABLE | Interest::ERROR).map_err(|error| failed("register the socket", &error))
}

fn failure(fault: Fault, icmp: Option<IcmpError>) -> Failure {
    let Fault { phase, reason, errno, detail } = fault;
    Failure { phase, reason, errno, icmp, elapsed: Duration::ZERO, detail }
}

/// What is taken before others have their turn.
const AT_ONE_GO: u32 = 256;
