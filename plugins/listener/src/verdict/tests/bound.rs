//! Listeners for other addresses than the clients'.

use super::*;

#[test]
fn a_listener_on_loopback_only_is_named_where_others_could_come() {
    let listener = testkit::listener("127.0.0.1", 80);
    let mut observed = steady(&[listener], &[], &[]);
    observed.dials.push(failed(2, OWN, Reason::Refused));
    assert_proven(&judge(&observed), "tcp.listen_wrong_addr", "tcp.port_closed");
}

#[test]
fn a_listener_on_loopback_only_is_fine_on_a_host_without_other_addresses_or_with_a_redirection() {
    let mut alone = steady(&[testkit::listener("127.0.0.1", 80)], &[], &[]);
    alone.links = Some(testkit::links_answer(90, vec![testkit::link("lo", &["127.0.0.1/8"])]));
    assert_healthy(&judge(&alone));
    let mut redirected = steady(&[testkit::listener("127.0.0.1", 80)], &[], &[]);
    redirected.dials.push(dialled(2, OWN));
    assert_healthy(&judge(&redirected));
}

#[test]
fn a_listener_on_loopback_and_elsewhere_is_healthy() {
    let mut other = testkit::listener(OWN, 80);
    other.inode = 2;
    assert_healthy(&judge(&steady(&[testkit::listener("127.0.0.1", 80), other], &[], &[])));
}

fn ipv6_only(v4: Dial) -> Observations {
    let mut listener = testkit::listener("::", 80);
    listener.v6only = true;
    let mut observed = steady(&[listener], &[], &[]);
    observed.dials = vec![dialled(1, "::1"), v4];
    observed
}

#[test]
fn a_listener_for_ipv6_only_is_named_where_ipv4_is_refused() {
    let judgement = judge(&ipv6_only(failed(2, OWN, Reason::Refused)));
    assert_proven(&judgement, "tcp.listen_wrong_addr", "tcp.port_closed");
}

#[test]
fn a_listener_for_ipv6_only_to_which_ipv4_is_redirected_or_that_takes_both_is_healthy() {
    assert_healthy(&judge(&ipv6_only(dialled(2, OWN))));
    let mut both = ipv6_only(dialled(2, OWN));
    for look in &mut both.looks {
        look.listeners = testkit::listeners_answer(10, vec![testkit::listener("::", 80)]);
    }
    assert_healthy(&judge(&both));
}

/// Served on one address, refused on another, with RSTs sent and connections aborted from look to look.
fn one_of_two(rsts: [i64; 3], aborted: [i64; 3]) -> Observations {
    let counters = [("Tcp.OutRsts", rsts), ("TcpExt.TCPAbortOnClose", aborted), ("Tcp.PassiveOpens", [7, 8, 8])];
    let mut observed = steady(&[testkit::listener(OWN, 80)], &counters, &[]);
    observed.dials = vec![dialled(1, OWN), failed(2, "192.0.2.101", Reason::Refused)];
    observed
}

#[test]
fn a_listener_on_one_of_several_addresses_is_healthy() {
    assert_healthy(&judge(&one_of_two([5, 6, 6], [0, 0, 0])));
    assert_healthy(&judge(&one_of_two([5, 10, 14], [0, 4, 8])));
}

#[test]
fn refusals_of_others_while_nobody_reaches_the_listener_point_at_the_wrong_address() {
    assert_undecided(&judge(&one_of_two([5, 7, 8], [0, 0, 0])));
    assert_proven(&judge(&one_of_two([5, 9, 12], [0, 0, 0])), "tcp.listen_wrong_addr", "tcp.port_closed");
}

#[test]
fn refusals_of_others_do_not_accuse_a_listener_that_is_reached() {
    let mut observed = one_of_two([5, 9, 12], [0, 0, 0]);
    observed.looks[1].sockets = Some(census(31, &[("ESTAB", "198.51.100.1", "40001", 0)]));
    assert_healthy(&judge(&observed));
}

#[test]
fn refusals_of_others_do_not_accuse_a_listener_whose_connections_are_short() {
    let mut observed = one_of_two([5, 9, 12], [0, 0, 0]);
    let counters = [("Tcp.OutRsts", 12), ("TcpExt.TCPAbortOnClose", 0), ("Tcp.PassiveOpens", 30)];
    observed.looks[2].counters = testkit::counters_answer(22, &counters);
    assert_healthy(&judge(&observed));
}
