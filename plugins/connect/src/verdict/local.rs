//! This host itself refused to send: no route, a route that discards, a local policy, no port, no descriptor.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::system::RouteKind;
use sonde_sdk::types::{EvidenceId, Failure, Measure, Reason};

use super::{Case, no_route, rule};
use crate::observe::{Control, Observations, Path};

/// From so many sockets towards one endpoint on, running out of ports is believable: whoever narrows the range leaves a few.
const SOCKETS: u64 = 4;

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
        (Reason::NetworkUnreachable, Some((lookup, RouteKind::None))) => {
            no_route::judge(observed, path, dial, lookup, &again)
        }
        (Reason::NotPermitted, fate) if failure.errno_name.as_deref() == Some("EACCES") => match fate {
            Some((lookup, RouteKind::Unicast)) => rule::judge(path, dial, failure, lookup),
            _ => Case::unclear(path, format!("connecting to {} is not permitted: {}", path.endpoint, failure.detail)),
        },
        (Reason::NotPermitted, _) => not_permitted(path, dial, &again),
        (
            Reason::InvalidArgument | Reason::HostUnreachable | Reason::NetworkUnreachable,
            Some((lookup, RouteKind::Unicast)),
        ) if failure.icmp.is_none() => rule::judge(path, dial, failure, lookup),
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

/// EPERM: routes say EACCES.
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
    let ports: Vec<String> = elsewhere.iter().map(|c| c.port.to_string()).collect();
    // A source that is missing is missing for every port.
    let has_source = refutes("host.source_addr_missing")
        .proof()
        .because(format!("another port of the same address gets a local port and source ({})", ports.join(", ")))
        .citing(elsewhere.iter().map(|c| c.dial.evidence));
    let unclear =
        Case::unclear(path, format!("this host has no local address and port to reach {} from", path.endpoint));
    let empty = supports("host.ephemeral_ports_connect")
        .because("the error is that of an empty port range")
        .citing([dial.evidence]);
    match sockets {
        Some((census, total)) if total >= SOCKETS && !elsewhere.is_empty() => {
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
                .with(has_source)
                .next("see `sysctl net.ipv4.ip_local_port_range`, and who holds these connections")
        }
        _ if !elsewhere.is_empty() => unclear
            .with(empty.strong())
            .with(has_source)
            .next("see `sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports`"),
        Some((census, total)) => unclear
            .with(
                supports("host.source_addr_missing")
                    .strong()
                    .because(format!("no local address can be assigned, with {total} sockets towards it"))
                    .citing([dial.evidence, census]),
            )
            .with(empty),
        None => unclear.with(empty.strong()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a socket count; shown to people")]
fn count(n: u64) -> f64 {
    n as f64
}
