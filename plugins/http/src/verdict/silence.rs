//! The request was sent and no answer, or only its beginning, came: the server, or a path that loses packets?

use std::time::Duration;

use sonde_sdk::connection::Connection;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Failure;

use super::vanishing::{by_segments, echoes, everything, large_answers, large_requests, lost, whole};
use super::{held, latency, trickle};
use crate::case::{self, Case, End, Form, Get};
use crate::plan;

/// Judges a request that ran into its timeout.
pub(super) fn judge(case: &Case, get: &Get, first: &HttpExchange) -> Vec<Finding> {
    let here = held::judge(case, get);
    if !here.is_empty() {
        return here;
    }
    if let Some(suspicion) = held::suspicion(case, get) {
        return vec![suspicion, not_responding(case, get, first).strong().build()];
    }
    let path = large_requests(case, get)
        .or_else(|| everything(case, get))
        .or_else(|| by_segments(case, get))
        .or_else(|| large_answers(case, get));
    if let Some(findings) = path {
        return findings;
    }
    if case::end(first) == End::Stuck {
        return stuck(case, get, first);
    }
    let answered: Vec<&HttpExchange> = case
        .repeats(get)
        .chain(case.formed(get, Form::Padded))
        .filter(|exchange| matches!(case::end(exchange), End::Answered(_)) && exchange.response.is_some())
        .collect();
    if !answered.is_empty() {
        let unanswered: Vec<u64> =
            case.repeats(get).filter(|exchange| waits(exchange)).map(|exchange| exchange.evidence).collect();
        let slow: Vec<&HttpExchange> = answered.into_iter().filter(|exchange| case::slow(exchange)).collect();
        if !slow.is_empty() {
            return latency::from_answers(case, get, &unanswered, &slow);
        }
        return vec![not_responding(case, get, first).build()];
    }
    never(case, get, first)
}

/// The answer began and did not end.
fn stuck(case: &Case, get: &Get, first: &HttpExchange) -> Vec<Finding> {
    let trickle = trickle::judge(case, get);
    if !trickle.is_empty() {
        return trickle;
    }
    let at = case.endpoint(&get.address);
    let where_it_stops = if case::stops_in_head(first) { ", in the middle of its head" } else { "" };
    let support = supports("http.slow_body")
        .about(case.origin.url(&get.path))
        .because(format!("{at} begins its answer and then stops sending{where_it_stops}"))
        .citing(std::iter::once(first.evidence).chain(acknowledged(case, get)));
    let healed = case.repeats(get).any(|exchange| !waits(exchange));
    vec![if healed { support } else { support.strong() }.build()]
}

/// Nothing came, as long as it was waited for.
fn never(case: &Case, get: &Get, first: &HttpExchange) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let small: Vec<&HttpExchange> = case.repeats(get).collect();
    let acknowledged = acknowledged(case, get);
    if acknowledged.is_empty() {
        return vec![not_responding(case, get, first).build()];
    }
    // Why the server is silent - stopped, out of descriptors, or waiting itself - shows only on the server.
    let mut findings = vec![
        supports("app.dependency_hung")
            .about(&at)
            .because("the server may itself be waiting for something that does not answer")
            .citing([first.evidence])
            .build(),
    ];
    findings.extend(fits(case, get));
    // Once its queue is full, it does not even take the connection: all that time it took none.
    let untaken = |exchange: &HttpExchange| waits(exchange) || plan::drops(exchange);
    let again: Vec<&HttpExchange> = small.iter().skip(1).copied().filter(|exchange| untaken(exchange)).collect();
    let connected = small.iter().filter(|exchange| !plan::drops(exchange)).count();
    let patient = again.iter().any(|exchange| waited(exchange) >= ENOUGH);
    if patient {
        findings.push(
            refutes("http.server_slow")
                .strong()
                .about(case.origin.url(&get.path))
                .because(format!("asked again, there is still no answer within {}", patience(case, get)))
                .citing(again.iter().map(|exchange| exchange.evidence))
                .build(),
        );
    }
    let support = not_responding(case, get, first);
    // Answered never, however often, and delivered always; a large request that was lost would say something else.
    let stuck = case.formed(get, Form::Padded).is_some_and(|large| lost(&large.connection));
    let proven = patient && acknowledged.len() == connected && !stuck;
    findings.insert(0, if proven { support.proof() } else { support.strong().citing(acknowledged) }.build());
    findings
}

/// What says that the size of packets is not the matter: some that came back, else a large request beside a small answer.
fn fits(case: &Case, get: &Get) -> Option<Finding> {
    let refutation = refutes("l3.pmtu_blackhole").about(case.endpoint(&get.address));
    if let Some(evidence) = whole(case, get) {
        let why = "full-sized packets come back from it";
        return Some(refutation.proof().because(why).citing([evidence]).build());
    }
    let large = case.formed(get, Form::Padded).filter(|large| waits(large) && delivered(&large.connection))?;
    let head = case.formed(get, Form::Head).filter(|head| waits(head) && delivered(&head.connection));
    let refutation =
        refutation.strong().citing([large.evidence]).citing(head.map(|head| head.evidence)).citing(echoes(case, get));
    Some(match head {
        Some(_) => refutation.because(
            "a request of several full-sized packets is acknowledged as well, and one whose answer is small is not answered either",
        ),
        None => refutation.because("a request of several full-sized packets is acknowledged as well"),
    }
    .build())
}

fn not_responding(case: &Case, get: &Get, first: &HttpExchange) -> sonde_sdk::finding::Draft {
    let at = case.endpoint(&get.address);
    let taken = delivered(&first.connection);
    let how = if taken { "accepts the connection and takes the request" } else { "accepts the connection" };
    supports("app.not_responding")
        .about(&at)
        .because(format!("{at} {how}, but does not answer within {}", patience(case, get)))
        .citing([first.evidence])
}

/// The longest that an answer was waited for in vain, in words.
pub(super) fn patience(case: &Case, get: &Get) -> String {
    let longest = case.repeats(get).filter(|exchange| waits(exchange)).map(waited).max().unwrap_or_default();
    format!("{:.1} s", longest.as_secs_f64())
}

/// The usual requests that were acknowledged.
pub(super) fn acknowledged(case: &Case, get: &Get) -> Vec<u64> {
    case.repeats(get).filter(|exchange| delivered(&exchange.connection)).map(|exchange| exchange.evidence).collect()
}

pub(super) fn waits(exchange: &HttpExchange) -> bool {
    matches!(case::end(exchange), End::Silent | End::Stuck)
}

fn waited(exchange: &HttpExchange) -> Duration {
    exchange.outcome.as_ref().err().map_or(Duration::ZERO, Failure::elapsed)
}

/// Everything sent was acknowledged, and it was more than the SYN.
fn delivered(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| info.unacked == 0 && info.lost == 0 && info.bytes_acked >= SOME_BYTES)
}

/// Any request is larger than this.
const SOME_BYTES: u64 = 40;
/// Waited for less than this, a server may only be slow. Below [`super::LAST`], which ends a request, by what the windows with the
/// kernel's counters leave of a run.
const ENOUGH: Duration = Duration::from_secs(7);
