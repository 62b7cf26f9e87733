//! A route message of rtnetlink, decoded.

use std::net::IpAddr;

use netlink_packet_route::route::{RouteFlags, RouteHeader};
use sonde_core::observation::system::{Family, RouteKind};

use crate::netlink::{address, attributes, number};

/// struct rtmsg.
const HEADER_BYTES: usize = 12;
/// struct rtnexthop.
const NEXT_HOP_BYTES: usize = 8;
/// `RTAX_MTU` of linux/rtnetlink.h, inside `RTA_METRICS`.
const RTAX_MTU: u16 = 2;
/// `RTA_VIA` (struct rtvia): a next hop of the other family, behind two bytes of family.
const RTA_VIA: u16 = 18;
const RTN_UNICAST: u8 = 1;
pub(super) const RTN_BLACKHOLE: u8 = 6;
pub(super) const RTN_UNREACHABLE: u8 = 7;
pub(super) const RTN_PROHIBIT: u8 = 8;

/// A route message, the part that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) kind: u8,
    pub(super) cloned: bool,
    pub(super) table: u32,
    pub(super) prefix_length: u8,
    destination: Option<IpAddr>,
    pub(super) source: Option<IpAddr>,
    pub(super) mtu: Option<u32>,
    /// `RTA_PRIORITY`; a route without one has 0.
    pub(super) metric: u32,
    protocol: u8,
    /// Index and gateway; several for a multipath route.
    pub(super) hops: Vec<(Option<u32>, Option<IpAddr>)>,
}

impl Reply {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let header = RouteHeader::parse(payload).ok()?;
        let mut reply = Self {
            kind: header.kind.into(),
            cloned: header.flags.contains(RouteFlags::Cloned),
            table: header.table.into(),
            prefix_length: header.destination_prefix_length,
            protocol: header.protocol.into(),
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
                libc::RTA_PRIORITY => reply.metric = number(value).unwrap_or(0),
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

    /// RTPROT_* of linux/rtnetlink.h, by the names of `ip route`.
    pub(super) fn protocol(&self) -> String {
        let name = match self.protocol {
            0 => "unspec",
            1 => "redirect",
            2 => "kernel",
            3 => "boot",
            4 => "static",
            8 => "gated",
            9 => "ra",
            10 => "mrt",
            11 => "zebra",
            12 => "bird",
            13 => "dnrouted",
            14 => "xorp",
            15 => "ntk",
            16 => "dhcp",
            18 => "keepalived",
            42 => "babel",
            99 => "openr",
            186 => "bgp",
            187 => "isis",
            188 => "ospf",
            189 => "rip",
            192 => "eigrp",
            number => return number.to_string(),
        };
        name.to_owned()
    }

    /// `default`, or the destination in CIDR form. A route without `RTA_DST` has the zero address of its family.
    pub(super) fn prefix(&self, family: Family) -> String {
        match (self.prefix_length, self.destination) {
            (0, _) => "default".to_owned(),
            (length, Some(destination)) => format!("{destination}/{length}"),
            (length, None) if family == Family::Ipv4 => format!("0.0.0.0/{length}"),
            (length, None) => format!("::/{length}"),
        }
    }

    pub(super) fn contains(&self, to: IpAddr) -> bool {
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

pub(super) fn kind(kind: u8) -> RouteKind {
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
        assert_eq!(prefix("", 0).prefix(Family::Ipv4), "default");
        assert_eq!(prefix("10.66.0.0", 16).prefix(Family::Ipv4), "10.66.0.0/16");
        assert_eq!(prefix("", 1).prefix(Family::Ipv4), "0.0.0.0/1");
        assert_eq!(prefix("", 1).prefix(Family::Ipv6), "::/1");
    }

    #[test]
    fn who_made_a_route_has_a_name_or_a_number() {
        let by = |protocol| Reply { protocol, ..Reply::default() }.protocol();
        assert_eq!([by(2), by(16), by(77)], ["kernel", "dhcp", "77"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_route_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..160), v6: bool) {
            if let Some(reply) = Reply::parse(&bytes) {
                let (to, family) = if v6 { ("fd00::1", Family::Ipv6) } else { ("10.0.0.1", Family::Ipv4) };
                drop((reply.prefix(family), reply.contains(ip(to)), reply.protocol()));
            }
            drop((hops(&bytes), metric(&bytes, RTAX_MTU)));
        }
    }
}
