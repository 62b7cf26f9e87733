//! Errors: from the target, from the way, from this host.

use sonde_sdk::system::RouteKind;

use super::*;

fn refused(n: u64, sender: &str) -> UdpDial {
    with_icmp(failing(n, Reason::Refused), sender, 3, 3)
}

#[test]
fn port_unreachable_by_the_target_itself_twice_is_a_closed_port() {
    let judgement = judge(&seen(path(9, vec![refused(1, HOST), refused(2, HOST)])));
    assert_proven(&judgement, "udp.port_closed", "fw.reject_icmp");
    assert!(judgement.outcome.next_step.is_some_and(|step| step.contains(":9")));
}

#[test]
fn port_unreachable_once_and_then_silence_proves_nothing() {
    let dials = vec![refused(1, HOST), UdpDial { icmp: None, ..failing(2, Reason::Refused) }];
    let mut path = path(9, dials);
    path.dials.swap(0, 1);
    assert_undecided(&judge(&seen(path)));
}

#[test]
fn port_unreachable_by_another_host_is_a_filter() {
    let judgement = judge(&seen(path(9, vec![refused(1, "198.51.100.1"), refused(2, "198.51.100.1")])));
    assert_proven(&judgement, "fw.reject_icmp", "udp.port_closed");
}

#[test]
fn a_prohibition_by_the_target_itself_is_a_filter() {
    let prohibited = |n| with_icmp(failing(n, Reason::HostUnreachable), HOST, 3, 10);
    let judgement = judge(&seen(path(9, vec![prohibited(1), prohibited(2)])));
    assert_proven(&judgement, "fw.reject_icmp", "udp.port_closed");
}

#[test]
fn net_unreachable_by_a_router_is_that_routers_fault() {
    let told = |n| with_icmp(failing(n, Reason::NetworkUnreachable), "198.51.100.1", 3, 0);
    assert_proven(&judge(&seen(path(9, vec![told(1), told(2)]))), "l3.icmp_unreachable", "fw.reject_icmp");
}

#[test]
fn a_closed_port_of_this_host_is_counted() {
    let dials = vec![refused(1, HOST), moving(refused(2, HOST), &[("Udp.NoPorts", 1), ("Ip.InDelivers", 2)])];
    assert_proven(&judge(&seen(local(9, dials))), "udp.port_closed", "fw.reject_icmp");
}

#[test]
fn a_port_of_this_host_that_a_filter_rejects_is_not_counted() {
    let window = |n| moving(refused(n, HOST), &[("Icmp.OutDestUnreachs", 1)]);
    assert_proven(&judge(&seen(local(9, vec![window(1), window(2)]))), "fw.reject_icmp", "udp.port_closed");
}

#[test]
fn what_others_send_to_closed_ports_of_this_host_does_not_close_one_that_a_filter_rejects() {
    let window = |n, ports| moving(refused(n, HOST), &[("Udp.NoPorts", ports)]);
    let noisy = local(9, vec![window(1, 4), window(2, 0)]);
    assert_proven(&judge(&seen(noisy)), "fw.reject_icmp", "udp.port_closed");

    let mut received = local(9, vec![window(1, 4), window(2, 3)]);
    let mut socket = testkit::socket(Endpoint::new("0.0.0.0", 9), Endpoint::new("0.0.0.0", 0));
    socket.peer = None;
    received.sockets = vec![testkit::sockets_answer(40, vec![socket])];
    let judgement = judge(&seen(received));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.reject_icmp"]);
}

#[test]
fn this_hosts_own_refusal_without_counters_is_undecided() {
    assert_undecided(&judge(&seen(local(9, vec![refused(1, HOST), refused(2, HOST)]))));
}

#[test]
fn eperm_twice_is_this_hosts_own_filter() {
    let denied = |n| moving(failing(n, Reason::NotPermitted), &[("Ip.OutDiscards", 3)]);
    assert_proven(&judge(&seen(path(9, vec![denied(1), denied(2)]))), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn eperm_beside_a_full_table_that_counts_drops_is_connection_tracking() {
    let denied = |n| moving(failing(n, Reason::NotPermitted), &[("conntrack.drop", 3)]);
    let mut path = path(9, vec![denied(1), denied(2)]);
    path.counters = Some(testkit::counters_answer(3, &[("conntrack.entries", 4096), ("conntrack.max", 4096)]));
    assert_proven(&judge(&seen(path.clone())), "nf.conntrack_full", "fw.drop_remote");

    path.counters = Some(testkit::counters_answer(3, &[("conntrack.entries", 100), ("conntrack.max", 4096)]));
    assert_proven(&judge(&seen(path)), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn a_blackhole_route_is_named_by_the_lookup() {
    let mut path = path(9, vec![failing(1, Reason::InvalidArgument), failing(2, Reason::InvalidArgument)]);
    let route = sonde_sdk::system::Route { kind: RouteKind::Blackhole, ..testkit::route(None) };
    path.known.route = Some(testkit::route_answer(80, route));
    assert_proven(&judge(&seen(path)), "l3.route_blackhole", "l3.no_route");
}

#[test]
fn no_route_is_no_route() {
    let mut path = path(9, vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)]);
    let route = sonde_sdk::system::Route { kind: RouteKind::None, device: None, source: None, ..testkit::route(None) };
    path.known.route = Some(testkit::route_answer(80, route));
    path.known.neighbour = None;
    assert_proven(&judge(&seen(path)), "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn a_gateway_that_does_not_answer_is_on_this_segment() {
    let mut path = path(9, vec![silent(1)]);
    path.known.neighbour = Some(testkit::neighbour_answer(81, "192.0.2.1", "FAILED"));
    assert_proven(&judge(&seen(path)), "l2.gateway_unresolved", "l2.neighbor_unresolved");
}

#[test]
fn the_last_routers_late_word_is_a_host_that_is_down() {
    let mut late = with_icmp(failing(3, Reason::HostUnreachable), "198.51.100.1", 3, 1);
    late.timing = testkit::timing(1900);
    if let Err(failure) = &mut late.outcome {
        failure.elapsed_us = 1_900_000;
    }
    let mut silent = silent(1);
    if let Err(failure) = &mut silent.outcome {
        failure.elapsed_us = 1_300_000;
    }
    assert_proven(&judge(&seen(path(9, vec![silent, late]))), "l3.host_down", "l3.icmp_unreachable");
}

#[test]
fn what_was_not_granted_says_nothing_of_the_network() {
    assert_undecided(&judge(&seen(path(9, vec![failing(1, Reason::Denied("no".into()))]))));
}
