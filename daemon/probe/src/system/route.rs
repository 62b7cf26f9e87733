//! Routes: what the kernel would do with a packet, and the default routes.
//!
//! A refusal of the lookup is an answer (`fib_props` of `net/ipv4/fib_semantics.c`, `ip6_route_info` of net/ipv6/route.c): EINVAL is a
//! blackhole, EHOSTUNREACH unreachable, EACCES prohibit, ENETUNREACH no route (a `throw` and an `unreachable` policy rule too).

use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::Emitable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage};
use sonde_core::observation::Reason;
use sonde_core::observation::system::{Route, RouteKind};

use crate::inspection::Problem;
use crate::netlink::{Netlink, Refusal, address, attributes, number};

const ALLOWED: Duration = Duration::from_secs(2);
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
/// struct rtmsg.
const HEADER_BYTES: usize = 12;
/// struct rtnexthop.
const NEXT_HOP_BYTES: usize = 8;
/// `RTAX_MTU` of linux/rtnetlink.h, inside `RTA_METRICS`.
const RTAX_MTU: u16 = 2;
/// `RTA_VIA` (struct rtvia): a next hop of the other family, behind two bytes of family.
const RTA_VIA: u16 = 18;
const RTN_UNICAST: u8 = 1;
const RTN_BLACKHOLE: u8 = 6;
const RTN_UNREACHABLE: u8 = 7;
const RTN_PROHIBIT: u8 = 8;

/// A route message, the part that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    kind: u8,
    cloned: bool,
    table: u32,
    prefix_length: u8,
    destination: Option<IpAddr>,
    source: Option<IpAddr>,
    mtu: Option<u32>,
    /// Index and gateway; several for a multipath route.
    hops: Vec<(Option<u32>, Option<IpAddr>)>,
}

/// Asks the kernel how it would route.
pub(super) fn route_to(to: IpAddr) -> Result<Route, Problem> {
    let netlink = Netlink::route("look up the route", ALLOWED);
    let reply = match lookup(&netlink, to, false) {
        Ok(reply) => reply,
        Err(Refusal::Errno(errno)) => return refused(&netlink, to, errno),
        Err(refusal) => return Err(netlink.failure(refusal)),
    };
    // A second question, since the first answers with the address itself as destination. Kernels before 4.13 (IPv6: 4.18)
    // ignore the flag and answer a clone again.
    let matched = lookup(&netlink, to, true).ok().filter(|reply| !reply.cloned);
    let (index, gateway) = reply.hops.first().copied().unwrap_or_default();
    Ok(Route {
        kind: kind(reply.kind),
        gateway,
        device: index.and_then(|index| netlink.link_name(index)),
        source: reply.source,
        prefix: matched.map(|matched| matched.prefix(to)),
        mtu: reply.mtu,
    })
}

/// The index of the link that the kernel would use.
pub(super) fn device_of(netlink: &Netlink, to: IpAddr) -> Option<u32> {
    lookup(netlink, to, false).ok()?.hops.first()?.0
}

/// The index of the link by which a route has this gateway: a link-local one is on every link, for all that its address says.
pub(super) fn device_towards(netlink: &Netlink, gateway: IpAddr) -> Option<u32> {
    let is_it = |hop: &(Option<u32>, Option<IpAddr>)| hop.1 == Some(gateway);
    let found = table(netlink, family(gateway), |reply| !reply.cloned && reply.hops.iter().any(is_it)).ok()?;
    found.iter().flat_map(|reply| &reply.hops).find(|hop| is_it(hop))?.0
}

/// The default routes of the main table, both families, in the kernel's order; one for each next hop.
pub(super) fn default_routes() -> Result<Vec<Route>, Problem> {
    let netlink = Netlink::route("list the default routes", ALLOWED);
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let found = table(&netlink, family, |reply| {
            reply.prefix_length == 0 && !reply.cloned && reply.table == u32::from(RouteHeader::RT_TABLE_MAIN)
        })?;
        for reply in found {
            let hops = if reply.hops.is_empty() { vec![(None, None)] } else { reply.hops };
            routes.extend(hops.into_iter().map(|(index, gateway)| Route {
                kind: kind(reply.kind),
                gateway,
                device: index.and_then(|index| netlink.link_name(index)),
                source: reply.source,
                prefix: Some("default".to_owned()),
                mtu: reply.mtu,
            }));
        }
    }
    Ok(routes)
}

fn refused(netlink: &Netlink, to: IpAddr, errno: i32) -> Result<Route, Problem> {
    let (kind, wanted) = match errno {
        libc::EINVAL => (RouteKind::Blackhole, Some(RTN_BLACKHOLE)),
        libc::EHOSTUNREACH => (RouteKind::Unreachable, Some(RTN_UNREACHABLE)),
        libc::EACCES => (RouteKind::Prohibit, Some(RTN_PROHIBIT)),
        libc::ENETUNREACH => (RouteKind::None, None),
        _ => return Err(netlink.failure(Refusal::Errno(errno))),
    };
    // The kernel does not say which route it was; the longest one of that kind, in whatever table. A policy rule has none.
    let prefix = wanted.and_then(|wanted| {
        let matches = table(netlink, family(to), |reply| reply.kind == wanted && reply.contains(to)).ok()?;
        matches.iter().max_by_key(|reply| reply.prefix_length).map(|reply| reply.prefix(to))
    });
    Ok(Route { kind, gateway: None, device: None, source: None, prefix, mtu: None })
}

fn lookup(netlink: &Netlink, to: IpAddr, fib_match: bool) -> Result<Reply, Refusal> {
    let mut question = RouteMessage::default();
    question.header.address_family = family(to);
    question.header.destination_prefix_length = length(to);
    question.header.flags = RouteFlags::LookupTable;
    if fib_match {
        question.header.flags |= RouteFlags::FibMatch;
    }
    question.attributes.push(RouteAttribute::Destination(match to {
        IpAddr::V4(to) => RouteAddress::Inet(to),
        IpAddr::V6(to) => RouteAddress::Inet6(to),
    }));
    let malformed = || Refusal::Failed(Problem::malformed("look up the route", "the kernel's answer is no route"));
    match netlink.ask(RTM_GETROUTE, &emitted(&question))? {
        (RTM_NEWROUTE, payload) => Reply::parse(&payload).ok_or_else(malformed),
        _ => Err(malformed()),
    }
}

fn table(netlink: &Netlink, family: AddressFamily, wanted: impl Fn(&Reply) -> bool) -> Result<Vec<Reply>, Problem> {
    let mut question = RouteMessage::default();
    question.header.address_family = family;
    let outcome = netlink.dump(RTM_GETROUTE, &emitted(&question), Vec::new(), |found, kind, payload| {
        if kind == RTM_NEWROUTE {
            found.extend(Reply::parse(payload).filter(|reply| wanted(reply)));
        }
    });
    match outcome.map_err(|refusal| netlink.failure(refusal)) {
        // A kernel without this family has no routes of it.
        Err(Problem { reason: Reason::Unavailable(_), errno: Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT), .. }) => {
            Ok(Vec::new())
        }
        outcome => outcome,
    }
}

impl Reply {
    fn parse(payload: &[u8]) -> Option<Self> {
        let header = RouteHeader::parse(payload).ok()?;
        let mut reply = Self {
            kind: header.kind.into(),
            cloned: header.flags.contains(RouteFlags::Cloned),
            table: header.table.into(),
            prefix_length: header.destination_prefix_length,
            ..Self::default()
        };
        let (mut index, mut gateway) = (None, None);
        for (kind, value) in attributes(payload, HEADER_BYTES) {
            match kind {
                libc::RTA_DST => reply.destination = address(value),
                libc::RTA_OIF => index = number(value),
                libc::RTA_GATEWAY => gateway = address(value),
                RTA_VIA => gateway = value.get(2..).and_then(address),
                libc::RTA_PREFSRC => reply.source = address(value),
                libc::RTA_TABLE => reply.table = number(value).unwrap_or(reply.table),
                libc::RTA_METRICS => reply.mtu = metric(value, RTAX_MTU),
                libc::RTA_MULTIPATH => reply.hops = hops(value),
                _ => {}
            }
        }
        if reply.hops.is_empty() && (index.is_some() || gateway.is_some()) {
            reply.hops.push((index, gateway));
        }
        Some(reply)
    }

    /// `default`, or the destination in CIDR form. A route without `RTA_DST` has the zero address of the family of `to`.
    fn prefix(&self, to: IpAddr) -> String {
        match (self.prefix_length, self.destination) {
            (0, _) => "default".to_owned(),
            (length, Some(destination)) => format!("{destination}/{length}"),
            (length, None) if to.is_ipv4() => format!("0.0.0.0/{length}"),
            (length, None) => format!("::/{length}"),
        }
    }

    fn contains(&self, to: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let mask = u128::MAX.checked_shl(128_u32.saturating_sub(self.prefix_length.into())).unwrap_or(0);
        let destination = self.destination.map_or(0, bits);
        self.destination.is_none_or(|destination| destination.is_ipv4() == to.is_ipv4())
            && destination & mask == bits(to) & mask
    }
}

fn hops(mut bytes: &[u8]) -> Vec<(Option<u32>, Option<IpAddr>)> {
    let mut hops = Vec::new();
    while let Some(header) = bytes.first_chunk::<NEXT_HOP_BYTES>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let Some(hop) = bytes.get(..length).filter(|hop| hop.len() >= NEXT_HOP_BYTES) else { break };
        let index = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
        let gateway = attributes(hop, NEXT_HOP_BYTES).find_map(|(kind, value)| match kind {
            libc::RTA_GATEWAY => address(value),
            RTA_VIA => value.get(2..).and_then(address),
            _ => None,
        });
        hops.push(((index != 0).then_some(index), gateway));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

fn metric(metrics: &[u8], wanted: u16) -> Option<u32> {
    attributes(metrics, 0).find_map(|(kind, value)| if kind == wanted { number(value) } else { None })
}

fn kind(kind: u8) -> RouteKind {
    match kind {
        RTN_UNICAST => RouteKind::Unicast,
        2 => RouteKind::Local,
        3 => RouteKind::Broadcast,
        5 => RouteKind::Multicast,
        RTN_BLACKHOLE => RouteKind::Blackhole,
        RTN_UNREACHABLE => RouteKind::Unreachable,
        RTN_PROHIBIT => RouteKind::Prohibit,
        9 => RouteKind::Throw,
        _ => RouteKind::Other,
    }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn emitted(message: &RouteMessage) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str, prefix_length: u8) -> Reply {
        Reply { prefix_length, destination: text.parse().ok(), ..Reply::default() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_prefix_contains_its_addresses_of_its_own_family_only() {
        assert!(prefix("10.66.0.0", 16).contains(ip("10.66.255.1")));
        assert!(!prefix("10.66.0.0", 16).contains(ip("10.67.0.1")));
        assert!(prefix("", 0).contains(ip("8.8.8.8")));
        assert!(prefix("fd66::", 16).contains(ip("fd66:1::1")));
        assert!(!prefix("a00::", 8).contains(ip("10.0.0.1")));
        assert!(prefix("10.0.0.1", 32).contains(ip("10.0.0.1")));
        assert!(!prefix("10.0.0.1", 32).contains(ip("10.0.0.2")));
    }

    #[test]
    fn the_default_prefix_has_a_name() {
        assert_eq!(prefix("", 0).prefix(ip("10.0.0.1")), "default");
        assert_eq!(prefix("10.66.0.0", 16).prefix(ip("10.66.0.1")), "10.66.0.0/16");
        assert_eq!(prefix("", 1).prefix(ip("10.66.0.1")), "0.0.0.0/1");
        assert_eq!(prefix("", 1).prefix(ip("::1")), "::/1");
    }

    #[test]
    fn loopback_is_local_without_any_privilege() {
        let route = route_to(ip("127.0.0.1")).expect("a route");
        assert_eq!((route.kind, route.device.as_deref()), (RouteKind::Local, Some("lo")));
        assert_eq!(route.source, Some(ip("127.0.0.1")));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_route_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..160), v6: bool) {
            if let Some(reply) = Reply::parse(&bytes) {
                let to = if v6 { ip("fd00::1") } else { ip("10.0.0.1") };
                drop((reply.prefix(to), reply.contains(to)));
            }
            drop((hops(&bytes), metric(&bytes, RTAX_MTU)));
        }
    }
}
