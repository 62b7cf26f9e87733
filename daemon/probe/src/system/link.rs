//! The links of the vantage with their addresses and statistics.

use std::collections::HashMap;
use std::time::Duration;

use netlink_packet_core::Emitable;
use netlink_packet_route::address::AddressHeader;
use netlink_packet_route::link::{LinkFlags, LinkHeader};
use sonde_core::observation::Counter;
use sonde_core::observation::system::Link;

use crate::inspection::Problem;
use crate::netlink::{Netlink, address, attributes, number};

const ALLOWED: Duration = Duration::from_secs(2);
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
/// struct ifinfomsg.
const LINK_HEADER_BYTES: usize = 16;
/// struct ifaddrmsg.
const ADDRESS_HEADER_BYTES: usize = 8;
/// `IFLA_STATS64` of `linux/if_link.h`.
const IFLA_STATS64: u16 = 23;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
/// Inside `IFLA_LINKINFO`.
const IFLA_INFO_KIND: u16 = 1;

/// struct `rtnl_link_stats64` of `linux/if_link.h`, in its order; older kernels end earlier.
const STATISTICS: [&str; 25] = [
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
    "multicast",
    "collisions",
    "rx_length_errors",
    "rx_over_errors",
    "rx_crc_errors",
    "rx_frame_errors",
    "rx_fifo_errors",
    "rx_missed_errors",
    "tx_aborted_errors",
    "tx_carrier_errors",
    "tx_fifo_errors",
    "tx_heartbeat_errors",
    "tx_window_errors",
    "rx_compressed",
    "tx_compressed",
    "rx_nohandler",
    "rx_otherhost_dropped",
];

/// All links, by index.
pub(super) fn links() -> Result<Vec<Link>, Problem> {
    let netlink = Netlink::route("list the links", ALLOWED);
    let found = netlink
        .dump(
            RTM_GETLINK,
            &emitted(&LinkHeader::default()),
            Vec::new(),
            |links: &mut Vec<(Link, Option<u32>)>, kind, payload| {
                if kind == RTM_NEWLINK {
                    links.extend(parse_link(payload));
                }
            },
        )
        .map_err(|refusal| netlink.failure(refusal))?;
    let addresses: HashMap<u32, Vec<String>> = netlink
        .dump(RTM_GETADDR, &emitted(&AddressHeader::default()), HashMap::new(), |addresses, kind, payload| {
            if kind == RTM_NEWADDR
                && let Some((index, address)) = parse_address(payload)
            {
                let of_link: &mut Vec<String> = addresses.entry(index).or_default();
                of_link.push(address);
            }
        })
        .map_err(|refusal| netlink.failure(refusal))?;
    let names: HashMap<u32, String> = found.iter().map(|(link, _)| (link.index, link.name.clone())).collect();
    let mut links = Vec::with_capacity(found.len());
    for (mut link, master) in found {
        link.master = master.and_then(|master| names.get(&master).cloned());
        link.addresses = addresses.get(&link.index).cloned().unwrap_or_default();
        links.push(link);
    }
    links.sort_by_key(|link| link.index);
    Ok(links)
}

/// A link, and the index of its master.
pub(super) fn parse_link(payload: &[u8]) -> Option<(Link, Option<u32>)> {
    let header = LinkHeader::parse(payload).ok()?;
    let mut link = Link {
        name: String::new(),
        index: header.index,
        up: header.flags.contains(LinkFlags::Up),
        carrier: header.flags.contains(LinkFlags::LowerUp),
        loopback: header.flags.contains(LinkFlags::Loopback),
        mtu: 0,
        addresses: Vec::new(),
        statistics: Vec::new(),
        kind: None,
        master: None,
    };
    let mut master = None;
    for (kind, value) in attributes(payload, LINK_HEADER_BYTES) {
        match kind {
            libc::IFLA_IFNAME => link.name = text(value),
            IFLA_MASTER => master = number(value),
            IFLA_LINKINFO => {
                let mut about = attributes(value, 0);
                link.kind = about.find(|(kind, _)| *kind == IFLA_INFO_KIND).map(|(_, kind)| text(kind));
            }
            libc::IFLA_MTU => link.mtu = number(value).unwrap_or(0),
            IFLA_STATS64 => link.statistics = statistics(value),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some((link, master))
}

/// Up to its NUL.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn statistics(value: &[u8]) -> Vec<Counter> {
    let (numbers, _) = value.as_chunks::<8>();
    let counter = |(name, bytes): (&str, &[u8; 8])| Counter {
        name: name.to_owned(),
        value: u64::from_ne_bytes(*bytes).cast_signed(),
    };
    STATISTICS.into_iter().zip(numbers).map(counter).collect()
}

/// Index and CIDR. `IFA_LOCAL` is the own address where `IFA_ADDRESS` is the peer's.
pub(super) fn parse_address(payload: &[u8]) -> Option<(u32, String)> {
    let header = AddressHeader::parse(payload).ok()?;
    let find = |wanted| attributes(payload, ADDRESS_HEADER_BYTES).find(|(kind, _)| *kind == wanted);
    let (_, value) = find(libc::IFA_LOCAL).or_else(|| find(libc::IFA_ADDRESS))?;
    Some((header.index, format!("{}/{}", address(value)?, header.prefix_len)))
}

fn emitted(header: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0; header.buffer_len()];
    header.emit(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_own_loopback_is_listed_with_its_statistics() {
        let links = links().expect("links");
        let loopback = links.iter().find(|link| link.loopback).expect("every namespace has a loopback");
        assert_eq!((loopback.name.as_str(), loopback.index), ("lo", 1));
        let names: Vec<&str> = loopback.statistics.iter().map(|counter| counter.name.as_str()).collect();
        assert!(names.starts_with(&["rx_packets", "tx_packets", "rx_bytes"]), "{names:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_link_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
            drop((parse_link(&bytes), parse_address(&bytes), statistics(&bytes)));
        }
    }
}
