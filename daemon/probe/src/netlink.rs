//! Blocking netlink for short questions: one request and one answer, or one dump. Inside a vantage only, off the runtime.
//!
//! Every call has a deadline of its own. A dump that the kernel says is inconsistent (`NLM_F_DUMP_INTR`) or that overran the
//! socket (ENOBUFS) is asked once more, then it is a failure: half a table is no fact. Attributes are walked tolerantly, so that
//! a kernel newer than our decoders is still understood.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::{
    NLA_HEADER_SIZE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NlaBuffer, NlasIterator,
};
use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use tokio::time::Instant;

use crate::inspection::Problem;

/// The kernel fills at most 32 KiB per datagram of a dump (`netlink_dump` of `net/netlink/af_netlink.c`).
const BUFFER_BYTES: usize = 64 << 10;
const HEADER_BYTES: usize = 16;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

/// How a question ended without an answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The kernel answered with this error number: for a route lookup that is an answer.
    Errno(i32),
    /// No answer.
    Failed(Problem),
}

/// A netlink family and the time its questions may take together.
#[derive(Clone, Debug)]
pub(crate) struct Netlink {
    protocol: isize,
    /// What is being attempted, for messages: `list the links`.
    attempt: &'static str,
    allowed: Duration,
    deadline: Instant,
}

impl Netlink {
    /// `NETLINK_ROUTE`.
    pub(crate) fn route(attempt: &'static str, allowed: Duration) -> Self {
        Self::new(netlink_sys::protocols::NETLINK_ROUTE, attempt, allowed)
    }

    /// `NETLINK_NETFILTER`.
    pub(crate) fn netfilter(attempt: &'static str, allowed: Duration) -> Self {
        Self::new(netlink_sys::protocols::NETLINK_NETFILTER, attempt, allowed)
    }

    fn new(protocol: isize, attempt: &'static str, allowed: Duration) -> Self {
        Self { protocol, attempt, allowed, deadline: Instant::now() + allowed }
    }

    /// One question, one answer: its type and payload.
    pub(crate) fn ask(&self, kind: u16, body: &[u8]) -> Result<(u16, Vec<u8>), Refusal> {
        let failed = |error: io::Error| Refusal::Failed(self.problem(&error));
        let socket = self.open().map_err(failed)?;
        socket.send(&message(kind, NLM_F_REQUEST, body), 0).map_err(failed)?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        self.receive(&socket, &mut buffer).map_err(Refusal::Failed)?;
        match frames(&buffer).next() {
            Some(Ok(frame)) => match frame.kind {
                NLMSG_ERROR | NLMSG_DONE => Err(match frame.error() {
                    0 => Refusal::Failed(Problem::malformed(self.attempt, "the kernel answered nothing")),
                    errno => Refusal::Errno(errno),
                }),
                kind => Ok((kind, frame.payload.to_vec())),
            },
            Some(Err(Malformed)) | None => Err(Refusal::Failed(self.malformed())),
        }
    }

    /// One dump, folded from `start` by `each(state, type, payload)`; folded anew when it must be asked again.
    pub(crate) fn dump<A: Clone>(
        &self,
        kind: u16,
        body: &[u8],
        start: A,
        mut each: impl FnMut(&mut A, u16, &[u8]),
    ) -> Result<A, Refusal> {
        match self.dump_once(kind, body, start.clone(), &mut each) {
            Err(Broken::Inconsistent(_)) => {}
            Err(Broken::Refused(refusal)) => return Err(refusal),
            Ok(whole) => return Ok(whole),
        }
        self.dump_once(kind, body, start, &mut each).map_err(|broken| match broken {
            Broken::Inconsistent(problem) => Refusal::Failed(problem),
            Broken::Refused(refusal) => refusal,
        })
    }

    /// The failure of an errno that is no answer.
    pub(crate) fn failure(&self, refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Failed(problem) => problem,
            // inet_diag answers ENOENT where its module (tcp_diag) is absent.
            Refusal::Errno(libc::ENOENT) => self.problem(&io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
            Refusal::Errno(errno) => self.problem(&io::Error::from_raw_os_error(errno)),
        }
    }

    /// The name of a link of the current namespace.
    pub(crate) fn link_name(&self, index: u32) -> Option<String> {
        let socket = self.open().ok()?;
        rustix::net::netdevice::index_to_name(&socket, index).ok()
    }

    fn dump_once<A>(
        &self,
        kind: u16,
        body: &[u8],
        mut state: A,
        each: &mut impl FnMut(&mut A, u16, &[u8]),
    ) -> Result<A, Broken> {
        let refused = |problem| Broken::Refused(Refusal::Failed(problem));
        let socket = self.open().map_err(|error| refused(self.problem(&error)))?;
        socket
            .send(&message(kind, NLM_F_REQUEST | NLM_F_DUMP, body), 0)
            .map_err(|error| refused(self.problem(&error)))?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut consistent = true;
        loop {
            self.receive(&socket, &mut buffer).map_err(|problem| match problem.errno {
                Some(libc::ENOBUFS) => Broken::Inconsistent(problem),
                _ => refused(problem),
            })?;
            for frame in frames(&buffer) {
                let frame = frame.map_err(|Malformed| refused(self.malformed()))?;
                consistent &= frame.flags & NLM_F_DUMP_INTR == 0;
                match (frame.kind, frame.error()) {
                    (NLMSG_DONE | NLMSG_ERROR, 0) if consistent => return Ok(state),
                    (NLMSG_DONE | NLMSG_ERROR, 0) => {
                        let problem = Problem::malformed(self.attempt, "the table changed while it was read, twice");
                        return Err(Broken::Inconsistent(problem));
                    }
                    (NLMSG_DONE | NLMSG_ERROR, errno) => return Err(Broken::Refused(Refusal::Errno(errno))),
                    (NLMSG_OVERRUN, _) => {
                        let problem = self.problem(&io::Error::from_raw_os_error(libc::ENOBUFS));
                        return Err(Broken::Inconsistent(problem));
                    }
                    (NLMSG_NOOP, _) => {}
                    (kind, _) => each(&mut state, kind, frame.payload),
                }
            }
        }
    }

    /// Connected to the kernel, so that nothing else is received.
    fn open(&self) -> io::Result<Socket> {
        let socket = Socket::new(self.protocol)?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(socket)
    }

    /// Reads one datagram, whole.
    fn receive(&self, socket: &Socket, buffer: &mut Vec<u8>) -> Result<(), Problem> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Problem::timed_out(self.attempt, self.allowed));
            }
            set_socket_timeout(socket, Timeout::Recv, Some(left)).map_err(|errno| self.problem(&errno.into()))?;
            buffer.clear();
            match socket.recv(buffer, libc::MSG_TRUNC) {
                Ok(length) if length > buffer.len() => {
                    return Err(Problem::malformed(self.attempt, "the kernel's datagram is larger than 64 KiB"));
                }
                Ok(_) => return Ok(()),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(self.problem(&error)),
            }
        }
    }

    fn problem(&self, error: &io::Error) -> Problem {
        Problem::os(self.attempt, error, "CAP_NET_ADMIN")
    }

    fn malformed(&self) -> Problem {
        Problem::malformed(self.attempt, "the kernel's netlink datagram is cut short")
    }
}

/// The attributes of a payload after its fixed header, up to the first that is cut short.
pub(crate) fn attributes(payload: &[u8], header: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let bytes = payload.get(header..).unwrap_or_default();
    NlasIterator::new(bytes).map_while(Result::ok).map(|attribute: NlaBuffer<&[u8]>| {
        let (kind, end) = (attribute.kind(), usize::from(attribute.length()));
        (kind, attribute.into_inner().get(NLA_HEADER_SIZE..end).unwrap_or_default())
    })
}

/// An address attribute, unmapped.
pub(crate) fn address(value: &[u8]) -> Option<IpAddr> {
    let address = match value.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(value).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(value).ok()?),
        _ => return None,
    };
    Some(address.to_canonical())
}

/// A number attribute in the host's byte order.
pub(crate) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(value.try_into().ok()?))
}

enum Broken {
    /// Worth asking once more.
    Inconsistent(Problem),
    Refused(Refusal),
}

#[derive(Debug)]
struct Malformed;

struct Frame<'a> {
    kind: u16,
    flags: u16,
    payload: &'a [u8],
}

impl Frame<'_> {
    /// The error number of `NLMSG_ERROR` and `NLMSG_DONE`, positive; 0 where there is none.
    fn error(&self) -> i32 {
        self.payload.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code).checked_neg().unwrap_or(libc::EPROTO))
    }
}

/// The messages of one datagram.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, Malformed>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let Ok(message) = NetlinkBuffer::new_checked(bytes) else {
            bytes = &[];
            return Some(Err(Malformed));
        };
        let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
        let frame =
            Frame { kind: message.message_type(), flags: message.flags(), payload: bytes.get(HEADER_BYTES..length)? };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(frame))
    })
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes.extend_from_slice(body);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut header = NetlinkBuffer::new(&mut bytes);
    header.set_length(length);
    header.set_message_type(kind);
    header.set_flags(flags);
    header.set_sequence_number(1);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_read_back_with_those_behind_it() {
        let mut bytes = message(20, 0, &[1, 2, 3]);
        bytes.push(0);
        bytes.extend(message(NLMSG_DONE, NLM_F_DUMP_INTR, &0_i32.to_ne_bytes()));
        let read: Vec<_> = frames(&bytes).map(|frame| frame.expect("whole")).collect();
        assert_eq!((read[0].kind, read[0].payload), (20, &[1, 2, 3][..]));
        assert_eq!((read[1].kind, read[1].flags, read[1].error()), (NLMSG_DONE, NLM_F_DUMP_INTR, 0));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn a_message_that_is_cut_short_is_malformed() {
        let bytes = message(20, 0, &[1, 2, 3, 4]);
        for cut in 1..bytes.len() {
            assert!(matches!(frames(&bytes[..cut]).next(), Some(Err(Malformed))), "{cut}");
        }
    }

    #[test]
    fn an_error_message_carries_its_errno() {
        let bytes = message(NLMSG_ERROR, 0, &(-libc::EPERM).to_ne_bytes());
        let frame = frames(&bytes).next().expect("one").expect("whole");
        assert_eq!(frame.error(), libc::EPERM);
    }

    #[test]
    fn a_mapped_address_is_unmapped() {
        let mapped = "::ffff:10.0.0.1".parse::<std::net::Ipv6Addr>().expect("an address");
        assert_eq!(address(&mapped.octets()), "10.0.0.1".parse().ok());
        assert_eq!(address(&[1, 2, 3]), None);
    }

    #[test]
    fn a_deadline_ends_a_wait() {
        let netlink = Netlink::route("wait for nothing", Duration::from_millis(30));
        let socket = netlink.open().expect("a socket");
        let problem = netlink.receive(&socket, &mut Vec::with_capacity(BUFFER_BYTES)).expect_err("nothing was asked");
        assert_eq!(problem.reason, sonde_core::observation::Reason::TimedOut);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_framing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), header in 0_usize..64) {
            for frame in frames(&bytes).flatten() {
                let _ = (frame.error(), attributes(frame.payload, header).count());
            }
            for (_, value) in attributes(&bytes, header) {
                let _ = (address(value), number(value));
            }
        }
    }
}
