//! The request was sent and no answer, or only its beginning, came: the server, or a path that takes only small packets?

use sonde_sdk::dial::{Connection, HttpExchange};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use super::latency;
use crate::case::{self, Case, End, Get};

/// Judges a request that ran into its timeout.
pub(super) fn judge(case: &Case, get: &Get, first: &HttpExchange) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let padded = case.padded(get);
    let small: Vec<&HttpExchange> = case.repeats(get).collect();
    let acknowledged: Vec<u64> =
        small.iter().filter(|exchange| delivered(&exchange.connection)).map(|exchange| exchange.evidence).collect();
    if let Some(large) = padded.filter(|large| lost(&large.connection) && waits(large) && !acknowledged.is_empty()) {
        return vec![
            supports("l3.pmtu_blackhole")
                .proof()
                .about(&at)
                .because(format!(
                    "small requests to {at} are acknowledged, full-sized packets are lost without any ICMP message"
                ))
                .citing([large.evidence])
                .build(),
            refutes("app.not_responding")
                .proof()
                .about(&at)
                .because("what is missing is the acknowledgement of large packets; those of small ones come at once")
                .citing(acknowledged.iter().copied())
                .build(),
            refutes("tcp.peer_zero_window")
                .proof()
                .about(&at)
                .because("the server's window is open")
                .citing(acknowledged)
                .build(),
        ];
    }
    let late: Vec<&HttpExchange> = small
        .iter()
        .copied()
        .chain(padded)
        .filter(|exchange| matches!(case::end(exchange), End::Answered(_)) && exchange.response.is_some())
        .collect();
    if !late.is_empty() {
        let unanswered: Vec<u64> =
            small.iter().filter(|exchange| waits(exchange)).map(|exchange| exchange.evidence).collect();
        let slow: Vec<&HttpExchange> = late.iter().copied().filter(|exchange| case::slow(exchange)).collect();
        if !slow.is_empty() {
            return latency::from_answers(case, get, &unanswered, &slow);
        }
        return vec![not_responding(case, get, first).build()];
    }
    if case::end(first) == End::Stuck {
        return vec![
            supports("http.slow_body")
                .about(case.origin.url(&get.path))
                .because(format!("{at} begins its answer and then stops sending"))
                .citing(std::iter::once(first.evidence).chain(acknowledged))
                .strong()
                .build(),
        ];
    }
    if acknowledged.is_empty() {
        return vec![not_responding(case, get, first).build()];
    }
    // Why the server is silent - stopped, out of descriptors, or waiting itself - shows only on the server.
    let again: Vec<u64> =
        small.iter().skip(1).filter(|exchange| waits(exchange)).map(|exchange| exchange.evidence).collect();
    let mut findings = vec![
        supports("app.dependency_hung")
            .about(&at)
            .because("the server may itself be waiting for something that does not answer")
            .citing([first.evidence])
            .build(),
    ];
    let large = padded.filter(|large| delivered(&large.connection));
    if let Some(large) = large {
        findings.push(
            refutes("l3.pmtu_blackhole")
                .proof()
                .about(&at)
                .because("a request of several full-sized packets is acknowledged as well")
                .citing([large.evidence])
                .build(),
        );
    }
    if !again.is_empty() {
        findings.push(
            refutes("http.server_slow")
                .strong()
                .about(case.origin.url(&get.path))
                .because("asked again, with more patience, there is still no answer")
                .citing(again.iter().copied())
                .build(),
        );
    }
    let support = not_responding(case, get, first);
    // Answered never, however often, and delivered always; a large request that was lost would say something else.
    let stuck = padded.is_some_and(|large| lost(&large.connection));
    let proven = !again.is_empty() && acknowledged.len() == small.len() && !stuck;
    findings.insert(0, if proven { support.proof() } else { support.strong().citing(acknowledged) }.build());
    findings
}

fn not_responding(case: &Case, get: &Get, first: &HttpExchange) -> sonde_sdk::finding::Draft {
    let at = case.endpoint(&get.address);
    supports("app.not_responding")
        .about(&at)
        .because(format!("{at} accepts the connection and takes the request, but never answers it"))
        .citing([first.evidence])
}

fn waits(exchange: &HttpExchange) -> bool {
    matches!(case::end(exchange), End::Silent | End::Stuck)
}

/// Everything sent was acknowledged, and it was more than the SYN.
fn delivered(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| info.unacked == 0 && info.lost == 0 && info.bytes_acked >= SOME_BYTES)
}

/// Sent, sent again, and not acknowledged, with the path MTU unchanged.
fn lost(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| {
        info.unacked > 0 && (info.backoff > 0 || info.retransmits > 0 || info.lost > 0) && info.snd_wnd > 0
    })
}

/// Any request is larger than this.
const SOME_BYTES: u64 = 40;
