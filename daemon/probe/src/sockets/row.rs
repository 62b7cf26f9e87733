//! One record of a `sock_diag` dump, borrowed from the buffer it was received in: no allocation, and nothing is parsed that is not
//! asked for but the list of attributes.
//!
//! Layouts: struct `inet_diag_msg` (`linux/inet_diag.h`), struct `unix_diag_msg` (`linux/unix_diag.h`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which table a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
    Unix,
}

impl Protocol {
    /// `tcp`, `udp`, `unix`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Unix => "unix",
        }
    }
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// Of TCP or UDP.
    Inet(InetRow<'a>),
    /// Of unix sockets.
    Unix(UnixRow<'a>),
}

impl<'a> Row<'a> {
    /// Reads a record; none where it is too short to be one. Never panics, whatever the bytes.
    #[inline]
    pub fn parse(protocol: Protocol, payload: &'a [u8]) -> Option<Self> {
        match protocol {
            Protocol::Tcp | Protocol::Udp => InetRow::parse(payload).map(Self::Inet),
            Protocol::Unix => UnixRow::parse(payload).map(Self::Unix),
        }
    }

    /// By the numbers of `net/tcp_states.h`.
    #[inline]
    pub fn state(&self) -> u8 {
        match self {
            Self::Inet(row) => row.header[1],
            Self::Unix(row) => row.header[2],
        }
    }

    /// Bytes not yet read; of a listener: connections that wait to be accepted.
    #[inline]
    pub fn receive_queue(&self) -> u32 {
        match self {
            Self::Inet(row) => word(row.header, 56),
            Self::Unix(row) => row.queues.map_or(0, |queues| word(queues, 0)),
        }
    }

    /// Bytes not yet acknowledged; of a listener: the limit of its queue.
    #[inline]
    pub fn send_queue(&self) -> u32 {
        match self {
            Self::Inet(row) => word(row.header, 60),
            Self::Unix(row) => row.queues.map_or(0, |queues| word(queues, 4)),
        }
    }

    /// Owner.
    #[inline]
    pub fn uid(&self) -> u32 {
        match self {
            Self::Inet(row) => word(row.header, 64),
            Self::Unix(row) => row.uid,
        }
    }

    /// 0 where no process holds it any more.
    #[inline]
    pub fn inode(&self) -> u32 {
        match self {
            Self::Inet(row) => word(row.header, 68),
            Self::Unix(row) => word(row.header, 4),
        }
    }

    /// Names the socket while it lives.
    pub fn cookie(&self) -> u64 {
        let (low, high) = match self {
            Self::Inet(row) => (word(row.header, 44), word(row.header, 48)),
            Self::Unix(row) => (word(row.header, 8), word(row.header, 12)),
        };
        u64::from(low) | u64::from(high) << 32
    }

    /// `SK_MEMINFO_*` of `linux/sock_diag.h`, in their order, where it was asked for.
    pub fn memory(&self) -> Option<[u32; 9]> {
        let bytes = match self {
            Self::Inet(row) => row.memory?,
            Self::Unix(row) => row.memory?,
        };
        let mut memory = [0; 9];
        for (value, bytes) in memory.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *value = u32::from_ne_bytes(*bytes);
        }
        Some(memory)
    }
}

/// A TCP or UDP socket.
#[derive(Clone, Copy, Debug)]
pub struct InetRow<'a> {
    header: &'a [u8; INET_BYTES],
    /// struct `tcp_info`, where it was asked for.
    pub info: Option<&'a [u8]>,
    memory: Option<&'a [u8]>,
    congestion: Option<&'a [u8]>,
    /// An IPv6 socket that takes no IPv4.
    pub v6only: bool,
    /// `SO_MARK`; 0 too where the daemon may not see it.
    pub mark: u32,
    /// Of its cgroup v2; 0 where the kernel does not tell.
    pub cgroup_id: u64,
}

impl<'a> InetRow<'a> {
    #[inline]
    fn parse(payload: &'a [u8]) -> Option<Self> {
        let (header, attributes) = payload.split_first_chunk()?;
        let mut row = Self { header, info: None, memory: None, congestion: None, v6only: false, mark: 0, cgroup_id: 0 };
        each_attribute(attributes, |kind, value| match kind {
            INET_INFO => row.info = Some(value),
            INET_CONG => row.congestion = Some(value),
            INET_SKMEMINFO => row.memory = Some(value),
            INET_SKV6ONLY => row.v6only = value.first().is_some_and(|only| *only != 0),
            INET_MARK => row.mark = value.first_chunk().map_or(0, |mark| u32::from_ne_bytes(*mark)),
            INET_CGROUP_ID => row.cgroup_id = value.first_chunk().map_or(0, |id| u64::from_ne_bytes(*id)),
            _ => {}
        });
        Some(row)
    }

    /// IPv4-mapped addresses are unmapped.
    #[inline]
    pub fn local(&self) -> IpAddr {
        self.address(8)
    }

    /// IPv4-mapped addresses are unmapped.
    #[inline]
    pub fn peer(&self) -> IpAddr {
        self.address(24)
    }

    /// 0 where it is not bound.
    #[inline]
    pub fn local_port(&self) -> u16 {
        u16::from_be_bytes([self.header[4], self.header[5]])
    }

    /// 0 where it is not connected.
    #[inline]
    pub fn peer_port(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }

    /// The device it is bound to; 0 for none.
    #[inline]
    pub fn device(&self) -> u32 {
        word(self.header, 40)
    }

    /// The timer that runs, as ss names it, what is left of it in milliseconds, and what it repeated so far; none where none runs.
    pub fn timer(&self) -> Option<(&'static str, u32, u8)> {
        let name = match self.header[2] {
            0 => return None,
            1 => "on",
            2 => "keepalive",
            3 => "timewait",
            4 => "persist",
            _ => "unknown",
        };
        Some((name, word(self.header, 52), self.header[3]))
    }

    /// The congestion control, where it was asked for.
    pub fn congestion(&self) -> &'a str {
        let name = self.congestion.and_then(|name| name.split(|byte| *byte == 0).next()).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    #[inline]
    fn address(&self, at: usize) -> IpAddr {
        let bytes: &[u8; 16] = self.header[at..].first_chunk().unwrap_or(&[0; 16]);
        if i32::from(self.header[0]) == libc::AF_INET {
            IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
        } else {
            Ipv6Addr::from(*bytes).to_canonical()
        }
    }
}

/// A unix socket.
#[derive(Clone, Copy, Debug)]
pub struct UnixRow<'a> {
    header: &'a [u8; UNIX_BYTES],
    /// The path, or a name behind a zero byte; empty where it has none.
    pub name: &'a [u8],
    /// The inode of the other end; 0 where it is not connected.
    pub peer: u32,
    queues: Option<&'a [u8; 8]>,
    memory: Option<&'a [u8]>,
    uid: u32,
}

impl<'a> UnixRow<'a> {
    #[inline]
    fn parse(payload: &'a [u8]) -> Option<Self> {
        let (header, attributes) = payload.split_first_chunk()?;
        let mut row = Self { header, name: &[], peer: 0, queues: None, memory: None, uid: 0 };
        let number = |value: &[u8]| value.first_chunk().map_or(0, |number| u32::from_ne_bytes(*number));
        each_attribute(attributes, |kind, value| match kind {
            UNIX_NAME => row.name = value,
            UNIX_PEER => row.peer = number(value),
            UNIX_RQLEN => row.queues = value.first_chunk(),
            UNIX_MEMINFO => row.memory = Some(value),
            UNIX_UID => row.uid = number(value),
            _ => {}
        });
        Some(row)
    }

    /// `stream`, `dgram`, `seqpacket`.
    pub fn kind(&self) -> &'static str {
        match i32::from(self.header[1]) {
            libc::SOCK_STREAM => "stream",
            libc::SOCK_DGRAM => "dgram",
            libc::SOCK_SEQPACKET => "seqpacket",
            _ => "unknown",
        }
    }
}

/// The attributes of a record, up to the first that is cut short.
#[inline]
fn each_attribute<'a>(mut bytes: &'a [u8], mut each: impl FnMut(u16, &'a [u8])) {
    while let Some((header, _)) = bytes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        // The two highest bits are flags (linux/netlink.h, NLA_TYPE_MASK).
        let kind = u16::from_ne_bytes([header[2], header[3]]) & 0x3fff;
        let Some(value) = bytes.get(4..length) else { return };
        each(kind, value);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
}

#[inline]
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_ne_bytes(*word))
}

const INET_BYTES: usize = 72;
const UNIX_BYTES: usize = 16;

/// enum of `INET_DIAG_*` attributes.
const INET_INFO: u16 = 2;
const INET_CONG: u16 = 4;
const INET_SKMEMINFO: u16 = 7;
const INET_SKV6ONLY: u16 = 11;
const INET_MARK: u16 = 15;
const INET_CGROUP_ID: u16 = 21;

/// enum of `UNIX_DIAG_*` attributes.
const UNIX_NAME: u16 = 0;
const UNIX_PEER: u16 = 2;
const UNIX_RQLEN: u16 = 4;
const UNIX_MEMINFO: u16 = 5;
const UNIX_UID: u16 = 7;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).expect("short");
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn header(family: i32) -> Vec<u8> {
        let mut header = vec![0; INET_BYTES];
        header[0] = u8::try_from(family).expect("small");
        header[1] = 1;
        header[4..8].copy_from_slice(&[0x1f, 0x90, 0x9c, 0x40]);
        header
    }

    #[test]
    fn a_record_is_read_by_its_offsets() {
        let mut bytes = header(libc::AF_INET);
        bytes[2..4].copy_from_slice(&[1, 5]);
        bytes[8..12].copy_from_slice(&[10, 0, 0, 1]);
        bytes[24..28].copy_from_slice(&[10, 0, 0, 2]);
        for (at, value) in [(40, 7_u32), (44, 1), (48, 2), (52, 900), (56, 11), (60, 12), (64, 13), (68, 14)] {
            bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        bytes.extend(attribute(INET_CONG, b"cubic\0"));
        bytes.extend(attribute(INET_CGROUP_ID, &9_u64.to_ne_bytes()));
        bytes.extend(attribute(INET_SKMEMINFO, &[1_u32.to_ne_bytes(), 2_u32.to_ne_bytes()].concat()));
        let row = Row::parse(Protocol::Tcp, &bytes).expect("a record");
        let Row::Inet(inet) = row else { panic!("{row:?}") };
        assert_eq!((inet.local(), inet.local_port()), (IpAddr::from([10, 0, 0, 1]), 8080));
        assert_eq!((inet.peer(), inet.peer_port()), (IpAddr::from([10, 0, 0, 2]), 40_000));
        assert_eq!((row.receive_queue(), row.send_queue(), row.uid(), row.inode()), (11, 12, 13, 14));
        assert_eq!((inet.device(), row.cookie(), inet.timer()), (7, 1 | 2 << 32, Some(("on", 900, 5))));
        assert_eq!((inet.congestion(), inet.cgroup_id, inet.info), ("cubic", 9, None));
        assert_eq!(row.memory(), Some([1, 2, 0, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn a_mapped_address_is_unmapped() {
        let mut bytes = header(libc::AF_INET6);
        bytes[8..24].copy_from_slice(&Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets());
        bytes.extend(attribute(INET_SKV6ONLY, &[1]));
        let Some(Row::Inet(row)) = Row::parse(Protocol::Udp, &bytes) else { panic!("no record") };
        assert_eq!(
            (row.local(), row.peer(), row.v6only),
            (IpAddr::from([10, 0, 0, 1]), IpAddr::from([0_u16; 8]), true)
        );
    }

    #[test]
    fn a_unix_socket_has_a_name_and_a_peer() {
        let mut bytes = vec![1, 1, 10, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(attribute(UNIX_NAME, b"\0bus"));
        bytes.extend(attribute(UNIX_PEER, &6_u32.to_ne_bytes()));
        bytes.extend(attribute(UNIX_RQLEN, &[3_u32.to_ne_bytes(), 4_u32.to_ne_bytes()].concat()));
        let row = Row::parse(Protocol::Unix, &bytes).expect("a record");
        let Row::Unix(unix) = row else { panic!("{row:?}") };
        assert_eq!((unix.name, unix.peer, unix.kind()), (&b"\0bus"[..], 6, "stream"));
        assert_eq!((row.state(), row.receive_queue(), row.send_queue()), (10, 3, 4));
    }

    #[test]
    fn an_attribute_that_is_cut_short_ends_the_record() {
        let mut bytes = header(libc::AF_INET);
        bytes.extend([200, 0, 2, 0, 1]);
        let Some(Row::Inet(row)) = Row::parse(Protocol::Tcp, &bytes) else { panic!("no record") };
        assert_eq!(row.info, None);
        assert!(Row::parse(Protocol::Tcp, &bytes[..71]).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_record_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Unix] {
                if let Some(row) = Row::parse(protocol, &bytes) {
                    let _ = (row.state(), row.receive_queue(), row.send_queue(), row.uid(), row.inode(), row.memory());
                    if let Row::Inet(row) = row {
                        let _ = (row.local(), row.peer(), row.timer(), row.congestion(), row.device());
                    }
                }
            }
        }
    }
}
