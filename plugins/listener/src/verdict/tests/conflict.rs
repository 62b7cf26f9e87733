//! Another owner of this host's address.

use super::*;

fn claimed(address: &str, claims: &[&str]) -> Observations {
    let mut observed = steady(&[testkit::listener(OWN, 80)], &[], &[]);
    observed.dials = vec![dialled(1, OWN)];
    observed.arp = Some(testkit::arp_answer(60, &[(address, true, claims)]));
    observed
}

#[test]
fn another_owner_of_the_listeners_address_is_named() {
    assert_proven(&judge(&claimed(OWN, &["02:00:00:00:00:07"])), "l2.address_conflict", "tcp.port_closed");
}

#[test]
fn an_address_that_nobody_else_claims_or_that_the_listener_does_not_serve_is_healthy() {
    assert_healthy(&judge(&claimed(OWN, &[])));
    assert_healthy(&judge(&claimed("192.0.2.101", &["02:00:00:00:00:07"])));
}
