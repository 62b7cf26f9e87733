//! One flow of connection tracking, asked for by the tuple of its first packet (ctnetlink, `linux/netfilter/nfnetlink_conntrack.h`).
//!
//! Refused: dumps. A table holds hundreds of thousands of flows of everybody; one flow is found by its hash. Needs
//! `CAP_NET_ADMIN` in the namespace. An entry that a lone RST answered is gone at once (`nf_conntrack_tcp.c`).

use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::{DefaultNla, Emitable};
use sonde_core::observation::sockets::{Flow, FlowProtocol, FlowTuple, TrackedFlow};
use sonde_core::observation::{Endpoint, Reason};

use crate::inspection::Problem;
use crate::netlink::{Netlink, Refusal, address, attributes};
use crate::vantage::Procfs;

const ATTEMPT: &str = "look up the tracked flow";
const ALLOWED: Duration = Duration::from_secs(1);
/// `NFNL_SUBSYS_CTNETLINK` with `IPCTNL_MSG_CT_NEW` and `IPCTNL_MSG_CT_GET`.
const NEW: u16 = 1 << 8;
const GET: u16 = 1 << 8 | 1;
/// struct nfgenmsg.
const HEADER_BYTES: usize = 4;
/// `NLA_F_NESTED` of linux/netlink.h.
const NESTED: u16 = 1 << 15;
/// enum `ctattr_type`.
const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const STATUS: u16 = 3;
const PROTOINFO: u16 = 4;
const TIMEOUT: u16 = 7;
/// enum `ctattr_tuple`, `ctattr_ip`, `ctattr_l4proto`.
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
const IP_V4_SRC: u16 = 1;
const IP_V4_DST: u16 = 2;
const IP_V6_SRC: u16 = 3;
const IP_V6_DST: u16 = 4;
const PROTO_NUM: u16 = 1;
const PROTO_SRC_PORT: u16 = 2;
const PROTO_DST_PORT: u16 = 3;
/// enum `ctattr_protoinfo`, `ctattr_protoinfo_tcp`.
const PROTOINFO_TCP: u16 = 1;
const PROTOINFO_TCP_STATE: u16 = 1;
/// enum `ip_conntrack_status`.
const SEEN_REPLY: u32 = 1 << 1;
const ASSURED: u32 = 1 << 2;

/// Whether this namespace tracks connections: the kernel counts them only where it does.
pub(super) fn is_on(procfs: &Procfs) -> bool {
    procfs.read("sys/net/netfilter/nf_conntrack_count", 64).is_ok()
}

/// The flow as it is tracked, or none.
pub(super) fn find(flow: &Flow) -> Result<Option<TrackedFlow>, Problem> {
    let netlink = Netlink::netfilter(ATTEMPT, ALLOWED);
    match netlink.ask(GET, &question(flow)) {
        Ok((NEW, payload)) => match parse(&payload) {
            Some(tracked) => Ok(Some(tracked)),
            None => Err(Problem::malformed(ATTEMPT, "the kernel's answer is no flow")),
        },
        Ok(_) => Err(Problem::malformed(ATTEMPT, "the kernel's answer is no flow")),
        Err(Refusal::Errno(libc::ENOENT)) => Ok(None),
        // nfnetlink knows no such subsystem: its module is absent.
        Err(Refusal::Errno(libc::EINVAL)) => Err(without_module()),
        Err(refusal) => Err(netlink.failure(refusal)),
    }
}

fn without_module() -> Problem {
    let reason = Reason::Unavailable("the kernel module nf_conntrack_netlink".to_owned());
    Problem { reason, errno: Some(libc::EINVAL), detail: format!("{ATTEMPT}: this kernel has no ctnetlink") }
}

fn question(flow: &Flow) -> Vec<u8> {
    let FlowTuple { source, destination } = flow.tuple;
    let (family, addresses) = match (source.address, destination.address) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            (libc::AF_INET, [nla(IP_V4_SRC, &from.octets()), nla(IP_V4_DST, &to.octets())])
        }
        (from, to) => (libc::AF_INET6, [nla(IP_V6_SRC, &in_ipv6(from)), nla(IP_V6_DST, &in_ipv6(to))]),
    };
    let protocol = match flow.protocol {
        FlowProtocol::Tcp => libc::IPPROTO_TCP,
        FlowProtocol::Udp => libc::IPPROTO_UDP,
    };
    let ports = [
        nla(PROTO_NUM, &[u8::try_from(protocol).unwrap_or_default()]),
        nla(PROTO_SRC_PORT, &source.port.to_be_bytes()),
        nla(PROTO_DST_PORT, &destination.port.to_be_bytes()),
    ];
    let tuple = [nla(TUPLE_IP | NESTED, &addresses.concat()), nla(TUPLE_PROTO | NESTED, &ports.concat())];
    let header = [u8::try_from(family).unwrap_or_default(), 0, 0, 0];
    [&header[..], &nla(TUPLE_ORIG | NESTED, &tuple.concat())].concat()
}

fn in_ipv6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// One attribute, padded.
fn nla(kind: u16, value: &[u8]) -> Vec<u8> {
    let attribute = DefaultNla::new(kind, value.to_vec());
    let mut bytes = vec![0; attribute.buffer_len()];
    attribute.emit(&mut bytes);
    bytes
}

/// A flow of a message. Never panics, whatever the bytes.
fn parse(payload: &[u8]) -> Option<TrackedFlow> {
    let find = |wanted| attributes(payload, HEADER_BYTES).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let number = |value: &[u8]| Some(u32::from_be_bytes(value.try_into().ok()?));
    let status = find(STATUS).and_then(number).unwrap_or(0);
    let state = find(PROTOINFO)
        .and_then(|info| inside(info, PROTOINFO_TCP))
        .and_then(|tcp| inside(tcp, PROTOINFO_TCP_STATE))
        .and_then(|state| state.first().copied());
    Some(TrackedFlow {
        original: tuple(find(TUPLE_ORIG)?)?,
        reply: tuple(find(TUPLE_REPLY)?)?,
        state: state.map(|state| state_name(state).to_owned()),
        answered: status & SEEN_REPLY != 0,
        assured: status & ASSURED != 0,
        timeout: find(TIMEOUT).and_then(number).map(|seconds| Duration::from_secs(seconds.into())),
    })
}

fn tuple(value: &[u8]) -> Option<FlowTuple> {
    let (ip, protocol) = (inside(value, TUPLE_IP)?, inside(value, TUPLE_PROTO)?);
    let endpoint = |v4, v6, port| {
        let address = inside(ip, v4).or_else(|| inside(ip, v6)).and_then(address)?;
        let port = u16::from_be_bytes(inside(protocol, port)?.try_into().ok()?);
        Some(Endpoint { address, port })
    };
    Some(FlowTuple {
        source: endpoint(IP_V4_SRC, IP_V6_SRC, PROTO_SRC_PORT)?,
        destination: endpoint(IP_V4_DST, IP_V6_DST, PROTO_DST_PORT)?,
    })
}

/// An attribute of a nest.
fn inside(nest: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(nest, 0).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// enum `tcp_conntrack` of `linux/netfilter/nf_conntrack_tcp.h`, by the names of `conntrack -L`.
fn state_name(state: u8) -> &'static str {
    match state {
        1 => "SYN_SENT",
        2 => "SYN_RECV",
        3 => "ESTABLISHED",
        4 => "FIN_WAIT",
        5 => "CLOSE_WAIT",
        6 => "LAST_ACK",
        7 => "TIME_WAIT",
        8 => "CLOSE",
        9 => "SYN_SENT2",
        _ => "NONE",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Endpoint {
        let at: std::net::SocketAddr = text.parse().expect("an endpoint");
        Endpoint { address: at.ip(), port: at.port() }
    }

    fn between(source: &str, destination: &str) -> FlowTuple {
        FlowTuple { source: at(source), destination: at(destination) }
    }

    #[test]
    fn the_tuple_of_a_question_reads_back_in_both_families() {
        for (from, to) in [("10.0.0.1:40000", "10.96.0.10:443"), ("[fd00::1]:40000", "[fd00::2]:443")] {
            let flow = Flow { protocol: FlowProtocol::Tcp, tuple: between(from, to) };
            let asked = question(&flow);
            let (_, nest) = attributes(&asked, HEADER_BYTES).next().expect("the tuple");
            assert_eq!(tuple(nest), Some(flow.tuple));
        }
    }

    #[test]
    fn an_answer_names_whom_the_flow_really_went_to() {
        let flow = Flow { protocol: FlowProtocol::Tcp, tuple: between("10.0.0.1:40000", "10.96.0.10:443") };
        let reply = Flow { tuple: between("10.1.0.7:8443", "10.0.0.1:40000"), ..flow };
        let (_, nest) = attributes(&question(&reply), HEADER_BYTES).next().map(|(k, v)| (k, v.to_vec())).expect("it");
        let state = nla(PROTOINFO_TCP_STATE, &[7]);
        let message = [
            question(&flow),
            nla(TUPLE_REPLY | NESTED, &nest),
            nla(STATUS, &(SEEN_REPLY | ASSURED).to_be_bytes()),
            nla(TIMEOUT, &119_u32.to_be_bytes()),
            nla(PROTOINFO | NESTED, &nla(PROTOINFO_TCP | NESTED, &state)),
        ]
        .concat();
        let tracked = parse(&message).expect("a flow");
        assert_eq!((tracked.original, tracked.reply), (flow.tuple, reply.tuple));
        assert_eq!((tracked.answered, tracked.assured), (true, true));
        assert_eq!((tracked.state.as_deref(), tracked.timeout), (Some("TIME_WAIT"), Some(Duration::from_secs(119))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_flow_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..240)) {
            drop(parse(&bytes));
        }
    }
}
