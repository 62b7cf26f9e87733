//! Whether the packets come to the port, and what stops them.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::path::{Hop, ProbeAnswer};
use sonde_sdk::report::Finding;
use sonde_sdk::types::{Failure, IcmpError, Measure};

use super::Path;

pub(super) fn judge(path: &Path) -> Vec<Finding> {
    if path.trace.looping().is_some() {
        return looping(path);
    }
    match &path.trace.outcome {
        Err(Failure { icmp: Some(icmp), .. }) => refused(path, icmp),
        Err(_) if super::dies(&path.trace) => silent(path),
        _ => vec![],
    }
}

fn looping(path: &Path) -> Vec<Finding> {
    let about = &path.endpoint;
    let router = path.trace.looping().unwrap_or_default();
    let hops: Vec<String> = path.trace.hops.iter().take(6).flat_map(Hop::senders).map(str::to_owned).collect();
    let proof = supports("l3.routing_loop")
        .proof()
        .about(about)
        .because(format!("{router} comes by again: the hops are {}", hops.join(", ")))
        .citing([path.trace.evidence]);
    let mut findings = vec![proof.build()];
    // The echo ends as the probes do, by another protocol: no router says that it has no route.
    if path.echo.icmp.as_ref().is_some_and(is_exceeded) {
        let because = "an echo request ends in \"time exceeded\", and not in \"unreachable\"";
        let refutation =
            refutes("l3.icmp_unreachable").proof().about(about).because(because).citing([path.echo.evidence]);
        findings.push(refutation.build());
    }
    findings
}

/// A router or the host itself answers with an ICMP error that is no "time exceeded".
fn refused(path: &Path, icmp: &IcmpError) -> Vec<Finding> {
    let about = &path.endpoint;
    let sender = icmp.sender.as_deref().unwrap_or("this host");
    let by_host = icmp.sender.as_deref() == Some(path.endpoint.address.as_str());
    let said = format!("{sender} answers with ICMP type {} code {}", icmp.icmp_type, icmp.code);
    // A port of UDP that nobody has open is told by the very host; one of TCP is told by a reset.
    let port_unreachable = matches!((path.endpoint.is_ipv6(), icmp.icmp_type, icmp.code), (false, 3, 3) | (true, 1, 4));
    if path.udp && by_host && port_unreachable {
        return vec![];
    }
    let prohibited =
        matches!((path.endpoint.is_ipv6(), icmp.icmp_type, icmp.code), (false, 3, 9 | 10 | 13) | (true, 1, 1));
    if !prohibited && !port_unreachable {
        let strong = supports("l3.icmp_unreachable").strong().about(about).because(said).citing([path.trace.evidence]);
        return vec![strong.build()];
    }
    let proof = supports("fw.reject_icmp").proof().about(about).because(&said).citing([path.trace.evidence]);
    let mut findings = vec![proof.build()];
    if path.echo.received > 0 {
        let because = format!("echo requests come through to {}: every router on the way has a route", about.address);
        let refutation =
            refutes("l3.icmp_unreachable").proof().about(about).because(because).citing([path.echo.evidence]);
        findings.push(refutation.build());
    }
    findings
}

/// Nothing comes back from beyond a hop.
fn silent(path: &Path) -> Vec<Finding> {
    let about = &path.endpoint;
    let heard = path.trace.last_heard().map_or(0, |hop| hop.ttl);
    let place = match path.trace.last_heard() {
        Some(hop) => format!("after hop {heard} ({})", hop.senders().join(", ")),
        None => "and no hop is heard".to_owned(),
    };
    let what = if path.udp { "datagrams to the port" } else { "SYNs" };
    let sent = path.trace.hops.iter().filter(|hop| hop.ttl > heard).map(|hop| hop.probes.len()).sum::<usize>();
    // Datagrams to the same address are heard of farther on: on the way, not at its end, something takes the SYNs.
    let farther = path.datagrams.as_ref().and_then(|trace| trace.last_heard()).filter(|hop| hop.ttl > heard);
    let draft = supports("fw.drop_remote")
        .about(about)
        .measuring(Measure::count("lost probes", i64::try_from(sent).unwrap_or(i64::MAX)));
    let mut findings = Vec::new();
    match (farther, path.is_alive()) {
        (Some(hop), true) if heard > 0 && !path.udp => {
            let because = format!("{what} die {place}, while datagrams come on to {}", came_from(hop, path));
            findings.push(draft.proof().because(because).citing([path.trace.evidence]).build());
            let others = path.datagrams.iter().map(|trace| trace.evidence).chain([path.echo.evidence]);
            let because = format!("{} answers other packets", about.address);
            findings.push(refutes("l3.host_down").proof().about(about).because(because).citing(others).build());
        }
        (_, true) => {
            let because = format!("{what} die {place}, while {} answers other packets", about.address);
            findings.push(draft.strong().because(because).citing([path.trace.evidence]).build());
        }
        (_, false) => {
            let because = format!("{what} die {place}, and {} answers nothing else", about.address);
            findings.push(draft.because(&because).citing([path.trace.evidence]).build());
            let down = supports("l3.host_down").about(about).because(because);
            findings.push(down.citing([path.trace.evidence, path.echo.evidence]).build());
        }
    }
    findings
}

fn came_from(hop: &Hop, path: &Path) -> String {
    let arrived = hop.probes.iter().any(|probe| matches!(probe.answer, ProbeAnswer::Answered));
    let sender = hop.senders().first().map_or(path.endpoint.address.as_str(), |sender| sender).to_owned();
    if arrived {
        format!("{} at hop {}", path.endpoint.address, hop.ttl)
    } else {
        format!("{sender} at hop {}", hop.ttl)
    }
}

fn is_exceeded(icmp: &IcmpError) -> bool {
    let ipv6 = icmp.sender.as_deref().is_some_and(|sender| sender.contains(':'));
    icmp.icmp_type == if ipv6 { 3 } else { 11 }
}
