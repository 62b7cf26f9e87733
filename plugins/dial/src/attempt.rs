//! One dial of one address, and several of them one after another.

use std::time::Duration;

use sonde_sdk::connection::{Connection, TlsSession, Verification};
use sonde_sdk::dial::experience::Fate;
use sonde_sdk::dial::{self, HttpExchange, HttpRequest, TcpAttempt, TcpRequest, TcpSeries, TlsRequest};
use sonde_sdk::prelude::*;

use crate::request::{HttpWish, Speak, TlsWish, Wish};

/// The dials of one address, in order.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) endpoint: Endpoint,
    /// As many as were made.
    pub(crate) attempts: Vec<Attempt>,
    /// Of an HTTP target: what the first one that was answered got.
    pub(crate) exchange: Option<Box<HttpExchange>>,
}

/// What came of one dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Of the TCP handshake; none where the dial was our own refusal.
    pub(crate) fate: Option<Fate>,
    /// The whole dial; none where it failed.
    pub(crate) whole: Option<Duration>,
    /// What is wrong, in words; none where nothing is.
    pub(crate) trouble: Option<String>,
}

impl Attempt {
    /// The dial succeeded, and what it presented is accepted here.
    pub(crate) fn is_good(&self) -> bool {
        self.trouble.is_none()
    }

    /// It was not granted, not possible here or out of budget, which says nothing of the network.
    pub(crate) fn is_our_own(&self) -> bool {
        self.fate.is_none()
    }

    /// The TCP handshake; none where it failed.
    pub(crate) fn connect(&self) -> Option<Duration> {
        match self.fate {
            Some(Fate::Connected(after)) => Some(after),
            _ => None,
        }
    }

    fn of(connection: &Connection, whole: &Timing, outcome: &Result<(), Failure>, trouble: Option<String>) -> Self {
        Self { fate: Fate::of(connection, outcome), whole: outcome.is_ok().then(|| whole.elapsed()), trouble }
    }

    fn failed(endpoint: &Endpoint, failure: &Failure) -> Self {
        let fate = (!failure.is_our_own()).then(|| Fate::failed(failure));
        Self { fate, whole: None, trouble: Some(said(endpoint, failure)) }
    }
}

/// Dials as often as wished, or until the deadline.
pub(crate) async fn repeat(endpoint: Endpoint, wish: &Wish, deadline: Duration) -> Series {
    let mut series = Series { endpoint, attempts: Vec::new(), exchange: None };
    let mut begins = timer::now();
    let left = deadline.saturating_sub(begins);
    let patience = wish.timeout.min(left);
    if patience.is_zero() {
        return series;
    }
    if wish.is_one_call() {
        let request = tcp_request(&series.endpoint, wish, patience).times(wish.count).every(wish.interval);
        let seen = dial::tcp_repeat(request.within(left)).await;
        series.attempts = of_series(&series.endpoint, &seen);
        return series;
    }
    for number in 0..wish.count {
        if number > 0 {
            begins = begins.saturating_add(wish.interval).max(timer::now());
            // With less than all of its time it would be lost by us, and a pause beyond the deadline would lose what is known.
            if begins.saturating_add(patience).saturating_add(wish.tcp.hold) > deadline {
                break;
            }
            timer::sleep(begins.saturating_sub(timer::now())).await;
        }
        let attempt = match &wish.speak {
            Speak::Tcp => tcp(&series.endpoint, wish, patience).await,
            Speak::Tls(wanted) => tls(&series.endpoint, wish, wanted, patience).await,
            Speak::Http(wanted) => {
                let exchange = dial::http(http_request(&series.endpoint, wish, wanted, patience)).await;
                let attempt = of_exchange(&exchange);
                if exchange.response.is_some() && series.exchange.is_none() {
                    series.exchange = Some(Box::new(exchange));
                }
                attempt
            }
        };
        series.attempts.push(attempt);
    }
    series
}

/// One for each that the host has made; it makes none that has not all of its timeout left.
fn of_series(endpoint: &Endpoint, seen: &TcpSeries) -> Vec<Attempt> {
    match &seen.outcome {
        Ok(()) => seen.attempts.iter().map(|attempt| one_of(endpoint, seen, attempt)).collect(),
        Err(failure) => vec![Attempt::failed(endpoint, failure)],
    }
}

fn one_of(endpoint: &Endpoint, seen: &TcpSeries, attempt: &TcpAttempt) -> Attempt {
    let group = attempt.failure.and_then(|place| seen.failures.get(usize::from(place)));
    if let Some(group) = group {
        return Attempt::failed(endpoint, &Failure { elapsed_us: attempt.connect_us, ..group.first.clone() });
    }
    let took = Duration::from_micros(attempt.connect_us);
    Attempt { fate: Some(Fate::Connected(took)), whole: Some(took), trouble: None }
}

async fn tcp(endpoint: &Endpoint, wish: &Wish, patience: Duration) -> Attempt {
    let request = tcp_request(endpoint, wish, patience).holding(wish.tcp.hold);
    let seen = dial::tcp(if wish.deltas { request.with_deltas() } else { request }).await;
    let trouble = seen.outcome.as_ref().err().map(|failure| said(endpoint, failure));
    Attempt::of(&seen.connection, &seen.timing, &seen.outcome, trouble)
}

fn tcp_request(endpoint: &Endpoint, wish: &Wish, patience: Duration) -> TcpRequest {
    let mut request = TcpRequest::to(endpoint.clone()).within(patience);
    request.local_address.clone_from(&wish.bind);
    request.device.clone_from(&wish.device);
    if wish.tcp.reset { request.resetting() } else { request }
}

async fn tls(endpoint: &Endpoint, wish: &Wish, wanted: &TlsWish, patience: Duration) -> Attempt {
    let mut request = TlsRequest::to(endpoint.clone(), &wanted.server_name)
        .offering(wanted.alpn.iter().map(String::as_str))
        .within(patience);
    request = request.starting_from(wanted.starttls);
    request.local_address.clone_from(&wish.bind);
    request.device.clone_from(&wish.device);
    if !wanted.send_sni {
        request = request.without_sni();
    }
    if wanted.small_hello {
        request = request.with_small_hello();
    }
    if wish.deltas {
        request = request.with_deltas();
    }
    let seen = dial::tls(request).await;
    let trouble = match &seen.outcome {
        Err(failure) => Some(said(endpoint, failure)),
        Ok(()) => seen.session.as_ref().and_then(|session| refused(endpoint, session)),
    };
    Attempt::of(&seen.connection, &seen.timing, &seen.outcome, trouble)
}

/// The request that a wish comes to at this endpoint.
pub(crate) fn http_request(endpoint: &Endpoint, wish: &Wish, wanted: &HttpWish, patience: Duration) -> HttpRequest {
    let place = &wanted.place;
    let host = wanted.host.clone().unwrap_or_else(|| place.authority());
    let mut request = HttpRequest::get(endpoint.clone(), &host, &place.path)
        .method(&wanted.method)
        .speaking(wanted.protocol)
        .reading_at_most(wanted.body_limit)
        .within(patience);
    request.local_address.clone_from(&wish.bind);
    request.device.clone_from(&wish.device);
    let has = |name: &str| wanted.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    for (name, value) in [("user-agent", concat!("sonde/", env!("CARGO_PKG_VERSION"))), ("accept", "*/*")] {
        if !has(name) {
            request = request.header(name, value);
        }
    }
    for (name, value) in &wanted.headers {
        request = request.header(name, value);
    }
    if place.https {
        request = request.over_tls(wanted.server_name.as_deref().unwrap_or(&place.host));
    }
    if wish.deltas {
        request = request.with_deltas();
    }
    request
}

/// What came of an exchange.
pub(crate) fn of_exchange(exchange: &HttpExchange) -> Attempt {
    let trouble = match &exchange.outcome {
        Err(failure) => Some(failure.detail.clone()),
        Ok(()) => exchange.session.as_ref().and_then(unaccepted),
    };
    Attempt::of(&exchange.connection, &exchange.timing, &exchange.outcome, trouble)
}

fn said(endpoint: &Endpoint, failure: &Failure) -> String {
    let detail = &failure.detail;
    if detail.contains(&endpoint.to_string()) { detail.clone() } else { format!("{endpoint}: {detail}") }
}

fn refused(endpoint: &Endpoint, session: &TlsSession) -> Option<String> {
    unaccepted(session).map(|why| format!("{endpoint}: {why}"))
}

fn unaccepted(session: &TlsSession) -> Option<String> {
    let good = matches!(session.verification, Verification::Accepted | Verification::NotReached);
    (!good).then(|| format!("the presented chain is not accepted: {}", session.verification_detail))
}

#[cfg(test)]
mod tests {
    use sonde_sdk::testkit;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn of(seen: &TcpSeries) -> Vec<Attempt> {
        of_series(&Endpoint::new("192.0.2.1", 80), seen)
    }

    #[test]
    fn each_attempt_of_a_series_has_its_own_fate() {
        let attempts = of(&testkit::series(1, &[Some(500), None, Some(700)]));

        assert_eq!(attempts[0].connect(), Some(Duration::from_micros(500)));
        assert_eq!(attempts[1].fate, Some(Fate::Silent));
        assert!(attempts[1].trouble.as_deref().is_some_and(|trouble| trouble.starts_with("192.0.2.1:80: ")));
        assert!(attempts[2].is_good());
    }

    #[test]
    fn a_series_that_is_not_granted_says_nothing_of_the_network() {
        let denied = testkit::failure(Phase::Socket, Reason::Denied("no".to_owned()), 0);
        let attempts = of(&TcpSeries { attempts: vec![], outcome: Err(denied), ..testkit::series(1, &[]) });

        assert!(attempts.len() == 1 && attempts[0].is_our_own());
    }

    #[test]
    fn a_host_header_goes_where_the_requests_host_is() {
        let given = sonde_sdk::check::Argument { name: "headers".to_owned(), value: "Host: a.example".to_owned() };
        let arguments = Arguments::of(crate::request::parameters(), vec![given]).expect("it is right");
        let target = testkit::target(TargetKind::Http, "192.0.2.1", 80, &["192.0.2.1"]);
        let wish = crate::request::wish(&target, &arguments, MS(3500), MS(10_000)).expect("it is right");
        let Speak::Http(wanted) = &wish.speak else { panic!("{wish:?} is no request") };

        let request = http_request(&Endpoint::new("192.0.2.1", 80), &wish, wanted, MS(1));

        assert_eq!(request.host, "a.example");
        assert!(!request.headers.iter().any(|field| field.name.eq_ignore_ascii_case("host")));
    }
}
