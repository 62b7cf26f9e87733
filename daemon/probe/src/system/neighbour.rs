//! The neighbour table: which link-layer address stands behind an on-link address, and how sure the kernel is of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::Emitable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::neighbour::NeighbourHeader;
use sonde_core::observation::Reason;
use sonde_core::observation::system::{Neighbour, Table};

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

const NUD_NOARP: u16 = 0x40;
/// Of the entries so many are listed.
const MOST: usize = 4096;

/// An entry of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    address: IpAddr,
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
    let is_it = |entry: &Entry| entry.address == of && device.is_none_or(|device| device == entry.index);
    let found = netlink
        .dump(RTM_GETNEIGH, &question(family), None, |found, kind, payload| {
            if kind == RTM_NEWNEIGH && found.is_none() {
                *found = parse(payload).filter(is_it);
            }
        })
        .map_err(|refusal| netlink.failure(refusal))?;
    let name = |index| netlink.link_name(index).unwrap_or_default();
    Ok(match found {
        Some(Entry { index, state, link_address, .. }) => {
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

/// The tables of both families, without what needs no resolution; the first entries of each are listed.
pub(super) fn neighbours() -> Result<Table<Neighbour>, Problem> {
    let netlink = Netlink::route("list the neighbours", ALLOWED);
    let mut table = Table { rows: Vec::new(), total: 0 };
    let mut names = HashMap::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let room = MOST.saturating_sub(table.rows.len());
        let start = (Vec::new(), 0_u64);
        let outcome = netlink.dump(RTM_GETNEIGH, &question(family), start, |(found, total), kind, payload| {
            let Some(entry) = (kind == RTM_NEWNEIGH).then(|| parse(payload)).flatten() else { return };
            if entry.state & NUD_NOARP == 0 {
                *total = total.saturating_add(1);
                if found.len() < room {
                    found.push(entry);
                }
            }
        });
        let (found, total) = match outcome.map_err(|refusal| netlink.failure(refusal)) {
            Ok(found) => found,
            // A kernel without this family has no neighbours of it.
            Err(Problem {
                reason: Reason::Unavailable(_), errno: Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT), ..
            }) => {
                continue;
            }
            Err(problem) => return Err(problem),
        };
        table.total = table.total.saturating_add(total);
        table.rows.extend(found.into_iter().map(|entry| Neighbour {
            address: entry.address,
            device:
                names.entry(entry.index).or_insert_with(|| netlink.link_name(entry.index).unwrap_or_default()).clone(),
            state: state_name(entry.state).to_owned(),
            link_address: entry.link_address,
        }));
    }
    Ok(table)
}

/// Decodes a neighbour message, for the fuzz targets.
pub(super) fn read(payload: &[u8]) {
    drop(parse(payload));
}

fn question(family: AddressFamily) -> Vec<u8> {
    let question = NeighbourHeader { family, ..NeighbourHeader::default() };
    let mut body = vec![0; question.buffer_len()];
    question.emit(&mut body);
    body
}

/// The entry of this message.
fn parse(payload: &[u8]) -> Option<Entry> {
    let header = NeighbourHeader::parse(payload).ok()?;
    let find = |wanted| attributes(payload, HEADER_BYTES).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    Some(Entry {
        address: find(NDA_DST).and_then(address)?,
        index: header.ifindex,
        state: header.state.into(),
        link_address: find(NDA_LLADDR).map(hexadecimal),
    })
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

    #[test]
    fn the_table_counts_at_least_what_it_lists() {
        let table = neighbours().expect("neighbours");
        assert!(u64::try_from(table.rows.len()).is_ok_and(|listed| listed <= table.total), "{table:?}");
        assert!(table.rows.iter().all(|entry| entry.state != "NOARP"), "{table:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_neighbour_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            drop(parse(&bytes));
        }
    }
}
