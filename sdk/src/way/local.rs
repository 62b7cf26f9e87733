//! This host itself refused to send: no route, a route that discards, a rule, a filter.

use super::{Explained, Way, no_route, rule};
use crate::finding::{refutes, supports};
use crate::system::RouteKind;
use crate::types::{EvidenceId, Reason};

/// Judges an error without ICMP that came at once.
pub(super) fn judge(way: &Way<'_>) -> Explained {
    let again: Vec<EvidenceId> = way.others().collect();
    match (&way.failure.reason, fate(way)) {
        (_, Some((lookup, RouteKind::Blackhole))) => {
            let sentence = format!("a blackhole route of this host discards packets to {}", way.endpoint.address);
            way.proven("l3.route_blackhole", sentence.clone())
                .with(supports("l3.route_blackhole").proof().because(&sentence).citing([lookup]))
                .with(
                    refutes("l3.route_policy_reject")
                        .proof()
                        .because("the route is of kind blackhole, and the error is the one that such a route makes")
                        .citing(again.iter().copied().chain([way.evidence])),
                )
                .with(
                    refutes("l3.no_route")
                        .proof()
                        .because("there is a route; it discards")
                        .citing([lookup, way.evidence]),
                )
        }
        (_, Some((lookup, kind @ (RouteKind::Unreachable | RouteKind::Prohibit)))) => {
            let kind = if kind == RouteKind::Prohibit { "prohibit" } else { "unreachable" };
            let sentence = format!("a route of kind {kind} on this host refuses packets to {}", way.endpoint.address);
            way.proven("l3.route_policy_reject", sentence.clone())
                .with(supports("l3.route_policy_reject").proof().because(&sentence).citing([lookup]))
                .with(
                    refutes("fw.reject_icmp")
                        .proof()
                        .because("no ICMP error was received; the kernel refused at once")
                        .citing(again.iter().copied().chain([way.evidence])),
                )
                .with(
                    refutes("l2.gateway_unresolved")
                        .proof()
                        .because("the error came at once, a silent gateway takes three seconds")
                        .citing(again.iter().copied().chain([way.evidence])),
                )
        }
        (Reason::NetworkUnreachable, Some((lookup, RouteKind::None))) => no_route::judge(way, lookup),
        (Reason::NotPermitted, fate) if way.failure.errno_name.as_deref() == Some("EACCES") => match fate {
            Some((lookup, RouteKind::Unicast)) => rule::judge(way, lookup),
            _ => way.unclear(format!("sending to {} is not permitted: {}", way.endpoint, way.failure.detail)),
        },
        (Reason::NotPermitted, _) => not_permitted(way, &again),
        (
            Reason::InvalidArgument | Reason::HostUnreachable | Reason::NetworkUnreachable,
            Some((lookup, RouteKind::Unicast)),
        ) if way.failure.icmp.is_none() => rule::judge(way, lookup),
        _ => way.unclear(format!("sending to {} fails at once: {}", way.endpoint, way.failure.detail)),
    }
}

/// What the route lookup says of the destination; some kernels answer it with the very error.
fn fate(way: &Way<'_>) -> Option<(EvidenceId, RouteKind)> {
    let answer = way.known.route.as_ref()?;
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

/// EPERM: routes say EACCES.
fn not_permitted(way: &Way<'_>, again: &[EvidenceId]) -> Explained {
    let sentence =
        format!("this host forbids {} to {}: a local filter or policy", way.transport.traffic(), way.endpoint);
    let case = way
        .proven("fw.drop_local_output", sentence.clone())
        .with(supports("fw.drop_local_output").proof().because(&sentence).citing([way.evidence]))
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
