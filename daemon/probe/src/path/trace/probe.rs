//! One TTL-limited probe: a SYN or a datagram on a socket of its own, and what comes back of it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, Socket, Type};
use sonde_core::observation::connection::TcpInfo;
use sonde_core::observation::path::{HopProbe, ProbeAnswer, TraceRequest, TraceTransport};
use sonde_core::observation::{Failure, Phase};
use tokio::io::Interest;
use tokio::time::{Instant, timeout_at};

use crate::clock::RunClock;
use crate::dial::{info, target};
use crate::failure::Fault;
use crate::ready::register;
use crate::stamp::{self, Sent};
use crate::vantage::Vantage;
use crate::{error_queue, options};

/// Between two looks at a socket whose error state no event takes away.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// What a datagram holds.
const PAYLOAD: [u8; 8] = [0; 8];

/// Sends one and waits until the deadline.
pub(super) async fn send(
    vantage: &Vantage,
    clock: &RunClock,
    request: &TraceRequest,
    ttl: u8,
    deadline: Instant,
) -> HopProbe {
    let remote = match target(request.remote) {
        Ok(remote) => remote,
        Err(fault) => return HopProbe { at: clock.now(), rtt: None, answer: unsent(fault) },
    };
    let transport = request.transport;
    probe(vantage, clock, remote, transport, Some(ttl), deadline).await.0
}

/// What came of a SYN, with the connection's figures where it was answered.
pub(in crate::path) type SynAnswer = (HopProbe, Option<TcpInfo>);

/// A SYN with the usual TTL.
pub(in crate::path) async fn syn(
    vantage: &Vantage,
    clock: &RunClock,
    remote: SocketAddr,
    deadline: Instant,
) -> SynAnswer {
    probe(vantage, clock, remote, TraceTransport::Tcp, None, deadline).await
}

async fn probe(
    vantage: &Vantage,
    clock: &RunClock,
    remote: SocketAddr,
    transport: TraceTransport,
    ttl: Option<u8>,
    deadline: Instant,
) -> SynAnswer {
    let run_clock = *clock;
    let opened = vantage.within(move || Probe::open(&run_clock, remote, transport, ttl));
    let failed = |fault| (HopProbe { at: clock.now(), rtt: None, answer: unsent(fault) }, None);
    let probe = match opened {
        Ok(Ok(probe)) => probe,
        Ok(Err(fault)) => return failed(fault),
        Err(error) => return failed(Fault::os(Phase::Socket, "enter the vantage", &error)),
    };
    let at = probe.facts.sent.at;
    let (answer, rtt, info) = match probe.wait(clock, deadline).await {
        Ok(came) => came,
        Err(fault) => (unsent(fault), None, None),
    };
    (HopProbe { at, rtt, answer }, info)
}

fn unsent(fault: Fault) -> ProbeAnswer {
    let Fault { phase, reason, errno, detail } = fault;
    ProbeAnswer::Unsent(Failure { phase, reason, errno, icmp: None, elapsed: Duration::ZERO, detail })
}

/// Dropping it resets a connection that was established: its linger is zero.
struct Probe {
    socket: Socket,
    facts: Facts,
    /// What connect(2) or send(2) said; "in progress" is fine.
    begun: io::Result<()>,
}

struct Facts {
    remote: SocketAddr,
    transport: TraceTransport,
    sent: Sent,
}

type Came = (ProbeAnswer, Option<Duration>, Option<TcpInfo>);

impl Probe {
    fn open(clock: &RunClock, remote: SocketAddr, transport: TraceTransport, ttl: Option<u8>) -> Result<Self, Fault> {
        let failed = |doing: &str, error: io::Error| Fault::os(Phase::Socket, doing, &error);
        let (kind, protocol) = match transport {
            TraceTransport::Tcp => (Type::STREAM, Protocol::TCP),
            TraceTransport::Udp => (Type::DGRAM, Protocol::UDP),
        };
        let socket = Socket::new(Domain::for_address(remote), kind.nonblocking().cloexec(), Some(protocol))
            .map_err(|error| failed("open a socket", error))?;
        error_queue::enable(&socket, remote.ip()).map_err(|error| failed("ask for ICMP errors", error))?;
        stamp::enable(&socket).map_err(|error| failed("ask for time stamps", error))?;
        if let Some(ttl) = ttl {
            limit(&socket, remote.ip(), ttl).map_err(|error| failed(&format!("set the TTL {ttl}"), error))?;
        }
        if transport == TraceTransport::Tcp {
            socket.set_linger(Some(Duration::ZERO)).map_err(|error| failed("set the linger time", error))?;
        }
        let address = remote.into();
        let mut sent = Sent::now(clock);
        let mut begun = socket.connect(&address);
        if transport == TraceTransport::Udp && begun.is_ok() {
            sent = Sent::now(clock);
            begun = socket.send(&PAYLOAD).map(drop);
        }
        let begun = match begun {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
            begun => begun,
        };
        Ok(Self { socket, facts: Facts { remote, transport, sent }, begun })
    }

    async fn wait(self, clock: &RunClock, deadline: Instant) -> Result<Came, Fault> {
        let Self { socket, facts, begun } = self;
        let doing = format!("send a probe to {}", facts.remote);
        if let Some(came) = facts.look(&socket, clock) {
            return Ok(came);
        }
        if let Err(error) = begun {
            return Ok(facts.failed(clock, &error, &doing));
        }
        // The writing side of a socket that connects tells of every outcome; that of a datagram's is always there.
        let interest = match facts.transport {
            TraceTransport::Tcp => Interest::WRITABLE | Interest::ERROR,
            TraceTransport::Udp => Interest::READABLE | Interest::ERROR,
        };
        let socket =
            register(socket, interest).map_err(|error| Fault::os(Phase::Socket, "register the socket", &error))?;
        loop {
            let mut guard = match timeout_at(deadline, socket.ready(interest)).await {
                Ok(ready) => ready.map_err(|error| Fault::os(Phase::Wait, &doing, &error))?,
                Err(_) => return Ok((ProbeAnswer::Silent, None, None)),
            };
            guard.clear_ready();
            if let Some(came) = facts.look(socket.get_ref(), clock) {
                return Ok(came);
            }
            if let Ok(Some(error)) | Err(error) = socket.get_ref().take_error() {
                return Ok(facts.failed(clock, &error, &doing));
            }
            if Instant::now() >= deadline {
                return Ok((ProbeAnswer::Silent, None, None));
            }
            // The runtime takes the writing side for closed for good once an error was seen, and then never waits.
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

impl Facts {
    /// The error of a socket that no ICMP error explains: a reset, an older kernel, or this host's own stack.
    fn failed(&self, clock: &RunClock, error: &io::Error, doing: &str) -> Came {
        match (self.transport, error.raw_os_error()) {
            (TraceTransport::Tcp, Some(libc::ECONNREFUSED)) => {
                (ProbeAnswer::Reset, Some(self.sent.until(clock, None)), None)
            }
            _ => (unsent(Fault::os(Phase::Connect, doing, error)), None, None),
        }
    }

    /// What has come, if anything.
    fn look(&self, socket: &Socket, clock: &RunClock) -> Option<Came> {
        let local = socket.local_addr().ok().and_then(|local| local.as_socket()).map(|local| local.ip());
        if let Some(queued) = error_queue::take(socket) {
            let rtt = self.sent.until(clock, queued.stamp);
            let error =
                queued.seen_from(local.map(|local| local.to_canonical()).filter(|local| *local != self.remote.ip()));
            return Some((ProbeAnswer::Icmp(error), Some(rtt), None));
        }
        match self.transport {
            TraceTransport::Tcp => {
                socket.peer_addr().ok()?;
                let info = info::read(socket).ok();
                // The kernel's own figure of the one exchange so far, unless the SYN was sent twice.
                let rtt = info.as_ref().filter(|info| info.total_retransmits == 0 && !info.rtt.is_zero());
                let rtt = rtt.map_or_else(|| self.sent.until(clock, None), |info| info.rtt);
                Some((ProbeAnswer::Answered, Some(rtt), info))
            }
            TraceTransport::Udp => {
                let mut byte = [0_u8; 1];
                let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
                rustix::net::recv(socket, &mut byte[..], flags).ok()?;
                Some((ProbeAnswer::Answered, Some(self.sent.until(clock, None)), None))
            }
        }
    }
}

fn limit(socket: &Socket, remote: IpAddr, ttl: u8) -> io::Result<()> {
    match remote {
        IpAddr::V4(_) => options::set(socket, libc::IPPROTO_IP, libc::IP_TTL, ttl.into()),
        IpAddr::V6(_) => options::set(socket, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, ttl.into()),
    }
}
