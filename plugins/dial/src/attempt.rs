//! One dial of one address, and several of them one after another.

use std::time::Duration;

use sonde_sdk::dial::{self, HttpExchange, HttpRequest, TcpRequest, TlsRequest, TlsSession, Verification};
use sonde_sdk::prelude::*;

use crate::request::{HttpWish, Speak, TcpWish, TlsWish, Wish};

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
}

impl Attempt {
    /// The dial succeeded, and what it presented is accepted here.
    pub(crate) fn is_good(&self) -> bool {
        self.trouble.is_none()
    }

    fn of(connected: bool, connect: &Timing, whole: &Timing, trouble: Option<String>, failed: bool) -> Self {
        Self { connect: connected.then(|| connect.elapsed()), whole: (!failed).then(|| whole.elapsed()), trouble }
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
    let TcpWish { bind, device, reset, hold } = &wish.tcp;
    if let Some(bind) = bind {
        request = request.from(bind);
    }
    if let Some(device) = device {
        request = request.through(device);
    }
    if *reset {
        request = request.resetting();
    }
    request = request.holding(*hold);
    if wish.deltas {
        request = request.with_deltas();
    }
    let seen = dial::tcp(request).await;
    let trouble = seen.outcome.as_ref().err().map(|failure| said(endpoint, failure));
    Attempt::of(seen.outcome.is_ok(), &seen.connection.connect, &seen.timing, trouble, seen.outcome.is_err())
}

async fn tls(endpoint: &Endpoint, wish: &Wish, wanted: &TlsWish, patience: Duration) -> Attempt {
    let mut request = TlsRequest::to(endpoint.clone(), &wanted.server_name)
        .offering(wanted.alpn.iter().map(String::as_str))
        .within(patience);
    if !wanted.send_sni {
        request = request.without_sni();
    }
    if wish.deltas {
        request = request.with_deltas();
    }
    let seen = dial::tls(request).await;
    let trouble = match &seen.outcome {
        Err(failure) => Some(said(endpoint, failure)),
        Ok(()) => seen.session.as_ref().and_then(|session| refused(endpoint, session)),
    };
    Attempt::of(seen.handshake.is_some(), &seen.connection.connect, &seen.timing, trouble, seen.outcome.is_err())
}

/// The request that a wish comes to at this endpoint.
pub(crate) fn http_request(endpoint: &Endpoint, wish: &Wish, wanted: &HttpWish, patience: Duration) -> HttpRequest {
    let place = &wanted.place;
    let mut request = HttpRequest::get(endpoint.clone(), &place.authority(), &place.path)
        .method(&wanted.method)
        .reading_at_most(wanted.body_limit)
        .within(patience);
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
    let endpoint = exchange.connection.local.is_some();
    let trouble = match &exchange.outcome {
        Err(failure) => Some(failure.detail.clone()),
        Ok(()) => exchange.session.as_ref().and_then(unaccepted),
    };
    let connected = endpoint && (exchange.phases.send.is_some() || exchange.phases.tls.is_some());
    Attempt::of(connected, &exchange.connection.connect, &exchange.timing, trouble, exchange.outcome.is_err())
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
