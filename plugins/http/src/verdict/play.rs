//! Plays a whole run against a modelled server: the plan requests, the model answers, the verdict judges. For tests only.

use std::cell::Cell;
use std::time::Duration;

use sonde_sdk::connection::{TlsSession, Verification};
use sonde_sdk::dial::{HttpExchange, TcpDial, TlsDial};
use sonde_sdk::dns::Resolution;
use sonde_sdk::location::Place;
use sonde_sdk::path::{MtuConclusion, PathMtuResult};
use sonde_sdk::system::ProxiesAnswer;
use sonde_sdk::testkit;
use sonde_sdk::types::{Endpoint, Phase, Property, Reason};

use super::{Judgement, judge};
use crate::case::{Case, Detour, Get, Step, Wishes};
use crate::location::Origin;
use crate::plan;

/// An exchange, by the request and how many came before.
type Exchange<'a> = Box<dyn Fn(&Get, usize) -> HttpExchange + 'a>;

/// A modelled server. It is told how many requests came before.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a model")]
pub(crate) struct Net<'a> {
    pub(crate) http: Exchange<'a>,
    pub(crate) speaks_tls: bool,
    /// What becomes of a hello, where it does not speak TLS.
    pub(crate) hello: Reason,
    /// What `connect` found.
    pub(crate) answering: bool,
    /// Which addresses `connect` got no answer from, and all of them in the order of the C library.
    pub(crate) silent: Vec<&'static str>,
    pub(crate) order: Vec<&'static str>,
    /// How long a silent server is waited for when asked again.
    pub(crate) patience_ms: u64,
    pub(crate) mtu: Box<dyn Fn() -> PathMtuResult + 'a>,
    /// What happens to a connection on which nothing is asked.
    pub(crate) hold: Box<dyn Fn() -> TcpDial + 'a>,
    pub(crate) https: bool,
    pub(crate) path: &'static str,
    pub(crate) addresses: Vec<&'static str>,
    pub(crate) wishes: Wishes,
    pub(crate) idle: Box<dyn Fn(Duration, usize) -> HttpExchange + 'a>,
    pub(crate) grpc: bool,
    /// The proxy variables, and what comes by way of the proxy.
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    pub(crate) via: fn() -> HttpExchange,
    /// What answers behind another scheme or port of the host.
    pub(crate) beyond: fn(&Place) -> HttpExchange,
}

impl<'a> Net<'a> {
    pub(crate) fn new(http: impl Fn(&Get, usize) -> HttpExchange + 'a) -> Self {
        Self {
            http: Box::new(http),
            speaks_tls: false,
            hello: Reason::Malformed("no TLS".to_owned()),
            answering: true,
            silent: vec![],
            order: vec![],
            patience_ms: 8000,
            mtu: Box::new(unanswered_echoes),
            hold: Box::new(|| held(&[])),
            https: false,
            path: "/",
            addresses: vec!["192.0.2.80"],
            wishes: Wishes::default(),
            idle: Box::new(|_, _| answer(200)),
            grpc: false,
            variables: vec![],
            via: || answer(200),
            beyond: |_| answer(200),
        }
    }

    pub(crate) fn case(&self) -> Case {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let port = if self.https { 443 } else { 80 };
        let origin = Origin { https: self.https, grpc: self.grpc, host: "shop.example".to_owned(), port };
        let mut case = Case::new(origin, self.path, &addresses);
        case.wishes = self.wishes.clone();
        case.answering = self.answering;
        case.silent = self.silent.iter().map(ToString::to_string).collect();
        let ids = Cell::new(0);
        let id = || {
            ids.set(ids.get() + 1);
            testkit::evidence(ids.get())
        };
        for _ in 0..crate::MOST_ROUNDS {
            for step in plan::next(&case) {
                match step {
                    Step::Get(get) | Step::Later(get, _) => {
                        let mut exchange = HttpExchange { evidence: id(), ..(self.http)(&get, case.exchanges.len()) };
                        if let (1, Err(failure)) = (get.attempt, &mut exchange.outcome)
                            && failure.reason == Reason::TimedOut
                        {
                            failure.elapsed_us = self.patience_ms * 1000;
                        }
                        case.exchanges.push((get, exchange));
                    }
                    Step::Idle(get, pause) => {
                        let exchange = HttpExchange { evidence: id(), ..(self.idle)(pause, case.idles.len()) };
                        case.idles.push((get, pause, exchange));
                    }
                    Step::Proxies(_) => {
                        let property = |(name, value): &(&str, &str)| Property {
                            name: (*name).to_owned(),
                            value: (*value).to_owned(),
                        };
                        case.proxies = Some(ProxiesAnswer {
                            evidence: id(),
                            timing: testkit::timing(0),
                            outcome: Ok(self.variables.iter().map(property).collect()),
                        });
                    }
                    Step::Via(get, proxy) => {
                        let exchange = Some(HttpExchange { evidence: id(), ..(self.via)() });
                        case.detours.push(Detour { get, proxy, exchange });
                    }
                    Step::Order => {
                        let resolution = testkit::resolution(0, &self.order);
                        case.order = Some(Resolution { evidence: id(), ..resolution });
                    }
                    Step::Mtu(address) => {
                        let result = PathMtuResult { evidence: id(), ..(self.mtu)() };
                        case.mtus.push((address, result));
                    }
                    Step::Hold(address, attempt) => {
                        let dial = TcpDial { evidence: id(), ..(self.hold)() };
                        case.holds.push((address, attempt, dial));
                    }
                    Step::Beyond(_, place, _) => {
                        let exchange = HttpExchange { evidence: id(), ..(self.beyond)(&place) };
                        case.beyond.push((place, exchange));
                    }
                    Step::Tls(address) => {
                        let dial = TlsDial { evidence: id(), ..self.handshake() };
                        case.handshakes.push((address, dial));
                    }
                }
            }
        }
        assert!(plan::next(&case).is_empty(), "the plan does not end: {:?}", plan::next(&case));
        case
    }

    pub(crate) fn run(&self) -> Judgement {
        judge(&self.case())
    }

    fn handshake(&self) -> TlsDial {
        let mut dial = testkit::tls_dial(0, testkit::session(vec![], Verification::Accepted));
        if !self.speaks_tls {
            dial.session = None;
            dial.outcome = Err(testkit::failure(Phase::Tls, self.hello.clone(), 1));
        }
        dial
    }
}

/// A complete answer.
pub(crate) fn answer(status: u16) -> HttpExchange {
    testkit::http_exchange(0, status)
}

/// An answer with one header.
pub(crate) fn with(status: u16, headers: &[(&str, &str)]) -> HttpExchange {
    let mut exchange = answer(status);
    if let Some(response) = &mut exchange.response {
        response.headers =
            headers.iter().map(|(n, v)| Property { name: (*n).to_owned(), value: (*v).to_owned() }).collect();
    }
    exchange
}

/// An answer whose first byte came after this long.
pub(crate) fn after(ms: u64) -> HttpExchange {
    let mut exchange = answer(200);
    exchange.phases.wait = Some(testkit::timing(ms));
    exchange
}

/// An answer over a session verified as said.
pub(crate) fn verified(status: u16, verification: Verification) -> HttpExchange {
    let session: TlsSession = testkit::session(vec![], verification);
    HttpExchange { session: Some(session), ..answer(status) }
}

/// The request was taken, all of it acknowledged, and then this happened.
pub(crate) fn unanswered(reason: Reason) -> HttpExchange {
    let mut exchange = answer(200);
    exchange.response = None;
    exchange.outcome = Err(testkit::failure(Phase::Wait, reason, 2500));
    if let Some(info) = &mut exchange.connection.info {
        info.bytes_acked = 120;
    }
    exchange
}

/// The answer began, and then this happened.
pub(crate) fn broken_off(reason: Reason) -> HttpExchange {
    let mut exchange = answer(200);
    if let Some(response) = &mut exchange.response {
        (response.body_complete, response.content_length, response.body_bytes) = (false, Some(1000), 10);
    }
    exchange.outcome = Err(testkit::failure(Phase::Receive, reason, 10));
    if let Some(info) = &mut exchange.connection.info {
        info.bytes_acked = 120;
    }
    exchange
}

/// These bytes came instead of an answer.
pub(crate) fn bytes(bytes: &[u8]) -> HttpExchange {
    let mut exchange = unanswered(Reason::Malformed("not HTTP".to_owned()));
    exchange.not_http = Some(bytes.to_vec());
    exchange
}

/// A page that began at once and took this long, of so many bytes; nothing came out of order.
pub(crate) fn dripping(receive_ms: u64, bytes: u64) -> HttpExchange {
    let mut exchange = answer(200);
    exchange.phases.receive = Some(testkit::timing(receive_ms));
    if let Some(response) = &mut exchange.response {
        response.body_bytes = bytes;
    }
    exchange.deltas = Some(testkit::deltas(&[]));
    exchange
}

/// No echo comes back.
pub(crate) fn unanswered_echoes() -> PathMtuResult {
    let silent = testkit::path_mtu_result(0, 1500);
    PathMtuResult { conclusion: MtuConclusion::Unanswered, mtu_bytes: None, ..silent }
}

/// Echoes up to this size come back.
pub(crate) fn black_hole(passed: u32) -> PathMtuResult {
    PathMtuResult {
        conclusion: MtuConclusion::BlackHole,
        lost_from_bytes: Some(passed + 1),
        ..testkit::path_mtu_result(0, passed)
    }
}

/// The request was sent, and its packets were lost again and again.
pub(crate) fn lost() -> HttpExchange {
    let mut exchange = unanswered(Reason::TimedOut);
    if let Some(info) = &mut exchange.connection.info {
        (info.unacked, info.backoff, info.lost, info.bytes_acked) = (3, 3, 1, 1);
    }
    exchange
}

/// Nothing comes, and meanwhile these counters move.
pub(crate) fn silent_while(moved: &[(&str, i64)]) -> HttpExchange {
    HttpExchange { deltas: Some(testkit::deltas(moved)), ..unanswered(Reason::TimedOut) }
}

/// A connection on which nothing is asked, and meanwhile these counters move.
pub(crate) fn held(moved: &[(&str, i64)]) -> TcpDial {
    let dial = testkit::dial(0, &Endpoint::new("192.0.2.80", 80), 500);
    TcpDial { deltas: Some(testkit::deltas(moved)), ..dial }
}

/// No TCP connection.
pub(crate) fn unconnected(reason: Reason) -> HttpExchange {
    let tcp = testkit::failed_dial(0, &Endpoint::new("192.0.2.80", 80), reason);
    let mut exchange = answer(200);
    exchange.response = None;
    exchange.connection = tcp.connection;
    exchange.outcome = tcp.outcome;
    exchange
}
