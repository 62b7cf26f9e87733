//! Redirects that lead out of the origin: to the other scheme of the host and back again is a circle too.

use sonde_sdk::check::Outcome;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::finding::{refutes, supports};

use super::Judgement;
use crate::case::{self, Case, End, Get};

/// The place that it leads to redirects to a page of ours that was asked for before.
pub(super) fn judge(case: &Case, get: &Get, exchange: &HttpExchange) -> Option<Judgement> {
    let (place, beyond, path) = case.beyond.iter().find_map(|(place, beyond)| {
        let response = beyond.response.as_ref().filter(|_| matches!(case::end(beyond), End::Answered(300..=399)))?;
        let path = case.origin.back(place, response.header("location")?)?;
        let passed = case.exchanges.iter().any(|(done, _)| done.address == get.address && done.path == path);
        passed.then_some((place, beyond, path))
    })?;
    let subject = case.origin.url(&path);
    let support = supports("http.redirect_loop")
        .proof()
        .about(&subject)
        .because(format!("the redirects of {subject} lead to {} and from there back", place.url()))
        .citing([exchange.evidence]);
    let refutation = refutes("http.unauthorized")
        .proof()
        .about(&subject)
        .because("no login page lies on the way: what it leads to is a redirect to where it came from")
        .citing([beyond.evidence]);
    let findings = vec![support.build(), refutation.build()];
    Some(Judgement { outcome: Outcome::broken(findings[0].summary.clone()), findings })
}
