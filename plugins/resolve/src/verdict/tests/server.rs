//! A server that is not there, or not for us.

use super::*;

#[test]
fn a_refusing_server_is_refused() {
    names(&Net::new("www.example", code(5)).run(), "dns.refused", "dns.lame_delegation");
}

#[test]
fn a_server_that_cannot_is_not_implemented() {
    names(&Net::new("www.example", code(4)).run(), "dns.not_implemented", "dns.refused");
}

#[test]
fn silence_on_udp_and_tcp_is_an_unreachable_server() {
    names(&Net::new("www.example", dead).run(), "dns.server_unreachable", "dns.udp_blocked");
}

#[test]
fn a_server_that_accepts_and_does_not_answer_is_not_unreachable() {
    let mut net = Net::new("www.example", dead);
    net.accepts = true;
    let judged = net.run();
    assert!(!is_proven(&judged.findings, "dns.server_unreachable"), "{:?}", judged.findings);
    assert!(refuted(&judged.findings).contains(&"dns.server_unreachable"), "{:?}", judged.findings);
}

#[test]
fn a_silent_server_behind_a_dead_gateway_is_the_gateways_fault() {
    let mut net = Net::new("www.example", dead);
    net.neighbour = "FAILED";
    names(&net.run(), "l2.gateway_unresolved", "l2.neighbor_unresolved");
}

#[test]
fn a_silent_on_link_server_is_an_unresolved_neighbour() {
    let mut net = Net::new("www.example", dead);
    net.neighbour = "FAILED";
    net.route = Some(testkit::route_answer(0, testkit::route(None)));
    names(&net.run(), "l2.neighbor_unresolved", "l3.wrong_netmask");
}

#[test]
fn a_refusing_port_is_a_closed_server_port() {
    let judgement = Net::new("www.example", failing(Reason::Refused)).run();
    names(&judgement, "dns.server_port_closed", "dns.server_unreachable");
    assert!(refuted(&judgement.findings).contains(&"dns.stub_down"));
}

#[test]
fn a_refusing_loopback_port_is_a_stub_that_is_down() {
    let mut net = Net::new("www.example", failing(Reason::Refused));
    net.config.nameservers = vec!["127.0.0.53".to_owned()];
    names(&net.run(), "dns.stub_down", "dns.no_nameserver");
}

#[test]
fn a_port_unreachable_of_another_host_is_a_filter() {
    let net = Net::new("www.example", |q: &Question| {
        let mut failure = testkit::failure(Phase::Wait, Reason::Refused, 1);
        failure.icmp = (q.variant != Variant::Tcp).then(|| testkit::icmp("192.0.2.1", 3, 3));
        (Err(failure), 1)
    });
    names(&net.run(), "fw.reject_icmp", "l3.icmp_unreachable");
}

#[test]
fn a_query_that_the_kernel_refuses_is_this_hosts_filter() {
    names(&Net::new("www.example", failing(Reason::NotPermitted)).run(), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn a_query_that_finds_no_room_in_connection_tracking_is_not_this_hosts_filter() {
    let mut net = Net::new("www.example", failing(Reason::NotPermitted));
    net.moving.push(("conntrack.drop", 2));
    names(&net.run(), "nf.conntrack_full", "fw.drop_remote");
}

#[test]
fn a_query_that_a_prohibit_route_refuses_is_the_routes_fault() {
    let mut net = Net::new("www.example", failing(Reason::NotPermitted));
    let mut route = testkit::route(None);
    route.kind = RouteKind::Prohibit;
    net.route = Some(testkit::route_answer(0, route));
    names(&net.run(), "l3.route_policy_reject", "fw.reject_icmp");
}

#[test]
fn a_host_without_a_route_to_its_server_has_no_route() {
    names(&Net::new("www.example", failing(Reason::NetworkUnreachable)).run(), "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn a_router_without_a_route_is_named_by_its_message() {
    let net = Net::new("www.example", |_: &Question| {
        let mut failure = testkit::failure(Phase::Wait, Reason::HostUnreachable, 1);
        failure.icmp = Some(testkit::icmp("192.0.2.1", 3, 1));
        (Err(failure), 1)
    });
    names(&net.run(), "l3.icmp_unreachable", "l3.host_down");
}

/// The first query waits in vain, and then the last router gives up on all of them.
fn given_up(question: &Question) -> Reply {
    if question.attempt == 0 && question.qtype == A && question.variant == Variant::Udp {
        return dead(question);
    }
    let mut failure = testkit::failure(Phase::Wait, Reason::HostUnreachable, 2400);
    failure.icmp = Some(testkit::icmp("192.0.2.1", 3, 1));
    (Err(failure), 1)
}

#[test]
fn a_router_that_gives_up_after_seconds_has_looked_for_the_server_in_vain() {
    names(&Net::new("www.example", given_up).run(), "l3.host_down", "l3.icmp_unreachable");
}

#[test]
fn a_first_server_that_a_router_gives_up_on_late_makes_every_lookup_wait() {
    names(&Net::two("www.example", given_up, zone(WWW)).run(), "dns.first_server_dead", "dns.slow_server");
}

#[test]
fn a_blackhole_route_to_the_server_is_told_from_one_that_refuses() {
    let net = Net::new("www.example", failing(Reason::InvalidArgument));
    names(&net.run(), "l3.route_blackhole", "l3.route_policy_reject");
}

#[test]
fn a_dead_first_server_is_named_although_the_second_answers() {
    names(&Net::two("www.example", dead, zone(WWW)).run(), "dns.first_server_dead", "dns.slow_server");
}

#[test]
fn a_dead_second_server_hurts_no_lookup() {
    is_healthy(&Net::two("www.example", zone(WWW), dead).run());
}

#[test]
fn a_first_server_that_fails_at_once_hurts_no_lookup() {
    is_healthy(&Net::two("www.example", code(5), zone(WWW)).run());
    is_healthy(&Net::two("www.example", failing(Reason::Refused), zone(WWW)).run());
}

#[test]
fn servers_that_answer_differently_for_a_balanced_name_are_healthy() {
    let mut net =
        Net::two("www.example", zone(&[("www.example", A, "192.0.2.80")]), zone(&[("www.example", A, "192.0.2.81")]));
    is_healthy(&net.run());
    net.request.port = Some(443);
    net.serving = vec!["192.0.2.80", "192.0.2.81"];
    is_healthy(&net.run());
}

#[test]
fn servers_disagree_where_only_one_answer_serves() {
    let mut net =
        Net::two("www.example", zone(&[("www.example", A, "192.0.2.80")]), zone(&[("www.example", A, "192.0.2.81")]));
    net.request.port = Some(80);
    net.serving = vec!["192.0.2.81"];
    names(&net.run(), "dns.resolver_disagreement", "dns.split_horizon");
}

#[test]
fn a_first_server_that_denies_what_the_second_knows_disagrees_and_is_not_nxdomain() {
    let judgement = Net::two("www.example", zone(&[]), zone(WWW)).run();
    names(&judgement, "dns.resolver_disagreement", "dns.split_horizon");
}
