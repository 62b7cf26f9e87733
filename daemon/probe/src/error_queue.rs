//! The socket's error queue (`IP_RECVERR`, ip(7); `IPV6_RECVERR`, ipv6(7)): which ICMP error came, and from whom.
//!
//! In `SYN_SENT` it is filled since Linux 5.8. What this host's own stack raised (a neighbour that does not answer) also comes
//! as an ICMP error, but from one of our own addresses: then no sender is reported.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::time::Duration;

use sonde_core::observation::IcmpError;

use crate::message::{self, Control, address};
use crate::{options, stamp};

/// linux/errqueue.h.
const SO_EE_ORIGIN_ICMP: u8 = 2;
const SO_EE_ORIGIN_ICMP6: u8 = 3;
/// sizeof(struct `sock_extended_err`), linux/errqueue.h.
const EXTENDED_ERROR_BYTES: usize = 16;
/// The queue is drained this far; each entry is one error.
const MOST_ENTRIES: usize = 32;
/// Of the packet that an entry is about.
const QUOTED_BYTES: usize = 64;

/// Whether an ICMP error in `SYN_SENT` reaches the queue on this kernel.
pub(crate) fn visible_in_syn_sent() -> bool {
    static VISIBLE: LazyLock<bool> =
        LazyLock::new(|| at_least(rustix::system::uname().release().to_str().unwrap_or_default(), (5, 8)));
    *VISIBLE
}

/// Asks for the queue. To be called before connecting.
pub(crate) fn enable(socket: &impl AsFd, remote: IpAddr) -> io::Result<()> {
    ask(socket, remote, 1)
}

/// Drops the queue and what is in it. With it, an ICMP error ends an established TCP connection; without it, the kernel goes on
/// sending, as it does for every ordinary client.
pub(crate) fn disable(socket: &impl AsFd, remote: IpAddr) -> io::Result<()> {
    ask(socket, remote, 0)
}

fn ask(socket: &impl AsFd, remote: IpAddr, value: i32) -> io::Result<()> {
    let (level, option) = match remote {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    options::set(socket, level, option, value)
}

/// Drains the queue and returns its last ICMP error. `local` is the socket's own address.
pub(crate) fn drain(socket: &impl AsFd, local: Option<IpAddr>) -> Option<IcmpError> {
    let last = drain_all(socket).pop()?;
    Some(last.seen_from(local))
}

/// Drains the queue and returns its ICMP errors in the order they came.
pub(crate) fn drain_all(socket: &impl AsFd) -> Vec<Queued> {
    std::iter::from_fn(|| take(socket)).take(MOST_ENTRIES).collect()
}

/// Takes the next ICMP error of the queue; what is none is dropped.
pub(crate) fn take(socket: &impl AsFd) -> Option<Queued> {
    let (mut payload, mut control) = ([0_u8; QUOTED_BYTES], Control::new());
    for _ in 0..MOST_ENTRIES {
        let entry = message::receive(socket, libc::MSG_ERRQUEUE, &mut payload, &mut control).ok()?;
        if let Some((error, errno)) = parse(entry.control) {
            return Some(Queued {
                error,
                errno,
                destination: entry.peer,
                stamp: stamp::of(entry.control),
                quoted: entry.payload.to_vec(),
            });
        }
    }
    None
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
    /// When it came, on the wall clock, where the socket asked for that.
    pub(crate) stamp: Option<Duration>,
    /// The first bytes of what it is about, after the headers that the kernel knows.
    pub(crate) quoted: Vec<u8>,
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

/// The ICMP error among control messages (cmsg(3)), if any, with its errno. Never panics, whatever the bytes.
pub fn parse(control: &[u8]) -> Option<(IcmpError, i32)> {
    let is_error = |level, kind| {
        matches!((level, kind), (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR))
    };
    message::parts(control)
        .filter(|(level, kind, _)| is_error(*level, *kind))
        .filter_map(|(_, _, data)| extended(data))
        .last()
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

/// "6.18.44-generic" against (5, 8). What cannot be read is old.
fn at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map_while(|digits| digits.parse().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version: (u32, u32)| version >= wanted)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

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
        let queued = Queued { error, errno, destination: None, stamp: None, quoted: Vec::new() };
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
