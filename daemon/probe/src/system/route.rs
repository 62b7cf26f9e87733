//! Routes: what the kernel would do with a packet; its tables, whole, are in `tables`.
//!
//! A refusal of the lookup is an answer (`fib_props` of `net/ipv4/fib_semantics.c`, `ip6_route_info` of net/ipv6/route.c): EINVAL is a
//! blackhole, EHOSTUNREACH unreachable, EACCES prohibit, ENETUNREACH no route (a `throw` and an `unreachable` policy rule too).

mod message;
mod tables;

use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::Emitable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage};
use sonde_core::observation::system::{Family, Route, RouteKind};

use self::message::{RTN_BLACKHOLE, RTN_PROHIBIT, RTN_UNREACHABLE, Reply, kind};
use self::tables::matching;
pub(super) use self::tables::{default_routes, routes};
use crate::inspection::Problem;
use crate::netlink::{Netlink, Refusal};

const ALLOWED: Duration = Duration::from_secs(2);
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;

/// Decodes a route message, for the fuzz targets.
pub(super) fn read(payload: &[u8]) {
    if let Some(reply) = Reply::parse(payload) {
        drop((reply.prefix(Family::Ipv4), reply.protocol()));
    }
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
        family: family_of(to),
        gateway,
        device: index.and_then(|index| netlink.link_name(index)),
        source: reply.source,
        prefix: matched.as_ref().map(|matched| matched.prefix(family_of(to))),
        mtu: reply.mtu,
        metric: matched.map(|matched| matched.metric),
        table: Some(reply.table).filter(|table| *table != 0),
    })
}

/// The index of the link that the kernel would use.
pub(super) fn device_of(netlink: &Netlink, to: IpAddr) -> Option<u32> {
    lookup(netlink, to, false).ok()?.hops.first()?.0
}

/// The index of the link by which a route has this gateway: a link-local one is on every link, for all that its address says.
pub(super) fn device_towards(netlink: &Netlink, gateway: IpAddr) -> Option<u32> {
    let is_it = |hop: &(Option<u32>, Option<IpAddr>)| hop.1 == Some(gateway);
    let found = matching(netlink, family(gateway), |reply| !reply.cloned && reply.hops.iter().any(is_it)).ok()?;
    found.iter().flat_map(|reply| &reply.hops).find(|hop| is_it(hop))?.0
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
    let found = wanted.and_then(|wanted| {
        let matches = matching(netlink, family(to), |reply| reply.kind == wanted && reply.contains(to)).ok()?;
        matches.into_iter().max_by_key(|reply| reply.prefix_length)
    });
    Ok(Route {
        kind,
        family: family_of(to),
        gateway: None,
        device: None,
        source: None,
        prefix: found.as_ref().map(|found| found.prefix(family_of(to))),
        mtu: None,
        metric: found.as_ref().map(|found| found.metric),
        table: found.map(|found| found.table),
    })
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

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
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
    use super::*;

    #[test]
    fn loopback_is_local_without_any_privilege() {
        let loopback: IpAddr = "127.0.0.1".parse().expect("an address");
        let route = route_to(loopback).expect("a route");
        assert_eq!((route.kind, route.device.as_deref()), (RouteKind::Local, Some("lo")));
        assert_eq!(route.source, Some(loopback));
        // While there is no rule of somebody's, the kernel keeps `local` and `main` as one (`fib_unmerge`) and says `main`.
        assert!(matches!(route.table, Some(254 | 255)), "{route:?}");
    }

    #[test]
    fn the_own_loopback_is_in_the_local_table() {
        let table = routes().expect("routes");
        let local = table.rows.iter().find(|row| row.destination == "127.0.0.1/32").expect("loopback");
        assert_eq!((local.table, local.kind, local.protocol.as_str()), (255, RouteKind::Local, "kernel"));
        assert!(table.total >= 1 && table.rows.len() <= 4096);
    }
}
