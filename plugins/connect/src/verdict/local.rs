//! This host itself refused to send: no route, a route that discards, a local policy, no port, no descriptor.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::system::{Link, RouteKind};
use sonde_sdk::types::{EvidenceId, Failure, Measure, Reason};

use super::Case;
use crate::observe::{Control, Observations, Path};

/// From so many sockets towards one endpoint on, running out of ports is believable: the smallest useful range is tens.
const MANY_SOCKETS: u64 = 16;

/// Judges an error without ICMP that came at once.
pub(super) fn judge<'a>(observed: &Observations, path: &'a Path, dial: &TcpDial, failure: &Failure) -> Case<'a> {
    let again: Vec<EvidenceId> = path.other_dials(dial.evidence).collect();
    match (&failure.reason, fate(path)) {
        (Reason::AddressNotAvailable, _) => no_port(path, dial),
        (Reason::ProcessFileLimit, _) => {
            Case::unclear(path, "sonde itself has used up its file descriptors".to_owned())
                .next("raise the file descriptor limit of sonde")
        }
        (Reason::SystemFileLimit, _) => Case::unclear(path, "this machine has used up its file handles".to_owned())
            .with(
                supports("host.fd_system_limit")
                    .strong()
                    .because("opening a socket fails with ENFILE")
                    .citing([dial.evidence]),
            ),
        (_, Some((lookup, RouteKind::Blackhole))) => {
            let sentence = format!("a blackhole route of this host discards packets to {}", path.endpoint.address);
            Case::proven(path, "l3.route_blackhole", sentence.clone())
                .with(supports("l3.route_blackhole").proof().because(&sentence).citing([lookup]))
                .with(
                    refutes("l3.route_policy_reject")
                        .proof()
                        .because("the route is of kind blackhole, and connecting fails as such a route makes it")
                        .citing(again.iter().copied().chain([dial.evidence])),
                )
                .with(
                    refutes("l3.no_route")
                        .proof()
                        .because("there is a route; it discards")
                        .citing([lookup, dial.evidence]),
                )
        }
        (_, Some((lookup, kind @ (RouteKind::Unreachable | RouteKind::Prohibit)))) => {
            let kind = if kind == RouteKind::Prohibit { "prohibit" } else { "unreachable" };
            let sentence = format!("a route of kind {kind} on this host refuses packets to {}", path.endpoint.address);
            Case::proven(path, "l3.route_policy_reject", sentence.clone())
                .with(supports("l3.route_policy_reject").proof().because(&sentence).citing([lookup]))
                .with(
                    refutes("fw.reject_icmp")
                        .proof()
                        .because("no ICMP error was received; the kernel refused at once")
                        .citing(again.iter().copied().chain([dial.evidence])),
                )
                .with(
                    refutes("l2.gateway_unresolved")
                        .proof()
                        .because("the error came at once, a silent gateway takes three seconds")
                        .citing(again.iter().copied().chain([dial.evidence])),
                )
        }
        (Reason::NetworkUnreachable, Some((lookup, RouteKind::None))) => no_route(observed, path, dial, lookup, &again),
        (Reason::NotPermitted, _) => not_permitted(path, dial, &again),
        _ => Case::unclear(path, format!("connecting to {} fails at once: {}", path.endpoint, failure.detail)),
    }
}

/// What the route lookup says of the destination; some kernels answer it with the very error.
fn fate(path: &Path) -> Option<(EvidenceId, RouteKind)> {
    let answer = path.route.as_ref()?;
    let kind = match &answer.outcome {
        Ok(route) => route.kind,
        Err(failure) => match failure.reason {
            Reason::NetworkUnreachable => RouteKind::None,
            Reason::HostUnreachable => RouteKind::Unreachable,
            Reason::NotPermitted if failure.errno_name.as_deref() == Some("EACCES") => RouteKind::Prohibit,
            Reason::InvalidArgument => RouteKind::Blackhole,
            _ => return None,
        },
    };
    Some((answer.evidence, kind))
}

fn no_route<'a>(
    observed: &Observations,
    path: &'a Path,
    dial: &TcpDial,
    lookup: EvidenceId,
    again: &[EvidenceId],
) -> Case<'a> {
    if let Some((dump, link)) = switched_off(observed, path) {
        return link_down(path, dial, dump, link, lookup);
    }
    let ipv6 = path.endpoint.is_ipv6();
    let default_of = |v6: bool| {
        let answer = observed.defaults.as_ref()?;
        let routes = answer.outcome.as_ref().ok()?;
        let found = routes.iter().any(|r| {
            r.kind == RouteKind::Unicast
                && is_ipv6_route(r.gateway.as_deref(), r.source.as_deref(), r.prefix.as_deref()) == v6
        });
        Some((answer.evidence, found))
    };
    let only_ipv6 = ipv6 && matches!((default_of(false), default_of(true)), (Some((_, true)), Some((_, false))));
    let id = if only_ipv6 { "l3.ipv6_no_route" } else { "l3.no_route" };
    let sentence = if only_ipv6 {
        format!("this host has no IPv6 route to {}, while it has a default route for IPv4", path.endpoint.address)
    } else {
        format!("this host has no route to {}", path.endpoint.address)
    };
    let counter = if ipv6 { "Ip6.OutNoRoutes" } else { "Ip.OutNoRoutes" };
    let refused = dial.deltas.as_ref().and_then(|d| d.moved(counter)).unwrap_or(0);
    let dump = observed.links().map(|(id, _)| id);
    let case = Case::proven(path, id, sentence.clone())
        .with(
            supports(id).proof().because(&sentence).citing([dial.evidence]).measuring(Measure::count(counter, refused)),
        )
        .with(
            refutes("l3.icmp_unreachable")
                .proof()
                .because("no router was asked: this kernel finds no route, and no ICMP error came")
                .citing([lookup].into_iter().chain(again.iter().copied())),
        );
    let case = match dump {
        Some(dump) => case.with(
            refutes("l2.link_admin_down")
                .strong()
                .because("no interface that would carry the route is switched off")
                .citing([dump]),
        ),
        None => case,
    };
    if only_ipv6 {
        case.with(
            refutes("l3.ipv6_blackhole")
                .proof()
                .because("it fails at once, without a route; a black hole takes a timeout")
                .citing([lookup]),
        )
    } else {
        case
    }
}

/// An interface that is off and whose own prefix holds the target, or the only one there is besides loopback.
fn switched_off<'a>(observed: &'a Observations, path: &Path) -> Option<(EvidenceId, &'a Link)> {
    let (dump, links) = observed.links()?;
    let family =
        |link: &&Link| !link.loopback && link.addresses.iter().any(|a| a.contains(':') == path.endpoint.is_ipv6());
    let holds = links
        .iter()
        .filter(|l| !l.up && !l.loopback)
        .find(|l| l.addresses.iter().any(|a| contains(a, &path.endpoint.address)));
    if let Some(link) = holds {
        return Some((dump, link));
    }
    let addressed: Vec<&Link> = links.iter().filter(family).collect();
    match addressed.as_slice() {
        [only] if !only.up => Some((dump, only)),
        _ => None,
    }
}

fn link_down<'a>(path: &'a Path, dial: &TcpDial, dump: EvidenceId, link: &Link, lookup: EvidenceId) -> Case<'a> {
    let sentence = format!(
        "the interface {} towards {} is switched off, and its routes are gone",
        link.name, path.endpoint.address
    );
    Case::proven(path, "l2.link_admin_down", sentence.clone())
        .with(supports("l2.link_admin_down").proof().because(&sentence).citing([dump]))
        .with(
            refutes("l2.carrier_lost")
                .proof()
                .because("without carrier the route stays and connecting takes time; here it is gone, and the error comes at once")
                .citing([dial.evidence, lookup]),
        )
        .with(
            refutes("l3.no_route")
                .strong()
                .because("the missing route is a consequence of the interface")
                .citing([lookup, dump]),
        )
}

/// EPERM or EACCES, and no route that says so.
fn not_permitted<'a>(path: &'a Path, dial: &TcpDial, again: &[EvidenceId]) -> Case<'a> {
    let sentence = format!("this host forbids connecting to {}: a local filter or policy", path.endpoint);
    let case = Case::proven(path, "fw.drop_local_output", sentence.clone())
        .with(supports("fw.drop_local_output").proof().because(&sentence).citing([dial.evidence]))
        .next("list this host's output rules: nft list ruleset, iptables -S OUTPUT, cgroup programs");
    if again.is_empty() {
        return case;
    }
    case.with(
        refutes("fw.drop_remote")
            .proof()
            .because("repeated, this kernel refuses at once again; a remote filter is silent")
            .citing(again.iter().copied()),
    )
}

/// EADDRNOTAVAIL without a source address of our choosing.
fn no_port<'a>(path: &'a Path, dial: &TcpDial) -> Case<'a> {
    let sockets = path.census.as_ref().and_then(|c| c.outcome.as_ref().ok().map(|_| (c.evidence, c.total)));
    let elsewhere: Vec<&Control> = path
        .controls
        .iter()
        .filter(|c| {
            c.dial.outcome.as_ref().err().is_none_or(|f| f.reason != Reason::AddressNotAvailable && !f.is_our_own())
        })
        .collect();
    match sockets {
        Some((census, total)) if total >= MANY_SOCKETS && !elsewhere.is_empty() => {
            let sentence =
                format!("all local ports towards {} are in use: {total} sockets have this peer", path.endpoint);
            Case::proven(path, "host.ephemeral_ports_connect", sentence.clone())
                .with(
                    supports("host.ephemeral_ports_connect")
                        .proof()
                        .because(&sentence)
                        .citing([dial.evidence, census])
                        .measuring(Measure::new("sockets", count(total), "1")),
                )
                .with(
                    refutes("host.source_addr_missing")
                        .proof()
                        .because(format!(
                            "another port of the same address gets a local port and source ({})",
                            elsewhere[0].port
                        ))
                        .citing(elsewhere.iter().map(|c| c.dial.evidence)),
                )
                .next("see `sysctl net.ipv4.ip_local_port_range`, and who holds these connections")
        }
        Some((census, total)) => {
            Case::unclear(path, format!("this host has no local address and port to reach {} from", path.endpoint))
                .with(
                    supports("host.source_addr_missing")
                        .strong()
                        .because(format!("no local address can be assigned, with {total} sockets towards it"))
                        .citing([dial.evidence, census]),
                )
                .with(
                    supports("host.ephemeral_ports_connect")
                        .because("the error is that of an empty port range")
                        .citing([dial.evidence]),
                )
        }
        None => Case::unclear(path, format!("this host has no local address and port to reach {} from", path.endpoint))
            .with(
                supports("host.ephemeral_ports_connect")
                    .strong()
                    .because("the error is that of an empty port range")
                    .citing([dial.evidence]),
            ),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a socket count; shown to people")]
fn count(n: u64) -> f64 {
    n as f64
}

fn is_ipv6_route(gateway: Option<&str>, source: Option<&str>, prefix: Option<&str>) -> bool {
    [gateway, source, prefix].into_iter().flatten().any(|text| text.contains(':'))
}

/// `10.0.0.5/24` holds `10.0.0.7`.
fn contains(own: &str, address: &str) -> bool {
    use std::net::IpAddr;
    let Some((net, length)) = own.split_once('/') else { return false };
    let (Ok(net), Ok(length), Ok(address)) = (net.parse::<IpAddr>(), length.parse::<u32>(), address.parse::<IpAddr>())
    else {
        return false;
    };
    match (net, address) {
        (IpAddr::V4(net), IpAddr::V4(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros() >= length,
        (IpAddr::V6(net), IpAddr::V6(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros() >= length,
        _ => false,
    }
}
