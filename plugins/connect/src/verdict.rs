//! Judges what was seen of all addresses. Pure.
//!
//! Each failing address is a [`Case`] of its own first. Then the addresses are seen together: one that fails beside one that
//! works is another fault (or none) than the same failure of all.

mod case;
mod cluster;
mod conflict;
mod hairpin;
mod inbound;
mod ingress;
mod own;
mod refused;
mod shares;
mod silent;
mod slow;
mod socket;
mod source;
mod stuck;
#[cfg(test)]
mod tests;
mod tracking;

use sonde_sdk::check::Outcome;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::{Stance, Strength};
use sonde_sdk::types::{EvidenceId, Failure, Reason};

use crate::observe::{Observations, Path};
pub(crate) use case::Case;
pub(crate) use shares::{DEAD, SINGLY};

/// The judgement.
pub(crate) fn judge(observed: &Observations) -> Judgement {
    let (open, failed): (Vec<&Path>, Vec<&Path>) = observed.paths.iter().partition(|p| p.is_open());
    if failed.is_empty() {
        return slow::judge(observed, &open);
    }
    let host = observed.host.as_deref();
    let cases: Vec<Case> = failed.iter().map(|path| cluster::suspect(alone(observed, path), host)).collect();
    if open.is_empty() { all_fail(cases) } else { some_fail(observed, &open, cases) }
}

/// What stops this address, seen by itself.
fn alone<'a>(observed: &Observations, path: &'a Path) -> Case<'a> {
    let Some((dial, failure)) = path.failure() else { return Case::unclear(path, "nothing failed".to_owned()) };
    if failure.is_our_own() {
        return not_tested(path, failure);
    }
    let way = observed.way(path, dial, failure);
    let case = |told| Case { path, told };
    if let Some(told) = way.told() {
        return case(told);
    }
    if failure.reason != Reason::Refused
        && !way.is_cut_off()
        && let Some(told) = way.told_by_itself()
    {
        return case(told);
    }
    match failure.reason {
        Reason::TimedOut => silent::judge(observed, path),
        Reason::Refused => conflict::suspect(refused::judge(path, dial)),
        Reason::AddressNotAvailable | Reason::ProcessFileLimit | Reason::SystemFileLimit => {
            socket::judge(path, dial, failure)
        }
        Reason::HostUnreachable | Reason::NetworkUnreachable | Reason::NotPermitted | Reason::InvalidArgument => {
            let by_neighbour = || way.unresolved().filter(|_| failure.reason == Reason::HostUnreachable);
            case(by_neighbour().unwrap_or_else(|| way.refused_here()))
        }
        _ => Case::unclear(path, format!("connecting to {} fails: {}", path.endpoint, failure.detail)),
    }
}

fn not_tested<'a>(path: &'a Path, failure: &Failure) -> Case<'a> {
    let case = Case::unclear(path, format!("{} was not tested: {}", path.endpoint, failure.detail));
    match &failure.reason {
        Reason::Unavailable(what) => case.next(format!("run sonde with {what}")),
        _ => case,
    }
}

/// Every address fails: each cause once.
fn all_fail(cases: Vec<Case>) -> Judgement {
    let has_ipv4 = cases.iter().any(|c| !c.path.endpoint.is_ipv6());
    let mut findings = vec![];
    let mut told: Vec<&str> = vec![];
    let mut sentences: Vec<String> = vec![];
    let mut next = None;
    let mut proven = false;
    for mut case in cases {
        // Hosts without IPv6 are common and fall back to IPv4: what fails there is the fault.
        if has_ipv4 && case.path.endpoint.is_ipv6() && case.told.is_absent_ipv6() {
            case.told.weaken();
        }
        match case.told.cause {
            Some(cause) if told.contains(&cause) => continue,
            Some(cause) => {
                told.push(cause);
                proven = true;
            }
            None => {}
        }
        findings.append(&mut case.told.findings);
        sentences.push(case.told.sentence);
        next = next.or(case.told.next);
    }
    let summary = sentences.join("; ");
    let mut outcome = if proven { Outcome::broken(summary) } else { Outcome::unclear(summary) };
    outcome.next_step = next;
    Judgement { findings, outcome }
}

/// Some addresses work: the caller falls back, at once or after a wait.
fn some_fail(observed: &Observations, open: &[&Path], cases: Vec<Case>) -> Judgement {
    let answered: Vec<EvidenceId> =
        open.iter().flat_map(|p| &p.dials).filter(|d| d.outcome.is_ok()).map(|d| d.evidence).collect();
    let mut together = slow::judge(observed, open);
    let mut sentences = vec![together.outcome.summary.clone()];
    let mut broken = false;
    let mut unclear = false;
    for case in cases {
        let of_family = open.iter().any(|p| p.endpoint.is_ipv6() == case.path.endpoint.is_ipv6());
        let mut case = if of_family { one_of_several(case, &answered) } else { one_family(case, &answered) };
        broken |= case.told.cause.is_some();
        unclear |= case.told.cause.is_none()
            && case.told.findings.iter().any(|f| f.stance == Stance::Supports && f.strength >= Strength::Strong);
        together.findings.append(&mut case.told.findings);
        sentences.push(case.told.sentence);
        together.outcome.next_step = together.outcome.next_step.take().or(case.told.next);
    }
    let summary = sentences.join("; ");
    let next_step = together.outcome.next_step.take();
    together.outcome = match (broken, unclear) {
        (true, _) => Outcome::broken(summary),
        (false, true) => Outcome::unclear(summary),
        (false, false) => Outcome::concluding(together.outcome.conclusion, summary),
    };
    together.outcome.next_step = next_step;
    together
}

/// Another address of the same family works: several backends, and this one does not serve.
fn one_of_several<'a>(case: Case<'a>, answered: &[EvidenceId]) -> Case<'a> {
    let path = case.path;
    let dials: Vec<EvidenceId> = path.dials.iter().map(|d| d.evidence).collect();
    let repeated = path.dials.len() >= 2;
    let (id, look_alike, says) = if path.is_silent() && repeated && !is_kept_here(&case) {
        ("lb.backend_blackholed", "fw.drop_remote", "does not answer")
    } else if case.told.cause == Some("tcp.port_closed") && repeated {
        ("lb.backend_refused", "tcp.port_closed", "refuses")
    } else {
        return case;
    };
    let sentence = format!("{} {says} every time, while other addresses of the name accept", path.endpoint);
    let mut new = Case::proven(path, id, sentence.clone());
    new.told.findings.push(supports(id).proof().about(&path.endpoint).because(&sentence).citing(dials).build());
    new.told.findings.push(
        refutes(look_alike)
            .strong()
            .about(&path.endpoint)
            .because("other addresses of the same name accept connections on this port")
            .citing(answered.iter().copied())
            .build(),
    );
    new
}

/// What swallows the packets was found on this host or on its segment, or is suspected there: another address that works says
/// nothing against that.
fn is_kept_here(case: &Case<'_>) -> bool {
    let beyond = |id: &str| matches!(id, "fw.drop_remote" | "l3.host_down" | "l3.return_path_drop");
    match case.told.cause {
        Some(id) => !beyond(id),
        None => case
            .told
            .findings
            .iter()
            .any(|f| f.stance == Stance::Supports && f.strength >= Strength::Strong && !beyond(&f.cause)),
    }
}

/// Only the other family works.
fn one_family<'a>(mut case: Case<'a>, answered: &[EvidenceId]) -> Case<'a> {
    let path = case.path;
    if path.is_silent() && path.endpoint.is_ipv6() && path.dials.len() >= 2 && !is_kept_here(&case) {
        return ipv6_blackhole(path, answered);
    }
    // An error at once costs the caller nothing; only one that takes its time is felt.
    let felt = path.dials.iter().any(|d| d.timing.elapsed().as_millis() >= 500);
    if !felt {
        case.told.weaken();
    }
    case
}

fn ipv6_blackhole<'a>(path: &'a Path, answered: &[EvidenceId]) -> Case<'a> {
    let sentence = format!("IPv6 to {} gets no answer, while IPv4 on the same port works", path.endpoint);
    let mut case = Case::proven(path, "l3.ipv6_blackhole", sentence.clone());
    let dials: Vec<EvidenceId> = path.dials.iter().map(|d| d.evidence).collect();
    case.told
        .findings
        .push(supports("l3.ipv6_blackhole").proof().about(&path.endpoint).because(&sentence).citing(dials).build());
    case.told.findings.push(
        refutes("fw.drop_remote")
            .strong()
            .about(&path.endpoint)
            .because("the same port answers over IPv4: not the service is filtered, but its IPv6")
            .citing(answered.iter().copied())
            .build(),
    );
    if let Some((evidence, route)) = path.route().filter(|(_, r)| r.kind == sonde_sdk::system::RouteKind::Unicast) {
        let device = route.device.as_deref().unwrap_or("a link");
        case.told.findings.push(
            refutes("l3.ipv6_no_route")
                .proof()
                .about(&path.endpoint)
                .because(format!(
                    "there is an IPv6 route, by {device}, and connecting times out instead of failing at once"
                ))
                .citing([evidence])
                .build(),
        );
    }
    case
}
