//! A socket for ICMP echo: a ping socket where `net.ipv4.ping_group_range` allows one, else a raw one.
//!
//! A ping socket's kernel sets identifier and checksum and hands out only its own replies. A raw one gets every ICMP message of
//! its peer, so replies are told apart by a random identifier.

pub mod packet;

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use sonde_core::observation::{IcmpError, Phase, Reason};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use self::packet::Framing;
use crate::error_queue::Queued;
use crate::failure::Fault;
use crate::message::Control;
use crate::ready::register;
use crate::vantage::Vantage;
use crate::{error_queue, message, options, stamp};

/// The privileges that echo needs, one of them.
pub(super) const NEEDED: &str = "CAP_NET_RAW, or a group of the daemon's in net.ipv4.ping_group_range";

/// The longest IP packet.
const LONGEST: usize = 65_535;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// Sends echo requests to one address.
pub(super) struct Pinger {
    socket: AsyncFd<Socket>,
    remote: IpAddr,
    local: Option<IpAddr>,
    /// Absent on a ping socket.
    identifier: Option<u16>,
}

/// What has come for a [`Pinger`].
#[derive(Debug)]
pub(super) enum Arrived {
    /// A reply to the request of this number.
    Reply { sequence: u16, payload_bytes: usize, intact: bool, stamp: Option<Duration> },
    /// An ICMP error about a request of ours.
    Error(Queued),
    /// Another's.
    Foreign,
}

impl Pinger {
    /// Opens one in the vantage. `whole`: no packet may be fragmented.
    pub(super) fn open(vantage: &Vantage, remote: IpAddr, whole: bool) -> Result<Self, Fault> {
        let opened = vantage.within(move || raw(remote, whole));
        let (socket, identifier) = opened.map_err(|error| Fault::os(Phase::Socket, "enter the vantage", &error))??;
        let local = socket.local_addr().ok().and_then(|local| local.as_socket());
        let local = local.map(|local| local.ip().to_canonical()).filter(|local| *local != remote);
        let socket = register(socket, Interest::READABLE | Interest::ERROR)
            .map_err(|error| Fault::os(Phase::Socket, "register the socket", &error))?;
        Ok(Self { socket, remote, local, identifier })
    }

    pub(super) fn socket(&self) -> &AsyncFd<Socket> {
        &self.socket
    }

    /// Sends the request with this number and so many bytes of payload.
    pub(super) fn send(&self, sequence: u16, payload_bytes: usize) -> io::Result<()> {
        let payload = pattern(sequence, payload_bytes);
        let request = packet::request(self.remote, self.identifier.unwrap_or_default(), sequence, &payload);
        self.socket.get_ref().send(&request).map(drop)
    }

    /// Takes one thing that has come; `None` when nothing waits.
    pub(super) fn receive(&self) -> Option<Arrived> {
        let reply = BUFFER.with_borrow_mut(|buffer| {
            let mut control = Control::new();
            let received = message::receive(self.socket.get_ref(), 0, buffer, &mut control).ok()?;
            let ipv6 = self.remote.is_ipv6();
            let framing = if self.identifier.is_some() && !ipv6 { Framing::Ipv4 } else { Framing::Bare };
            let reply = packet::reply(received.payload, ipv6, framing);
            let Some(reply) = reply.filter(|reply| self.is_ours(reply.identifier)) else {
                return Some(Arrived::Foreign);
            };
            let intact = reply.payload == pattern(reply.sequence, reply.payload.len());
            let (sequence, payload_bytes) = (reply.sequence, reply.payload.len());
            Some(Arrived::Reply { sequence, payload_bytes, intact, stamp: stamp::of(received.control) })
        });
        reply.or_else(|| {
            let queued = error_queue::take(self.socket.get_ref())?;
            // What quotes too little to be told apart is taken for ours: the socket is connected to this address alone.
            let quoted = packet::quoted(&queued.quoted, self.remote.is_ipv6());
            let ours = quoted.is_none_or(|quoted| self.is_ours(quoted.identifier));
            Some(if ours { Arrived::Error(queued) } else { Arrived::Foreign })
        })
    }

    /// The error as this socket reports it.
    pub(super) fn reported(&self, queued: Queued) -> IcmpError {
        queued.seen_from(self.local)
    }

    fn is_ours(&self, identifier: u16) -> bool {
        self.identifier.is_none_or(|own| own == identifier)
    }
}

/// A connected socket, and the identifier of a raw one.
fn raw(remote: IpAddr, whole: bool) -> Result<(Socket, Option<u16>), Fault> {
    let failed = |doing: &str, error: &io::Error| Fault::os(Phase::Socket, doing, error);
    let (domain, protocol) = match remote {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let open = |kind: Type| Socket::new(domain, kind.nonblocking().cloexec(), Some(protocol));
    let refused = |error: &io::Error| matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM));
    let (socket, identifier) = match open(Type::DGRAM) {
        Ok(socket) => (socket, None),
        Err(error) if refused(&error) || error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => match open(Type::RAW) {
            Ok(socket) => (socket, Some(identifier())),
            Err(error) if refused(&error) => {
                let detail = format!("ICMP echo needs {NEEDED}");
                let fault = Fault::new(Phase::Socket, Reason::Unavailable(NEEDED.to_owned()), detail);
                return Err(Fault { errno: error.raw_os_error(), ..fault });
            }
            Err(error) => return Err(failed("open a raw ICMP socket", &error)),
        },
        Err(error) => return Err(failed("open a ping socket", &error)),
    };
    error_queue::enable(&socket, remote).map_err(|error| failed("ask for ICMP errors", &error))?;
    stamp::enable(&socket).map_err(|error| failed("ask for time stamps", &error))?;
    if whole {
        options::never_fragment(&socket, remote).map_err(|error| failed("forbid fragments", &error))?;
    }
    socket
        .connect(&SocketAddr::new(remote, 0).into())
        .map_err(|error| Fault::os(Phase::Connect, &format!("route an echo request to {remote}"), &error))?;
    Ok((socket, identifier))
}

/// Other pingers of this host may have one, too, so it is random.
fn identifier() -> u16 {
    let mut bytes = [0_u8; 2];
    // Without the kernel's randomness any number will do: replies also must carry what was sent.
    let _zeros = getrandom::fill(&mut bytes).is_err();
    u16::from_ne_bytes(bytes)
}

/// The payload of a request: distinct for neighbours, so that a mixed-up one is seen.
fn pattern(sequence: u16, bytes: usize) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    (0..bytes).map(|at| at.to_le_bytes()[0].wrapping_add(low).wrapping_add(high)).collect()
}
