//! Redirects to another scheme or port of the host, and what whoever follows them finds there.

use sonde_sdk::check::Conclusion;
use sonde_sdk::connection::Verification;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{self, supported};
use sonde_sdk::types::Reason;

use super::super::Judgement;
use super::super::play::{Net, answer, unanswered, unconnected, verified, with};
use super::{is_healthy, names};
use sonde_sdk::location::Place;

/// The page redirects to HTTPS, where this comes.
fn leading_to(beyond: fn(&Place) -> HttpExchange) -> Judgement {
    Net { beyond, ..Net::new(|_, _| with(301, &[("Location", "https://shop.example/")])) }.run()
}

/// An answer under a certificate of these dates, verified at 1000.
fn dated(verification: Verification, not_before: i64, not_after: i64) -> HttpExchange {
    let mut exchange = verified(200, verification);
    if let Some(session) = &mut exchange.session {
        session.chain = vec![testkit::certificate("CN=shop.example", "CN=An authority", not_before, not_after)];
        session.verified_at = 1000;
    }
    exchange
}

#[test]
fn a_redirect_to_a_closed_port_is_broken() {
    let judgement = leading_to(|_| unconnected(Reason::Refused));
    names(&judgement, "tcp.port_closed", "fw.reject_icmp");
    assert!(judgement.outcome.summary.contains("https://shop.example/"), "{}", judgement.outcome.summary);
    let subjects: Vec<_> = judgement.findings.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["192.0.2.80:443", "192.0.2.80:443"]);
}

#[test]
fn a_redirect_to_a_page_whose_certificate_has_expired_is_broken() {
    names(&leading_to(|_| dated(Verification::Expired, 0, 900)), "tls.cert_expired", "tls.intermediate_expired");
}

#[test]
fn an_expired_issuer_or_a_server_whose_clock_says_otherwise_is_no_expired_certificate() {
    let issuer = leading_to(|_| dated(Verification::Expired, 0, 2000));
    assert_eq!(supported(&issuer.findings, Strength::Weak), ["tls.intermediate_expired"]);
    let skewed = leading_to(|_| {
        let mut exchange = dated(Verification::Expired, 0, 900);
        let dated = with(200, &[("Date", "Thu, 01 Jan 1970 00:10:00 GMT")]);
        exchange.response = dated.response;
        exchange
    });
    assert!(supported(&skewed.findings, Strength::Proof).is_empty(), "{skewed:#?}");
    assert!(supported(&skewed.findings, Strength::Strong).contains(&"host.clock_skew"), "{skewed:#?}");
}

#[test]
fn a_redirect_to_a_page_that_fails_is_broken() {
    names(&leading_to(|_| answer(503)), "http.unavailable", "lb.backend_erroring");
    names(&leading_to(|_| unanswered(Reason::Closed)), "http.empty_reply", "tcp.rst_linger0");
}

/// Broken, with one likely cause.
#[track_caller]
fn is_broken_by(judgement: &Judgement, cause: &str) {
    assert_eq!(supported(&judgement.findings, Strength::Strong), [cause], "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

#[test]
fn a_redirect_into_silence_is_broken_without_a_proven_cause() {
    is_broken_by(&leading_to(|_| unconnected(Reason::TimedOut)), "fw.drop_remote");
    is_broken_by(&leading_to(|_| unanswered(Reason::TimedOut)), "app.not_responding");
}

#[test]
fn a_redirect_to_a_page_that_comes_or_wants_something_of_the_client_is_healthy() {
    is_healthy(&leading_to(|_| verified(200, Verification::Accepted)));
    is_healthy(&leading_to(|_| verified(401, Verification::Accepted)));
    is_healthy(&leading_to(|_| with(302, &[("Location", "/login")])));
}

#[test]
fn a_place_that_was_not_granted_says_nothing_of_the_redirect() {
    is_healthy(&leading_to(|_| unconnected(Reason::Denied("192.0.2.80:443".to_owned()))));
}

#[test]
fn an_untrusted_issuer_counts_only_where_there_are_roots_to_trust() {
    let signed = |roots: u32| {
        let mut exchange = dated(Verification::UnknownIssuer, 0, 2000);
        if let Some(session) = &mut exchange.session {
            session.trusted_roots = roots;
        }
        exchange
    };
    assert_eq!(crate::dead_end::of(&signed(0)), None);
    assert!(crate::dead_end::of(&signed(140)).is_some());
}
