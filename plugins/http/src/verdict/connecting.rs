//! Connections that get no answer, or are refused, at an address that accepted those of `connect` a moment ago: one backend of
//! several, a limit on new connections, a full queue, a service that has ended.

use sonde_sdk::check::Outcome;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::{Finding, Strength};
use sonde_sdk::types::{Measure, Reason};

use super::Judgement;
use crate::case::{self, Case, End, Get};
use crate::plan;

/// Some connections for this request are silent and some are not.
pub(super) fn share(case: &Case, get: &Get) -> Vec<Finding> {
    let silent: Vec<&HttpExchange> = case.repeats(get).filter(|exchange| plan::drops(exchange)).collect();
    let good: Vec<u64> = case
        .repeats(get)
        .filter(|exchange| matches!(case::end(exchange), End::Answered(_)))
        .map(|exchange| exchange.evidence)
        .collect();
    if silent.is_empty() || good.is_empty() {
        return Vec::new();
    }
    let at = case.endpoint(&get.address);
    let total = silent.len() + good.len();
    let healed: Vec<u64> = case
        .repeats(get)
        .filter(|exchange| matches!(case::end(exchange), End::Answered(_)) && exchange.connection.syn_retransmits > 0)
        .map(|exchange| exchange.evidence)
        .collect();
    if !healed.is_empty() {
        let because = format!(
            "{} of {total} connections to {at} get no answer, and {} only to a repeated SYN: losses heal, where a dead backend does not",
            silent.len(),
            healed.len()
        );
        let lost = silent.iter().map(|exchange| exchange.evidence).chain(healed);
        return vec![supports("l3.packet_loss").strong().about(&at).because(because).citing(lost).build()];
    }
    // A limit on new connections drops some as well: which it is, only the backends or the filter tell.
    let strength = if silent.len() > 1 { Strength::Strong } else { Strength::Weak };
    vec![
        supports("lb.backend_blackholed")
            .strength(strength)
            .about(&at)
            .because(format!("{} of {total} connections to {at} get no answer, the others do", silent.len()))
            .citing(silent.iter().map(|exchange| exchange.evidence))
            .measuring(Measure::count("silent connections", i64::try_from(silent.len()).unwrap_or(i64::MAX)))
            .build(),
        refutes("fw.drop_remote")
            .about(&at)
            .because(format!("{} of {total} connections are accepted", good.len()))
            .citing(good)
            .build(),
    ]
}

/// Some connections for this request got no TLS session and some did.
pub(super) fn sessions(case: &Case, get: &Get) -> Vec<Finding> {
    let without: Vec<&HttpExchange> =
        case.repeats(get).filter(|exchange| matches!(case::end(exchange), End::NoSession)).collect();
    let good: Vec<u64> = case
        .repeats(get)
        .filter(|exchange| matches!(case::end(exchange), End::Answered(_)))
        .map(|exchange| exchange.evidence)
        .collect();
    // Once may be a moment's.
    if without.len() < 2 || good.is_empty() {
        return Vec::new();
    }
    let at = case.endpoint(&get.address);
    let stalls =
        |exchange: &&HttpExchange| exchange.outcome.as_ref().is_err_and(|failure| failure.reason == Reason::TimedOut);
    let total = without.len() + good.len();
    let ids = || without.iter().map(|exchange| exchange.evidence);
    // One bad backend, or something on the way that reads some of the hellos: from here the two look the same.
    let (first, second) = if without.iter().all(stalls) {
        ("tls.handshake_stall", "lb.backend_erroring")
    } else {
        ("lb.backend_erroring", "fw.dpi_reset")
    };
    let because = format!("{} of {total} connections to {at} come to no TLS session, the others do", without.len());
    vec![
        supports(first).strong().about(&at).because(&because).citing(ids()).build(),
        supports(second).about(&at).because(because).citing(ids()).build(),
    ]
}

/// No request could be made although `connect` reached the address: that is not for `connect` to judge.
pub(super) fn silent(case: &Case) -> Option<Judgement> {
    let dropped = |get: &Get| -> Vec<u64> {
        case.repeats(get).filter(|exchange| plan::drops(exchange)).map(|exchange| exchange.evidence).collect()
    };
    let (get, evidence) = case
        .addresses
        .iter()
        .filter(|_| case.answering)
        .map(|address| case.opening(address))
        .map(|get| (get.clone(), dropped(&get)))
        .find(|(_, evidence)| !evidence.is_empty())?;
    let mut findings = share(case, &get);
    if findings.is_empty() {
        findings = suspicions(case, &get, &evidence);
    }
    let outcome = Outcome::unclear(findings.first().map_or_else(String::new, |finding| finding.summary.clone()))
        .next(format!("on the server {}: sonde diagnose :{}", get.address, case.origin.port));
    Some(Judgement { findings, outcome })
}

/// Every connection was refused, again and again. Where `connect` met the same, it has judged it; where it was accepted a moment
/// ago, the service has ended since, or several serve the address: nobody could make a request, and nothing here says why.
pub(super) fn refused(case: &Case) -> Option<Judgement> {
    let twice = |get: &Get| case.repeats(get).filter(|exchange| plan::refuses(exchange)).count() > 1;
    let get = case.addresses.iter().map(|address| case.opening(address)).find(twice)?;
    let refused: Vec<&HttpExchange> = case.repeats(&get).filter(|exchange| plan::refuses(exchange)).collect();
    let at = case.endpoint(&get.address);
    let by_icmp = refused.iter().any(|e| e.outcome.as_ref().is_err_and(|failure| failure.icmp.is_some()));
    let because = format!("{at} refuses the connection of each of {} requests", refused.len());
    let causes: &[&str] = if by_icmp { &["fw.reject_icmp"] } else { &["tcp.port_closed", "lb.backend_refused"] };
    let finding = |cause: &&str| {
        supports(cause).about(&at).because(&because).citing(refused.iter().map(|exchange| exchange.evidence)).build()
    };
    let outcome = Outcome::unclear(&because).next(format!("on {}: sonde diagnose :{}", get.address, case.origin.port));
    Some(Judgement { findings: causes.iter().map(finding).collect(), outcome })
}

/// An address beside the one that was judged, which answered `connect` and twice not here.
pub(super) fn beside(case: &Case, judged: &str) -> Vec<Finding> {
    let twice = |get: &Get| {
        let all: Vec<&HttpExchange> = case.repeats(get).collect();
        (all.len() > 1 && all.iter().all(|exchange| plan::drops(exchange)))
            .then(|| all.iter().map(|exchange| exchange.evidence).collect::<Vec<u64>>())
    };
    let others = case.addresses.iter().filter(|address| case.answering && *address != judged);
    others
        .map(|address| case.opening(address))
        .find_map(|get| twice(&get).map(|evidence| suspicions(case, &get, &evidence)))
        .unwrap_or_default()
}

fn suspicions(case: &Case, get: &Get, evidence: &[u64]) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let because = format!("{at} accepted connections a moment ago, and now gives {} no answer", evidence.len());
    ["fw.drop_remote", "tcp.accept_queue_overflow", "lb.backend_blackholed"]
        .map(|cause| supports(cause).about(&at).because(&because).citing(evidence.iter().copied()).build())
        .into()
}
