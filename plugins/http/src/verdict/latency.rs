//! The server answered, but late: the server itself, or the way to it?

use std::time::Duration;

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::ms;
use crate::case::{self, Case, Get, SLOW_US};

/// Judges the time to the first byte, over every repetition.
pub(super) fn judge(case: &Case, get: &Get) -> Vec<Finding> {
    let all: Vec<&HttpExchange> = case.repeats(get).collect();
    let late: Vec<&HttpExchange> =
        all.iter().copied().filter(|e| case::wait_us(e).is_some_and(|wait| wait > SLOW_US)).collect();
    if late.is_empty() || late.len() < all.len() {
        // Late once, as after a cold start, is no fault.
        return Vec::new();
    }
    from_answers(case, get, &[], &late)
}

/// Late answers, beside requests that ran out of patience before theirs came.
pub(super) fn from_answers(case: &Case, get: &Get, unanswered: &[u64], late: &[&HttpExchange]) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let Some(first) = late.first() else { return Vec::new() };
    let wait = late.iter().filter_map(|exchange| case::wait_us(exchange)).min().unwrap_or(0);
    let clean: Vec<&HttpExchange> = late.iter().copied().filter(|exchange| case::slow(exchange)).collect();
    let mut proof: Vec<u64> = unanswered.to_vec();
    if proof.is_empty() {
        proof.push(first.evidence);
    }
    let witnesses: Vec<u64> = clean.iter().map(|exchange| exchange.evidence).filter(|id| !proof.contains(id)).collect();
    let connect = first.phases.connect.as_ref().map_or(0, |connect| connect.elapsed_us);
    let support = supports("http.server_slow")
        .about(case.origin.url(&get.path))
        .because(format!("{at} connects in {} but takes {} to begin its answer", ms(connect), ms(wait)))
        .citing(proof)
        .measuring(Measure::duration("time to first byte", Duration::from_micros(wait)));
    if witnesses.is_empty() || clean.len() < late.len() {
        return vec![support.strong().build()];
    }
    let round_trip = first.connection.info.as_ref().map_or(0, |info| u64::from(info.rtt_us));
    let by_repeat = |cause: &str, why: String| {
        refutes(cause).proof().about(&at).because(why).citing(witnesses.iter().copied()).build()
    };
    vec![
        support.proof().build(),
        by_repeat(
            "l3.packet_loss",
            format!("asked again, nothing is retransmitted or unacknowledged and the round trip is {}", ms(round_trip)),
        ),
        by_repeat(
            "l3.pmtu_blackhole",
            "asked again, the request is acknowledged at once and the answer arrives whole".to_owned(),
        ),
        by_repeat("app.not_responding", "asked again, it does answer".to_owned()),
    ]
}
