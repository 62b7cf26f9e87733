//! Tracked flows and claimed addresses.

use super::{evidence, neighbour_answer, timing};
use crate::sockets::{ConntrackAnswer, FlowTuple, TrackedFlow};
use crate::system::{
    ArpAnswer, ArpClaim, ArpQuestion, Family, NeighbourEntry, NeighboursAnswer, RouteKind, RoutesAnswer, TableRoute,
};
use crate::types::Endpoint;
use crate::way::Gateways;

/// A flow in this state, with the destination that its answers come from.
pub fn conntrack_answer(n: u64, destination: &Endpoint, backend: &Endpoint, state: &str) -> ConntrackAnswer {
    let local = Endpoint::new("192.0.2.100", 40_000);
    ConntrackAnswer {
        evidence: evidence(n),
        timing: timing(0),
        outcome: Ok(Some(TrackedFlow {
            original: FlowTuple { source: local.clone(), destination: destination.clone() },
            reply: FlowTuple { source: backend.clone(), destination: local },
            state: Some(state.to_owned()),
            answered: state != "SYN_SENT",
            assured: state == "ESTABLISHED",
            timeout_s: Some(60),
        })),
    }
}

/// Addresses on `eth0`: whether each is this host's own, and who claims it.
pub fn arp_answer(n: u64, questions: &[(&str, bool, &[&str])]) -> ArpAnswer {
    let claim = |mac: &&str| ArpClaim { link_address: (*mac).to_owned(), elapsed_us: 100 };
    ArpAnswer {
        evidence: evidence(n),
        timing: timing(400),
        outcome: Ok(questions
            .iter()
            .map(|(address, ours, claims)| ArpQuestion {
                address: (*address).to_owned(),
                device: "eth0".to_owned(),
                ours: *ours,
                claims: claims.iter().map(claim).collect(),
            })
            .collect()),
    }
}

/// Neighbours of `eth0` by address and state, and routes by it: table, destination and gateway of each.
pub fn gateways(n: u64, neighbours: &[(&str, &str)], routes: &[(u32, &str, &str)]) -> Gateways {
    let entries = neighbours.iter().filter_map(|(address, state)| neighbour_answer(n, address, state).outcome.ok());
    let entries: Vec<NeighbourEntry> = entries.collect();
    let route = |(table, destination, gateway): &(u32, &str, &str)| TableRoute {
        family: if gateway.contains(':') { Family::Ipv6 } else { Family::Ipv4 },
        kind: RouteKind::Unicast,
        table: *table,
        destination: (*destination).to_owned(),
        gateway: Some((*gateway).to_owned()),
        device: Some("eth0".to_owned()),
        source: None,
        metric: 0,
        mtu: None,
        protocol: "static".to_owned(),
    };
    let routes: Vec<TableRoute> = routes.iter().map(route).collect();
    Gateways {
        neighbours: NeighboursAnswer {
            evidence: evidence(n),
            timing: timing(0),
            total: u64::try_from(entries.len()).unwrap_or(u64::MAX),
            outcome: Ok(entries),
        },
        routes: RoutesAnswer {
            evidence: evidence(n + 1),
            timing: timing(0),
            total: u64::try_from(routes.len()).unwrap_or(u64::MAX),
            outcome: Ok(routes),
        },
    }
}
