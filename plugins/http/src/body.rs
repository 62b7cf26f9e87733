//! How the body of an answer came in: at once, or drop by drop, and whether the way is what slows it down. Names no cause.

use sonde_sdk::dial::{BodyFraming, HttpExchange};

use crate::case::{self, Case, End, Form, Get, SLOW_US};
use crate::held;

/// The answer began in time, and the rest of it took over a second or was still under way when patience ended.
pub(crate) fn drips(exchange: &HttpExchange) -> bool {
    let Some(response) = &exchange.response else { return false };
    matches!(case::end(exchange), End::Answered(..400) | End::Stuck)
        && !case::streams(response)
        // Who ends a body by closing may close late.
        && response.body_framing != BodyFraming::UntilClose
        && case::wait_us(exchange).is_some_and(|wait| wait < SLOW_US)
        && receive_us(exchange).is_some_and(|receive| receive > SLOW_US)
}

/// Every exchange of this request drips, and there are several.
pub(crate) fn trickles(case: &Case, get: &Get) -> bool {
    let all: Vec<&HttpExchange> = case.repeats(get).collect();
    all.len() > 1 && all.iter().all(|exchange| drips(exchange)) && goes_on(&all)
}

/// It still comes: one ends, or the longer it is waited for, the more has come.
fn goes_on(all: &[&HttpExchange]) -> bool {
    let bytes = |exchange: &HttpExchange| exchange.response.as_ref().map_or(0, |response| response.body_bytes);
    let (Some(least), Some(most)) = (all.iter().map(|e| bytes(e)).min(), all.iter().map(|e| bytes(e)).max()) else {
        return false;
    };
    all.iter().any(|exchange| matches!(case::end(exchange), End::Answered(_))) || most > least + least / 4
}

/// The exchange around which the kernel's counters were read: in a quiet window that was there already, or in one of its own.
pub(crate) fn counted<'a>(case: &'a Case, get: &Get) -> Option<&'a HttpExchange> {
    let quiet = |window: &&HttpExchange| drips(window) && window.deltas.as_ref().is_some_and(|deltas| deltas.quiet);
    held::counted(case, get, 1).filter(quiet).or_else(|| case.formed(get, Form::Counted))
}

/// Several at one time come as fast, each, as one alone: what limits them is no link that they share.
pub(crate) fn shares_no_link(case: &Case, get: &Get) -> bool {
    let mut all = case.repeats(get);
    let Some(alone) = all.next().and_then(rate) else { return false };
    let padded = case.formed(get, Form::Padded).filter(|padded| drips(padded));
    let together: Vec<u64> = all.chain(padded).filter_map(rate).collect();
    together.len() > 1 && together.iter().sum::<u64>() * 2 > alone * 3
}

/// Bytes per second.
fn rate(exchange: &HttpExchange) -> Option<u64> {
    let receive = receive_us(exchange).filter(|receive| *receive > 0)?;
    // At the least the end of the body came.
    let bytes = exchange.response.as_ref()?.body_bytes.max(1);
    Some(bytes.saturating_mul(1_000_000) / receive)
}

pub(crate) fn receive_us(exchange: &HttpExchange) -> Option<u64> {
    exchange.phases.receive.as_ref().map(|receive| receive.elapsed_us)
}
