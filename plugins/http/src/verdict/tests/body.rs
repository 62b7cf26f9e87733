//! Bodies that come drop by drop, and those that only look so.

use sonde_sdk::dial::{BodyFraming, HttpExchange};
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{self, refuted, supported};
use sonde_sdk::types::{Phase, Property, Reason};

use super::super::play::{Net, answer, dripping};
use super::{is_healthy, names, suspects};
use crate::case::{Form, Get};

/// Still coming when patience ended.
fn unfinished(receive_ms: u64, bytes: u64) -> HttpExchange {
    let mut exchange = dripping(receive_ms, bytes);
    exchange.outcome = Err(testkit::failure(Phase::Receive, Reason::TimedOut, receive_ms));
    exchange
}

#[test]
fn a_body_that_always_trickles_is_slow() {
    let judgement = Net::new(|_, _| dripping(2000, 2000)).run();
    names(&judgement, "http.slow_body", "l3.packet_loss");
    assert!(refuted(&judgement.findings).contains(&"tcp.small_window"));
}

#[test]
fn a_body_that_trickles_beyond_all_patience_is_slow() {
    let judgement =
        Net::new(|get, _| if get.attempt == 1 { unfinished(8000, 8000) } else { unfinished(2500, 2500) }).run();
    names(&judgement, "http.slow_body", "l3.packet_loss");
    assert!(judgement.outcome.summary.contains("more than 8000 ms"), "{}", judgement.outcome.summary);
}

#[test]
fn a_body_that_never_ends_is_counted_once() {
    let case = Net::new(|get, _| if get.attempt == 1 { unfinished(8000, 8000) } else { unfinished(2500, 2500) }).case();
    assert_eq!(case.exchanges.iter().filter(|(get, _)| get.form == Form::Counted).count(), 1);
}

#[test]
fn a_body_that_ends_takes_as_long_as_it_took() {
    let judgement =
        Net::new(|get, _| if get.attempt == 0 { unfinished(2500, 2500) } else { dripping(3000, 3000) }).run();
    assert!(judgement.outcome.summary.contains("takes 3000 ms"), "{}", judgement.outcome.summary);
}

#[test]
fn a_body_that_stops_coming_does_not_trickle() {
    suspects(&Net::new(|_, _| unfinished(2500, 500)).run(), "http.slow_body");
}

#[test]
fn a_large_body_over_a_slow_link_is_healthy() {
    // Alone it has the link for itself; the two that follow share it.
    let over_link = |get: &Get, _| dripping(if get.attempt == 0 { 1500 } else { 3000 }, 60_000);
    is_healthy(&Net::new(over_link).run());
}

#[test]
fn a_body_of_which_segments_are_lost_is_not_slow() {
    let net = Net::new(|get, _| {
        let mut exchange = dripping(2000, 60_000);
        if get.form == Form::Counted {
            exchange.deltas = Some(testkit::deltas(&[("TcpExt.TCPOFOQueue", 3)]));
        }
        exchange
    });
    is_healthy(&net.run());
}

#[test]
fn counters_of_a_shared_window_prove_no_slow_body() {
    let net = Net::new(|_, _| {
        let mut exchange = dripping(2000, 2000);
        if let Some(deltas) = &mut exchange.deltas {
            deltas.quiet = false;
        }
        exchange
    });
    assert!(supported(&net.run().findings, Strength::Weak).is_empty());
}

#[test]
fn a_body_that_is_slow_once_is_healthy() {
    is_healthy(&Net::new(|get, _| if get.attempt == 0 { dripping(2000, 2000) } else { answer(200) }).run());
}

#[test]
fn a_body_that_ends_with_a_late_close_is_healthy() {
    let net = Net::new(|_, _| {
        let mut exchange = dripping(2000, 2000);
        if let Some(response) = &mut exchange.response {
            response.body_framing = BodyFraming::UntilClose;
        }
        exchange
    });
    is_healthy(&net.run());
}

#[test]
fn a_stream_of_events_is_not_meant_to_end() {
    let net = Net::new(|_, _| {
        let mut exchange = unfinished(2500, 500);
        if let Some(response) = &mut exchange.response {
            let kind = ("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned());
            response.headers.push(Property { name: kind.0, value: kind.1 });
        }
        exchange
    });
    is_healthy(&net.run());
}
