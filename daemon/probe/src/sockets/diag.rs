//! `sock_diag`: the kernel's TCP socket table, both families.
//!
//! IPv4-mapped addresses are unmapped. Needs no privilege, except that uid and inode of others' sockets are shown all the same.

use std::net::IpAddr;

use netlink_packet_core::Emitable;
use netlink_packet_core::Parseable;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags};

use crate::inspection::Problem;
use crate::netlink::{Netlink, Refusal, attributes};

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// struct `inet_diag_msg`.
const HEADER_BYTES: usize = 72;
/// `INET_DIAG_SKV6ONLY` of `linux/inet_diag.h`.
const INET_DIAG_SKV6ONLY: u16 = 11;

/// TCP_* of `net/tcp_states.h` by the names of ss; the first is state 1.
const STATES: [&str; 11] = [
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "UNCONN",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
];
const SYN_RECV: u8 = 3;
const LISTEN: u8 = 10;

/// What to dump.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// A bit for each state.
    pub(super) states: u32,
    /// 0 for any.
    pub(super) local_port: u16,
    /// 0 for any.
    pub(super) peer_port: u16,
}

/// One socket of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) state: u8,
    pub(super) local: IpAddr,
    pub(super) local_port: u16,
    pub(super) peer: IpAddr,
    pub(super) peer_port: u16,
    /// Bytes; of a listener: connections that wait to be accepted.
    pub(super) receive_queue: u32,
    /// Bytes; of a listener: the limit of that.
    pub(super) send_queue: u32,
    pub(super) uid: u32,
    pub(super) inode: u32,
    pub(super) v6only: bool,
}

impl Entry {
    pub(super) fn is_listener(&self) -> bool {
        self.state == LISTEN
    }
}

/// The states that a listener is about.
pub(super) fn listener_states() -> u32 {
    1 << LISTEN | 1 << SYN_RECV
}

/// The bits of states named as in ss; all states when none is named.
pub(super) fn state_bits(names: &[String]) -> Result<u32, Problem> {
    if names.is_empty() {
        return Ok((1 << (STATES.len() + 1)) - 2);
    }
    names.iter().try_fold(0, |bits, name| match STATES.iter().position(|state| state.eq_ignore_ascii_case(name)) {
        Some(at) => Ok(bits | 2 << at),
        None => Err(Problem::invalid(format!("unknown TCP state {name:?}; expected one of {}", STATES.join(", ")))),
    })
}

/// The name of a state as ss prints it.
pub(super) fn state_name(state: u8) -> &'static str {
    usize::from(state).checked_sub(1).and_then(|at| STATES.get(at)).copied().unwrap_or("UNKNOWN")
}

/// Folds the sockets of both families from `start`.
pub(super) fn fold<A: Clone>(
    netlink: &Netlink,
    wanted: &Wanted,
    start: A,
    mut each: impl FnMut(&mut A, Entry),
) -> Result<A, Problem> {
    let mut state = start;
    for family in [AF_INET, AF_INET6] {
        let mut id = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
        id.source_port = wanted.local_port;
        id.destination_port = wanted.peer_port;
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: StateFlags::from_bits_retain(wanted.states),
            socket_id: id,
        };
        let mut body = vec![0; request.buffer_len()];
        request.emit(&mut body);
        let outcome = netlink.dump(SOCK_DIAG_BY_FAMILY, &body, state.clone(), |state, kind, payload| {
            if kind == SOCK_DIAG_BY_FAMILY
                && let Some(entry) = parse(payload)
            {
                each(state, entry);
            }
        });
        match outcome {
            Ok(more) => state = more,
            // A kernel without IPv6 has no sockets of it.
            Err(Refusal::Errno(libc::ENOENT | libc::EAFNOSUPPORT)) if family == AF_INET6 => {}
            Err(refusal) => return Err(netlink.failure(refusal)),
        }
    }
    Ok(state)
}

fn parse(payload: &[u8]) -> Option<Entry> {
    let header = InetResponseHeader::parse(payload).ok()?;
    let v6only = attributes(payload, HEADER_BYTES)
        .any(|(kind, value)| kind == INET_DIAG_SKV6ONLY && value.first().is_some_and(|only| *only != 0));
    Some(Entry {
        state: header.state,
        local: header.socket_id.source_address.to_canonical(),
        local_port: header.socket_id.source_port,
        peer: header.socket_id.destination_address.to_canonical(),
        peer_port: header.socket_id.destination_port,
        receive_queue: header.recv_queue,
        send_queue: header.send_queue,
        uid: header.uid,
        inode: header.inode,
        v6only,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn states_are_named_as_ss_names_them() {
        assert_eq!((state_name(1), state_name(6), state_name(10)), ("ESTAB", "TIME-WAIT", "LISTEN"));
        assert_eq!((state_name(0), state_name(12)), ("UNKNOWN", "UNKNOWN"));
    }

    #[test]
    fn state_names_become_the_kernels_bits() {
        assert_eq!(state_bits(&["LISTEN".to_owned(), "estab".to_owned()]), Ok(1 << 10 | 1 << 1));
        assert_eq!(state_bits(&[]), Ok(0xffe));
    }

    #[test]
    fn an_unknown_state_is_quoted_with_those_that_exist() {
        let problem = state_bits(&["ESTABLISHED".to_owned()]).expect_err("unknown");
        assert!(
            problem.detail.contains("\"ESTABLISHED\"") && problem.detail.contains("TIME-WAIT"),
            "{}",
            problem.detail
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_socket_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
            let _ = parse(&bytes);
        }
    }
}
