//! ENETUNREACH at once, and no route: because an interface is off or has no carrier, because a rule forbids it, or just so.

use super::outward::{self, contains};
use super::{Explained, Way, neighbour};
use crate::finding::{refutes, supports};
use crate::system::{Link, Route, RouteKind};
use crate::types::{EvidenceId, Measure};

/// Judges it: what took the route away comes before the missing route.
pub(super) fn judge(way: &Way<'_>, lookup: EvidenceId) -> Explained {
    let defaults = Defaults::of(way);
    if let Some((dump, link)) = without_carrier(way) {
        return neighbour::carrier(way, dump, link);
    }
    if let Some((dump, link)) = switched_off(way, &defaults) {
        return link_down(way, dump, link, lookup);
    }
    match defaults.own {
        Some(list) => forbidden(way, lookup, list),
        None => missing(way, lookup, &defaults),
    }
}

/// Default routes of the main table, with the evidence of the dump where there is one.
struct Defaults {
    /// Of the target's family.
    own: Option<EvidenceId>,
    other: Option<EvidenceId>,
    /// Of a family that cannot be told.
    unknown: bool,
}

impl Defaults {
    fn of(way: &Way<'_>) -> Self {
        let (answer, ipv6) = (way.defaults, way.endpoint.is_ipv6());
        let routes = || answer.iter().flat_map(|a| a.outcome.iter().flatten()).filter(|r| r.kind == RouteKind::Unicast);
        let evidence = answer.map(|a| a.evidence);
        let of = |v6: bool| evidence.filter(|_| routes().any(|r| family(r) == Some(v6)));
        Self { own: of(ipv6), other: of(!ipv6), unknown: routes().any(|r| family(r).is_none()) }
    }
}

/// True: IPv6.
fn family(route: &Route) -> Option<bool> {
    let address = route.gateway.as_deref().or(route.source.as_deref())?;
    Some(address.contains(':'))
}

/// There is a default route, and yet the lookup ends in nothing: a rule says so before the route is found.
fn forbidden(way: &Way<'_>, lookup: EvidenceId, defaults: EvidenceId) -> Explained {
    let id = "l3.route_policy_reject";
    let sentence = format!(
        "this host has a default route, and yet the kernel finds none to {}: a routing rule refuses it",
        way.endpoint.address
    );
    let at_once = || way.others().chain([way.evidence]);
    way.proven(id, sentence.clone())
        .with(supports(id).proof().because(&sentence).citing([lookup, defaults]))
        .with(
            refutes("fw.reject_icmp")
                .proof()
                .because("no ICMP error was received; the kernel refused at once")
                .citing(at_once()),
        )
        .with(
            refutes("l2.gateway_unresolved")
                .proof()
                .because("the error came at once, a silent gateway takes three seconds")
                .citing(at_once()),
        )
        .with(refutes(id).strong().because("a throw route in the main table would look the same").citing([lookup]))
        .next("see `ip rule` (and `ip -6 rule`), and `ip route show type throw`")
}

fn missing(way: &Way<'_>, lookup: EvidenceId, defaults: &Defaults) -> Explained {
    let ipv6 = way.endpoint.is_ipv6();
    let only_ipv6 = ipv6 && defaults.other.is_some() && !defaults.unknown;
    let id = if only_ipv6 { "l3.ipv6_no_route" } else { "l3.no_route" };
    let sentence = if only_ipv6 {
        format!("this host has no IPv6 route to {}, while it has a default route for IPv4", way.endpoint.address)
    } else {
        format!("this host has no route to {}", way.endpoint.address)
    };
    let counter = if ipv6 { "Ip6.OutNoRoutes" } else { "Ip.OutNoRoutes" };
    let refused = way.moved(counter).unwrap_or(0);
    let case = way
        .proven(id, sentence.clone())
        .with(
            supports(id).proof().because(&sentence).citing([way.evidence]).measuring(Measure::count(counter, refused)),
        )
        .with(
            refutes("l3.icmp_unreachable")
                .proof()
                .because("no router was asked: this kernel finds no route, and no ICMP error came")
                .citing([lookup].into_iter().chain(way.others())),
        );
    if only_ipv6 {
        return case.with(
            refutes("l3.ipv6_blackhole")
                .proof()
                .because("it fails at once, without a route; a black hole takes a timeout")
                .citing([lookup]),
        );
    }
    let Some((dump, links)) = way.links() else { return case };
    let off: Vec<&str> = links.iter().filter(|l| !l.up && outward::leads(l)).map(|l| l.name.as_str()).collect();
    if off.is_empty() {
        return case.with(
            refutes("l2.link_admin_down")
                .strong()
                .because("no interface that would carry the route is switched off")
                .citing([dump]),
        );
    }
    let why = format!("{} is switched off, and took its routes with it, if it had any", off.join(", "));
    case.with(refutes(id).strong().because(&why).citing([dump]))
        .with(supports("l2.link_admin_down").strong().because(why).citing([dump]))
}

/// An interface without carrier whose routes the kernel ignores or a manager has withdrawn.
fn without_carrier<'a>(way: &Way<'a>) -> Option<(EvidenceId, &'a Link)> {
    let (dump, links) = way.links()?;
    let mut dead = links.iter().filter(|l| l.up && !l.carrier && !l.loopback);
    let defaults = || way.defaults.iter().flat_map(|a| a.outcome.iter().flatten());
    let holds = |l: &&Link| l.addresses.iter().any(|a| contains(a, &way.endpoint.address));
    let carries = |l: &&Link| {
        let of_family = |r: &&Route| family(r).is_none_or(|v6| v6 == way.endpoint.is_ipv6());
        defaults().filter(of_family).any(|r| r.device.as_deref() == Some(l.name.as_str()))
    };
    if let Some(link) = dead.find(|l| holds(l) || carries(l)) {
        return Some((dump, link));
    }
    let leading: Vec<&Link> = links.iter().filter(|l| outward::leads(l)).collect();
    match leading.as_slice() {
        [only] if only.up && !only.carrier && defaults().next().is_none() => Some((dump, only)),
        _ => None,
    }
}

/// An interface that is off and whose own prefix holds the target, or the only one that could lead there.
fn switched_off<'a>(way: &Way<'a>, defaults: &Defaults) -> Option<(EvidenceId, &'a Link)> {
    let (dump, links) = way.links()?;
    let ipv6 = way.endpoint.is_ipv6();
    let off = || links.iter().filter(|l| !l.up && !l.loopback);
    if let Some(link) = off().find(|l| l.addresses.iter().any(|a| contains(a, &way.endpoint.address))) {
        return Some((dump, link));
    }
    // Where something else leads outside, the interface may be off on purpose.
    let other_way = defaults.own.is_some() || defaults.unknown || (ipv6 && defaults.other.is_some());
    if other_way || links.iter().any(|l| l.up && outward::leads(l) && outward::has_family(l, ipv6)) {
        return None;
    }
    let leading = || off().filter(|l| outward::leads(l));
    // The kernel takes the IPv6 addresses of an interface that is switched off.
    let choices: [Vec<&Link>; 3] = [
        leading().filter(|l| outward::has_family(l, ipv6)).collect(),
        leading().filter(|l| !l.addresses.is_empty()).collect(),
        leading().collect(),
    ];
    match choices.iter().find(|links| !links.is_empty())?.as_slice() {
        [only] => Some((dump, only)),
        _ => None,
    }
}

fn link_down(way: &Way<'_>, dump: EvidenceId, link: &Link, lookup: EvidenceId) -> Explained {
    let sentence = format!(
        "the interface {} towards {} is switched off, and its routes are gone",
        link.name, way.endpoint.address
    );
    way.proven("l2.link_admin_down", sentence.clone())
        .with(supports("l2.link_admin_down").proof().because(&sentence).citing([dump]))
        .with(
            refutes("l2.carrier_lost")
                .proof()
                .because("without carrier the route stays and the error takes time; here it is gone, and the error comes at once")
                .citing([way.evidence, lookup]),
        )
        .with(
            refutes("l3.no_route")
                .strong()
                .because("the missing route is a consequence of the interface")
                .citing([lookup, dump]),
        )
}
