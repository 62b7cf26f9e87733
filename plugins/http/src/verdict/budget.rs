//! The caller's timeouts on this path: does one fire although every phase is healthy, and how much is left of the nearest?

use sonde_sdk::deadline::{Margin, Spent};
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::fallback::Fallback;
use super::{micros, ms};
use crate::case::{self, Case, End, Get, SLOW_US};

/// Judges the timeouts, where the caller named them.
pub(super) fn judge(case: &Case, get: &Get) -> Vec<Finding> {
    let Some(timeouts) = case.wishes.timeouts else { return Vec::new() };
    let fired = |exchange: &HttpExchange| -> Option<(Margin, Spent)> {
        let spent = Spent::of(exchange);
        let margin = timeouts.margins(&spent).into_iter().next().filter(|margin| margin.left().is_none())?;
        Some((margin, spent))
    };
    let answered: Vec<&HttpExchange> = answered(case, get).collect();
    let late: Vec<(&HttpExchange, Margin, Spent)> = answered
        .iter()
        .filter_map(|exchange| fired(exchange).map(|(margin, spent)| (*exchange, margin, spent)))
        .collect();
    // A phase that is slow by itself has a cause of its own.
    let Some((first, margin, spent)) = late.first() else { return Vec::new() };
    if late.len() < answered.len() || micros(spent.longest()) > SLOW_US {
        return Vec::new();
    }
    let subject = case.origin.url(&get.path);
    let support = supports("app.deadline_budget")
        .about(&subject)
        .because(format!(
            "the caller's {} timeout of {} is shorter than the {} that the healthy phases before it take together",
            margin.name,
            ms(micros(margin.limit)),
            ms(micros(margin.spent))
        ))
        .citing([first.evidence])
        .measuring(Measure::duration("limit", margin.limit))
        .measuring(Measure::duration("needed", margin.spent));
    let witnesses: Vec<u64> = late.iter().skip(1).map(|(exchange, ..)| exchange.evidence).collect();
    if witnesses.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("http.server_slow")
            .proof()
            .about(&subject)
            .because(format!("asked again, no phase is slow: the longest takes {}", ms(micros(spent.longest()))))
            .citing(witnesses)
            .build(),
    ]
}

/// Which timeout is nearest, and how near.
pub(super) fn notes(case: &Case, get: &Get) -> Option<(&'static str, String)> {
    let fallback = Fallback::of(case);
    let timeouts = case.wishes.timeouts?;
    let timeouts = fallback.as_ref().map_or(timeouts, |fallback| fallback.bounds(timeouts));
    let spent = |exchange| fallback.as_ref().map_or_else(|| Spent::of(exchange), |fallback| fallback.spent(exchange));
    let spent = answered(case, get).map(spent).max_by_key(Spent::total)?;
    let text = match timeouts.margins(&spent).first() {
        None => "the caller's timeouts bound nothing".to_owned(),
        Some(margin) => match margin.left() {
            None => format!("{} fires first, after {}", margin.name, ms(micros(margin.fires_at))),
            Some(left) => format!(
                "{} would fire first: {} of {} are left",
                margin.name,
                ms(micros(left)),
                ms(micros(margin.limit))
            ),
        },
    };
    Some(("deadline", text))
}

fn answered<'a>(case: &'a Case, get: &'a Get) -> impl Iterator<Item = &'a HttpExchange> {
    case.repeats(get).filter(|exchange| matches!(case::end(exchange), End::Answered(_)))
}
