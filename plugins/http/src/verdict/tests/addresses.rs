//! Names with several addresses, and addresses that stop answering.

use sonde_sdk::check::Conclusion;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::supported;
use sonde_sdk::types::Reason;

use super::super::play::{Net, answer, broken_off, unanswered, unconnected, with};
use super::{is_healthy, names, suspects};
use crate::case::Get;

/// Two addresses, of which the second does this.
fn second<'a>(other: impl Fn(&Get) -> HttpExchange + 'a) -> Net<'a> {
    let mut net = Net::new(move |get, _| if get.address == "192.0.2.81" { other(get) } else { answer(200) });
    net.addresses.push("192.0.2.81");
    net
}

#[test]
fn a_service_that_stops_accepting_after_connect_is_not_healthy() {
    let judgement = Net::new(|_, _| unconnected(Reason::TimedOut)).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert_eq!(
        supported(&judgement.findings, Strength::Weak),
        ["fw.drop_remote", "lb.backend_blackholed", "tcp.accept_queue_overflow"]
    );
}

#[test]
fn an_address_that_was_silent_all_along_is_left_to_connect() {
    let mut net = Net::new(|_, _| unconnected(Reason::TimedOut));
    net.answering = false;
    let judgement = net.run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Skipped);
    assert!(judgement.findings.is_empty());
    assert_eq!(net.case().exchanges.len(), 1);
}

#[test]
fn a_service_that_refuses_every_request_is_not_healthy_whatever_connect_met() {
    let judgement = Net::new(|_, _| unconnected(Reason::Refused)).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["lb.backend_refused", "tcp.port_closed"]);
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
}

#[test]
fn a_service_that_icmp_turns_away_has_no_closed_port() {
    let rejected = || {
        let mut exchange = unconnected(Reason::Refused);
        if let Err(failure) = &mut exchange.outcome {
            failure.icmp = Some(sonde_sdk::testkit::icmp("192.0.2.1", 3, 3));
        }
        exchange
    };
    let judgement = Net::new(|_, _| rejected()).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["fw.reject_icmp"]);
}

#[test]
fn a_share_of_silent_connections_may_be_a_dead_backend() {
    for start in 0..3 {
        let net = Net::new(move |_, n| if (n + start) % 3 == 0 { unconnected(Reason::TimedOut) } else { answer(200) });
        let judgement = net.run();
        assert_eq!(supported(&judgement.findings, Strength::Strong), ["lb.backend_blackholed"], "{judgement:#?}");
        assert!(supported(&judgement.findings, Strength::Proof).is_empty());
        assert_ne!(judgement.outcome.conclusion, Conclusion::Works);
    }
}

#[test]
fn one_silent_connection_among_many_is_no_dead_backend() {
    let judgement = Net::new(|_, n| if n == 2 { unconnected(Reason::TimedOut) } else { answer(200) }).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
}

#[test]
fn a_page_behind_a_redirect_that_cannot_be_asked_for_is_not_healthy() {
    let net =
        Net::new(
            |get, _| {
                if get.path == "/" { with(302, &[("Location", "/new")]) } else { unconnected(Reason::TimedOut) }
            },
        );
    assert_eq!(net.run().outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn a_second_address_that_answers_is_asked_once() {
    let net = second(|_| answer(200));
    assert_eq!(net.case().exchanges.len(), 5);
    is_healthy(&net.run());
}

#[test]
fn one_address_that_always_fails_is_a_bad_backend_wherever_it_stands() {
    let failures: [fn() -> HttpExchange; 5] = [
        || answer(503),
        || answer(500),
        || unanswered(Reason::Closed),
        || unanswered(Reason::Reset),
        || broken_off(Reason::Closed),
    ];
    for failure in failures {
        let judgement = second(|_| failure()).run();
        names(&judgement, "lb.backend_erroring", "http.unavailable");
        assert!(judgement.findings.iter().all(|finding| finding.subject == "192.0.2.81:80"), "{judgement:#?}");
        let mut first = Net::new(move |get, _| if get.address == "192.0.2.80" { failure() } else { answer(200) });
        first.addresses.push("192.0.2.81");
        names(&first.run(), "lb.backend_erroring", "http.unavailable");
    }
}

#[test]
fn addresses_that_all_fail_are_the_service() {
    let mut net = Net::new(|_, _| answer(503));
    net.addresses.push("192.0.2.81");
    names(&net.run(), "http.unavailable", "lb.backend_erroring");
}

#[test]
fn a_second_address_that_fails_once_is_not_proven_bad() {
    let judgement = second(|get| answer(if get.attempt == 0 { 503 } else { 200 })).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
}

#[test]
fn a_second_address_that_never_answers_is_judged() {
    names(&second(|_| unanswered(Reason::TimedOut)).run(), "app.not_responding", "http.server_slow");
}

#[test]
fn a_second_address_that_refuses_or_cannot_be_reached_is_left_to_connect() {
    for reason in [Reason::Refused, Reason::NetworkUnreachable] {
        is_healthy(&second(move |_| unconnected(reason.clone())).run());
    }
}

#[test]
fn a_second_address_that_no_longer_accepts_is_not_healthy() {
    let judgement = second(|_| unconnected(Reason::TimedOut)).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
    is_healthy(&second(|get| if get.attempt == 0 { unconnected(Reason::TimedOut) } else { answer(200) }).run());
}

#[test]
fn connections_that_a_repeated_syn_heals_beside_silent_ones_are_losses_and_no_dead_backend() {
    let net = Net::new(|_, n| {
        let mut exchange = if n == 1 { unconnected(Reason::TimedOut) } else { answer(200) };
        exchange.connection.syn_retransmits = u32::from(n == 2);
        exchange
    });
    suspects(&net.run(), "l3.packet_loss");
}
