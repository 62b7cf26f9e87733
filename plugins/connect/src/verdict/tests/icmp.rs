//! What routers and hosts say by ICMP.

use super::*;

#[test]
fn net_unreachable_from_a_router_is_that_routers_fault() {
    let dials = vec![
        with_icmp(failing(1, Reason::NetworkUnreachable), "198.51.100.1", 3, 0),
        with_icmp(failing(2, Reason::NetworkUnreachable), "198.51.100.1", 3, 0),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.icmp_unreachable", "fw.reject_icmp");
}

#[test]
fn host_unreachable_at_once_and_again_is_a_router_without_route() {
    let dials = vec![
        with_icmp(after(failing(1, Reason::HostUnreachable), 1020), "198.51.100.1", 3, 1),
        with_icmp(after(failing(2, Reason::HostUnreachable), 2), "198.51.100.1", 3, 1),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.icmp_unreachable", "l3.host_down");
}

#[test]
fn an_error_that_came_although_the_kernel_went_on_trying_is_no_silence() {
    let dials = vec![
        with_icmp(after(failing(1, Reason::HostUnreachable), 1025), "198.51.100.1", 3, 1),
        with_icmp(after(failing(2, Reason::TimedOut), 1304), "198.51.100.1", 3, 1),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.icmp_unreachable", "l3.host_down");
}

#[test]
fn host_unreachable_after_silence_is_a_host_that_is_down() {
    let dials = vec![
        failing(1, Reason::TimedOut),
        failing(2, Reason::TimedOut),
        with_icmp(after(failing(3, Reason::HostUnreachable), 1750), "198.51.100.1", 3, 1),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.host_down", "l3.icmp_unreachable");
}

#[test]
fn host_unreachable_once_early_and_then_silence_is_no_router_without_route() {
    let dials = vec![
        with_icmp(after(failing(1, Reason::HostUnreachable), 400), "198.51.100.1", 3, 1),
        failing(2, Reason::TimedOut),
    ];
    let judgement = judge(&seen(vec![path(dials)]));
    assert!(!is_proven(&judgement.findings, "l3.icmp_unreachable"), "{judgement:#?}");
}

fn aged() -> Path {
    path(vec![
        with_icmp(failing(1, Reason::HostUnreachable), "198.51.100.1", 11, 0),
        with_icmp(failing(2, Reason::HostUnreachable), "198.51.100.1", 11, 0),
    ])
}

#[test]
fn time_exceeded_on_a_way_whose_hops_repeat_is_a_loop() {
    let mut path = aged();
    let routers = ["192.0.2.1", "198.51.100.1", "192.0.2.1", "198.51.100.1"];
    path.known.trace =
        Some(testkit::trace_result(9, routers.into_iter().zip(1..).map(|(r, n)| testkit::exceeded(n, r)).collect()));
    assert_proven(&judge(&seen(vec![path])), "l3.routing_loop", "l3.icmp_unreachable");
}

#[test]
fn time_exceeded_on_a_way_without_repetition_is_no_loop() {
    assert_undecided(&judge(&seen(vec![aged()])));
    let mut path = aged();
    let hops = [testkit::exceeded(1, "198.51.100.1"), testkit::hop(2, &sonde_sdk::path::ProbeAnswer::Answered)];
    path.known.trace = Some(testkit::trace_result(9, hops.to_vec()));
    assert_undecided(&judge(&seen(vec![path])));
}

#[test]
fn a_routers_words_about_one_port_of_a_host_that_answers_on_others_are_a_filters() {
    for (reason, code) in [(Reason::HostUnreachable, 1), (Reason::NetworkUnreachable, 0)] {
        let rejected = |n| with_icmp(failing(n, reason.clone()), "198.51.100.1", 3, code);
        let mut path = path(vec![rejected(1), rejected(2)]);
        path.controls = vec![control(4, 80, failing(4, Reason::Refused))];
        assert_proven(&judge(&seen(vec![path.clone()])), "fw.reject_icmp", "l3.icmp_unreachable");
        path.controls = vec![control(4, 80, with_icmp(failing(4, reason), "198.51.100.1", 3, code))];
        assert!(is_proven(&judge(&seen(vec![path])).findings, "l3.icmp_unreachable"));
    }
}

#[test]
fn an_error_of_this_host_itself_is_its_own_filters_word_unless_the_neighbour_is_silent() {
    let own = |n, code| {
        let mut dial = with_icmp(after(failing(n, Reason::HostUnreachable), 1020), "192.0.2.100", 3, code);
        // The error queue names no sender where this host is it.
        if let Err(sonde_sdk::types::Failure { icmp: Some(icmp), .. }) = &mut dial.outcome {
            icmp.sender = icmp.sender.take().filter(|_| n == 1);
        }
        dial
    };
    let judgement = judge(&seen(vec![path(vec![own(1, 13), own(2, 13)])]));
    assert_proven(&judgement, "fw.reject_icmp", "tcp.port_closed");
    let judgement = judge(&seen(vec![path(vec![own(1, 1), own(2, 1)])]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.reject_icmp"]);
}
