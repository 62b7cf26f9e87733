//! The answer begins at once and then trickles: the server, or the way?

use std::time::Duration;

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::ms;
use crate::body;
use crate::case::{self, Case, End, Get};

/// Judges the time that the body takes, over every repetition. Empty where it is not slow each time, or where a slow link, a
/// window or a loss may be why: such pages are healthy as far as HTTP goes.
pub(super) fn judge(case: &Case, get: &Get) -> Vec<Finding> {
    let all: Vec<&HttpExchange> = case.repeats(get).collect();
    let (Some(first), Some(counted)) = (all.first(), body::counted(case, get)) else { return Vec::new() };
    let still = counted.deltas.as_ref().and_then(|deltas| deltas.moved("TcpExt.TCPOFOQueue")) == Some(0);
    let clean = body::drips(counted) && all.iter().chain([&counted]).all(|e| case::clean(&e.connection));
    if !still || !clean || !body::trickles(case, get) || !body::shares_no_link(case, get) {
        return Vec::new();
    }
    let at = case.endpoint(&get.address);
    let (more, took) = rest(&all);
    let wait = case::wait_us(first).unwrap_or(0);
    vec![
        supports("http.slow_body")
            .proof()
            .about(case.origin.url(&get.path))
            .because(format!(
                "{at} begins its answer after {} but takes {more}{} for the rest of it",
                ms(wait),
                ms(took)
            ))
            .citing(all.iter().map(|exchange| exchange.evidence))
            .measuring(Measure::duration("time for the body", Duration::from_micros(took)))
            .build(),
        refutes("l3.packet_loss")
            .proof()
            .about(&at)
            .because("meanwhile nothing is retransmitted, and no segment comes out of order, as after a loss")
            .citing([counted.evidence])
            .build(),
        refutes("tcp.small_window")
            .strong()
            .about(&at)
            .because("several at one time come as fast as one alone, and all that comes is read at once")
            .citing([counted.evidence])
            .build(),
    ]
}

/// How long the rest of an answer takes at the least: of those that ended the shortest, else longer than the longest wait.
fn rest(all: &[&HttpExchange]) -> (&'static str, u64) {
    let ended = all.iter().filter(|exchange| matches!(case::end(exchange), End::Answered(_)));
    if let Some(shortest) = ended.filter_map(|exchange| body::receive_us(exchange)).min() {
        return ("", shortest);
    }
    ("more than ", all.iter().filter_map(|exchange| body::receive_us(exchange)).max().unwrap_or(0))
}
