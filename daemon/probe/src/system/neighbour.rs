//! The neighbour table: which link-layer address stands behind an on-link address, and how sure the kernel is of it.

use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::Emitable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::neighbour::NeighbourHeader;
use sonde_core::observation::system::Neighbour;

use super::route;
use crate::inspection::Problem;
use crate::netlink::{Netlink, address, attributes};

const ALLOWED: Duration = Duration::from_secs(2);
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
/// struct ndmsg.
const HEADER_BYTES: usize = 12;
/// NDA_* of linux/neighbour.h.
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    index: u32,
    state: u16,
    link_address: Option<String>,
}

/// The entry of `of` on the link that its route uses, or (without a route) on any link. A link-local address is looked for on the
/// link by which a route has it as its gateway, since the kernel would take any.
pub(super) fn neighbour(of: IpAddr) -> Result<Neighbour, Problem> {
    let netlink = Netlink::route("look up the neighbour", ALLOWED);
    let is_link_local = matches!(of, IpAddr::V6(of) if of.is_unicast_link_local());
    let behind = is_link_local.then(|| route::device_towards(&netlink, of)).flatten();
    let device = behind.or_else(|| route::device_of(&netlink, of));
    let family = if of.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let question = NeighbourHeader { family, ..NeighbourHeader::default() };
    let mut body = vec![0; question.buffer_len()];
    question.emit(&mut body);
    let found = netlink
        .dump(RTM_GETNEIGH, &body, None, |found, kind, payload| {
            if kind == RTM_NEWNEIGH && found.is_none() {
                *found = parse(payload, of).filter(|entry| device.is_none_or(|device| device == entry.index));
            }
        })
        .map_err(|refusal| netlink.failure(refusal))?;
    let name = |index| netlink.link_name(index).unwrap_or_default();
    Ok(match found {
        Some(Entry { index, state, link_address }) => {
            Neighbour { address: of, device: name(index), state: state_name(state).to_owned(), link_address }
        }
        None => Neighbour {
            address: of,
            device: device.map(name).unwrap_or_default(),
            state: "NONE".to_owned(),
            link_address: None,
        },
    })
}

/// The entry of this message, where it is one of `of`.
fn parse(payload: &[u8], of: IpAddr) -> Option<Entry> {
    let header = NeighbourHeader::parse(payload).ok()?;
    let find = |wanted| attributes(payload, HEADER_BYTES).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    if find(NDA_DST).and_then(address) != Some(of) {
        return None;
    }
    Some(Entry { index: header.ifindex, state: header.state.into(), link_address: find(NDA_LLADDR).map(hexadecimal) })
}

/// NUD_* of linux/neighbour.h, by the names of `ip neigh`.
fn state_name(state: u16) -> &'static str {
    match state {
        0x01 => "INCOMPLETE",
        0x02 => "REACHABLE",
        0x04 => "STALE",
        0x08 => "DELAY",
        0x10 => "PROBE",
        0x20 => "FAILED",
        0x40 => "NOARP",
        0x80 => "PERMANENT",
        _ => "NONE",
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_link_address_reads_as_ip_prints_it() {
        assert_eq!(hexadecimal(&[0x02, 0, 0xab, 0, 0, 0x01]), "02:00:ab:00:00:01");
        assert_eq!(hexadecimal(&[]), "");
    }

    #[test]
    fn an_address_without_an_entry_is_none() {
        let entry = neighbour("127.0.0.1".parse().expect("an address")).expect("an answer");
        assert_eq!((entry.state.as_str(), entry.device.as_str(), entry.link_address), ("NONE", "lo", None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_neighbour_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            drop(parse(&bytes, "10.0.0.1".parse().expect("an address")));
        }
    }
}
