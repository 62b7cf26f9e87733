//! A connection used again after the caller's pause: does the server, or something before it, end it meanwhile?

use std::time::Duration;

use sonde_sdk::dial::{HttpExchange, HttpSequel};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::{Measure, Reason};

use super::ms;
use crate::case::{Case, Get};

/// Judges the pauses, where the caller asked for them.
pub(super) fn judge(case: &Case, get: &Get) -> Vec<Finding> {
    let Some(pause) = case.wishes.idle else { return Vec::new() };
    let whole: Vec<(&HttpExchange, &HttpSequel)> = tries(case, get, |paused| paused == pause).collect();
    let Some((exchange, sequel)) = whole.first().filter(|(_, sequel)| sequel.outcome.is_err()) else {
        return Vec::new();
    };
    if announced(exchange) {
        return Vec::new();
    }
    let kind = kind(sequel);
    let at = case.endpoint(&get.address);
    let again =
        whole.iter().skip(1).find(|(_, other)| self::kind(other) == kind).map(|(exchange, _)| exchange.evidence);
    let shorter = tries(case, get, |idle| idle < pause).find(|(_, sequel)| sequel.outcome.is_ok());
    let (id, sentence) = match kind {
        Kind::Closed => {
            let lived = sequel.closed.as_ref().map_or(0, |closed| closed.after_us);
            let sentence = format!(
                "{at} ends a connection that was idle for {}, and the caller uses it again after {}",
                ms(lived),
                ms(micros(pause))
            );
            ("http.keepalive_race", sentence)
        }
        Kind::Raced => {
            let sentence = format!("{at} ends the connection when it is used again after {} idle", ms(micros(pause)));
            ("http.keepalive_race", sentence)
        }
        Kind::Forgotten => {
            let sentence = format!(
                "a connection to {at} that was idle for {} is gone without a word: what is sent then gets no answer",
                ms(micros(pause))
            );
            ("http.lb_idle_timeout", sentence)
        }
        Kind::Other => return Vec::new(),
    };
    let support = supports(id)
        .about(&at)
        .because(sentence)
        .citing(std::iter::once(exchange.evidence).chain(again))
        .measuring(Measure::duration("idle", pause));
    let (Some((shorter, lived)), Some(_)) = (shorter, again) else { return vec![support.strong().build()] };
    let half = ms(lived.idle_us);
    let (look_alike, why) = match kind {
        Kind::Forgotten => (
            "http.keepalive_race",
            format!("the server does keep it: after {half} it is used again, and no FIN comes in the longer pause"),
        ),
        _ => ("http.empty_reply", format!("fresh connections are answered, and one that was idle for {half} as well")),
    };
    vec![
        support.proof().build(),
        refutes(look_alike).proof().about(&at).because(why).citing([shorter.evidence]).build(),
    ]
}

/// What the caller wanted to know, whatever the verdict.
pub(super) fn notes(case: &Case, get: &Get) -> Option<(&'static str, String)> {
    let pause = case.wishes.idle?;
    let (exchange, sequel) = tries(case, get, |paused| paused == pause).next()?;
    let text = match (&sequel.closed, &sequel.outcome) {
        (Some(_), _) if announced(exchange) => {
            "the server closes each connection after its answer, and says so".to_owned()
        }
        (Some(closed), _) => format!("the server ends an idle connection after {}", ms(closed.after_us)),
        (None, Ok(())) => format!("a connection can be used again after {}", ms(sequel.idle_us)),
        (None, Err(failure)) => format!("after {}: {}", ms(sequel.idle_us), failure.detail),
    };
    Some(("idle", text))
}

/// How the second request on a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The peer ended the connection in the pause.
    Closed,
    /// It ended it when the request came.
    Raced,
    /// Nothing came back: no FIN in the pause, no answer afterwards.
    Forgotten,
    Other,
}

fn kind(sequel: &HttpSequel) -> Kind {
    match (&sequel.closed, &sequel.outcome) {
        (Some(_), _) => Kind::Closed,
        (None, Err(failure)) if sequel.response.is_none() => match failure.reason {
            Reason::Closed => Kind::Raced,
            // Who forgot a connection answers what comes on it with RST, or not at all.
            Reason::Reset | Reason::TimedOut => Kind::Forgotten,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

fn tries<'a>(
    case: &'a Case,
    get: &'a Get,
    fits: impl Fn(Duration) -> bool + 'a,
) -> impl Iterator<Item = (&'a HttpExchange, &'a HttpSequel)> {
    let same = |done: &Get| Get { attempt: 0, ..done.clone() } == Get { attempt: 0, ..get.clone() };
    case.idles
        .iter()
        .filter(move |(done, paused, _)| same(done) && fits(*paused))
        .filter_map(|(_, _, exchange)| exchange.sequels.first().map(|sequel| (exchange, sequel)))
}

/// The server said that it would close (RFC 9112 section 9.6).
fn announced(exchange: &HttpExchange) -> bool {
    exchange.response.as_ref().is_some_and(|response| {
        response.version == "HTTP/1.0"
            || response.header("connection").is_some_and(|value| value.to_ascii_lowercase().contains("close"))
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
