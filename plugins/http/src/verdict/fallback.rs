//! A client that begins with a family of addresses that is silent: does its time last until the other family has answered?
//!
//! Judged only for a way to dial that the caller named, and for the order that this host's own C library gives: where nobody says
//! so, nobody knows when a client falls back. A client that sorts the addresses itself must come to the same first family.

use std::net::IpAddr;
use std::time::Duration;

use sonde_sdk::deadline::{Margin, Spent, Timeouts};
use sonde_sdk::dial::experience::{Candidate, Experience, Fate};
use sonde_sdk::dial::{Dialler, HttpExchange, selection};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::{micros, ms};
use crate::case::{self, Case, End, Get, SLOW_US};

/// A silent first family, and what the caller meets on it.
pub(super) struct Fallback<'a> {
    dialler: Dialler,
    experience: Experience,
    /// The first address of each family.
    silent: &'a str,
    answering: &'a str,
    /// Of the silent family; each address at least twice.
    unanswered: Vec<&'a HttpExchange>,
    /// Of the address that answers.
    answered: Vec<&'a HttpExchange>,
}

impl<'a> Fallback<'a> {
    /// None where the families do not differ so, or too little is known.
    pub(super) fn of(case: &'a Case) -> Option<Self> {
        let timeouts = case.wishes.timeouts?;
        let dialler = timeouts.dialler?;
        let order = case.order.as_ref().filter(|order| order.succeeded())?;
        let candidates: Vec<Candidate> =
            order.addresses.iter().map(|address| candidate(case, address)).collect::<Option<_>>()?;
        if dialler.may_sort() && sorted(case, &candidates)?.is_ipv6() != candidates[0].is_ipv6() {
            return None;
        }
        let of_first = |candidate: &&Candidate| candidate.is_ipv6() == candidates[0].is_ipv6();
        let (first, second): (Vec<&Candidate>, Vec<&Candidate>) = candidates.iter().partition(of_first);
        let connects = |candidate: &&Candidate| matches!(candidate.fate, Fate::Connected(_));
        if first.iter().any(|candidate| candidate.fate != Fate::Silent) || !second.iter().all(connects) {
            return None;
        }
        let winner = &second.first()?.address;
        let answering = order.addresses.iter().find(|address| *address == winner)?;
        let unanswered: Vec<&HttpExchange> =
            first.iter().flat_map(|candidate| dialled(case, &candidate.address)).collect();
        let answered: Vec<&HttpExchange> =
            dialled(case, answering).filter(|exchange| matches!(case::end(exchange), End::Answered(_))).collect();
        let experience = dialler.experience(&candidates, &timeouts)?;
        let twice = first.iter().all(|candidate| dialled(case, &candidate.address).count() > 1);
        let silent = order.addresses.first()?;
        (twice && !answered.is_empty()).then_some(Self { dialler, experience, silent, answering, unanswered, answered })
    }

    /// What such a request takes this client, which waits for the silent family first.
    pub(super) fn spent(&self, exchange: &HttpExchange) -> Spent {
        Spent { connect: self.experience.after, ..Spent::of(exchange) }
    }

    pub(super) fn bounds(&self, timeouts: Timeouts) -> Timeouts {
        self.dialler.of_all_addresses(timeouts)
    }

    /// When the second family's turn comes; none where the client's time is up before.
    fn begins(&self) -> Option<Duration> {
        let family = |address: &str| address.contains(':');
        let second = |address: &str| family(address) == family(self.answering);
        self.experience.tries.iter().find(|attempt| second(&attempt.address)).map(|attempt| attempt.begins)
    }

    /// The timeout that fires for want of time to fall back: none where one fires without a silent family too.
    fn fires(&self, timeouts: Timeouts) -> Option<Margin> {
        let first = |spent: &Spent| self.bounds(timeouts).margins(spent).into_iter().next();
        let alone =
            |exchange: &&HttpExchange| first(&Spent::of(exchange)).is_some_and(|margin| margin.left().is_none());
        let slow = |exchange: &&HttpExchange| micros(Spent::of(exchange).longest()) > SLOW_US;
        if self.answered.iter().any(|exchange| alone(exchange) || slow(exchange)) {
            return None;
        }
        let quickest = self.answered.iter().min_by_key(|exchange| Spent::of(exchange).total())?;
        first(&self.spent(quickest)).filter(|margin| margin.left().is_none())
    }
}

/// Judges the caller's timeouts, where it says how it dials.
pub(super) fn judge(case: &Case) -> Vec<Finding> {
    let (Some(fallback), Some(timeouts)) = (Fallback::of(case), case.wishes.timeouts) else { return Vec::new() };
    let Some(margin) = fallback.fires(timeouts) else { return Vec::new() };
    let subject = case.origin.url(&case.path);
    let (silent, answering) = (case.endpoint(fallback.silent), case.endpoint(fallback.answering));
    let client = fallback.dialler.title();
    // It is measured to be silent only for so long as it was waited for.
    let needed = fallback.begins().unwrap_or(margin.limit).min(margin.limit);
    let waited =
        fallback.unanswered.iter().filter_map(|exchange| Some(exchange.outcome.as_ref().err()?.elapsed())).min();
    let turn =
        match fallback.begins().and_then(|begins| margin.limit.checked_sub(begins)).filter(|left| !left.is_zero()) {
            Some(left) => format!("leaves only {} for {answering} then", ms(micros(left))),
            None => format!("ends before {answering} is tried"),
        };
    let support = supports("l3.fallback_budget")
        .about(&subject)
        .because(format!(
            "{client} begins with {silent}, which never answers, and the caller's {} timeout of {} {turn}",
            margin.name,
            ms(micros(margin.limit)),
        ))
        .citing(case.order.iter().map(|order| order.evidence))
        .citing(fallback.unanswered.iter().map(|exchange| exchange.evidence))
        .measuring(Measure::duration("limit", margin.limit))
        .measuring(Measure::duration("needed", margin.spent));
    let support = if waited.is_some_and(|waited| waited >= needed) { support.proof() } else { support.strong() };
    let longest = fallback.answered.iter().map(|exchange| Spent::of(exchange).total()).max().unwrap_or_default();
    let refuted = |cause: &str, why: String| {
        let cited = fallback.answered.iter().map(|exchange| exchange.evidence);
        refutes(cause).proof().about(&subject).because(why).citing(cited).build()
    };
    let mut findings = vec![
        support.build(),
        refuted(
            "app.deadline_budget",
            format!(
                "a client that begins with {answering} needs {} at most, for which the time does",
                ms(micros(longest))
            ),
        ),
        refuted("http.server_slow", format!("{answering} connects and answers within {}", ms(micros(longest)))),
    ];
    // What is dropped over IPv4 may well be dropped by a filter.
    if silent.is_ipv6() {
        findings.push(refuted(
            "fw.drop_remote",
            format!("the same port answers at {answering}, for whoever comes to try it"),
        ));
    }
    findings
}

/// What the caller meets, where its first family is silent.
pub(super) fn notes(case: &Case) -> Option<(&'static str, String)> {
    let fallback = Fallback::of(case)?;
    let (client, after) = (fallback.dialler.title(), ms(micros(fallback.experience.after)));
    let silent = fallback.silent;
    Some((
        "fallback",
        match &fallback.experience.outcome {
            Ok(address) => format!("{client} connects to {address} after {after}: {silent} comes first and is silent"),
            Err(error) => format!("{client} fails after {after} with {error}: {silent} comes first and is silent"),
        },
    ))
}

/// What the handshakes with an address came to; none where it was not dialled.
fn candidate(case: &Case, address: &str) -> Option<Candidate> {
    let fates: Vec<Fate> = dialled(case, address)
        .map(|exchange| Fate::of(&exchange.connection, &exchange.outcome))
        .collect::<Option<_>>()?;
    let connected = fates.iter().filter_map(|fate| match fate {
        Fate::Connected(after) => Some(*after),
        Fate::Failed(..) | Fate::Silent => None,
    });
    let fate = connected
        .min()
        .map(Fate::Connected)
        // An error is an answer to somebody who waits for one.
        .or_else(|| fates.iter().find(|fate| **fate != Fate::Silent).cloned())
        .or_else(|| fates.first().cloned())?;
    Some(Candidate { address: address.to_owned(), fate })
}

/// The address that RFC 6724 puts first, by the addresses that the dials left from.
fn sorted(case: &Case, candidates: &[Candidate]) -> Option<IpAddr> {
    let from = |address: &str| dialled(case, address).find_map(|exchange| exchange.connection.local.as_ref());
    let pair = |candidate: &Candidate| {
        let source = from(&candidate.address).and_then(|local| local.address.parse().ok());
        Some((candidate.address.parse().ok()?, source))
    };
    selection::sorted(candidates.iter().map(pair).collect::<Option<_>>()?).first().copied()
}

/// The requests for the target's own page to this address.
fn dialled<'a>(case: &'a Case, address: &str) -> impl Iterator<Item = &'a HttpExchange> + use<'a> {
    let opening = case.opening(address);
    let of_it = case.exchanges.iter().filter(move |(get, _)| Get { attempt: 0, ..get.clone() } == opening);
    of_it.map(|(_, exchange)| exchange)
}
