//! What is judged only where the caller asks for it, or where HTTP/2 is spoken.

use std::time::Duration;

use sonde_sdk::check::Conclusion;
use sonde_sdk::deadline::Timeouts;
use sonde_sdk::dial::{Http2Facts, HttpExchange, HttpSequel, IdleClose, StreamReset};
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{self, supported};
use sonde_sdk::types::{Phase, Property, Reason};

use crate::case::{Form, Owner};

use super::super::play::{Net, after, answer, unanswered, with};
use super::{is_healthy, names, suspects};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A server that ends idle connections after `lifetime`, and how.
fn idling(lifetime: Duration, end: fn(u64) -> HttpSequel) -> Net<'static> {
    let mut net = Net::new(|_, _| answer(200));
    net.wishes.idle = Some(MS(2000));
    net.idle = Box::new(move |pause, _| {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).expect("a short pause");
        let kept = HttpSequel { idle_us: us(pause), ..sequel(Ok(())) };
        let sequel = if pause < lifetime { kept } else { end(us(lifetime)) };
        HttpExchange { sequels: vec![sequel], ..answer(200) }
    });
    net
}

fn sequel(outcome: Result<(), Reason>) -> HttpSequel {
    let phases = answer(200).phases;
    let response = outcome.is_ok().then(|| answer(200).response).flatten();
    let outcome = outcome.map_err(|reason| testkit::failure(Phase::Wait, reason, 1));
    HttpSequel { idle_us: 0, closed: None, phases, response, outcome }
}

fn closed(after_us: u64) -> HttpSequel {
    HttpSequel { closed: Some(IdleClose { after_us, reset: false }), ..sequel(Err(Reason::Closed)) }
}

#[test]
fn a_server_that_ends_idle_connections_before_the_caller_uses_them_again_races_with_it() {
    let judgement = idling(MS(1500), closed).run();
    names(&judgement, "http.keepalive_race", "http.empty_reply");
    assert_eq!(judgement.outcome.notes[0].value, "the server ends an idle connection after 1500 ms");
}

#[test]
fn a_server_that_ends_the_connection_when_it_is_used_again_races_too() {
    names(&idling(MS(1500), |_| sequel(Err(Reason::Closed))).run(), "http.keepalive_race", "http.empty_reply");
}

#[test]
fn a_connection_that_is_gone_without_a_word_was_forgotten_on_the_way() {
    for reason in [Reason::Reset, Reason::TimedOut] {
        let end =
            if reason == Reason::Reset { |_| sequel(Err(Reason::Reset)) } else { |_| sequel(Err(Reason::TimedOut)) };
        names(&idling(MS(1500), end).run(), "http.lb_idle_timeout", "http.keepalive_race");
    }
}

#[test]
fn a_connection_that_outlives_the_pause_is_healthy() {
    let judgement = idling(MS(9000), closed).run();
    is_healthy(&judgement);
    assert_eq!(judgement.outcome.notes[0].name, "idle");
}

#[test]
fn a_server_that_says_it_closes_races_with_nobody() {
    let mut net = Net::new(|_, _| answer(200));
    net.wishes.idle = Some(MS(2000));
    net.idle = Box::new(|_, _| HttpExchange { sequels: vec![closed(10)], ..with(200, &[("Connection", "Close")]) });
    is_healthy(&net.run());
}

#[test]
fn an_end_of_a_connection_whose_half_life_is_too_short_as_well_is_only_suspected() {
    let mut net = idling(MS(1500), closed);
    net.idle = Box::new(|_, _| HttpExchange { sequels: vec![closed(1_500_000)], ..answer(200) });
    suspects(&net.run(), "http.keepalive_race");
}

#[test]
fn a_deadline_below_the_sum_of_healthy_phases_is_named() {
    let mut net = Net::new(|_, _| after(200));
    net.wishes.timeouts = Some(Timeouts { total: Some(MS(150)), ..Timeouts::default() });
    let judgement = net.run();
    names(&judgement, "app.deadline_budget", "http.server_slow");
    assert_eq!(judgement.outcome.notes[0].value, "total fires first, after 150 ms");
}

#[test]
fn a_deadline_that_a_slow_server_misses_is_the_servers() {
    let mut net = Net::new(|_, _| after(1500));
    net.wishes.timeouts = Some(Timeouts { total: Some(MS(1000)), ..Timeouts::default() });
    names(&net.run(), "http.server_slow", "l3.packet_loss");
}

#[test]
fn a_deadline_with_room_is_healthy_and_says_how_much() {
    let mut net = Net::new(|_, _| after(200));
    net.wishes.timeouts = Some(Timeouts { total: Some(MS(1200)), ..Timeouts::default() });
    let judgement = net.run();
    is_healthy(&judgement);
    assert_eq!(judgement.outcome.notes[0].value, "total would fire first: 1000 ms of 1200 ms are left");
}

fn refused_stream() -> HttpExchange {
    let mut exchange = unanswered(Reason::Reset);
    exchange.http2 = Some(Http2Facts {
        settings: true,
        max_concurrent_streams: Some(1),
        initial_window_size: None,
        max_frame_size: None,
        max_header_list_size: None,
        goaway: None,
        resets: vec![StreamReset { stream: 1, code: 7 }],
    });
    exchange
}

#[test]
fn a_refused_stream_beside_an_answer_in_http_1_is_the_stream_limit() {
    let mut net = Net::new(|get, _| if get.form == Form::Http1 { answer(200) } else { refused_stream() });
    net.https = true;
    names(&net.run(), "http.h2_stream_limit", "http.pool_exhausted");
}

#[test]
fn a_stream_that_is_reset_for_another_reason_is_no_limit() {
    let judgement = Net::new(|_, _| {
        let mut exchange = refused_stream();
        if let Some(facts) = &mut exchange.http2 {
            facts.resets[0].code = 2;
        }
        exchange
    });
    assert!(!supported(&judgement.run().findings, Strength::Weak).contains(&"http.h2_stream_limit"));
}

/// A gRPC answer with this status and health.
fn health(status: &str, serving: Option<u8>) -> HttpExchange {
    let mut exchange = with(200, &[("content-type", "application/grpc")]);
    if let Some(response) = &mut exchange.response {
        response.trailers = vec![Property { name: "grpc-status".to_owned(), value: status.to_owned() }];
        response.body_prefix = serving.map_or_else(Vec::new, |serving| vec![0, 0, 0, 0, 2, 8, serving]);
    }
    exchange
}

fn grpc(answer: impl Fn(usize) -> HttpExchange + 'static) -> Net<'static> {
    let mut net = Net::new(move |_, n| answer(n));
    net.grpc = true;
    net.path = "/orders.v1.Orders";
    net
}

#[test]
fn a_serving_service_is_healthy_and_one_without_a_health_service_answers() {
    is_healthy(&grpc(|_| health("0", Some(1))).run());
    let judgement = grpc(|_| health("12", None)).run();
    is_healthy(&judgement);
    assert!(judgement.outcome.summary.contains("gRPC UNIMPLEMENTED"), "{}", judgement.outcome.summary);
}

#[test]
fn every_grpc_status_has_the_cause_of_its_http_status() {
    for (status, serving, cause, look_alike) in [
        ("0", Some(2), "http.unavailable", "lb.backend_erroring"),
        ("14", None, "http.unavailable", "lb.backend_erroring"),
        ("5", None, "http.not_found", "tls.default_cert_served"),
        ("16", None, "http.unauthorized", "http.not_found"),
        ("8", None, "http.rate_limited", "http.unavailable"),
        ("13", None, "http.server_error", "http.bad_gateway"),
        ("4", None, "http.gateway_timeout", "http.server_slow"),
    ] {
        let judgement = grpc(move |_| health(status, serving)).run();
        names(&judgement, cause, look_alike);
        assert!(judgement.findings[0].summary.contains("gRPC "), "{}", judgement.findings[0].summary);
    }
}

#[test]
fn one_backend_that_does_not_serve_among_others_that_do_is_one_bad_backend() {
    let judgement = grpc(|n| health("0", Some(if n % 3 == 0 { 2 } else { 1 }))).run();
    names(&judgement, "lb.backend_erroring", "http.unavailable");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

fn by_proxy(via: fn() -> HttpExchange) -> Net<'static> {
    let mut net = Net::new(|_, _| answer(200));
    net.wishes.proxies = Some(Owner::Daemon);
    net.variables = vec![("http_proxy", "http://192.0.2.9:3128"), ("no_proxy", ".other.example")];
    net.via = via;
    net
}

#[test]
fn a_proxy_that_fails_where_the_direct_way_works_is_the_environments() {
    for via in [|| answer(503), || unanswered(Reason::TimedOut)] as [fn() -> HttpExchange; 2] {
        let judgement = by_proxy(via).run();
        names(&judgement, "http.proxy_env", "fw.drop_remote");
        assert_eq!(judgement.outcome.notes[0].value, "http_proxy names 192.0.2.9:3128");
    }
}

#[test]
fn a_proxy_that_works_or_may_not_be_asked_is_no_fault() {
    is_healthy(&by_proxy(|| answer(200)).run());
    is_healthy(&by_proxy(|| unanswered(Reason::Denied("192.0.2.9:3128".to_owned()))).run());
}

#[test]
fn a_host_that_is_exempt_goes_directly() {
    let mut net = by_proxy(|| answer(503));
    net.variables.push(("no_proxy", "shop.example"));
    net.variables.remove(1);
    let judgement = net.run();
    is_healthy(&judgement);
    assert_eq!(judgement.outcome.notes[0].value, "no proxy is named for this URL");
}

#[test]
fn a_server_that_answers_after_the_pause_it_asked_for_throttles() {
    let net = Net::new(|_, n| if n == 0 { with(429, &[("Retry-After", "1")]) } else { answer(200) });
    names(&net.run(), "http.rate_limited", "http.unavailable");
    assert_eq!(net.case().exchanges.len(), 2);
}

#[test]
fn a_pause_that_is_too_long_is_not_waited_for() {
    let net = Net::new(|_, _| with(429, &[("Retry-After", "3600")]));
    let judgement = net.run();
    names(&judgement, "http.rate_limited", "http.unavailable");
    assert!(judgement.findings[0].summary.contains("3600"), "{}", judgement.findings[0].summary);
}
