//! Next hops that are not there.

use super::*;

fn unresolved(gateway: Option<&str>, hop: &str, state: &str) -> Path {
    let mut path = path(vec![after(failing(1, Reason::HostUnreachable), 3050)]);
    path.known.route = Some(testkit::route_answer(80, testkit::route(gateway)));
    path.known.neighbour = Some(testkit::neighbour_answer(81, hop, state));
    path
}

#[test]
fn a_dead_gateway_is_told_from_a_dead_peer() {
    let judgement = judge(&seen(vec![unresolved(Some("192.0.2.1"), "192.0.2.1", "FAILED")]));
    assert_proven(&judgement, "l2.gateway_unresolved", "l2.neighbor_unresolved");
}

#[test]
fn an_absent_peer_on_the_own_segment_is_told_from_a_wrong_netmask() {
    let judgement = judge(&seen(vec![unresolved(None, V4, "FAILED")]));
    assert_proven(&judgement, "l2.neighbor_unresolved", "l3.wrong_netmask");
}

#[test]
fn an_absent_peer_far_off_in_a_wide_prefix_is_undecided() {
    let mut observed = seen(vec![unresolved(None, V4, "FAILED")]);
    observed.links = Some(testkit::links_answer(90, vec![testkit::link("eth0", &["192.0.77.100/16"])]));
    let judgement = judge(&observed);
    assert_undecided(&judgement);
    assert!(supported(&judgement.findings, Strength::Weak).contains(&"l3.wrong_netmask"));
}

#[test]
fn a_gateway_that_answers_nearby_makes_a_wide_prefix_the_better_guess_and_no_proof() {
    let guess = |own: &str, gateway: &str| {
        let mut path = unresolved(None, V4, "FAILED");
        path.known.gateway = Some(testkit::neighbour_answer(82, gateway, "REACHABLE"));
        let mut observed = seen(vec![path]);
        observed.links = Some(testkit::links_answer(90, vec![testkit::link("eth0", &[own])]));
        judge(&observed)
    };
    let near = guess("192.0.77.100/16", "192.0.77.1");
    assert_undecided(&near);
    assert_eq!(supported(&near.findings, Strength::Strong), ["l3.wrong_netmask"]);
    let far = guess("192.0.77.100/16", "192.0.0.1");
    assert_eq!(supported(&far.findings, Strength::Strong), ["l2.neighbor_unresolved"]);
    assert_proven(&guess("192.0.2.100/24", "192.0.2.1"), "l2.neighbor_unresolved", "l3.wrong_netmask");
}

#[test]
fn the_kernels_own_icmp_error_is_not_a_routers() {
    let mut path = unresolved(None, V4, "FAILED");
    path.dials[0] = with_icmp(path.dials[0].clone(), "192.0.2.100", 3, 1);
    assert_proven(&judge(&seen(vec![path])), "l2.neighbor_unresolved", "l3.wrong_netmask");
}

#[test]
fn a_link_without_carrier_explains_the_silent_gateway() {
    let mut observed = seen(vec![unresolved(Some("192.0.2.1"), "192.0.2.1", "FAILED")]);
    let mut link = testkit::link("eth0", &["192.0.2.100/24"]);
    link.carrier = false;
    observed.links = Some(testkit::links_answer(90, vec![link]));
    assert_proven(&judge(&observed), "l2.carrier_lost", "l2.gateway_unresolved");
}

#[test]
fn a_neighbour_still_being_asked_is_undecided() {
    let mut path = path(vec![failing(1, Reason::TimedOut)]);
    path.known.neighbour = Some(testkit::neighbour_answer(81, "192.0.2.1", "INCOMPLETE"));
    assert_undecided(&judge(&seen(vec![path])));
}

/// Silence in which the SYN waits, then the kernel's own word; the looked-up gateway answers.
fn by_a_rule(last: Reason, neighbours: &[(&str, &str)]) -> Judgement {
    let waits = moving(failing(1, Reason::TimedOut), &[("TcpExt.TCPSpuriousRtxHostQueues", 1)]);
    let mut path = path(vec![waits, after(failing(2, last), 3050)]);
    let routes = [(254, "default", "192.0.2.1"), (77, "default", "192.0.2.99")];
    path.known.gateways = Some(testkit::gateways(70, neighbours, &routes));
    path.controls = vec![control(61, 80, failing(61, Reason::Refused))];
    judge(&seen(vec![path]))
}

#[test]
fn a_dead_gateway_behind_a_policy_rule_is_found_although_the_looked_up_one_answers() {
    let dead = [("192.0.2.1", "REACHABLE"), ("192.0.2.99", "FAILED")];
    assert_proven(&by_a_rule(Reason::HostUnreachable, &dead), "l2.gateway_unresolved", "l2.neighbor_unresolved");
    // A neighbour that no route leads to is somebody else's.
    let strange = [("192.0.2.1", "REACHABLE"), ("192.0.2.50", "FAILED")];
    assert_undecided(&by_a_rule(Reason::HostUnreachable, &strange));
    // What waits here and has no such end may wait for the device.
    assert_undecided(&by_a_rule(Reason::TimedOut, &strange));
}
