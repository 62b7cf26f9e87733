//! Messages of the tables that decide a packet's way.

use sonde_core::observation::system as core;
use sonde_proto::v1;

use super::{neighbour, route_kind};
use crate::convert::address;

pub(in crate::convert) fn rules(rules: &[core::Rule]) -> v1::PolicyRules {
    let rule = |rule: &core::Rule| v1::PolicyRule {
        family: family(rule.family).into(),
        priority: rule.priority,
        selector: rule.selector.clone(),
        action: rule.action.clone(),
        table: rule.table.unwrap_or_default(),
    };
    v1::PolicyRules { rules: rules.iter().map(rule).collect() }
}

pub(in crate::convert) fn routes(table: &core::Table<core::TableRoute>) -> v1::RouteTable {
    let route = |route: &core::TableRoute| v1::TableRoute {
        family: family(route.family).into(),
        kind: route_kind(route.kind).into(),
        table: route.table,
        destination: route.destination.clone(),
        gateway: address(route.gateway),
        device: route.device.clone().unwrap_or_default(),
        source: address(route.source),
        metric: route.metric,
        mtu_bytes: route.mtu.unwrap_or_default(),
        protocol: route.protocol.clone(),
    };
    v1::RouteTable { routes: table.rows.iter().map(route).collect(), total: table.total }
}

pub(in crate::convert) fn neighbours(table: &core::Table<core::Neighbour>) -> v1::NeighbourTable {
    v1::NeighbourTable { neighbours: table.rows.iter().map(neighbour).collect(), total: table.total }
}

pub(super) fn family(family: core::Family) -> v1::AddressFamily {
    match family {
        core::Family::Ipv4 => v1::AddressFamily::Ipv4,
        core::Family::Ipv6 => v1::AddressFamily::Ipv6,
    }
}
