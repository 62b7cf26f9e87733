//! One dial of one address, and several of them one after another.

use std::time::Duration;

use sonde_sdk::dial::experience::Fate;
use sonde_sdk::dial::{self, Connection, HttpExchange, HttpRequest, TcpRequest, TlsRequest, TlsSession, Verification};
use sonde_sdk::prelude::*;

use crate::request::{HttpWish, Speak, TlsWish, Wish};

/// The dials of one address, in order.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) endpoint: Endpoint,
    pub(crate) attempts: Vec<Attempt>,
    /// Of an HTTP target: what the first one that was answered got.
    pub(crate) exchange: Option<Box<HttpExchange>>,
}

/// What came of one dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The TCP handshake; none where it failed.
    pub(crate) connect: Option<Duration>,
    /// The whole dial; none where it failed.
    pub(crate) whole: Option<Duration>,
    /// What is wrong, in words; none where nothing is.
    pub(crate) trouble: Option<String>,
    /// Of a TCP handshake that failed; none where it succeeded, or where the dial was our own refusal.
    pub(crate) fate: Option<Fate>,
}

impl Attempt {
    /// The dial succeeded, and what it presented is accepted here.
    pub(crate) fn is_good(&self) -> bool {
        self.trouble.is_none()
    }

    fn of(connection: &Connection, whole: &Timing, failure: Option<&Failure>, trouble: Option<String>) -> Self {
        let connected = failure.is_none_or(|failure| !matches!(failure.phase, Phase::Socket | Phase::Connect));
        let fate = failure.filter(|failure| !connected && !failure.is_our_own()).map(|failure| match failure.reason {
            // Our own deadline, not the kernel's: a program may wait longer.
            Reason::TimedOut if failure.errno.is_none() => Fate::Silent,
            _ => {
                let name = failure.errno_name.clone().unwrap_or_else(|| failure.detail.clone());
                Fate::Failed(failure.elapsed(), name)
            }
        });
        let own = failure.is_some_and(Failure::is_our_own);
        Self {
            connect: (connected && !own).then(|| connection.connect.elapsed()),
            whole: failure.is_none().then(|| whole.elapsed()),
            trouble,
            fate,
        }
    }
}

/// Dials as often as wished, until the deadline.
pub(crate) async fn repeat(endpoint: Endpoint, wish: &Wish, deadline: Duration) -> Series {
    let mut series = Series { endpoint, attempts: Vec::new(), exchange: None };
    for number in 0..wish.count {
        if number > 0 {
            timer::sleep(wish.interval).await;
        }
        let left = deadline.saturating_sub(timer::now());
        if left.is_zero() {
            break;
        }
        let patience = wish.timeout.min(left);
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

async fn tcp(endpoint: &Endpoint, wish: &Wish, patience: Duration) -> Attempt {
    let mut request = TcpRequest::to(endpoint.clone()).within(patience);
    request.local_address.clone_from(&wish.bind);
    request.device.clone_from(&wish.device);
    if wish.tcp.reset {
        request = request.resetting();
    }
    request = request.holding(wish.tcp.hold);
    if wish.deltas {
        request = request.with_deltas();
    }
    let seen = dial::tcp(request).await;
    let failure = seen.outcome.as_ref().err();
    Attempt::of(&seen.connection, &seen.timing, failure, failure.map(|failure| said(endpoint, failure)))
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
    Attempt::of(&seen.connection, &seen.timing, seen.outcome.as_ref().err(), trouble)
}

/// The request that a wish comes to at this endpoint.
pub(crate) fn http_request(endpoint: &Endpoint, wish: &Wish, wanted: &HttpWish, patience: Duration) -> HttpRequest {
    let place = &wanted.place;
    let mut request = HttpRequest::get(endpoint.clone(), &place.authority(), &place.path)
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
    Attempt::of(&exchange.connection, &exchange.timing, exchange.outcome.as_ref().err(), trouble)
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
