//! Whole runs, from the first request to the verdict.

mod addresses;
mod asked;
mod beyond;
mod body;
mod fallback;
mod head;
mod held;
mod reset;
mod vanishing;

use sonde_sdk::check::Conclusion;
use sonde_sdk::connection::Verification;
use sonde_sdk::report::{Stance, Strength};
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::{Phase, Reason};

use super::Judgement;
use super::play::{Net, after, answer, broken_off, bytes, lost, unanswered, unconnected, verified, with};
use crate::case::{self, Form};

#[track_caller]
fn names(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert!(is_proven(&judgement.findings, cause), "{cause} is not proven: {judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{look_alike} is not refuted: {judgement:#?}");
    let proof: Vec<u64> =
        judgement.findings.iter().filter(|f| f.cause == cause).flat_map(|f| f.evidence.clone()).collect();
    let mut refutation = judgement.findings.iter().filter(|f| f.cause == look_alike).flat_map(|f| f.evidence.clone());
    assert!(refutation.any(|id| !proof.contains(&id)), "no separate evidence: {judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

/// Nothing is proven, and this is the likeliest.
#[track_caller]
fn suspects(judgement: &Judgement, cause: &str) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Strong), [cause], "{judgement:#?}");
}

#[track_caller]
fn is_healthy(judgement: &Judgement) {
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Weak).is_empty(), "{judgement:#?}");
}

/// The look-alike is ruled out weakly only, which keeps the confidence below certainty.
fn is_uncertain(judgement: &Judgement) -> bool {
    judgement.findings.iter().all(|f| f.stance == Stance::Supports || f.strength == Strength::Weak)
}

#[test]
fn our_own_fin_under_way_is_no_loss() {
    let mut exchange = testkit::http_exchange(1, 200);
    let info = exchange.connection.info.as_mut().expect("the test kit fills it");
    (info.unacked, info.bytes_sent, info.bytes_acked) = (1, 92, 93);
    assert!(case::clean(&exchange.connection));
    let info = exchange.connection.info.as_mut().expect("the test kit fills it");
    info.bytes_acked = 92;
    assert!(!case::clean(&exchange.connection));
}

#[test]
fn a_good_page_is_healthy_after_four_requests() {
    let net = Net::new(|_, _| answer(200));
    assert_eq!(net.case().exchanges.len(), 4);
    is_healthy(&net.run());
}

#[test]
fn a_method_that_is_not_allowed_is_an_answer() {
    is_healthy(&Net::new(|_, _| answer(405)).run());
}

#[test]
fn every_status_class_has_its_cause() {
    for (status, cause, look_alike) in [
        (401, "http.unauthorized", "http.not_found"),
        (403, "http.unauthorized", "http.not_found"),
        (407, "http.unauthorized", "http.not_found"),
        (404, "http.not_found", "tls.default_cert_served"),
        (410, "http.not_found", "tls.default_cert_served"),
        (429, "http.rate_limited", "http.unavailable"),
        (431, "http.header_too_large", "http.unauthorized"),
        (500, "http.server_error", "http.bad_gateway"),
        (502, "http.bad_gateway", "http.gateway_timeout"),
        (503, "http.unavailable", "lb.backend_erroring"),
        (504, "http.gateway_timeout", "http.server_slow"),
    ] {
        names(&Net::new(move |_, _| answer(status)).run(), cause, look_alike);
    }
}

#[test]
fn a_rate_limited_page_is_asked_for_only_twice() {
    assert_eq!(Net::new(|_, _| answer(429)).case().exchanges.len(), 2);
}

#[test]
fn a_server_error_without_a_class_is_only_hinted_at() {
    let judgement = Net::new(|_, _| answer(520)).run();
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["http.server_error"]);
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn a_missing_page_under_a_fitting_certificate_is_not_found() {
    let mut net = Net::new(|_, _| verified(404, Verification::Accepted));
    net.https = true;
    names(&net.run(), "http.not_found", "tls.default_cert_served");
}

#[test]
fn a_missing_page_under_a_foreign_certificate_may_be_a_missing_host() {
    let mut net = Net::new(|_, _| verified(404, Verification::NameMismatch));
    net.https = true;
    suspects(&net.run(), "http.not_found");
}

#[test]
fn one_bad_backend_of_three_is_found_wherever_the_turn_begins() {
    for start in 0..3 {
        let judgement = Net::new(move |_, n| answer(if (n + start) % 3 == 0 { 503 } else { 200 })).run();
        names(&judgement, "lb.backend_erroring", "http.unavailable");
    }
}

#[test]
fn one_failure_among_many_is_only_hinted_at() {
    let judgement = Net::new(|_, n| answer(if n == 2 { 503 } else { 200 })).run();
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
}

#[test]
fn one_refusing_backend_of_three_is_found_wherever_the_turn_begins() {
    for start in 0..3 {
        let net = Net::new(move |_, n| if (n + start) % 3 == 0 { unconnected(Reason::Refused) } else { answer(200) });
        names(&net.run(), "lb.backend_refused", "tcp.port_closed");
    }
}

#[test]
fn a_page_that_always_begins_late_is_a_slow_server() {
    let judgement = Net::new(|_, _| after(1500)).run();
    names(&judgement, "http.server_slow", "l3.packet_loss");
    assert!(refuted(&judgement.findings).contains(&"app.not_responding"));
    assert!(refuted(&judgement.findings).contains(&"l3.pmtu_blackhole"));
}

#[test]
fn a_cold_start_is_no_slow_server() {
    is_healthy(&Net::new(|_, n| after(if n == 0 { 1500 } else { 5 })).run());
}

#[test]
fn a_late_answer_on_a_lossy_path_is_not_proven_against_the_server() {
    let judgement = Net::new(|_, _| {
        let mut exchange = after(1500);
        if let Some(info) = &mut exchange.connection.info {
            info.total_retransmits = 2;
        }
        exchange
    });
    suspects(&judgement.run(), "http.server_slow");
}

#[test]
fn an_answer_that_needs_more_than_the_first_patience_is_a_slow_server() {
    let judgement = Net::new(|_, n| if n == 0 { unanswered(Reason::TimedOut) } else { after(3000) }).run();
    names(&judgement, "http.server_slow", "app.not_responding");
}

#[test]
fn a_server_that_takes_every_request_and_answers_none_is_not_responding() {
    let judgement = Net::new(|_, _| unanswered(Reason::TimedOut)).run();
    names(&judgement, "app.not_responding", "l3.pmtu_blackhole");
    assert_eq!(refuted(&judgement.findings), ["http.server_slow", "l3.pmtu_blackhole"]);
    assert_eq!(judgement.outcome.next_step.as_deref(), Some("on the server 192.0.2.80: sonde diagnose :80"));
}

#[test]
fn a_silent_server_whose_queue_is_full_by_the_third_connection_is_not_responding() {
    let net =
        Net::new(
            |get, _| {
                if get.form == Form::Padded { unconnected(Reason::TimedOut) } else { unanswered(Reason::TimedOut) }
            },
        );
    names(&net.run(), "app.not_responding", "http.server_slow");
}

#[test]
fn large_requests_that_are_lost_where_small_ones_are_not_meet_a_small_mtu() {
    let judgement =
        Net::new(|get, _| if get.form == Form::Padded { lost() } else { unanswered(Reason::TimedOut) }).run();
    names(&judgement, "l3.pmtu_blackhole", "app.not_responding");
    assert!(refuted(&judgement.findings).contains(&"tcp.peer_zero_window"));
}

#[test]
fn an_open_connection_on_which_small_requests_are_lost_too_is_a_black_hole() {
    let judgement = Net::new(|_, _| lost()).run();
    names(&judgement, "tcp.established_blackhole", "http.server_slow");
    assert!(refuted(&judgement.findings).contains(&"l3.pmtu_blackhole"));
}

#[test]
fn an_answer_that_stops_coming_is_a_slow_body() {
    suspects(&Net::new(|_, _| broken_off(Reason::TimedOut)).run(), "http.slow_body");
}

#[test]
fn a_connection_closed_without_an_answer_is_an_empty_reply() {
    names(&Net::new(|_, _| unanswered(Reason::Closed)).run(), "http.empty_reply", "tcp.rst_linger0");
}

#[test]
fn an_answer_cut_by_the_end_of_the_connection_is_truncated() {
    for reason in [Reason::Closed, Reason::Malformed("the last chunk is missing".to_owned())] {
        names(&Net::new(move |_, _| broken_off(reason.clone())).run(), "http.truncated_body", "tcp.rst_linger0");
    }
}

#[test]
fn another_protocol_is_not_http() {
    names(&Net::new(|_, _| bytes(b"SSH-2.0-OpenSSH_9.2\r\n")).run(), "http.not_http", "http.empty_reply");
}

#[test]
fn http_2_frames_are_an_answer() {
    is_healthy(&Net::new(|_, _| bytes(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 255, 255])).run());
}

#[test]
fn a_port_that_wants_tls_is_named_however_it_says_so() {
    let complaints: [fn() -> sonde_sdk::dial::HttpExchange; 4] = [
        || bytes(&[21, 3, 1, 0, 2, 2, 70]),
        || answer(400),
        || unanswered(Reason::Closed),
        || unanswered(Reason::Reset),
    ];
    for complaint in complaints {
        let mut net = Net::new(move |_, _| complaint());
        net.speaks_tls = true;
        names(&net.run(), "http.tls_required", "http.not_http");
    }
}

#[test]
fn a_bad_request_without_tls_behind_it_is_unclear() {
    let judgement = Net::new(|_, _| answer(400)).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.findings.is_empty());
}

#[test]
fn a_redirect_to_itself_is_a_loop() {
    let judgement = Net::new(|_, _| with(302, &[("Location", "http://shop.example/")])).run();
    names(&judgement, "http.redirect_loop", "http.unauthorized");
}

#[test]
fn two_redirects_in_a_circle_are_a_loop() {
    let judgement = Net::new(|get, _| with(302, &[("Location", if get.path == "/" { "/a" } else { "/" })])).run();
    names(&judgement, "http.redirect_loop", "http.unauthorized");
}

#[test]
fn a_redirect_to_itself_that_sets_a_cookie_once_is_healthy() {
    let net = Net::new(|get, _| {
        if get.cookies == "seen=1" {
            answer(200)
        } else {
            with(302, &[("Location", "/"), ("Set-Cookie", "seen=1; Path=/")])
        }
    });
    is_healthy(&net.run());
}

#[test]
fn a_redirect_that_sets_another_cookie_each_time_is_a_loop() {
    let net = Net::new(|_, n| with(302, &[("Location", "/"), ("Set-Cookie", &format!("n={n}"))]));
    names(&net.run(), "http.redirect_loop", "http.unauthorized");
}

#[test]
fn the_page_behind_a_redirect_is_judged() {
    let net = Net::new(|get, _| if get.path == "/" { with(301, &[("Location", "/new")]) } else { answer(404) });
    names(&net.run(), "http.not_found", "tls.default_cert_served");
}

#[test]
fn a_redirect_to_another_origin_is_healthy() {
    let judgement = Net::new(|_, _| with(301, &[("Location", "https://shop.example/")])).run();
    is_healthy(&judgement);
    assert!(judgement.outcome.summary.contains("https://shop.example/"), "{}", judgement.outcome.summary);
}

#[test]
fn a_way_of_redirects_that_no_browser_follows_to_its_end_is_undecided() {
    let net = Net::new(|get, _| with(302, &[("Location", &format!("{}x", get.path))]));
    let judgement = net.run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.outcome.summary.contains("more than 20 times"), "{}", judgement.outcome.summary);
    assert!(judgement.findings.iter().all(|finding| finding.strength < Strength::Proof));
}

#[test]
fn a_long_way_of_redirects_that_ends_is_healthy() {
    let net =
        Net::new(
            |get, _| {
                if get.path.len() > 15 { answer(200) } else { with(302, &[("Location", &format!("{}x", get.path))]) }
            },
        );
    is_healthy(&net.run());
}

#[test]
fn the_second_address_is_used_where_the_first_cannot_be_reached() {
    let mut net =
        Net::new(|get, _| if get.address == "192.0.2.80" { unconnected(Reason::Refused) } else { answer(200) });
    net.addresses.push("192.0.2.81");
    is_healthy(&net.run());
}

#[test]
fn a_target_without_a_connection_is_left_to_others() {
    assert_eq!(Net::new(|_, _| unconnected(Reason::HostUnreachable)).run().outcome.conclusion, Conclusion::Skipped);
}

#[test]
fn a_target_without_a_session_does_not_work() {
    let mut net = Net::new(|_, _| {
        let mut exchange = unanswered(Reason::TlsAlert(70));
        exchange.outcome = Err(testkit::failure(Phase::Tls, Reason::TlsAlert(70), 1));
        exchange
    });
    net.https = true;
    assert_eq!(net.run().outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn a_session_that_ends_after_a_demand_for_a_certificate_does_not_work() {
    let mut net = Net::new(|_, _| {
        let mut session = testkit::session(vec![], Verification::Accepted);
        session.client_certificate_requested = true;
        sonde_sdk::dial::HttpExchange { session: Some(session), ..unanswered(Reason::Closed) }
    });
    net.https = true;
    assert_eq!(net.run().outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn what_was_not_granted_is_unclear() {
    let judgement = Net::new(|_, _| unconnected(Reason::Denied("192.0.2.80:80".to_owned()))).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.findings.is_empty());
}

#[test]
fn the_other_scheme_that_leads_back_is_a_loop_and_one_with_a_page_is_none() {
    let there = || Net::new(|_, _| with(301, &[("Location", "https://shop.example/")]));
    let back = Net { beyond: |_| with(301, &[("Location", "http://shop.example/")]), ..there() };
    names(&back.run(), "http.redirect_loop", "http.unauthorized");
    let elsewhere = Net { beyond: |_| with(301, &[("Location", "http://shop.example/login")]), ..there() };
    is_healthy(&elsewhere.run());
    is_healthy(&there().run());
}

#[test]
fn a_gateway_timeout_that_comes_as_late_as_it_must_is_no_slow_server() {
    let late = || {
        let mut exchange = answer(504);
        if let Some(wait) = &mut exchange.phases.wait {
            wait.elapsed_us = 1_500_000;
        }
        exchange
    };
    let judgement = Net::new(|_, _| late()).run();
    names(&judgement, "http.gateway_timeout", "http.server_slow");
    assert!(!judgement.findings.iter().any(|f| f.stance == Stance::Supports && f.cause == "http.server_slow"));
}

#[test]
fn sessions_that_stall_beside_those_that_do_not_are_not_healthy_and_one_may_be_chance() {
    let stalling = |most: usize| {
        let net = Net::new(move |_, n| {
            let mut exchange = answer(200);
            if (1..=most).contains(&n) {
                exchange.outcome = Err(testkit::failure(Phase::Tls, Reason::TimedOut, 2500));
                exchange.response = None;
            }
            exchange
        });
        Net { https: true, ..net }
    };
    let judgement = stalling(2).run();
    suspects(&judgement, "tls.handshake_stall");
    assert_ne!(judgement.outcome.conclusion, Conclusion::Works);
    is_healthy(&stalling(1).run());
}
