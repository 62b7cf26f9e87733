//! The tables of routes, whole: the default routes, and all of them.

use std::collections::HashMap;
use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{RouteHeader, RouteMessage};
use sonde_core::observation::Reason;
use sonde_core::observation::system::{Family, Route, Table, TableRoute};

use super::message::{Reply, kind};
use super::{ALLOWED, RTM_GETROUTE, RTM_NEWROUTE, emitted};
use crate::inspection::Problem;
use crate::netlink::Netlink;

/// A router of the internet has a million; nobody reads more than this.
const MOST: usize = 4096;
const FAMILIES: [(Family, AddressFamily); 2] =
    [(Family::Ipv4, AddressFamily::Inet), (Family::Ipv6, AddressFamily::Inet6)];

/// The default routes of the main table, both families, in the kernel's order; one for each next hop.
pub(in crate::system) fn default_routes() -> Result<Vec<Route>, Problem> {
    let netlink = Netlink::route("list the default routes", ALLOWED);
    let mut routes = Vec::new();
    for (family, wanted) in FAMILIES {
        let found = matching(&netlink, wanted, |reply| {
            reply.prefix_length == 0 && !reply.cloned && reply.table == u32::from(RouteHeader::RT_TABLE_MAIN)
        })?;
        for reply in found {
            routes.extend(hops(&reply).into_iter().map(|(index, gateway)| Route {
                kind: kind(reply.kind),
                family,
                gateway,
                device: index.and_then(|index| netlink.link_name(index)),
                source: reply.source,
                prefix: Some("default".to_owned()),
                mtu: reply.mtu,
                metric: Some(reply.metric),
                table: Some(reply.table),
            }));
        }
    }
    Ok(routes)
}

/// Every route of every table, one for each next hop; the first of them are listed.
pub(in crate::system) fn routes() -> Result<Table<TableRoute>, Problem> {
    let netlink = Netlink::route("list the routes", ALLOWED);
    let mut table = Table { rows: Vec::new(), total: 0 };
    let mut names = HashMap::new();
    for (family, wanted) in FAMILIES {
        let room = MOST.saturating_sub(table.rows.len());
        let (found, total) = dump(&netlink, wanted, (Vec::new(), 0_u64), |(found, total), reply| {
            if !reply.cloned {
                *total = total.saturating_add(hops(&reply).len().try_into().unwrap_or(u64::MAX));
                if found.len() < room {
                    found.push(reply);
                }
            }
        })?;
        table.total = table.total.saturating_add(total);
        for reply in found {
            for (index, gateway) in hops(&reply) {
                let name =
                    index.and_then(|index| names.entry(index).or_insert_with(|| netlink.link_name(index)).clone());
                table.rows.push(row(family, &reply, gateway, name));
            }
        }
    }
    table.rows.truncate(MOST);
    Ok(table)
}

fn row(family: Family, reply: &Reply, gateway: Option<IpAddr>, device: Option<String>) -> TableRoute {
    TableRoute {
        family,
        kind: kind(reply.kind),
        table: reply.table,
        destination: reply.prefix(family),
        gateway,
        device,
        source: reply.source,
        metric: reply.metric,
        mtu: reply.mtu,
        protocol: reply.protocol(),
    }
}

/// Of a route; one that leads nowhere has one, of nothing.
fn hops(reply: &Reply) -> Vec<(Option<u32>, Option<IpAddr>)> {
    if reply.hops.is_empty() { vec![(None, None)] } else { reply.hops.clone() }
}

/// The routes of every table that are wanted.
pub(super) fn matching(
    netlink: &Netlink,
    family: AddressFamily,
    wanted: impl Fn(&Reply) -> bool,
) -> Result<Vec<Reply>, Problem> {
    dump(netlink, family, Vec::new(), |found, reply| {
        if wanted(&reply) {
            found.push(reply);
        }
    })
}

fn dump<A: Clone>(
    netlink: &Netlink,
    family: AddressFamily,
    start: A,
    mut each: impl FnMut(&mut A, Reply),
) -> Result<A, Problem> {
    let mut question = RouteMessage::default();
    question.header.address_family = family;
    let outcome = netlink.dump(RTM_GETROUTE, &emitted(&question), start.clone(), |state, kind, payload| {
        if kind == RTM_NEWROUTE
            && let Some(reply) = Reply::parse(payload)
        {
            each(state, reply);
        }
    });
    match outcome.map_err(|refusal| netlink.failure(refusal)) {
        // A kernel without this family has no routes of it.
        Err(Problem { reason: Reason::Unavailable(_), errno: Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT), .. }) => {
            Ok(start)
        }
        outcome => outcome,
    }
}
