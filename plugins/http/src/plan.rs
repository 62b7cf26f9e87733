//! What to request next, given what is known: a pure function, so that a whole run can be played natively.
//!
//! First the page itself, at each address, along its redirects at one; then, by what came, the requests that separate one cause
//! from another. A good answer is asked for a few times more, because one bad backend of several shows only in a share of the
//! answers. How long an idle connection lives is asked only where the caller wants to know.

use std::time::Duration;

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::location::Place;
use sonde_sdk::types::Reason;

use crate::body;
use crate::case::{self, Case, End, Form, Get, Step, Walk};
use crate::dead_end;
use crate::held::{self, Held};

/// The steps not yet taken that the case wants now; empty when it is ready to be judged.
pub(crate) fn next(case: &Case) -> Vec<Step> {
    let openings: Vec<Step> = case.addresses.iter().map(|address| Step::Get(case.opening(address))).collect();
    let mut wanted: Vec<Step> = openings.into_iter().filter(|step| !case.done(step)).collect();
    if !wanted.is_empty() {
        return wanted;
    }
    let Some(walk) = case.walk() else { return refused(case) };
    wanted = match walk {
        Walk::Next(get) => vec![Step::Get(get)],
        Walk::Ends(get, exchange) => match patience(exchange) {
            Some(pause) => vec![Step::Later(Get { attempt: 1, ..get.clone() }, pause)],
            None => follow_up(case, get, exchange),
        },
        Walk::Leaves(get, _, location) => {
            let mut steps = repeats(get, 1..=SAMPLE);
            let beyond = case.origin.beyond(&get.path, &location).filter(|_| !case.origin.grpc);
            steps.extend(beyond.into_iter().flat_map(|place| self::beyond(case, get, &place)));
            steps
        }
        Walk::Endless(_) => Vec::new(),
        Walk::Circles(passed) => passed.first().map_or_else(Vec::new, |(get, _)| repeats(get, 1..=1)),
    };
    wanted.extend(beside(case));
    wanted.retain(|step| !case.done(step));
    if wanted.is_empty() {
        wanted = idle(case);
        wanted.extend(detour(case));
        wanted.extend(fallback(case));
    }
    wanted
}

/// At the other addresses: again where the dial got no answer, and where the answer was good while this address fails.
fn beside(case: &Case) -> Vec<Step> {
    let Some(suspect) = case.suspect() else { return Vec::new() };
    let fails = case.find(&case.opening(suspect)).is_some_and(|exchange| case::end(exchange).fails());
    let wanted = |get: &Get| {
        case.find(get).is_some_and(|exchange| {
            (case.answering && drops(exchange)) || (fails && matches!(case::end(exchange), End::Answered(..400)))
        })
    };
    let others = case.addresses.iter().filter(|address| *address != suspect).map(|address| case.opening(address));
    others.filter(wanted).flat_map(|get| repeats(&get, 1..=1)).collect()
}

/// By way of the proxy that an environment names, twice.
fn detour(case: &Case) -> Vec<Step> {
    let (Some(owner), Some(Walk::Ends(get, exchange))) = (case.wishes.proxies, case.walk()) else { return Vec::new() };
    if case.origin.grpc || !matches!(case::end(exchange), End::Answered(_)) {
        return Vec::new();
    }
    let mut wanted = vec![Step::Proxies(owner)];
    if let Some(proxy) = case.proxy() {
        wanted.extend([0, 1].map(|attempt| Step::Via(Get { attempt, ..get.clone() }, proxy.clone())));
    }
    wanted.retain(|step| !case.done(step));
    wanted
}

/// Where the caller says how it dials: the addresses of a silent family, twice each, and which family it begins with.
fn fallback(case: &Case) -> Vec<Step> {
    if case.wishes.timeouts.is_none_or(|timeouts| timeouts.dialler.is_none()) {
        return Vec::new();
    }
    let opened = |address: &String| case.find(&case.opening(address));
    let dropped = |address: &&String| opened(address).is_some_and(drops);
    let silent: Vec<&String> = case.silent.iter().chain(case.addresses.iter().filter(dropped)).collect();
    let answers = |address: &&String| opened(address).is_some_and(|e| matches!(case::end(e), End::Answered(_)));
    let Some(answering) = case.addresses.iter().find(answers) else { return Vec::new() };
    let other = |address: &&String| address.contains(':') != answering.contains(':');
    if silent.len() > MOST_SILENT || !silent.iter().any(other) {
        return Vec::new();
    }
    let again = |address: &&String| u8::from(opened(address).is_some_and(drops));
    let dials = silent.iter().map(|address| Get { attempt: again(address), ..case.opening(address) }).map(Step::Get);
    std::iter::once(Step::Order).chain(dials).filter(|step| !case.done(step)).collect()
}

/// Whether a connection outlives the caller's pause; where it does not, half of what it did live.
fn idle(case: &Case) -> Vec<Step> {
    let (Some(pause), Some(Walk::Ends(get, exchange))) = (case.wishes.idle, case.walk()) else { return Vec::new() };
    if !matches!(case::end(exchange), End::Answered(..400)) {
        return Vec::new();
    }
    let whole = Step::Idle(get.clone(), pause);
    let Some((_, _, idled)) = case.idles.iter().find(|(done, paused, _)| done == get && *paused == pause) else {
        return vec![whole];
    };
    let Some(sequel) = idled.sequels.first().filter(|sequel| sequel.outcome.is_err()) else { return Vec::new() };
    let lived = sequel.closed.as_ref().map_or(pause, |closed| Duration::from_micros(closed.after_us));
    // Again, to see that it is the rule, and half of it, to see that it is the time.
    let again = Step::Idle(Get { attempt: 1, ..get.clone() }, pause);
    let half = Step::Idle(Get { attempt: 2, ..get.clone() }, lived / 2);
    [again, half].into_iter().filter(|step| !case.done(step)).collect()
}

/// No address accepted a connection. Where one refused, another backend behind it may not; nor where one was silent that
/// answered `connect`.
fn refused(case: &Case) -> Vec<Step> {
    let worth = |exchange: &HttpExchange| refuses(exchange) || (case.answering && drops(exchange));
    let refusing =
        case.addresses.iter().map(|address| case.opening(address)).find(|get| case.find(get).is_some_and(worth));
    let mut wanted = refusing.map_or_else(Vec::new, |get| {
        let some = case.repeats(&get).any(|exchange| matches!(case::end(exchange), End::Answered(_)));
        repeats(&get, 1..=if some { SAMPLE + 5 } else { SAMPLE })
    });
    wanted.retain(|step| !case.done(step));
    wanted
}

/// The connection was refused.
pub(crate) fn refuses(exchange: &HttpExchange) -> bool {
    unconnected_by(exchange, &Reason::Refused)
}

/// The dial got no answer.
pub(crate) fn drops(exchange: &HttpExchange) -> bool {
    unconnected_by(exchange, &Reason::TimedOut)
}

fn unconnected_by(exchange: &HttpExchange, reason: &Reason) -> bool {
    matches!(case::end(exchange), End::NoConnection)
        && exchange.outcome.as_ref().is_err_and(|failure| failure.reason == *reason)
}

fn repeats(get: &Get, attempts: std::ops::RangeInclusive<u8>) -> Vec<Step> {
    attempts.map(|attempt| Step::Get(Get { attempt, ..get.clone() })).collect()
}

/// How long a server that throttles asks to wait, where a run can.
fn patience(exchange: &HttpExchange) -> Option<Duration> {
    let throttled = case::end(exchange) == End::Answered(429);
    exchange.response.as_ref().filter(|_| throttled)?.retry_after().filter(|wait| *wait <= LONGEST_PATIENCE)
}

fn follow_up(case: &Case, get: &Get, exchange: &HttpExchange) -> Vec<Step> {
    let end = case::end(exchange);
    let in_form = |form| Step::Get(Get { form, attempt: 0, ..get.clone() });
    let tls = || Step::Tls(get.address.clone());
    let plain = !case.origin.https;
    let mut steps = match end.clone() {
        End::Answered(500..) => repeats(get, 1..=SAMPLE + 1),
        End::Answered(400) if plain => vec![tls()],
        End::Answered(401 | 403 | 404 | 407 | 410 | 429 | 431) => repeats(get, 1..=1),
        End::NoSession | End::Untested | End::Http2 | End::BadHead | End::Answered(400..) => Vec::new(),
        End::Answered(_) if case::wait_us(exchange).is_some_and(|wait| wait > BRISK_US) => repeats(get, 1..=1),
        End::Answered(_) if body::drips(exchange) => repeats(get, 1..=2),
        End::NoConnection | End::Answered(_) => repeats(get, 1..=SAMPLE),
        End::Silent | End::Stuck => {
            // Alone, each in a round of its own; and where this host may make the silence, nothing else would tell more.
            match held::look(case, get) {
                Held::Open(step, _) => return vec![step],
                Held::Unsent(_) | Held::Dropped(_) | Held::Suspect(_) => return Vec::new(),
                Held::Innocent => {}
            }
            let mut steps = repeats(get, 1..=1);
            steps.extend([in_form(Form::Padded), Step::Mtu(get.address.clone())]);
            steps.extend([0, 1].map(|attempt| Step::Get(Get { form: Form::Small, attempt, ..get.clone() })));
            if !case.origin.grpc {
                steps.push(in_form(Form::Head));
            }
            steps
        }
        End::Limited => {
            let mut steps = repeats(get, 1..=1);
            if !case.origin.grpc {
                steps.push(in_form(Form::Http1));
            }
            steps
        }
        End::Empty | End::Truncated | End::Reset(_) | End::TlsBytes | End::NotHttp => {
            let mut steps = repeats(get, 1..=1);
            if plain {
                steps.push(tls());
            }
            if end == End::Reset(false) {
                steps.push(Step::Hold(get.address.clone(), 0));
            }
            steps
        }
    };
    // In a round of its own: no other probe may run meanwhile.
    if steps.iter().all(|step| case.done(step)) {
        let uncounted = body::trickles(case, get) && body::counted(case, get).is_none();
        steps.extend(uncounted.then(|| in_form(Form::Counted)));
    }
    // Some fail and some do not: how many?
    let silent = end == End::Silent;
    let failed = case
        .repeats(get)
        .filter(|exchange| fails(exchange) || refuses(exchange) || (!silent && drops(exchange)))
        .count();
    if failed > 0 && failed < case.repeats(get).count() {
        steps.extend(repeats(get, SAMPLE + 1..=SAMPLE + 5));
    }
    steps
}

/// An answer that a backend would give only if something is wrong with it.
pub(crate) fn fails(exchange: &HttpExchange) -> bool {
    matches!(case::end(exchange), End::Answered(500..) | End::Empty | End::Reset(_) | End::Truncated)
}

/// The place that a redirect leads to, and again where it fails.
fn beyond(case: &Case, get: &Get, place: &Place) -> Vec<Step> {
    let again = case.reached(place).next().is_some_and(|first| dead_end::of(first).is_some());
    (0..=u8::from(again)).map(|attempt| Step::Beyond(get.address.clone(), place.clone(), attempt)).collect()
}

/// Of a family, as many as are dialled at all.
const MOST_SILENT: usize = 4;
/// A diagnosis is to take seconds.
const LONGEST_PATIENCE: Duration = Duration::from_secs(2);
/// How often a good answer is asked for again: three or four backends are met once each.
const SAMPLE: u8 = 3;
/// A page that takes longer is not fetched over and over.
const BRISK_US: u64 = 300_000;
