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

#[test]
fn time_exceeded_is_a_loop() {
    let dials = vec![
        with_icmp(failing(1, Reason::HostUnreachable), "198.51.100.1", 11, 0),
        with_icmp(failing(2, Reason::HostUnreachable), "198.51.100.1", 11, 0),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.routing_loop", "l3.icmp_unreachable");
}
