//! This host's own filters, routes, interfaces and ports.

use super::*;

#[test]
fn syns_that_fail_inside_the_kernel_are_a_local_filter() {
    let moved = [("TcpExt.TCPTimeouts", 1), ("TcpExt.TCPSynRetrans", 1), ("TcpExt.TCPRetransFail", 1)];
    let dials = vec![moving(failing(1, Reason::TimedOut), &moved), moving(failing(2, Reason::TimedOut), &moved)];
    assert_proven(&judge(&seen(vec![path(dials)])), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn a_failed_send_in_a_shared_window_proves_no_local_filter() {
    let mut dials = silent_twice();
    dials[0].deltas = Some(CounterDeltas { quiet: false, ..testkit::deltas(&[("TcpExt.TCPRetransFail", 1)]) });
    assert_undecided(&judge(&seen(vec![path(dials)])));
}

#[test]
fn an_error_at_once_without_packet_is_a_local_policy() {
    let dials = vec![failing(1, Reason::NotPermitted), failing(2, Reason::NotPermitted)];
    assert_proven(&judge(&seen(vec![path(dials)])), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn no_route_is_told_from_a_routers_word() {
    let dials = vec![
        moving(failing(1, Reason::NetworkUnreachable), &[("Ip.OutNoRoutes", 1)]),
        failing(2, Reason::NetworkUnreachable),
    ];
    let judgement = judge(&seen(vec![with_route(path(dials), RouteKind::None)]));
    assert_proven(&judgement, "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn a_route_lookup_that_fails_with_the_same_error_says_no_route_too() {
    let mut path = path(vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)]);
    let mut answer = testkit::route_answer(80, testkit::route(None));
    answer.outcome = Err(testkit::failure(sonde_sdk::types::Phase::Inspect, Reason::NetworkUnreachable, 0));
    path.known.route = Some(answer);
    path.known.neighbour = None;
    assert_proven(&judge(&seen(vec![path])), "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn no_route_while_the_interface_is_off_is_the_interface() {
    let dials = vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)];
    let mut observed = seen(vec![with_route(path(dials), RouteKind::None)]);
    let mut off = testkit::link("eth0", &["192.0.2.100/24"]);
    off.up = false;
    off.carrier = false;
    observed.links = Some(testkit::links_answer(90, vec![testkit::link("lo", &["127.0.0.1/8"]), off]));
    assert_proven(&judge(&observed), "l2.link_admin_down", "l2.carrier_lost");
}

#[test]
fn an_unused_interface_that_is_off_is_not_blamed() {
    let dials = vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)];
    let mut observed = seen(vec![with_route(path(dials), RouteKind::None)]);
    let mut off = testkit::link("eth9", &["10.9.9.9/24"]);
    off.up = false;
    let links = vec![testkit::link("lo", &["127.0.0.1/8"]), testkit::link("eth0", &["192.0.2.100/24"]), off];
    observed.links = Some(testkit::links_answer(90, links));
    let judgement = judge(&observed);
    assert_proven(&judgement, "l3.no_route", "l3.icmp_unreachable");
    // It may have been the one that mattered, so the engine is told to doubt.
    assert!(refuted(&judgement.findings).contains(&"l3.no_route"), "{judgement:#?}");
    assert!(!refuted(&judgement.findings).contains(&"l2.link_admin_down"), "{judgement:#?}");
}

fn unreachable_network(address: &str) -> Path {
    let dials = vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)];
    with_route(path_to(address, dials), RouteKind::None)
}

/// Links as name, whether it is on, whether it has carrier, addresses; and the gateways of the default routes.
fn among(address: &str, links: &[(&str, bool, bool, &[&str])], gateways: &[&str]) -> Judgement {
    let mut observed = seen(vec![unreachable_network(address)]);
    let links = links.iter().map(|(name, up, carrier, addresses)| {
        let mut link = testkit::link(name, addresses);
        (link.up, link.carrier) = (*up, *carrier);
        link
    });
    observed.links = Some(testkit::links_answer(90, links.collect()));
    observed.defaults = Some(defaults(gateways.iter().map(|g| testkit::route(Some(g))).collect()));
    judge(&observed)
}

fn defaults(routes: Vec<sonde_sdk::system::Route>) -> sonde_sdk::system::DefaultRoutesAnswer {
    sonde_sdk::system::DefaultRoutesAnswer {
        evidence: testkit::evidence(70),
        timing: testkit::timing(0),
        outcome: Ok(routes),
    }
}

const FAR: &str = "198.51.100.9";

#[test]
fn an_interface_that_is_off_has_lost_its_ipv6_addresses_and_is_named_all_the_same() {
    let links: [(&str, bool, bool, &[&str]); 2] =
        [("sit0", false, false, &[]), ("eth0", false, false, &["192.0.2.100/24"])];
    assert_proven(&among(V6, &links, &[]), "l2.link_admin_down", "l2.carrier_lost");
}

#[test]
fn a_bridge_of_containers_is_no_way_out_beside_an_interface_that_is_off() {
    let links: [(&str, bool, bool, &[&str]); 3] = [
        ("eth0", false, false, &["192.0.2.100/24"]),
        ("docker0", true, true, &["172.17.0.1/16"]),
        ("dummy0", true, true, &["10.9.9.9/32", "fe80::1/64"]),
    ];
    assert_proven(&among(FAR, &links, &[]), "l2.link_admin_down", "l2.carrier_lost");
}

#[test]
fn an_interface_that_is_off_is_not_blamed_for_missing_ipv6_beside_an_ipv4_default() {
    let links: [(&str, bool, bool, &[&str]); 2] =
        [("eth0", true, true, &["192.0.2.100/24"]), ("eth9", false, false, &[])];
    assert_proven(&among(V6, &links, &["192.0.2.1"]), "l3.ipv6_no_route", "l3.ipv6_blackhole");
}

#[test]
fn a_route_that_the_kernel_ignores_for_want_of_carrier_is_the_carrier() {
    let links: [(&str, bool, bool, &[&str]); 1] = [("eth0", true, false, &["192.0.2.100/24"])];
    assert_proven(&among(FAR, &links, &["192.0.2.1"]), "l2.carrier_lost", "l2.gateway_unresolved");
    assert_proven(&among(FAR, &links, &[]), "l2.carrier_lost", "l2.gateway_unresolved");
}

#[test]
fn an_idle_bridge_without_carrier_is_not_blamed() {
    let links: [(&str, bool, bool, &[&str]); 2] =
        [("eth0", true, true, &["192.0.2.100/24"]), ("docker0", true, false, &["172.17.0.1/16"])];
    assert_proven(&among(FAR, &links, &[]), "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn no_route_although_there_is_a_default_is_a_rule_with_a_doubt() {
    let links: [(&str, bool, bool, &[&str]); 1] = [("eth0", true, true, &["192.0.2.100/24"])];
    let judgement = among(FAR, &links, &["192.0.2.1"]);
    assert_proven(&judgement, "l3.route_policy_reject", "fw.reject_icmp");
    assert!(refuted(&judgement.findings).contains(&"l3.route_policy_reject"), "{judgement:#?}");
    assert!(!supported(&judgement.findings, Strength::Weak).contains(&"l3.no_route"));
}

/// The lookup finds a way, connecting fails at once, and another port meets `elsewhere`.
fn by_a_rule(reason: &Reason, name: &str, elsewhere: Option<Reason>) -> Judgement {
    let dial = |n| {
        let mut dial = failing(n, reason.clone());
        if let Err(failure) = &mut dial.outcome {
            failure.errno_name = Some(name.to_owned());
        }
        dial
    };
    let mut path = path(vec![dial(1), dial(2)]);
    path.controls = elsewhere.into_iter().map(|reason| control(4, 80, failing(4, reason))).collect();
    judge(&seen(vec![path]))
}

#[test]
fn a_rule_for_one_port_that_no_lookup_shows_is_told_from_a_filter() {
    let prohibited = by_a_rule(&Reason::NotPermitted, "EACCES", None);
    assert_proven(&prohibited, "l3.route_policy_reject", "fw.reject_icmp");
    for (reason, name, cause) in [
        (Reason::InvalidArgument, "EINVAL", "l3.route_blackhole"),
        (Reason::HostUnreachable, "EHOSTUNREACH", "l3.route_policy_reject"),
        (Reason::NetworkUnreachable, "ENETUNREACH", "l3.route_policy_reject"),
    ] {
        for elsewhere in [Reason::Refused, Reason::TimedOut] {
            let judgement = by_a_rule(&reason, name, Some(elsewhere));
            assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
            assert!(is_proven(&judgement.findings, cause), "{judgement:#?}");
        }
        assert_undecided(&by_a_rule(&reason, name, None));
        assert_undecided(&by_a_rule(&reason, name, Some(reason.clone())));
    }
}

#[test]
fn a_program_that_forbids_connecting_is_no_rule() {
    let judgement = by_a_rule(&Reason::NotPermitted, "EPERM", Some(Reason::Refused));
    assert_proven(&judgement, "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn an_ipv6_target_without_ipv6_route_beside_an_ipv4_default_is_named_so() {
    let dials = vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)];
    let mut observed = seen(vec![with_route(path_to(V6, dials), RouteKind::None)]);
    let default = testkit::route(Some("192.0.2.1"));
    observed.defaults = Some(defaults(vec![default]));
    assert_proven(&judge(&observed), "l3.ipv6_no_route", "l3.ipv6_blackhole");
}

#[test]
fn a_missing_ipv6_route_beside_working_ipv4_is_healthy() {
    let v6 = path_to(V6, vec![failing(2, Reason::NetworkUnreachable), failing(3, Reason::NetworkUnreachable)]);
    assert_healthy(&judge(&seen(vec![with_route(v6, RouteKind::None), open(1, V4, 900)])));
}

#[test]
fn a_missing_ipv6_route_does_not_hide_the_closed_ipv4_port() {
    let moved = [("Tcp.AttemptFails", 1)];
    let v4 = path(vec![moving(failing(1, Reason::Refused), &moved), moving(failing(2, Reason::Refused), &moved)]);
    let v6 = path_to(V6, vec![failing(3, Reason::NetworkUnreachable), failing(4, Reason::NetworkUnreachable)]);
    let judgement = judge(&seen(vec![with_route(v6, RouteKind::None), v4]));
    assert_eq!(supported(&judgement.findings, Strength::Proof), ["tcp.port_closed"], "{judgement:#?}");
}

#[test]
fn silent_ipv6_beside_working_ipv4_is_an_ipv6_black_hole() {
    let v6 = path_to(V6, vec![failing(2, Reason::TimedOut), failing(3, Reason::TimedOut)]);
    assert_proven(&judge(&seen(vec![v6, open(1, V4, 900)])), "l3.ipv6_blackhole", "fw.drop_remote");
}

#[test]
fn refused_ipv6_beside_working_ipv4_is_healthy() {
    let v6 = path_to(V6, vec![failing(2, Reason::Refused), failing(3, Reason::Refused)]);
    assert_healthy(&judge(&seen(vec![v6, open(1, V4, 900)])));
}

#[test]
fn a_blackhole_route_is_named() {
    let dials = vec![failing(1, Reason::InvalidArgument), failing(2, Reason::InvalidArgument)];
    let judgement = judge(&seen(vec![with_route(path(dials), RouteKind::Blackhole)]));
    assert_proven(&judgement, "l3.route_blackhole", "l3.no_route");
}

#[test]
fn an_invalid_argument_without_such_a_route_is_undecided() {
    assert_undecided(&judge(&seen(vec![path(vec![failing(1, Reason::InvalidArgument)])])));
}

#[test]
fn unreachable_and_prohibit_routes_are_named() {
    for (reason, kind) in
        [(Reason::HostUnreachable, RouteKind::Unreachable), (Reason::NotPermitted, RouteKind::Prohibit)]
    {
        let dials = vec![failing(1, reason.clone()), failing(2, reason)];
        assert_proven(&judge(&seen(vec![with_route(path(dials), kind)])), "l3.route_policy_reject", "fw.reject_icmp");
    }
}

fn exhausted(sockets: u64, elsewhere: Reason) -> Path {
    let mut path = path(vec![failing(1, Reason::AddressNotAvailable), failing(2, Reason::AddressNotAvailable)]);
    path.census = Some(testkit::census_answer(3, &[(&["192.0.2.100"], sockets)]));
    path.controls = vec![control(4, 80, failing(4, elsewhere))];
    path
}

#[test]
fn a_used_up_port_range_is_counted() {
    assert_proven(
        &judge(&seen(vec![exhausted(50, Reason::Refused)])),
        "host.ephemeral_ports_connect",
        "host.source_addr_missing",
    );
}

#[test]
fn a_narrow_range_is_used_up_by_a_handful_of_sockets() {
    let judgement = judge(&seen(vec![exhausted(10, Reason::TimedOut)]));
    assert_proven(&judgement, "host.ephemeral_ports_connect", "host.source_addr_missing");
}

#[test]
fn few_sockets_do_not_use_up_a_port_range_and_no_source_is_missing_where_another_port_has_one() {
    let judgement = judge(&seen(vec![exhausted(2, Reason::Refused)]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["host.ephemeral_ports_connect"]);
}

#[test]
fn a_source_that_is_missing_for_every_port_is_no_used_up_range() {
    assert_undecided(&judge(&seen(vec![exhausted(50, Reason::AddressNotAvailable)])));
}

#[test]
fn a_silent_port_of_this_host_is_its_own_filter_when_no_queue_is_full() {
    let mut path = with_route(path(silent_twice()), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(5, vec![testkit::listener("0.0.0.0", 443)]));
    assert_proven(&judge(&seen(vec![path])), "fw.drop_local_input", "tcp.accept_queue_overflow");
}

#[test]
fn a_silent_port_of_this_host_with_a_full_queue_is_that_queue() {
    let moved = [("TcpExt.ListenOverflows", 2), ("TcpExt.ListenDrops", 2)];
    let mut path = with_route(
        path(vec![moving(failing(1, Reason::TimedOut), &moved), failing(2, Reason::TimedOut)]),
        RouteKind::Local,
    );
    let mut full = testkit::listener("0.0.0.0", 443);
    (full.queued, full.backlog) = (5, 4);
    path.listeners = Some(testkit::listeners_answer(5, vec![full.clone()]));
    assert_proven(&judge(&seen(vec![path.clone()])), "tcp.accept_queue_overflow", "tcp.syn_queue_full");

    // That of another address of this host is none of ours.
    full.address = "127.0.0.1".to_owned();
    path.listeners = Some(testkit::listeners_answer(5, vec![full, testkit::listener("0.0.0.0", 443)]));
    assert_undecided(&judge(&seen(vec![path])));
}

/// The SYNs are half open at the own listener.
fn half_open_at_home(moved: &[(&str, i64)]) -> Path {
    let mut dials = vec![moving(failing(1, Reason::TimedOut), moved), failing(2, Reason::TimedOut)];
    dials[0].connection.local = Some(Endpoint::new("192.0.2.100", 40_007));
    let mut path = with_route(path(dials), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(5, vec![testkit::listener("0.0.0.0", 443)]));
    path.half_open = Some(testkit::census_answer(6, &[(&["192.0.2.100", "40007"], 1)]));
    path
}

#[test]
fn a_syn_to_this_host_that_arrives_and_whose_answer_never_leaves_is_the_output_filter() {
    let path = half_open_at_home(&[("Ip.InReceives", 2), ("Ip.InDelivers", 2)]);
    assert_proven(&judge(&seen(vec![path])), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn an_answer_that_is_received_and_not_delivered_accuses_no_output_filter() {
    let judgement = judge(&seen(vec![half_open_at_home(&[("Ip.InReceives", 5), ("Ip.InDelivers", 2)])]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.drop_local_input"]);
}
