//! Messages of the interface `system`.

mod arp;
mod process;
mod routing;

use std::net::IpAddr;

use sonde_core::observation::system as core;
use sonde_proto::v1;

use super::failure::counter;
use super::{address, duration, timestamp_of_micros};

pub(super) use arp::arp;
pub(super) use process::{cgroup, environment, host, process};
pub(super) use routing::{neighbours, routes, rules};

pub(super) fn route_lookup(destination: IpAddr, found: Option<&core::Route>) -> v1::RouteLookup {
    v1::RouteLookup { address: destination.to_string(), route: found.map(route) }
}

pub(super) fn default_routes(routes: &[core::Route]) -> v1::DefaultRoutes {
    v1::DefaultRoutes { routes: routes.iter().map(route).collect() }
}

/// `asked` is shown where there is no entry to show.
pub(super) fn neighbour_lookup(asked: IpAddr, found: Option<&core::Neighbour>) -> v1::NeighbourLookup {
    match found {
        None => v1::NeighbourLookup { address: asked.to_string(), ..v1::NeighbourLookup::default() },
        Some(found) => neighbour(found),
    }
}

fn neighbour(neighbour: &core::Neighbour) -> v1::NeighbourLookup {
    v1::NeighbourLookup {
        address: neighbour.address.to_string(),
        device: neighbour.device.clone(),
        state: neighbour.state.clone(),
        link_address: neighbour.link_address.clone().unwrap_or_default(),
    }
}

pub(super) fn links(links: &[core::Link]) -> v1::Links {
    v1::Links { links: links.iter().map(link).collect() }
}

pub(super) fn clock_state(clock: &core::ClockState) -> v1::ClockState {
    v1::ClockState {
        wall: Some(timestamp_of_micros(clock.wall_us)),
        synchronised: clock.synchronised,
        estimated_error: Some(duration(clock.estimated_error)),
        maximum_error: Some(duration(clock.maximum_error)),
    }
}

pub(super) fn proxies(pid: Option<u32>, variables: &[core::Variable]) -> v1::Proxies {
    v1::Proxies { pid: pid.unwrap_or_default(), variables: variables.iter().map(variable).collect() }
}

/// `asked` is shown where there is nothing else to show.
pub(super) fn sysctls(asked: &[String], found: Option<&[core::Sysctl]>) -> v1::Sysctls {
    let unread = |name: &String| v1::Sysctl { name: name.clone(), ..v1::Sysctl::default() };
    let setting = |setting: &core::Sysctl| v1::Sysctl {
        name: setting.name.clone(),
        value: setting.value.clone(),
        needs: setting.needs.clone().unwrap_or_default(),
    };
    v1::Sysctls {
        settings: match found {
            None => asked.iter().map(unread).collect(),
            Some(found) => found.iter().map(setting).collect(),
        },
    }
}

fn variable(variable: &core::Variable) -> v1::Variable {
    v1::Variable { name: variable.name.clone(), value: variable.value.clone() }
}

fn route(route: &core::Route) -> v1::Route {
    v1::Route {
        kind: route_kind(route.kind).into(),
        gateway: address(route.gateway),
        device: route.device.clone().unwrap_or_default(),
        source: address(route.source),
        prefix: route.prefix.clone().unwrap_or_default(),
        mtu_bytes: route.mtu.unwrap_or_default(),
        family: routing::family(route.family).into(),
        metric: route.metric,
        table: route.table.unwrap_or_default(),
    }
}

fn route_kind(kind: core::RouteKind) -> v1::RouteKind {
    match kind {
        core::RouteKind::Unicast => v1::RouteKind::Unicast,
        core::RouteKind::Local => v1::RouteKind::Local,
        core::RouteKind::Broadcast => v1::RouteKind::Broadcast,
        core::RouteKind::Multicast => v1::RouteKind::Multicast,
        core::RouteKind::Blackhole => v1::RouteKind::Blackhole,
        core::RouteKind::Unreachable => v1::RouteKind::Unreachable,
        core::RouteKind::Prohibit => v1::RouteKind::Prohibit,
        core::RouteKind::Throw => v1::RouteKind::Throw,
        core::RouteKind::None => v1::RouteKind::None,
        core::RouteKind::Other => v1::RouteKind::Other,
    }
}

fn link(link: &core::Link) -> v1::Link {
    v1::Link {
        name: link.name.clone(),
        index: link.index,
        up: link.up,
        carrier: link.carrier,
        loopback: link.loopback,
        mtu_bytes: link.mtu,
        addresses: link.addresses.clone(),
        statistics: link.statistics.iter().map(counter).collect(),
        kind: link.kind.clone().unwrap_or_default(),
        master: link.master.clone().unwrap_or_default(),
    }
}
