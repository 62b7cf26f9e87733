//! What stands beside the dials of a failing address: other sources to dial from, and who claims the addresses involved.

use sonde_sdk::dial::tcp;
use sonde_sdk::system::{NeighbourAnswer, RouteKind, arp, default_routes, links, neighbour, route_to};
use sonde_sdk::timer::Allowance;
use sonde_sdk::wait;

use super::{FIRST, dial};
use crate::observe::{Bound, Path};

/// Other addresses of the link that are tried.
const SOURCES: usize = 6;

/// Dials from other addresses of the link the packets leave by: the kernel may have chosen one that no answer comes back to.
pub(super) async fn other_sources(path: &mut Path, allowance: Allowance) {
    let Some((_, route)) = path.route() else { return };
    let (Some(device), Some(source)) = (route.device.clone(), route.source.clone()) else { return };
    if !allowance.has(FIRST) {
        return;
    }
    let links = links().await;
    let link = links.outcome.iter().flatten().find(|link| link.name == device);
    let others: Vec<String> = link
        .iter()
        .flat_map(|link| &link.addresses)
        .filter_map(|address| address.split('/').next())
        .filter(|address| {
            *address != source && address.contains(':') == source.contains(':') && !address.starts_with("fe80:")
        })
        .take(SOURCES)
        .map(str::to_owned)
        .collect();
    path.bound = wait::all(others.into_iter().map(|local| {
        let request = dial(&path.endpoint, FIRST, allowance).from(&local);
        async move { Bound { local, dial: tcp(request).await } }
    }))
    .await;
}

/// The neighbour entry of the default gateway of the address' family.
pub(super) async fn gateway(path: &Path) -> Option<NeighbourAnswer> {
    let defaults = default_routes().await;
    let gateways = defaults.outcome.iter().flatten().filter_map(|route| route.gateway.clone());
    let gateway = gateways.into_iter().find(|gateway| gateway.contains(':') == path.endpoint.is_ipv6())?;
    Some(neighbour(gateway).await)
}

/// Asks the segment, where the next hop answers at all: an address that two hosts claim fails as its winner does.
pub(super) async fn claims(path: &mut Path) {
    if path.endpoint.is_ipv6() || path.known.is_unresolved() || path.arp.is_some() {
        return;
    }
    if path.known.route.is_none() {
        path.known.route = Some(route_to(path.endpoint.address.clone()).await);
    }
    if path.route().is_some_and(|(_, route)| route.kind == RouteKind::Unicast) {
        path.arp = Some(arp(Some(path.endpoint.address.clone())).await);
    }
}
