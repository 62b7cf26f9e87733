//! The dump loop of `sock_diag(7)`: one reused buffer, each record handed on as it lies there.
//!
//! Apart from [`crate::netlink`], because a table of a hundred thousand sockets must cost hardly more than the kernel's half: no
//! list of messages, no second look. A dump that the kernel calls inconsistent is not asked again: on a busy machine every one is.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use netlink_sys::{Socket, SocketAddr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, recv};
use tokio::time::Instant;

use crate::inspection::Problem;

/// The kernel fills at most 32 KiB per datagram of a dump (`netlink_dump` of `net/netlink/af_netlink.c`).
const BUFFER_BYTES: usize = 64 << 10;
const HEADER_BYTES: usize = 16;
/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `TCPDIAG_GETSOCK` of `linux/inet_diag.h`: the older question, which has no protocol, and whose dump is of both families in one walk.
pub(super) const TCPDIAG_GETSOCK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

/// How a dump ended that did not fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dumped {
    /// The kernel said that the table changed meanwhile: a socket may be missing or come twice.
    pub(super) changed: bool,
    /// The visitor wanted no more.
    pub(super) stopped: bool,
}

/// How a dump failed.
#[derive(Debug)]
pub(super) enum Broken {
    /// The kernel refused the question with this error number.
    Refused(i32),
    /// Records were lost (ENOBUFS): what came is not the table, and asking again may help.
    Lost(Problem),
    /// Anything else.
    Failed(Problem),
}

/// Reads dumps, one after the other.
pub(super) struct Reader {
    buffer: Box<[u8]>,
    attempt: &'static str,
    allowed: Duration,
    deadline: Instant,
}

impl Reader {
    /// `attempt` is what messages say, `list the sockets`; `allowed` is for all dumps together.
    pub(super) fn new(attempt: &'static str, allowed: Duration) -> Self {
        let deadline = Instant::now() + allowed;
        Self { buffer: vec![0; BUFFER_BYTES].into_boxed_slice(), attempt, allowed, deadline }
    }

    /// Asks by a message of this type, and visits every record.
    pub(super) fn dump(
        &mut self,
        kind: u16,
        request: &[u8],
        visit: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Dumped, Broken> {
        self.ask(kind, request, NLM_F_DUMP, visit)
    }

    /// Asks for one socket by its endpoints. The acknowledgement that follows it ends the answer, as the last message ends a dump.
    pub(super) fn look_up(
        &mut self,
        request: &[u8],
        visit: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Dumped, Broken> {
        self.ask(SOCK_DIAG_BY_FAMILY, request, NLM_F_ACK, visit)
    }

    fn ask(
        &mut self,
        kind: u16,
        request: &[u8],
        flags: u16,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Dumped, Broken> {
        // A dump that the visitor left would stand in the way of the next one.
        let socket = open().map_err(|error| Broken::Failed(self.problem(&error)))?;
        socket.send(&message(kind, request, flags), 0).map_err(|error| Broken::Failed(self.problem(&error)))?;
        let mut dumped = Dumped::default();
        loop {
            let length = self.receive(&socket)?;
            let mut rest = self.buffer.get(..length).unwrap_or_default();
            while !rest.is_empty() {
                let Some(frame) = next(&mut rest) else { return Err(Broken::Failed(self.malformed())) };
                dumped.changed |= frame.flags & NLM_F_DUMP_INTR != 0;
                match frame.kind {
                    record if record == kind && visit(frame.payload).is_break() => {
                        return Ok(Dumped { stopped: true, ..dumped });
                    }
                    NLMSG_DONE | NLMSG_ERROR => {
                        return match frame.error() {
                            0 => Ok(dumped),
                            libc::ENOBUFS => {
                                Err(Broken::Lost(self.problem(&io::Error::from_raw_os_error(libc::ENOBUFS))))
                            }
                            errno => Err(Broken::Refused(errno)),
                        };
                    }
                    NLMSG_OVERRUN => {
                        return Err(Broken::Lost(self.problem(&io::Error::from_raw_os_error(libc::ENOBUFS))));
                    }
                    _ => {}
                }
            }
        }
    }

    /// The failure of a dump.
    pub(super) fn failure(&self, broken: Broken) -> Problem {
        match broken {
            Broken::Lost(problem) | Broken::Failed(problem) => problem,
            // sock_diag answers ENOENT where the module of a family (tcp_diag) is absent.
            Broken::Refused(libc::ENOENT) => self.problem(&io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
            Broken::Refused(errno) => self.problem(&io::Error::from_raw_os_error(errno)),
        }
    }

    /// The number of a device of the current namespace; none where there is no such device.
    pub(super) fn device_index(name: &str) -> Option<u32> {
        rustix::net::netdevice::name_to_index(open().ok()?, name).ok()
    }

    /// The name of a device of the current namespace.
    pub(super) fn device_name(index: u32) -> Option<String> {
        rustix::net::netdevice::index_to_name(open().ok()?, index).ok()
    }

    /// Reads one datagram, whole; its length.
    fn receive(&mut self, socket: &Socket) -> Result<usize, Broken> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Broken::Failed(Problem::timed_out(self.attempt, self.allowed)));
            }
            set_socket_timeout(socket, Timeout::Recv, Some(left))
                .map_err(|errno| Broken::Failed(self.problem(&errno.into())))?;
            match recv(socket, &mut self.buffer[..], RecvFlags::TRUNC) {
                Ok((_, length)) if length > self.buffer.len() => {
                    let what = "the kernel's datagram is larger than 64 KiB";
                    return Err(Broken::Failed(Problem::malformed(self.attempt, what)));
                }
                Ok((_, 0)) => return Err(Broken::Failed(self.malformed())),
                Ok((_, length)) => return Ok(length),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(errno @ rustix::io::Errno::NOBUFS) => return Err(Broken::Lost(self.problem(&errno.into()))),
                Err(errno) => return Err(Broken::Failed(self.problem(&errno.into()))),
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

/// Every record in one datagram of a dump, as the reader sees them; false where the datagram is malformed.
pub fn each_record<'a>(mut datagram: &'a [u8], mut each: impl FnMut(&'a [u8])) -> bool {
    while !datagram.is_empty() {
        let Some(frame) = next(&mut datagram) else { return false };
        if matches!(frame.kind, SOCK_DIAG_BY_FAMILY | TCPDIAG_GETSOCK) {
            each(frame.payload);
        }
    }
    true
}

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

/// Takes the first message (struct nlmsghdr); none where it is cut short.
#[inline]
fn next<'a>(bytes: &mut &'a [u8]) -> Option<Frame<'a>> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
    let length = usize::try_from(length).ok()?;
    let frame = Frame {
        kind: u16::from_ne_bytes([header[4], header[5]]),
        flags: u16::from_ne_bytes([header[6], header[7]]),
        payload: bytes.get(HEADER_BYTES..length)?,
    };
    *bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some(frame)
}

/// Connected to the kernel, so that nothing else is received.
fn open() -> io::Result<Socket> {
    let socket = Socket::new(netlink_sys::protocols::NETLINK_SOCK_DIAG)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

fn message(kind: u16, request: &[u8], flags: u16) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + request.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + request.len());
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&(NLM_F_REQUEST | flags).to_ne_bytes());
    // Sequence and port.
    bytes.extend_from_slice(&1_u32.to_ne_bytes());
    bytes.extend_from_slice(&0_u32.to_ne_bytes());
    bytes.extend_from_slice(request);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_found_among_other_messages() {
        const NLMSG_NOOP: u16 = 1;
        let mut bytes = message(SOCK_DIAG_BY_FAMILY, &[1, 2, 3], NLM_F_DUMP);
        bytes.push(0);
        bytes.extend(message(NLMSG_NOOP, &[], NLM_F_DUMP));
        bytes.extend(message(TCPDIAG_GETSOCK, &[4], NLM_F_DUMP));
        let mut found = Vec::new();
        assert!(each_record(&bytes, |record| found.push(record.to_vec())));
        assert_eq!(found, [vec![1, 2, 3], vec![4]]);
    }

    #[test]
    fn a_message_that_is_cut_short_is_malformed() {
        let bytes = message(SOCK_DIAG_BY_FAMILY, &[1, 2, 3, 4], NLM_F_DUMP);
        for cut in 1..bytes.len() {
            assert!(!each_record(&bytes[..cut], |_| {}), "{cut}");
        }
    }

    #[test]
    fn a_deadline_ends_a_wait() {
        let mut reader = Reader::new("wait for nothing", Duration::from_millis(30));
        let socket = open().expect("a socket");
        let Err(Broken::Failed(problem)) = reader.receive(&socket) else { panic!("nothing was asked") };
        assert_eq!(problem.reason, sonde_core::observation::Reason::TimedOut);
    }

    #[test]
    fn a_question_that_the_kernel_does_not_know_is_refused() {
        let mut reader = Reader::new("ask nonsense", Duration::from_secs(1));
        // A family that nobody has.
        let outcome = reader.dump(SOCK_DIAG_BY_FAMILY, &[250; 56], |_| ControlFlow::Continue(()));
        assert!(matches!(outcome, Err(Broken::Refused(errno)) if errno > 0), "{outcome:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_framing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            each_record(&bytes, |_| {});
        }
    }
}
