//! Two hosts with one address.

use super::*;

const OTHERS: &[&str] = &["02:00:00:00:00:01", "02:00:00:00:00:66"];

fn on_link(dials: Vec<TcpDial>, claims: &[&str]) -> Path {
    let mut path = path(dials);
    path.known.route = Some(testkit::route_answer(80, testkit::route(None)));
    path.known.neighbour = Some(testkit::neighbour_answer(81, V4, "REACHABLE"));
    path.arp = Some(testkit::arp_answer(70, &[(V4, false, claims), ("192.0.2.100", true, &[])]));
    path
}

fn flapping() -> Vec<TcpDial> {
    let mixed = [true, false, true, true, false, true].into_iter().zip(1..);
    mixed.map(|(ok, n)| if ok { testkit::dial(n, &endpoint(V4), 900) } else { failing(n, Reason::Refused) }).collect()
}

#[test]
fn two_owners_that_refuse_and_accept_in_turn_are_a_conflict_and_no_balancer() {
    let judgement = judge(&seen(vec![on_link(flapping(), OTHERS)]));
    assert_proven(&judgement, "l2.address_conflict", "tcp.port_closed");
}

#[test]
fn one_owner_that_refuses_and_accepts_in_turn_is_a_balancer() {
    let judgement = judge(&seen(vec![on_link(flapping(), &OTHERS[..1])]));
    assert_proven(&judgement, "lb.backend_refused", "tcp.port_closed");
}

#[test]
fn a_refusal_by_whoever_won_the_address_is_undecided() {
    let refused = || vec![failing(1, Reason::Refused), failing(2, Reason::Refused)];
    let judgement = judge(&seen(vec![on_link(refused(), OTHERS)]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["l2.address_conflict", "tcp.port_closed"]);
    assert_proven(&judge(&seen(vec![on_link(refused(), &OTHERS[..1])])), "tcp.port_closed", "fw.reject_icmp");
}

#[test]
fn an_own_address_that_another_host_claims_explains_silence() {
    let mut path = on_link(silent_twice(), &OTHERS[..1]);
    path.arp = Some(testkit::arp_answer(70, &[(V4, false, &OTHERS[..1]), ("192.0.2.100", true, &OTHERS[1..])]));
    assert_proven(&judge(&seen(vec![path])), "l2.address_conflict", "tcp.port_closed");
}
