//! RST: the client sees that it came, not why. What came before it, and what else is reset, says which reason is likelier.

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::{EvidenceId, Failure, Reason};

use super::wire::received;
use crate::case::{self, Case, End, Get};

/// On purpose, or by a crash.
const ABORTS: &str = "tcp.rst_linger0";
/// Closed before all of the request was read.
const UNREAD: &str = "tcp.rst_unread_data";

/// What tells the two reasons apart.
struct Hint {
    likely: &'static str,
    unlikely: &'static str,
    why: &'static str,
    evidence: Vec<EvidenceId>,
}

/// Judges a reset that came again, or did not.
pub(super) fn judge(case: &Case, get: &Get, exchange: &HttpExchange, again: &[u64]) -> Vec<Finding> {
    let at = case.endpoint(&get.address);
    let begun = case::end(exchange) == End::Reset(true);
    let because = if begun {
        format!("{at} resets the connection in the middle of its answer ({})", received(exchange))
    } else {
        format!("{at} takes the request for {} and resets the connection without an answer", get.path)
    };
    let support = |cause: &str| supports(cause).about(&at).because(&because).citing([exchange.evidence]);
    if again.is_empty() {
        let likely = if begun { [ABORTS, UNREAD] } else { [UNREAD, ABORTS] };
        return likely.map(|cause| support(cause).build()).to_vec();
    }
    let hint = if begun { Some(after_the_beginning(again)) } else { before_the_answer(case, get) };
    let Some(hint) = hint else {
        return [UNREAD, ABORTS].map(|cause| support(cause).strong().citing(again.iter().copied()).build()).to_vec();
    };
    // Named, but without certainty: only the server's own counters tell the two apart.
    let refutation = refutes(hint.unlikely).about(&at).because(hint.why).citing(hint.evidence);
    vec![support(hint.likely).proof().build(), refutation.build()]
}

fn after_the_beginning(again: &[u64]) -> Hint {
    let why = "asked again, the answer has begun before the reset, so the request was probably read";
    Hint { likely: ABORTS, unlikely: UNREAD, why, evidence: again.to_vec() }
}

/// A request without its end is what a TLS hello is to a server of plain HTTP: who reads to the end of a request waits for more.
fn before_the_answer(case: &Case, get: &Get) -> Option<Hint> {
    let ended = |failure: &Failure| failure.reason == Reason::Reset;
    if let Some(hold) = case.hold(&get.address, 0)
        && hold.outcome.as_ref().is_err_and(ended)
    {
        let why = "a connection on which nothing is sent is reset as well, with nothing left unread";
        return Some(Hint { likely: ABORTS, unlikely: UNREAD, why, evidence: vec![hold.evidence] });
    }
    let hello = case.handshake(&get.address)?;
    let (likely, unlikely, why) = match &hello.outcome.as_ref().err()?.reason {
        Reason::TimedOut => {
            let why =
                "bytes that do not end a request are read without a reset, so a whole request was probably read too";
            (ABORTS, UNREAD, why)
        }
        Reason::Reset => {
            let why = "bytes that do not end a request are answered by a reset too, as where a server closes before it has read all";
            (UNREAD, ABORTS, why)
        }
        _ => return None,
    };
    Some(Hint { likely, unlikely, why, evidence: vec![hello.evidence] })
}
