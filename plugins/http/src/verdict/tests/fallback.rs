//! Names of two families, one of which is silent, and callers who say how they dial and how long.

use sonde_sdk::deadline::Timeouts;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::report::Finding;
use sonde_sdk::testkit;
use sonde_sdk::types::{Endpoint, Reason};

use super::super::play::{Net, after, answer, unconnected};
use super::{is_healthy, names, suspects};
use crate::case::Get;

const V4: &str = "192.0.2.80";
const V6: &str = "2001:db8::80";

/// No answer to the dial over IPv6, within the patience of a first request.
fn silent() -> HttpExchange {
    let mut exchange = unconnected(Reason::TimedOut);
    exchange.connection.local = Some(Endpoint::new("2001:db8::1", 40_000));
    if let Err(failure) = &mut exchange.outcome {
        failure.elapsed_us = 2_500_000;
    }
    exchange
}

/// A server whose handshake and answer over IPv4 take so long, and that is silent over IPv6.
fn dual(timeouts: &str) -> Net<'static> {
    let mut net = Net::new(|get: &Get, _| {
        if get.address.contains(':') {
            return silent();
        }
        let mut exchange = after(40);
        exchange.connection.connect = testkit::timing(20);
        exchange.phases.connect = Some(testkit::timing(20));
        exchange
    });
    net.silent = vec![V6];
    net.order = vec![V6, V4];
    net.patience_ms = 2500;
    net.wishes.timeouts = Some(Timeouts::parse(timeouts).expect("they are fine"));
    net
}

fn about<'a>(findings: &'a [Finding], cause: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.cause == cause).expect("it is found")
}

#[test]
fn the_budget_is_to_blame_for_a_dial_that_ends_before_the_second_family_has_its_turn() {
    for timeouts in ["go,dial=250ms", "go,total=300ms", "curl,connect=200ms", "happy-eyeballs,dial=100ms"] {
        let judgement = dual(timeouts).run();
        names(&judgement, "l3.fallback_budget", "app.deadline_budget");
        let summary = &about(&judgement.findings, "l3.fallback_budget").summary;
        assert!(summary.contains("ends before 192.0.2.80:80 is tried"), "{timeouts}: {summary}");
    }
}

#[test]
fn a_dial_that_leaves_the_second_family_too_little_is_the_budgets() {
    for timeouts in ["go,dial=310ms", "curl,total=230ms", "curl,connect=220ms", "happy-eyeballs,total=300ms"] {
        let judgement = dual(timeouts).run();
        names(&judgement, "l3.fallback_budget", "http.server_slow");
        let summary = &about(&judgement.findings, "l3.fallback_budget").summary;
        assert!(summary.contains("leaves only"), "{timeouts}: {summary}");
    }
}

#[test]
fn a_loop_over_the_addresses_misses_a_deadline_of_all_but_not_one_of_each() {
    names(&dual("python-requests,total=2s").run(), "l3.fallback_budget", "fw.drop_remote");
    names(&dual("in-order,connect=1s,total=1s").run(), "l3.fallback_budget", "fw.drop_remote");
    is_healthy(&dual("python-requests,connect=1s,total=2s").run());
    is_healthy(&dual("python-requests,connect=1s").run());
}

#[test]
fn a_silence_that_was_not_waited_for_as_long_as_the_caller_would_is_only_suspected() {
    suspects(&dual("python-requests,total=10s").run(), "l3.fallback_budget");
}

#[test]
fn a_budget_that_lasts_until_the_second_family_answers_is_healthy_and_says_how_much_is_left() {
    for (timeouts, note) in [
        ("go,dial=330ms", "dial would fire first: 10 ms of 330 ms are left"),
        ("curl,connect=230ms", "connect would fire first: 10 ms of 230 ms are left"),
    ] {
        let judgement = dual(timeouts).run();
        is_healthy(&judgement);
        let said = |name: &str| judgement.outcome.notes.iter().find(|note| note.name == name).expect("it is noted");
        assert_eq!(said("deadline").value, note);
        assert!(said("fallback").value.contains("2001:db8::80 comes first and is silent"), "{judgement:#?}");
    }
}

#[test]
fn a_budget_that_is_too_short_for_the_family_that_answers_is_a_deadline() {
    let judgement = dual("go,total=50ms").run();
    names(&judgement, "app.deadline_budget", "http.server_slow");
}

#[test]
fn a_server_that_is_slow_by_itself_is_the_servers() {
    let mut net = dual("go,total=1600ms");
    net.http = Box::new(|get, _| if get.address == V6 { unconnected(Reason::TimedOut) } else { after(1500) });
    names(&net.run(), "http.server_slow", "l3.packet_loss");
}

#[test]
fn a_client_that_begins_with_the_family_that_answers_needs_no_fallback() {
    let mut net = dual("go,dial=250ms");
    net.order = vec![V4, V6];
    is_healthy(&net.run());
}

#[test]
fn a_unique_local_address_comes_first_in_the_c_library_and_last_in_go() {
    let unique_local = |timeouts| {
        let mut net = dual(timeouts);
        (net.silent, net.order) = (vec!["fd00::80"], vec!["fd00::80", V4]);
        net.run()
    };
    is_healthy(&unique_local("go,dial=250ms"));
    names(&unique_local("curl,connect=150ms"), "l3.fallback_budget", "app.deadline_budget");
}

#[test]
fn where_the_order_is_not_known_nobody_knows_who_falls_back() {
    let mut net = dual("go,dial=250ms");
    net.order = vec![];
    is_healthy(&net.run());
    // An address that was not dialled may be the one that answers.
    net.order = vec!["2001:db8::81", V6, V4];
    is_healthy(&net.run());
}

#[test]
fn a_caller_that_does_not_say_how_it_dials_gets_no_word_of_it_and_no_further_dials() {
    for timeouts in ["dial=250ms", "java,dial=250ms"] {
        let net = dual(timeouts);
        is_healthy(&net.run());
        assert!(net.case().exchanges.iter().all(|(get, _)| get.address == V4), "{timeouts}");
    }
}

#[test]
fn a_family_that_refuses_or_answers_when_asked_again_costs_no_wait() {
    for again in [Reason::Refused, Reason::NetworkUnreachable] {
        let mut net = dual("go,dial=250ms");
        net.http = Box::new(move |get, _| if get.address == V6 { unconnected(again.clone()) } else { answer(200) });
        is_healthy(&net.run());
    }
    let mut net = dual("go,dial=250ms");
    net.http =
        Box::new(
            |get, _| {
                if get.address == V6 && get.attempt == 0 { unconnected(Reason::TimedOut) } else { answer(200) }
            },
        );
    is_healthy(&net.run());
}

#[test]
fn a_silent_ipv4_before_an_ipv6_that_answers_is_the_same_budget_and_refutes_no_filter() {
    let mut net = dual("curl,connect=150ms");
    net.http = Box::new(|get, _| if get.address == V4 { silent() } else { answer(200) });
    (net.addresses, net.silent, net.order) = (vec![V6], vec![V4], vec![V4, V6]);
    let judgement = net.run();
    names(&judgement, "l3.fallback_budget", "app.deadline_budget");
    assert!(judgement.findings.iter().all(|finding| finding.cause != "fw.drop_remote"), "{judgement:#?}");
}
