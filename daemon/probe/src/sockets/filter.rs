//! Which sockets, and the questions that this makes for the kernel: struct `inet_diag_req_v2`, struct `unix_diag_req`.

use std::net::IpAddr;

use ipnet::IpNet;
use sonde_core::observation::sockets::{FlowProtocol, SocketFilter};

use super::bytecode::{End, Program};
use super::reader::{Reader, SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK};
use super::row::{Protocol, Row};
use super::states::{self, States};
use super::table::Listing;
use crate::inspection::Problem;

/// Which sockets. The default is all of TCP and UDP.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Empty for TCP and UDP.
    pub protocols: Vec<Protocol>,
    /// Both where absent.
    pub family: Option<Family>,
    /// In one of these states.
    pub states: States,
    /// The local address is in it. An IPv4 prefix takes IPv4-mapped addresses too.
    pub local: Option<IpNet>,
    /// 0 for any.
    pub local_port: u16,
    /// The peer's address is in it.
    pub peer: Option<IpNet>,
    /// 0 for any.
    pub peer_port: u16,
    /// Of either end; 0 for any.
    pub port: u16,
    /// Bound to this device.
    pub device: Option<String>,
    /// Held by this process.
    pub pid: Option<u32>,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Family {
    Ipv4,
    Ipv6,
}

/// One dump.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) protocol: Protocol,
    /// The type of its message.
    pub(super) kind: u16,
    /// The body of the request.
    pub(super) bytes: Vec<u8>,
    /// The kernel may not know the table.
    pub(super) optional: bool,
    /// One socket, looked up by its endpoints: the answer is it, or that there is none (or no such table).
    pub(super) exact: bool,
    /// What to ask where the kernel does not know this question.
    pub(super) instead: Vec<Question>,
}

impl Filter {
    /// The filter of a check: TCP alone where it names no protocol.
    pub(super) fn of(asked: &SocketFilter) -> Result<Self, Problem> {
        let protocol = |protocol: &FlowProtocol| match protocol {
            FlowProtocol::Tcp => Protocol::Tcp,
            FlowProtocol::Udp => Protocol::Udp,
        };
        let network = |address: Option<IpAddr>| address.map(|address| IpNet::from(address.to_canonical()));
        Ok(Self {
            protocols: match asked.protocols.as_slice() {
                [] => vec![Protocol::Tcp],
                named => named.iter().map(protocol).collect(),
            },
            states: States::of(&asked.states)?,
            local: network(asked.local_address),
            local_port: asked.local_port.unwrap_or(0),
            peer: network(asked.peer_address),
            peer_port: asked.peer_port.unwrap_or(0),
            pid: asked.pid,
            ..Self::default()
        })
    }

    /// The two ends of the one TCP socket that it leaves, where it does.
    fn one(&self) -> Option<(IpAddr, IpAddr)> {
        let host = |network: Option<IpNet>| {
            network.filter(|network| network.prefix_len() == network.max_prefix_len()).map(|network| network.addr())
        };
        let whole = self.protocols == [Protocol::Tcp] && self.local_port != 0 && self.peer_port != 0;
        let loose = self.device.is_some() || self.family.is_some() || self.port != 0;
        let ends = host(self.local).zip(host(self.peer)).filter(|(local, peer)| local.is_ipv4() == peer.is_ipv4());
        ends.filter(|_| whole && !loose)
    }

    /// Whether a socket that an exact lookup brought is the one asked for: the kernel falls back to a listener.
    pub(super) fn is_it(&self, row: &Row<'_>) -> bool {
        let Row::Inet(inet) = row else { return false };
        self.one().is_some_and(|ends| ends == (inet.local(), inet.peer()))
            && (inet.local_port(), inet.peer_port()) == (self.local_port, self.peer_port)
            && self.states.0 & 1_u32.checked_shl(row.state().into()).unwrap_or(0) != 0
    }

    /// Whether it asks for something that only sockets with addresses have.
    pub fn needs_addresses(&self) -> bool {
        self.family.is_some()
            || self.local.is_some()
            || self.peer.is_some()
            || self.device.is_some()
            || [self.local_port, self.peer_port, self.port] != [0, 0, 0]
    }

    /// The dumps that answer it. Inside the vantage only, where devices have their numbers.
    pub(super) fn questions(&self, listing: &Listing) -> Result<Vec<Question>, Problem> {
        if let Some((local, peer)) = self.one() {
            let bytes = self.lookup(local, peer, listing);
            return Ok(vec![Question { exact: true, ..Question::new(Protocol::Tcp, bytes, true) }]);
        }
        let program = self.program()?.assemble();
        let asked = if self.protocols.is_empty() { &[Protocol::Tcp, Protocol::Udp][..] } else { &self.protocols };
        let mut questions = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Unix] {
            let states = self.states.0 & possible(protocol);
            if !asked.contains(&protocol) || states == 0 {
                continue;
            }
            let optional = asked.len() > 1 && protocol != Protocol::Tcp;
            if protocol == Protocol::Unix {
                if !self.needs_addresses() {
                    questions.push(Question::new(protocol, unix(states, listing), optional));
                }
                continue;
            }
            let by_family: Vec<Question> = self
                .families()
                .map(|family| {
                    let bytes = self.inet(protocol, family, states, listing, &program);
                    Question::new(protocol, bytes, optional || family == libc::AF_INET6)
                })
                .collect();
            if protocol == Protocol::Tcp && by_family.len() > 1 {
                // A walk over the connections is what a filtered dump costs: one for both families.
                let bytes = self.both_families(states, listing, &program);
                let both = Question::new(protocol, bytes, optional);
                questions.push(Question { kind: TCPDIAG_GETSOCK, instead: by_family, ..both });
            } else {
                questions.extend(by_family);
            }
        }
        Ok(questions)
    }

    /// The dumps of families: an IPv6 prefix spares the walk for IPv4.
    fn families(&self) -> impl Iterator<Item = i32> {
        let networks = [self.local, self.peer];
        let wants_v6 = networks.iter().flatten().any(|network| network.addr().is_ipv6());
        let four = self.family != Some(Family::Ipv6) && !wants_v6;
        let six = self.family != Some(Family::Ipv4);
        [four.then_some(libc::AF_INET), six.then_some(libc::AF_INET6)].into_iter().flatten()
    }

    /// What the ports of the request itself cannot say.
    fn program(&self) -> Result<Program, Problem> {
        let mut program = Program::default();
        if self.port != 0 {
            program.either_port(self.port);
        }
        // Said again: kernels differ in where they look at the ports of the request.
        for (end, port) in [(End::Local, self.local_port), (End::Peer, self.peer_port)] {
            if port != 0 {
                program.port(end, port);
            }
        }
        for (end, network) in [(End::Local, self.local), (End::Peer, self.peer)] {
            if let Some(network) = network {
                program.network(end, network);
            }
        }
        if let Some(name) = &self.device {
            let index = Reader::device_index(name).ok_or_else(|| {
                Problem::invalid(format!("there is no device {name:?} here; `ip link` lists those that are"))
            })?;
            program.device(index);
        }
        Ok(program)
    }

    /// A dump of TCP that costs nothing, whatever the table: listeners lie apart, by their ports.
    pub(super) fn any(listing: &Listing) -> Vec<u8> {
        let nowhere = Self { local_port: 1, ..Self::default() };
        nowhere.inet(Protocol::Tcp, libc::AF_INET, states::LISTEN, listing, &[])
    }

    /// The request with struct `inet_diag_sockid` filled in.
    fn lookup(&self, local: IpAddr, peer: IpAddr, listing: &Listing) -> Vec<u8> {
        let family = if local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let mut bytes = self.inet(Protocol::Tcp, family, states::ALL, listing, &[]);
        bytes.truncate(ADDRESSES_AT);
        for address in [local, peer] {
            match address {
                IpAddr::V4(address) => bytes.extend([&address.octets()[..], &[0; 12]].concat()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        bytes.extend_from_slice(&0_u32.to_ne_bytes());
        // Two words of ones: `INET_DIAG_NOCOOKIE`.
        bytes.resize(INET_REQUEST_BYTES, 0xff);
        bytes
    }

    fn inet(&self, protocol: Protocol, family: i32, states: u32, listing: &Listing, program: &[u8]) -> Vec<u8> {
        let number = if protocol == Protocol::Tcp { libc::IPPROTO_TCP } else { libc::IPPROTO_UDP };
        let byte = |number: i32| u8::try_from(number).unwrap_or_default();
        let mut bytes = vec![byte(family), byte(number), extensions(protocol, listing), 0];
        bytes.extend_from_slice(&states.to_ne_bytes());
        bytes.extend_from_slice(&self.ports());
        // Addresses, device and cookie are of no use in a dump.
        bytes.resize(INET_REQUEST_BYTES, 0);
        attach(&mut bytes, program);
        bytes
    }

    /// struct `inet_diag_req`, of TCP.
    fn both_families(&self, states: u32, listing: &Listing, program: &[u8]) -> Vec<u8> {
        // The kernel looks at none of family, source length and destination length.
        let mut bytes = vec![0, 0, 0, extensions(Protocol::Tcp, listing)];
        bytes.extend_from_slice(&self.ports());
        bytes.resize(OLD_STATES_AT, 0);
        bytes.extend_from_slice(&states.to_ne_bytes());
        // `idiag_dbs`, which it looks at neither.
        bytes.extend_from_slice(&0_u32.to_ne_bytes());
        attach(&mut bytes, program);
        bytes
    }

    /// The begin of struct `inet_diag_sockid`.
    fn ports(&self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.local_port.to_be_bytes(), self.peer_port.to_be_bytes());
        [a, b, c, d]
    }
}

impl Question {
    fn new(protocol: Protocol, bytes: Vec<u8>, optional: bool) -> Self {
        Self { protocol, kind: SOCK_DIAG_BY_FAMILY, bytes, optional, exact: false, instead: Vec::new() }
    }
}

/// `idiag_ext`.
fn extensions(protocol: Protocol, listing: &Listing) -> u8 {
    let mut extensions = 0;
    if listing.info && protocol == Protocol::Tcp {
        extensions |= INET_DIAG_INFO | INET_DIAG_CONG;
    }
    if listing.memory {
        extensions |= INET_DIAG_SKMEMINFO;
    }
    extensions
}

/// The kernel's filter, behind the request.
fn attach(bytes: &mut Vec<u8>, program: &[u8]) {
    if !program.is_empty() {
        let length = u16::try_from(4 + program.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&INET_DIAG_REQ_BYTECODE.to_ne_bytes());
        bytes.extend_from_slice(program);
    }
}

fn unix(states: u32, listing: &Listing) -> Vec<u8> {
    let mut show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID;
    if listing.memory {
        show |= UDIAG_SHOW_MEMINFO;
    }
    let mut bytes = vec![u8::try_from(libc::AF_UNIX).unwrap_or_default(), 0, 0, 0];
    // States, the inode of one socket, what to show, its cookie.
    for word in [states, 0, show, 0, 0] {
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    bytes
}

/// The states that sockets of a protocol have.
fn possible(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Tcp => states::ALL,
        Protocol::Udp => states::ESTABLISHED | states::UNCONN,
        Protocol::Unix => states::ESTABLISHED | states::UNCONN | states::LISTEN,
    }
}

/// struct `inet_diag_req_v2`.
const INET_REQUEST_BYTES: usize = 56;

/// Where the addresses lie in it, behind the two ports.
const ADDRESSES_AT: usize = 12;

/// Where the states lie in struct `inet_diag_req`, behind struct `inet_diag_sockid`.
const OLD_STATES_AT: usize = 52;

/// Bits of `idiag_ext`: 1 << (attribute - 1).
const INET_DIAG_INFO: u8 = 1 << 1;
const INET_DIAG_CONG: u8 = 1 << 3;
const INET_DIAG_SKMEMINFO: u8 = 1 << 6;

/// Attribute of the request.
const INET_DIAG_REQ_BYTECODE: u16 = 1;

/// Bits of `udiag_show` (`linux/unix_diag.h`).
const UDIAG_SHOW_NAME: u32 = 1;
const UDIAG_SHOW_PEER: u32 = 4;
const UDIAG_SHOW_RQLEN: u32 = 0x10;
const UDIAG_SHOW_MEMINFO: u32 = 0x20;
const UDIAG_SHOW_UID: u32 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    /// Protocol and family, 0 for both in one dump.
    fn questions(filter: Filter) -> Vec<(Protocol, u8)> {
        let listing = Listing { filter, ..Listing::default() };
        let questions = listing.filter.questions(&listing).expect("questions");
        questions.iter().map(|question| (question.protocol, question.bytes[0])).collect()
    }

    #[test]
    fn the_question_for_both_families_says_what_the_two_say() {
        let states = States::named(&["ESTAB"]).expect("a state");
        let filter = Filter { protocols: vec![Protocol::Tcp], states, local_port: 443, ..Filter::default() };
        let listing = Listing { filter, info: true, memory: true, ..Listing::default() };
        let questions = listing.filter.questions(&listing).expect("questions");
        let [both] = questions.as_slice() else { panic!("{questions:?}") };
        let [four, six] = both.instead.as_slice() else { panic!("{:?}", both.instead) };
        assert_eq!((both.kind, four.kind, six.kind), (TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY, SOCK_DIAG_BY_FAMILY));
        assert_eq!((four.optional, six.optional), (false, true));
        // Extensions, states, ports, and the program behind the request.
        assert_eq!(both.bytes[3], four.bytes[2]);
        assert_eq!(both.bytes[52..56], four.bytes[4..8]);
        assert_eq!(both.bytes[4..8], four.bytes[8..12]);
        assert_eq!(both.bytes[60..], four.bytes[INET_REQUEST_BYTES..]);
        assert_eq!(four.bytes[INET_REQUEST_BYTES..], six.bytes[INET_REQUEST_BYTES..]);
    }

    #[test]
    fn only_tables_that_can_hold_an_answer_are_asked() {
        let four = u8::try_from(libc::AF_INET).expect("small");
        let six = u8::try_from(libc::AF_INET6).expect("small");
        let all = [(Protocol::Tcp, 0), (Protocol::Udp, four), (Protocol::Udp, six)];
        assert_eq!(questions(Filter::default()), all);
        let listeners = Filter { states: States::named(&["LISTEN"]).expect("a state"), ..Filter::default() };
        assert_eq!(questions(listeners), all[..1]);
        let of_one = Filter { family: Some(Family::Ipv4), protocols: vec![Protocol::Tcp], ..Filter::default() };
        assert_eq!(questions(of_one), [(Protocol::Tcp, four)]);
        let near = Filter { peer: "fd00::/8".parse().ok(), protocols: vec![Protocol::Tcp], ..Filter::default() };
        assert_eq!(questions(near), [(Protocol::Tcp, six)]);
        let of_unix = Filter { protocols: vec![Protocol::Unix], ..Filter::default() };
        assert_eq!(questions(of_unix.clone()).len(), 1);
        assert_eq!(questions(Filter { port: 80, ..of_unix }), []);
    }

    #[test]
    fn two_whole_endpoints_of_tcp_are_looked_up() {
        let end = |text: &str| text.parse().ok();
        let one = Filter {
            protocols: vec![Protocol::Tcp],
            local: end("10.0.0.1/32"),
            local_port: 443,
            peer: end("10.0.0.2/32"),
            peer_port: 40_000,
            ..Filter::default()
        };
        let exact = |filter: Filter| {
            let listing = Listing { filter, ..Listing::default() };
            let questions = listing.filter.questions(&listing).expect("questions");
            questions.into_iter().map(|question| (question.exact, question.bytes)).collect::<Vec<_>>()
        };
        let questions = exact(one.clone());
        let [(true, bytes)] = questions.as_slice() else { panic!("a dump: {questions:?}") };
        assert_eq!(bytes.len(), INET_REQUEST_BYTES);
        assert_eq!(bytes[8..16], [1, 187, 156, 64, 10, 0, 0, 1]);
        assert_eq!(
            (&bytes[28..32], &bytes[44..]),
            (&[10, 0, 0, 2][..], &[0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255][..])
        );
        for several in [
            Filter { peer_port: 0, ..one.clone() },
            Filter { peer: end("10.0.0.0/24"), ..one.clone() },
            Filter { protocols: vec![Protocol::Tcp, Protocol::Udp], ..one.clone() },
            Filter { peer: end("fd00::1/128"), ..one },
        ] {
            assert!(exact(several).iter().all(|(exact, _)| !exact));
        }
    }

    #[test]
    fn an_unknown_device_is_quoted() {
        let listing = Listing::default();
        let filter = Filter { device: Some("no-such-device".to_owned()), ..Filter::default() };
        let problem = filter.questions(&listing).expect_err("no such device");
        assert!(problem.detail.contains("\"no-such-device\""), "{}", problem.detail);
    }
}
