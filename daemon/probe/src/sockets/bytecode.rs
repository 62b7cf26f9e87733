//! The kernel's filter of socket tables (`inet_diag_bc_op` of `linux/inet_diag.h`): conditions that must all hold.
//!
//! An operation jumps by `yes` where it holds and by `no` where not; whoever lands exactly at the end passes, whoever lands four
//! bytes behind it is left out. The kernel's auditor demands that `no` leads to an operation that a chain of `yes` reaches, so an
//! alternative is written with a jump in between, as ss does.

use std::net::IpAddr;

use ipnet::IpNet;

const JMP: u8 = 1;
const S_COND: u8 = 7;
const D_COND: u8 = 8;
const DEV_COND: u8 = 9;
const S_EQ: u8 = 11;
const D_EQ: u8 = 12;
/// struct `inet_diag_bc_op`.
const OP_BYTES: usize = 4;
/// An operation and the one behind it that holds the port or the device.
const PAIR_BYTES: usize = 8;

/// Which end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Local,
    Peer,
}

/// Conditions, not yet in their kernel form.
#[derive(Clone, Debug, Default)]
pub(super) struct Program(Vec<Condition>);

#[derive(Clone, Debug)]
enum Condition {
    Network(End, IpNet),
    Port(End, u16),
    EitherPort(u16),
    Device(u32),
}

impl Program {
    /// An IPv4 prefix takes the IPv4-mapped addresses of IPv6 sockets too.
    pub(super) fn network(&mut self, end: End, network: IpNet) {
        self.0.push(Condition::Network(end, network));
    }

    pub(super) fn port(&mut self, end: End, port: u16) {
        self.0.push(Condition::Port(end, port));
    }

    pub(super) fn either_port(&mut self, port: u16) {
        self.0.push(Condition::EitherPort(port));
    }

    pub(super) fn device(&mut self, index: u32) {
        self.0.push(Condition::Device(index));
    }

    /// As the kernel takes it; empty for no condition.
    pub(super) fn assemble(&self) -> Vec<u8> {
        let mut left: usize = self.0.iter().map(Condition::size).sum();
        let mut bytes = Vec::with_capacity(left);
        for condition in &self.0 {
            // From the operation's own start to four bytes behind the end.
            let out = left + OP_BYTES;
            match condition {
                Condition::Network(end, network) => host(&mut bytes, *end, *network, condition.size(), out),
                Condition::Port(end, port) => pair(&mut bytes, equals(*end), out, (*port).into()),
                Condition::Device(index) => {
                    op(&mut bytes, DEV_COND, PAIR_BYTES, out);
                    bytes.extend_from_slice(&index.to_ne_bytes());
                }
                Condition::EitherPort(port) => {
                    // Holds: on to the jump, which leads out of the alternative. Does not: over the jump to the second try.
                    pair(&mut bytes, S_EQ, PAIR_BYTES + OP_BYTES, (*port).into());
                    op(&mut bytes, JMP, OP_BYTES, OP_BYTES + PAIR_BYTES);
                    pair(&mut bytes, D_EQ, out - PAIR_BYTES - OP_BYTES, (*port).into());
                }
            }
            left -= condition.size();
        }
        bytes
    }
}

impl Condition {
    fn size(&self) -> usize {
        match self {
            // struct inet_diag_hostcond and its address.
            Self::Network(_, IpNet::V4(_)) => OP_BYTES + 8 + 4,
            Self::Network(_, IpNet::V6(_)) => OP_BYTES + 8 + 16,
            Self::Port(..) | Self::Device(_) => PAIR_BYTES,
            Self::EitherPort(_) => PAIR_BYTES + OP_BYTES + PAIR_BYTES,
        }
    }
}

fn equals(end: End) -> u8 {
    match end {
        End::Local => S_EQ,
        End::Peer => D_EQ,
    }
}

/// struct `inet_diag_hostcond`: family, prefix length, port (-1 for any), address.
fn host(bytes: &mut Vec<u8>, end: End, network: IpNet, size: usize, out: usize) {
    let code = match end {
        End::Local => S_COND,
        End::Peer => D_COND,
    };
    op(bytes, code, size, out);
    let family = if network.addr().is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    bytes.extend_from_slice(&[u8::try_from(family).unwrap_or_default(), network.prefix_len(), 0, 0]);
    bytes.extend_from_slice(&(-1_i32).to_ne_bytes());
    match network.addr() {
        IpAddr::V4(address) => bytes.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes.extend_from_slice(&address.octets()),
    }
}

/// An operation whose operand is the `no` of a second one.
fn pair(bytes: &mut Vec<u8>, code: u8, out: usize, operand: usize) {
    op(bytes, code, PAIR_BYTES, out);
    op(bytes, 0, 0, operand);
}

fn op(bytes: &mut Vec<u8>, code: u8, yes: usize, no: usize) {
    bytes.extend_from_slice(&[code, u8::try_from(yes).unwrap_or_default()]);
    bytes.extend_from_slice(&u16::try_from(no).unwrap_or(u16::MAX).to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The kernel's `inet_diag_bc_run`, for the operations written here.
    fn passes(mut code: &[u8], local: (IpAddr, u16), peer: (IpAddr, u16), device: u32) -> bool {
        let prefix = |address: IpAddr, cond: &[u8]| {
            let length = if i32::from(cond[0]) == libc::AF_INET { 4 } else { 16 };
            let octets = match address.to_canonical() {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            let bits = usize::from(cond[1]);
            octets.len() == length
                && (0..bits).all(|bit| {
                    let of = |bytes: &[u8]| bytes[bit / 8] >> (7 - bit % 8) & 1;
                    of(&octets) == of(&cond[8..])
                })
        };
        for _ in 0..64 {
            if code.is_empty() {
                return true;
            }
            let operand = || u16::from_ne_bytes([code[6], code[7]]);
            let holds = match code[0] {
                JMP => false,
                S_COND => prefix(local.0, &code[4..]),
                D_COND => prefix(peer.0, &code[4..]),
                DEV_COND => u32::from_ne_bytes([code[4], code[5], code[6], code[7]]) == device,
                S_EQ => operand() == local.1,
                D_EQ => operand() == peer.1,
                other => panic!("operation {other}"),
            };
            let jump = if holds { usize::from(code[1]) } else { u16::from_ne_bytes([code[2], code[3]]).into() };
            assert!(jump >= 4 && jump % 4 == 0 && jump <= code.len() + 4, "a jump of {jump} in {}", code.len());
            let Some(rest) = code.get(jump..) else { return false };
            code = rest;
        }
        panic!("it does not end");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn all_conditions_must_hold() {
        let mut program = Program::default();
        program.network(End::Peer, "10.0.0.0/8".parse().expect("a prefix"));
        program.either_port(443);
        program.device(3);
        let code = program.assemble();
        assert!(passes(&code, (ip("192.0.2.1"), 40_000), (ip("10.1.2.3"), 443), 3));
        assert!(passes(&code, (ip("192.0.2.1"), 443), (ip("10.1.2.3"), 1), 3));
        assert!(!passes(&code, (ip("192.0.2.1"), 1), (ip("10.1.2.3"), 1), 3));
        assert!(!passes(&code, (ip("192.0.2.1"), 443), (ip("11.1.2.3"), 1), 3));
        assert!(!passes(&code, (ip("192.0.2.1"), 443), (ip("10.1.2.3"), 1), 2));
    }

    #[test]
    fn no_condition_is_no_program() {
        assert!(Program::default().assemble().is_empty());
    }

    proptest! {
        #[test]
        fn a_program_says_what_its_conditions_say(
            port in 1_u16..4, either in 1_u16..4, local in 0_u16..4, peer in 0_u16..4, bits in 0_u8..=32, last in 0_u8..4, device in 0_u32..2,
        ) {
            let network = IpNet::new(ip("10.0.0.1"), bits).expect("a prefix");
            let mut program = Program::default();
            program.port(End::Local, port);
            program.network(End::Local, network);
            program.either_port(either);
            program.device(1);
            program.port(End::Peer, 3);
            let address = IpAddr::from([10, 0, 0, last]);
            let expected = local == port && network.contains(&address) && (local == either || peer == either) && device == 1 && peer == 3;
            prop_assert_eq!(passes(&program.assemble(), (address, local), (address, peer), device), expected);
        }
    }
}
