//! The next hop: its link, its carrier, its answer to ARP or ND.

use std::net::IpAddr;
use std::time::Duration;

use super::{Explained, Way, is_resolved, is_unresolved};
use crate::finding::{Draft, refutes, supports};
use crate::system::{Link, NeighbourEntry};
use crate::types::{EvidenceId, Reason};

/// The kernel's own host unreachable comes only after its neighbour probes.
const PROBED: Duration = Duration::from_millis(500);
/// Real segments are hardly wider: more common bits than these, and a wrong prefix length explains nothing.
const COMMON_BITS_IPV4: u32 = 24;
const COMMON_BITS_IPV6: u32 = 64;

/// The failure is the next hop's doing: what is known of it says so, or the kernel took its time for EHOSTUNREACH.
pub(super) fn explains(way: &Way<'_>) -> bool {
    is_broken(way) || way.failure.reason == Reason::HostUnreachable && way.failure.elapsed() >= PROBED
}

/// The link has no carrier, or the next hop does not answer.
pub(super) fn is_broken(way: &Way<'_>) -> bool {
    way.neighbour().is_some_and(|(_, entry)| is_unresolved(entry))
        || device(way).is_some_and(|(_, link)| link.up && !link.carrier)
}

fn device<'a>(way: &Way<'a>) -> Option<(EvidenceId, &'a Link)> {
    let (_, route) = way.route()?;
    way.link(route.device.as_deref()?)
}

/// Judges it.
pub(super) fn judge(way: &Way<'_>) -> Explained {
    let failure = way.failure;
    if let Some((dump, link)) = device(way).filter(|(_, link)| link.up && !link.carrier) {
        return carrier(way, dump, link);
    }
    let Some((route_id, route)) = way.route() else {
        return way.unclear(format!("{} cannot be reached, and the route is not known", way.endpoint));
    };
    let Some((entry_id, entry)) = way.neighbour().filter(|(_, entry)| is_unresolved(entry)) else {
        if let Some(told) = behind_a_rule(way) {
            return told;
        }
        return way.unclear(format!("{} is unreachable, and no neighbour entry says why", way.endpoint)).with(
            supports(if route.gateway.is_some() { "l2.gateway_unresolved" } else { "l2.neighbor_unresolved" })
                .strong()
                .because("the kernel gave up after some time, as it does on a silent neighbour")
                .citing([way.evidence, route_id]),
        );
    };
    let carrier = device(way).filter(|(_, link)| link.carrier).map(|(id, _)| id);
    // INCOMPLETE is not yet an answer.
    let given_up = entry.state == "FAILED" || failure.errno.is_some_and(|n| n != 0) && failure.elapsed() >= PROBED;
    match &route.gateway {
        Some(gateway) => gateway_unresolved(way, gateway, (route_id, entry_id, entry), carrier, given_up),
        None => on_link(way, (route_id, entry_id, entry), carrier, given_up),
    }
}

/// The link is on and has no carrier.
pub(super) fn carrier(way: &Way<'_>, dump: EvidenceId, link: &Link) -> Explained {
    let sentence = format!("the interface {} towards {} is on but has no carrier", link.name, way.endpoint.address);
    let route = way.route().map(|(id, _)| id);
    let others = way.neighbour().map(|(id, _)| id).into_iter().chain(way.others());
    way.proven("l2.carrier_lost", sentence.clone())
        .with(supports("l2.carrier_lost").proof().because(&sentence).citing([dump, way.evidence]))
        .with(
            refutes("l2.gateway_unresolved")
                .strong()
                .because(format!("without carrier on {} no neighbour can answer: that is a consequence", link.name))
                .citing(others.chain(route)),
        )
}

fn gateway_unresolved(
    way: &Way<'_>,
    gateway: &str,
    (route_id, entry_id, entry): (EvidenceId, EvidenceId, &NeighbourEntry),
    carrier: Option<EvidenceId>,
    given_up: bool,
) -> Explained {
    let sentence = format!("the gateway {gateway} on {} does not answer ARP or ND ({})", entry.device, entry.state);
    let finding =
        supports("l2.gateway_unresolved").because(&sentence).citing([way.evidence, entry_id]).measuring(way.elapsed());
    if !given_up {
        return way.unclear(sentence).with(finding.strong());
    }
    way.proven("l2.gateway_unresolved", sentence)
        .with(finding.proof())
        .with(
            refutes("l2.neighbor_unresolved")
                .proof()
                .because(format!("{} lies behind the gateway {gateway}, not on this segment", way.endpoint.address))
                .citing([route_id]),
        )
        .with(
            refutes("l3.icmp_unreachable")
                .strong()
                .because("no router sent an error: the packets wait for the gateway's address")
                .citing([entry_id, route_id].into_iter().chain(carrier)),
        )
}

/// The kernel gave up on a gateway that the route by address alone does not lead to.
fn behind_a_rule(way: &Way<'_>) -> Option<Explained> {
    let gateways = way.known.gateways.as_ref()?;
    let silent: Vec<_> = gateways.silent(way.endpoint.is_ipv6()).collect();
    let (entry, route) = silent.first()?;
    let sentence = format!(
        "packets to {} wait for a gateway that does not answer ARP or ND: {}",
        way.endpoint,
        listed(silent.iter().map(|(entry, _)| *entry)),
    );
    let finding = supports("l2.gateway_unresolved")
        .because(&sentence)
        .citing([way.evidence, gateways.neighbours.evidence])
        .measuring(way.elapsed());
    let next = format!(
        "see `ip rule` and `ip route show table {}`: a rule by port or mark may lead there, where `ip route get` does not",
        route.table
    );
    let gave_up = way.failure.reason == Reason::HostUnreachable && way.failure.elapsed() >= PROBED;
    if !gave_up || way.foreign_icmp().is_some() {
        return Some(way.unclear(sentence).with(finding.strong()).next(next));
    }
    let told = way.proven("l2.gateway_unresolved", sentence).with(finding.proof()).with(
        refutes("l2.neighbor_unresolved")
            .proof()
            .because(format!(
                "a route leads to {}, which is another address than {}",
                entry.address, way.endpoint.address
            ))
            .citing([gateways.routes.evidence]),
    );
    Some(
        told.with(
            refutes("fw.drop_remote")
                .strong()
                .because("the SYNs never left this host: the kernel itself gave up, after it had asked for an address")
                .citing([way.evidence]),
        )
        .next(next),
    )
}

/// Some of them, each with its state.
fn listed<'a>(entries: impl Iterator<Item = &'a NeighbourEntry>) -> String {
    let shown = entries.map(|entry| format!("{} on {} ({})", entry.address, entry.device, entry.state));
    shown.take(3).collect::<Vec<_>>().join(", ")
}

fn on_link(
    way: &Way<'_>,
    (route_id, entry_id, entry): (EvidenceId, EvidenceId, &NeighbourEntry),
    carrier: Option<EvidenceId>,
    given_up: bool,
) -> Explained {
    let address = &way.endpoint.address;
    let sentence =
        format!("{address} is on the segment of {} and does not answer ARP or ND ({})", entry.device, entry.state);
    let finding =
        supports("l2.neighbor_unresolved").because(&sentence).citing([way.evidence, entry_id]).measuring(way.elapsed());
    if !given_up {
        return way.unclear(sentence).with(finding.strong());
    }
    let not_a_gateway = refutes("l2.gateway_unresolved")
        .proof()
        .because(format!("{address} is reached without a gateway"))
        .citing([route_id].into_iter().chain(carrier));
    match near(way) {
        Some((dump, own)) => {
            way.proven("l2.neighbor_unresolved", sentence).with(finding.proof()).with(not_a_gateway).with(
                refutes("l3.wrong_netmask")
                    .strong()
                    .because(format!(
                        "{address} is close to this host's own {own}: the same segment, whatever the prefix length"
                    ))
                    .citing([dump, route_id]),
            )
        }
        None => far(way, &sentence, finding, (route_id, entry_id)).with(not_a_gateway),
    }
}

/// Absent, or not on this segment at all. Nothing here separates them: networks of wide prefixes are common, and in each the
/// gateway is near somebody. Still, a gateway that answers nearby makes the prefix the better guess.
fn far(way: &Way<'_>, sentence: &str, absent: Draft, (route_id, entry_id): (EvidenceId, EvidenceId)) -> Explained {
    let address = &way.endpoint.address;
    let wide = supports("l3.wrong_netmask");
    let (wide, absent) = match near_gateway(way) {
        Some((evidence, gateway)) => (
            wide.strong()
                .because(format!(
                    "{address} is taken for on-link, far from this host's own address, while the gateway {gateway} is near and answers"
                ))
                .citing([route_id, entry_id, evidence]),
            absent,
        ),
        None => (
            wide.because(format!("{address} is taken for on-link although it is far from this host's own address"))
                .citing([route_id, entry_id]),
            absent.strong(),
        ),
    };
    way.unclear(format!("{sentence}; or the prefix is too wide and it is not on this segment at all"))
        .with(absent)
        .with(wide)
        .next("compare the prefix length of this interface with that of its neighbours")
}

/// The default gateway, where it answers and is close to this host's own address.
fn near_gateway<'a>(way: &Way<'a>) -> Option<(EvidenceId, &'a str)> {
    let answer = way.known.gateway.as_ref()?;
    let entry = answer.outcome.as_ref().ok().filter(|entry| is_resolved(entry))?;
    let gateway: IpAddr = entry.address.parse().ok()?;
    let (_, link) = device(way)?;
    let near = link
        .addresses
        .iter()
        .filter_map(|own| own.split('/').next()?.parse().ok())
        .any(|own| common_bits(own, gateway).is_some_and(|(bits, enough)| bits >= enough));
    near.then_some((answer.evidence, entry.address.as_str()))
}

/// The link's own address that is so close to the target that both surely share a segment.
fn near<'a>(way: &Way<'a>) -> Option<(EvidenceId, &'a str)> {
    let (dump, link) = device(way)?;
    let target: IpAddr = way.endpoint.address.parse().ok()?;
    let own = link.addresses.iter().find(|own| {
        let (address, length) = own.split_once('/').unwrap_or((own, "128"));
        let Ok(address) = address.parse::<IpAddr>() else { return false };
        let Ok(length) = length.parse::<u32>() else { return false };
        common_bits(address, target).is_some_and(|(bits, enough)| bits >= length && bits >= enough)
    })?;
    Some((dump, own))
}

/// How many leading bits two addresses of one family share, and how many are enough.
fn common_bits(a: IpAddr, b: IpAddr) -> Option<(u32, u32)> {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => Some(((a.to_bits() ^ b.to_bits()).leading_zeros(), COMMON_BITS_IPV4)),
        (IpAddr::V6(a), IpAddr::V6(b)) => Some(((a.to_bits() ^ b.to_bits()).leading_zeros(), COMMON_BITS_IPV6)),
        _ => None,
    }
}
