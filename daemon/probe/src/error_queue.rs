//! The socket's error queue (`IP_RECVERR`, ip(7); `IPV6_RECVERR`, ipv6(7)): which ICMP error came, and from whom.
//!
//! In `SYN_SENT` it is filled since Linux 5.8. What this host's own stack raised (a neighbour that does not answer) also comes
//! as an ICMP error, but from one of our own addresses: then no sender is reported.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::LazyLock;

use sonde_core::observation::IcmpError;

/// linux/errqueue.h.
const SO_EE_ORIGIN_ICMP: u8 = 2;
const SO_EE_ORIGIN_ICMP6: u8 = 3;
/// sizeof(struct `sock_extended_err`), linux/errqueue.h.
const EXTENDED_ERROR_BYTES: usize = 16;
/// The queue is drained this far; each entry is one error.
const MOST_ENTRIES: usize = 32;

/// Whether an ICMP error in `SYN_SENT` reaches the queue on this kernel.
pub(crate) fn visible_in_syn_sent() -> bool {
    static VISIBLE: LazyLock<bool> =
        LazyLock::new(|| at_least(rustix::system::uname().release().to_str().unwrap_or_default(), (5, 8)));
    *VISIBLE
}

/// Asks for the queue. To be called before connecting.
pub(crate) fn enable(socket: &impl AsFd, remote: IpAddr) -> io::Result<()> {
    let (level, option) = match remote {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    set_flag(socket.as_fd(), level, option)
}

/// Drains the queue and returns its last ICMP error. `local` is the socket's own address.
pub(crate) fn drain(socket: &impl AsFd, local: Option<IpAddr>) -> Option<IcmpError> {
    let last = drain_all(socket).pop()?;
    Some(last.seen_from(local))
}

/// Drains the queue and returns its ICMP errors in the order they came.
pub(crate) fn drain_all(socket: &impl AsFd) -> Vec<Queued> {
    let mut found = Vec::new();
    let mut control = Control([0; 512]);
    for _ in 0..MOST_ENTRIES {
        let Some((length, destination)) = receive(socket.as_fd(), &mut control) else { break };
        if let Some((error, errno)) = parse(control.0.get(..length).unwrap_or_default()) {
            found.push(Queued { error, errno, destination });
        }
    }
    found
}

/// One entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    /// Its sender may be one of our own addresses.
    error: IcmpError,
    /// What the kernel made of it.
    pub(crate) errno: i32,
    /// Where the packet went that it is about.
    pub(crate) destination: Option<SocketAddr>,
}

impl Queued {
    /// Its ICMP type and code.
    pub(crate) fn kind(&self) -> (u8, u8) {
        (self.error.icmp_type, self.error.code)
    }

    /// The error as the socket at `local` reports it: what this host's own stack raised has no sender.
    pub(crate) fn seen_from(self, local: Option<IpAddr>) -> IcmpError {
        let IcmpError { sender, icmp_type, code, mtu } = self.error;
        IcmpError { sender: sender.filter(|sender| Some(*sender) != local), icmp_type, code, mtu }
    }
}

/// Control messages are aligned as `cmsghdr` is.
#[repr(C, align(8))]
struct Control([u8; 512]);

/// Aligned as `sockaddr_in6` is.
#[repr(C, align(8))]
struct SocketAddress([u8; size_of::<libc::sockaddr_in6>()]);

fn set_flag(socket: BorrowedFd<'_>, level: i32, option: i32) -> io::Result<()> {
    let on: i32 = 1;
    let size = libc::socklen_t::try_from(size_of::<i32>()).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no safe wrapper has IP_RECVERR")]
    // SAFETY: the descriptor is open while borrowed; the pointer and size are those of `on`, which outlives the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes one entry; the length of its control messages and the destination of the packet that caused it, or nothing when the
/// queue is empty.
fn receive(socket: BorrowedFd<'_>, control: &mut Control) -> Option<(usize, Option<SocketAddr>)> {
    let mut payload = [0_u8; 64];
    let mut name = SocketAddress([0; size_of::<libc::sockaddr_in6>()]);
    let mut part = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() };
    #[expect(unsafe_code, reason = "msghdr has private padding on some targets")]
    // SAFETY: all-zero bytes are a valid msghdr: null pointers with zero lengths.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_name = name.0.as_mut_ptr().cast();
    message.msg_namelen = libc::socklen_t::try_from(name.0.len()).ok()?;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    #[expect(unsafe_code, reason = "no safe wrapper hands out the error queue's control messages")]
    // SAFETY: every pointer in `message` is to a live local of the length beside it, and the descriptor is open.
    let received =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
    #[allow(clippy::unnecessary_cast, reason = "the width of msg_controllen differs between C libraries")]
    (received >= 0).then(|| (message.msg_controllen as usize, destination(&name.0)))
}

fn destination(name: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(*name.get(2..)?.first_chunk()?);
    Some(SocketAddr::new(address(name)?, port))
}

/// The ICMP error among control messages (cmsg(3)), if any, with its errno. Never panics, whatever the bytes.
pub fn parse(mut control: &[u8]) -> Option<(IcmpError, i32)> {
    const WORD: usize = size_of::<usize>();
    const HEADER: usize = WORD + 8;
    let mut found = None;
    while let Some((header, _)) = control.split_at_checked(HEADER) {
        let (length, rest) = header.split_first_chunk::<WORD>()?;
        let length = usize::from_ne_bytes(*length);
        let level = i32::from_ne_bytes(*rest.first_chunk()?);
        let kind = i32::from_ne_bytes(*rest.get(4..)?.first_chunk()?);
        let Some(data) = control.get(HEADER..length) else { break };
        if matches!((level, kind), (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)) {
            found = extended(data).or(found);
        }
        let Some(next) = length.checked_next_multiple_of(WORD).and_then(|next| control.get(next..)) else { break };
        control = next;
    }
    found
}

/// struct `sock_extended_err` and the offender's address behind it.
fn extended(data: &[u8]) -> Option<(IcmpError, i32)> {
    let (error, offender) = data.split_at_checked(EXTENDED_ERROR_BYTES)?;
    let (origin, icmp_type, code) = (error[4], error[5], error[6]);
    let info = u32::from_ne_bytes([error[8], error[9], error[10], error[11]]);
    let too_big = match origin {
        SO_EE_ORIGIN_ICMP => (icmp_type, code) == (3, 4),
        SO_EE_ORIGIN_ICMP6 => icmp_type == 2,
        _ => return None,
    };
    let errno = i32::try_from(u32::from_ne_bytes([error[0], error[1], error[2], error[3]])).unwrap_or_default();
    let mtu = (too_big && info > 0).then_some(info);
    Some((IcmpError { sender: address(offender), icmp_type, code, mtu }, errno))
}

/// The address of a struct `sockaddr_in` or `sockaddr_in6`; `AF_UNSPEC` and the unspecified address are none.
fn address(sockaddr: &[u8]) -> Option<IpAddr> {
    let family = i32::from(u16::from_ne_bytes(*sockaddr.first_chunk()?));
    let address = match family {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(*sockaddr.get(4..)?.first_chunk::<4>()?)),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(*sockaddr.get(8..)?.first_chunk::<16>()?)).to_canonical(),
        _ => return None,
    };
    (!address.is_unspecified()).then_some(address)
}

/// "6.18.44-generic" against (5, 8). What cannot be read is old.
fn at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map_while(|digits| digits.parse().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version: (u32, u32)| version >= wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A control message as Linux builds it for an IPv4 socket.
    fn message(origin: u8, icmp_type: u8, code: u8, info: u32, offender: [u8; 4]) -> Vec<u8> {
        let mut data = libc::EHOSTUNREACH.to_ne_bytes().to_vec();
        data.extend([origin, icmp_type, code, 0]);
        data.extend(info.to_ne_bytes());
        data.extend([0; 4]);
        data.extend(u16::try_from(libc::AF_INET).expect("small").to_ne_bytes());
        data.extend([0, 0]);
        data.extend(offender);
        data.extend([0; 8]);
        let mut control = (size_of::<usize>() + 8 + data.len()).to_ne_bytes().to_vec();
        control.extend(libc::IPPROTO_IP.to_ne_bytes());
        control.extend(libc::IP_RECVERR.to_ne_bytes());
        control.extend(data);
        control
    }

    #[test]
    fn an_icmp_error_has_its_sender() {
        let (error, errno) = parse(&message(SO_EE_ORIGIN_ICMP, 3, 13, 0, [10, 0, 0, 1])).expect("an error");
        let sender = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(error, IcmpError { sender, icmp_type: 3, code: 13, mtu: None });
        assert_eq!(errno, libc::EHOSTUNREACH);
    }

    #[test]
    fn fragmentation_needed_carries_the_mtu() {
        let (error, _) = parse(&message(SO_EE_ORIGIN_ICMP, 3, 4, 1300, [10, 0, 0, 1])).expect("an error");
        assert_eq!(error.mtu, Some(1300));
    }

    #[test]
    fn what_our_own_address_sent_has_no_sender() {
        let own = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
        let (error, errno) = parse(&message(SO_EE_ORIGIN_ICMP, 3, 1, 0, [10, 0, 0, 2])).expect("an error");
        let queued = Queued { error, errno, destination: None };
        assert_eq!(queued.clone().seen_from(None).sender, Some(own));
        assert_eq!(queued.seen_from(Some(own)).sender, None);
    }

    #[test]
    fn an_error_of_local_origin_is_no_icmp_error() {
        assert_eq!(parse(&message(1, 0, 0, 1300, [0; 4])), None);
    }

    #[test]
    fn the_last_of_several_messages_counts() {
        let mut control = message(SO_EE_ORIGIN_ICMP, 3, 0, 0, [10, 0, 0, 1]);
        control.resize(control.len().next_multiple_of(size_of::<usize>()), 0);
        control.extend(message(SO_EE_ORIGIN_ICMP, 3, 3, 0, [10, 0, 0, 9]));
        assert_eq!(parse(&control).expect("an error").0.code, 3);
    }

    #[test]
    fn releases_compare_by_number() {
        assert!(at_least("6.18.44-fc-v669", (5, 8)));
        assert!(at_least("5.10.0", (5, 8)));
        assert!(at_least("5.8", (5, 8)));
        assert!(!at_least("5.4.0-42-generic", (5, 8)));
        assert!(!at_least("4.19", (5, 8)));
        assert!(!at_least("", (5, 8)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(control: Vec<u8>) {
            parse(&control);
        }

        #[test]
        fn any_cut_and_any_length_of_a_real_message_is_survived(cut in 0_usize..80, length: usize, at in 0_usize..80, byte: u8) {
            let mut control = message(SO_EE_ORIGIN_ICMP6, 2, 0, 1280, [10, 0, 0, 1]);
            if at.is_multiple_of(2) {
                control[..size_of::<usize>()].copy_from_slice(&length.to_ne_bytes());
            }
            if let Some(place) = control.get_mut(at) {
                *place = byte;
            }
            control.truncate(cut);
            parse(&control);
        }
    }
}
