//! Plays a whole run against a modelled server: the plan tries, the model answers, the verdict judges. For tests only.

use sonde_sdk::connection::{Certificate, Verification};
use sonde_sdk::dial::{HttpExchange, TlsDial, TlsHelloDial};
use sonde_sdk::path::{MtuConclusion, PathMtuResult};
use sonde_sdk::system::{ClockAnswer, ClockState};
use sonde_sdk::testkit;
use sonde_sdk::types::{Endpoint, Phase, Property, Reason};

use super::{Judgement, judge};
use crate::case::{Case, Sni, Step};
use crate::plan;

/// The wall clock of every model, Unix seconds.
pub(crate) const NOW: i64 = 1_795_228_620;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const HOST: &str = "www.shop.example";

/// A handshake, by the server name, whether ALPN is offered, and the attempt.
type Handshake<'a> = Box<dyn Fn(&Sni, bool, u8) -> TlsDial + 'a>;

/// A modelled server, and what this host knows of its own clock.
pub(crate) struct Net<'a> {
    pub(crate) tls: Handshake<'a>,
    pub(crate) plain: Box<dyn Fn() -> HttpExchange + 'a>,
    pub(crate) http: Box<dyn Fn() -> HttpExchange + 'a>,
    /// With a hello of one packet; as any other handshake when absent.
    pub(crate) small: Option<Box<dyn Fn() -> TlsDial + 'a>>,
    /// An older hello.
    pub(crate) hello: Box<dyn Fn() -> TlsHelloDial + 'a>,
    /// Where the issuer's certificate is.
    pub(crate) issuer: Box<dyn Fn() -> HttpExchange + 'a>,
    /// Knowing that certificate.
    pub(crate) known: Box<dyn Fn() -> TlsDial + 'a>,
    /// In plain text before TLS.
    pub(crate) starttls: Box<dyn Fn() -> TlsDial + 'a>,
    /// More than a packet of plain text.
    pub(crate) large: Box<dyn Fn() -> HttpExchange + 'a>,
    /// Echoes of all sizes.
    pub(crate) mtu: Box<dyn Fn() -> PathMtuResult + 'a>,
    pub(crate) port: u16,
    pub(crate) synchronised: bool,
    pub(crate) https: bool,
    pub(crate) addresses: Vec<String>,
}

impl<'a> Net<'a> {
    pub(crate) fn new(tls: impl Fn(&Sni, bool, u8) -> TlsDial + 'a) -> Self {
        Self {
            tls: Box::new(tls),
            plain: Box::new(|| silent_request(2500)),
            http: Box::new(|| testkit::http_exchange(0, 200)),
            small: None,
            hello: Box::new(|| unanswered_hello(Reason::TlsAlert(40))),
            issuer: Box::new(|| testkit::http_exchange(0, 404)),
            known: Box::new(good),
            starttls: Box::new(|| ended(Reason::Closed)),
            large: Box::new(|| silent_request(2500)),
            mtu: Box::new(unanswered_echoes),
            port: 443,
            synchronised: true,
            https: true,
            addresses: vec!["192.0.2.80".to_owned()],
        }
    }

    pub(crate) fn case(&self) -> Case {
        let mut case = Case::new(HOST, self.port, self.https, &self.addresses);
        case.finds_starttls = !self.https;
        let mut next_id = 0;
        for _ in 0..6 {
            for step in plan::next(&case) {
                next_id += 1;
                let id = testkit::evidence(next_id);
                match &step {
                    Step::Tls { sni, alpn, attempt, .. } => {
                        let dial = TlsDial { evidence: id, ..(self.tls)(sni, *alpn, *attempt) };
                        case.put(step, dial);
                    }
                    Step::Small(_) => {
                        let dial =
                            self.small.as_ref().map_or_else(|| (self.tls)(&Sni::Own, self.https, 1), |small| small());
                        case.put(step, TlsDial { evidence: id, ..dial });
                    }
                    Step::Known(_) => case.put(step, TlsDial { evidence: id, ..(self.known)() }),
                    Step::Starttls(..) => case.put(step, TlsDial { evidence: id, ..(self.starttls)() }),
                    Step::Hello(_) => case.hellos.push((step, TlsHelloDial { evidence: id, ..(self.hello)() })),
                    Step::Issuer => case.requests.push((step, HttpExchange { evidence: id, ..(self.issuer)() })),
                    Step::Large(_) => case.requests.push((step, HttpExchange { evidence: id, ..(self.large)() })),
                    Step::Plain(_) => case.requests.push((step, HttpExchange { evidence: id, ..(self.plain)() })),
                    Step::Http(_) => case.requests.push((step, HttpExchange { evidence: id, ..(self.http)() })),
                    Step::Mtu(_) => case.mtus.push((step, PathMtuResult { evidence: id, ..(self.mtu)() })),
                    Step::Clock => {
                        let state = ClockState {
                            wall_us: NOW * 1_000_000,
                            synchronised: self.synchronised,
                            estimated_error_us: 0,
                            maximum_error_us: 0,
                        };
                        case.clock = Some(ClockAnswer { evidence: id, timing: testkit::timing(0), outcome: Ok(state) });
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
}

/// A leaf that covers the host, with these dates relative to now, in days.
pub(crate) fn leaf(from: i64, to: i64) -> Certificate {
    let mut leaf = testkit::certificate("CN=www.shop.example", "CN=Issuing CA", NOW + from * DAY, NOW + to * DAY);
    leaf.dns_names = vec![HOST.to_owned()];
    leaf
}

/// An authority's certificate.
pub(crate) fn authority(subject: &str, issuer: &str, to: i64) -> Certificate {
    Certificate { is_ca: true, ..testkit::certificate(subject, issuer, NOW - 1000 * DAY, NOW + to * DAY) }
}

/// A handshake that completed with this chain.
pub(crate) fn completed(chain: Vec<Certificate>, verification: Verification) -> TlsDial {
    let mut session = testkit::session(chain, verification);
    session.verified_at = NOW;
    session.issuer_in_store = verification == Verification::Accepted;
    testkit::tls_dial(0, session)
}

/// A handshake that succeeds in every respect.
pub(crate) fn good() -> TlsDial {
    completed(vec![leaf(-6, 84), authority("CN=Issuing CA", "CN=Root CA", 800)], Verification::Accepted)
}

/// A handshake that ended in the phase `tls` before any certificate, everything acknowledged.
pub(crate) fn ended(reason: Reason) -> TlsDial {
    let elapsed_ms = if reason == Reason::TimedOut { 2500 } else { 1 };
    let mut dial = testkit::tls_dial(0, testkit::session(vec![], Verification::NotReached));
    if let Some(session) = &mut dial.session {
        session.version = None;
    }
    if let Some(info) = &mut dial.connection.info {
        info.bytes_acked = 280;
    }
    dial.outcome = Err(testkit::failure(Phase::Tls, reason, elapsed_ms));
    dial
}

/// A handshake whose peer answered with these bytes.
pub(crate) fn babble(bytes: &[u8]) -> TlsDial {
    let mut dial = ended(Reason::Malformed("not a TLS record".to_owned()));
    if let Some(session) = &mut dial.session {
        session.plaintext = Some(bytes.to_vec());
    }
    dial
}

/// An older hello that ended without a choice.
pub(crate) fn unanswered_hello(reason: Reason) -> TlsHelloDial {
    let mut dial = testkit::tls_hello_dial(0, "TLSv1.2");
    dial.chosen = None;
    dial.outcome = Err(testkit::failure(Phase::Tls, reason, 1));
    dial
}

/// An older hello from which the server chose this version and this suite.
pub(crate) fn chosen(version: &str, cipher_number: u16) -> TlsHelloDial {
    let mut dial = testkit::tls_hello_dial(0, version);
    if let Some(chosen) = &mut dial.chosen {
        chosen.cipher_number = cipher_number;
    }
    dial
}

/// No TCP connection.
pub(crate) fn unconnected(reason: Reason) -> TlsDial {
    let tcp = testkit::failed_dial(0, &Endpoint::new("192.0.2.80", 443), reason);
    TlsDial {
        evidence: tcp.evidence,
        timing: tcp.timing,
        connection: tcp.connection,
        starttls: None,
        handshake: None,
        session: None,
        outcome: tcp.outcome,
        deltas: None,
    }
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

/// A request that was acknowledged and never answered.
pub(crate) fn silent_request(elapsed_ms: u64) -> HttpExchange {
    let mut exchange = unanswered(Reason::TimedOut);
    if let (Err(failure), Some(info)) = (&mut exchange.outcome, &mut exchange.connection.info) {
        failure.elapsed_us = elapsed_ms * 1000;
        info.bytes_acked = 120;
    }
    exchange
}

/// A request that ended before any answer.
pub(crate) fn unanswered(reason: Reason) -> HttpExchange {
    let mut exchange = testkit::http_exchange(0, 200);
    exchange.response = None;
    exchange.outcome = Err(testkit::failure(Phase::Wait, reason, 1));
    exchange
}

/// An answer with a Date header.
pub(crate) fn dated(date: &str) -> HttpExchange {
    let mut exchange = testkit::http_exchange(0, 200);
    if let Some(response) = &mut exchange.response {
        response.headers.push(Property { name: "Date".to_owned(), value: date.to_owned() });
    }
    exchange
}
