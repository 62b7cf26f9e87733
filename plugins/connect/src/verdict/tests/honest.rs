//! What cannot be told accuses nobody.

use super::*;

#[test]
fn the_same_cause_of_two_addresses_is_told_once() {
    let refused = |n, address| path_to(address, vec![failing(n, Reason::Refused), failing(n + 1, Reason::Refused)]);
    let judgement = judge(&seen(vec![refused(1, V4), refused(5, "192.0.2.8")]));
    assert_eq!(
        judgement.findings.iter().filter(|f| f.strength == Strength::Proof && f.cause == "tcp.port_closed").count(),
        1
    );
}

#[test]
fn what_was_not_granted_or_possible_is_undecided_and_accuses_nobody() {
    for reason in [
        Reason::Denied("not granted".into()),
        Reason::Unavailable("CAP_NET_ADMIN".into()),
        Reason::BudgetExhausted("spent".into()),
    ] {
        let judgement = judge(&seen(vec![path(vec![failing(1, reason)])]));
        assert_undecided(&judgement);
        assert!(judgement.findings.is_empty());
    }
}

#[test]
fn an_unreadable_host_still_gets_a_judgement() {
    let mut path = path(silent_twice());
    path.known.route = None;
    path.known.neighbour = None;
    let mut observed = seen(vec![path]);
    observed.links = None;
    assert_undecided(&judge(&observed));
}
