//! How well a server answers: does it lose queries, and how late is it?

use std::time::Duration;

use sonde_sdk::dns::rcode::{NOERROR, NXDOMAIN};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::{Measure, Reason};

use super::{called, ids, ms};
use crate::case::{Asked, Case, SLOW_US, Variant, Wish};
use crate::plan;

/// The same query is sometimes answered at once and sometimes not at all.
pub(super) fn loss(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let mut lost: Vec<&Asked> = Vec::new();
    let mut kept: Vec<&Asked> = Vec::new();
    for qtype in case.types() {
        for candidate in &case.candidates {
            let all: Vec<&Asked> = case.of(server, &candidate.name, qtype, Variant::Udp).collect();
            let answered: Vec<&Asked> =
                all.iter().copied().filter(|asked| asked.answer().is_some() && !asked.slow()).collect();
            let silent: Vec<&Asked> = all.iter().copied().filter(|asked| asked.silent()).collect();
            // The first query may have waited for a recursion; those of the burst had only to be sent and answered.
            let burst = silent.into_iter().filter(|asked| asked.question.attempt >= plan::FIRST_OF_BURST);
            if !answered.is_empty() {
                lost.extend(burst);
                kept.extend(answered);
            }
        }
    }
    if lost.is_empty() || kept.is_empty() {
        return Vec::new();
    }
    let total = lost.len() + kept.len();
    let finding = supports("dns.packet_loss")
        .about(address)
        .because(format!(
            "{} of {total} equal queries to {} got no answer, the others at once",
            lost.len(),
            called(case, server)
        ))
        .citing(ids(lost.iter().copied()))
        .measuring(Measure::count("lost queries", i64::try_from(lost.len()).unwrap_or(i64::MAX)));
    // One lost datagram happens on healthy paths; two within a handful do not.
    vec![
        if lost.len() > 1 { finding.proof() } else { finding }.build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(address)
            .because("other queries are answered")
            .citing(ids(kept))
            .build(),
    ]
}

/// Every answer is late although the network is not.
pub(super) fn late(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    let who = called(case, server);
    let answered: Vec<&Asked> = case.of_server(server).filter(|asked| asked.answer().is_some()).collect();
    // A refusal or a failure may take long for reasons of its own.
    let final_codes = |asked: &&Asked| match asked.rcode() {
        Some(NOERROR) => true,
        Some(NXDOMAIN) => case.wish != Wish::Alive,
        _ => false,
    };
    if !answered.iter().all(final_codes) {
        return Vec::new();
    }
    let udp: Vec<&Asked> = answered.iter().copied().filter(|asked| asked.question.variant == Variant::Udp).collect();
    if answered.len() < 2 || udp.is_empty() || !repeated(&answered) || !answered.iter().all(|asked| asked.slow()) {
        return Vec::new();
    }
    let fastest = answered.iter().map(|asked| asked.elapsed_us()).min().unwrap_or(SLOW_US);
    let round_trip = case.of_server(server).filter(|asked| asked.question.variant == Variant::Tcp).find_map(|asked| {
        let refused =
            asked.failure().filter(|f| matches!(f.reason, Reason::Refused | Reason::Reset)).map(|f| f.elapsed_us);
        asked.exchange.kernel_rtt_us.map(u64::from).or(refused).map(|rtt| (rtt, asked.evidence()))
    });
    let slow = supports("dns.slow_server")
        .about(address)
        .because(format!("{who} needs {} or more for every answer", ms(fastest)))
        .measuring(Measure::duration("fastest answer", Duration::from_micros(fastest)));
    match round_trip {
        Some((rtt, evidence)) if rtt.saturating_mul(3) < fastest => vec![
            slow.proof().citing(ids(udp)).build(),
            refutes("l3.high_latency")
                .proof()
                .about(address)
                .because(format!("the network round trip is {}", ms(rtt)))
                .citing([evidence])
                .measuring(Measure::duration("round trip", Duration::from_micros(rtt)))
                .build(),
            refutes("dns.first_server_dead")
                .strong()
                .about(address)
                .because("it was asked directly, with no other server before it")
                .citing([case.config.evidence])
                .build(),
        ],
        Some((rtt, evidence)) => vec![
            supports("l3.high_latency")
                .strong()
                .about(address)
                .because(format!("the network round trip to {who} is {}", ms(rtt)))
                .citing([evidence])
                .build(),
        ],
        None => vec![slow.strong().citing(ids(answered)).build()],
    }
}

/// An answer took longer than a server in this place may take, were it only the first one.
pub(super) fn over_budget(case: &Case, server: usize) -> Vec<Finding> {
    let (place, budget) = case.budget(server);
    let over: Vec<&Asked> = case
        .of_server(server)
        .filter(|asked| asked.question.variant == Variant::Udp && matches!(asked.rcode(), Some(NOERROR | NXDOMAIN)))
        .filter(|asked| asked.elapsed_us() > budget)
        .collect();
    let Some(slowest) = over.iter().map(|asked| asked.elapsed_us()).max() else { return Vec::new() };
    vec![
        supports("dns.slow_server")
            .about(&case.servers[server])
            .because(format!(
                "{} took {} for an answer, more than the {} of an {place} server",
                called(case, server),
                ms(slowest),
                ms(budget)
            ))
            .citing(ids(over))
            .measuring(Measure::duration("slowest answer", Duration::from_micros(slowest)))
            .build(),
    ]
}

/// A first answer may be late because the resolver had to learn it; the same question again may not.
fn repeated(answered: &[&Asked]) -> bool {
    answered.iter().any(|asked| {
        let question = &asked.question;
        answered.iter().any(|other| {
            let again = &other.question;
            again.name == question.name
                && again.qtype == question.qtype
                && (again.attempt != question.attempt || again.variant != question.variant)
        })
    })
}
