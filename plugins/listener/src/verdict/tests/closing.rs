//! Connections that end in a RST because the service left data unread.

use super::*;

/// So many connections opened and aborted by the last look, by a host with these listeners.
fn closing(opened: i64, unread: i64, on_purpose: i64, listeners: Vec<Listener>) -> Observations {
    let counters = [
        ("Tcp.PassiveOpens", [10, 10 + opened / 2, 11 + opened]),
        ("Tcp.ActiveOpens", [3, 4, 4]),
        ("TcpExt.TCPAbortOnClose", [5, 5 + unread / 2, 5 + unread]),
        ("TcpExt.TCPAbortOnData", [0, 0, on_purpose]),
    ];
    let mut observed = steady(&[testkit::listener("0.0.0.0", 80)], &counters, &[]);
    observed.table = Some(testkit::listeners_answer(70, listeners));
    observed
}

#[test]
fn a_service_that_leaves_requests_unread_is_named_where_it_is_alone() {
    let judgement = judge(&closing(4, 4, 0, vec![testkit::listener("0.0.0.0", 80)]));
    assert_proven(&judgement, "tcp.rst_unread_data", "tcp.rst_linger0");
}

#[test]
fn among_several_services_it_is_not_told_whose_connections_they_were() {
    let other = Listener { inode: 77, ..testkit::listener("0.0.0.0", 443) };
    let judgement = judge(&closing(4, 4, 0, vec![testkit::listener("0.0.0.0", 80), other]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["tcp.rst_unread_data"]);
}

#[test]
fn a_few_of_many_connections_or_aborts_on_purpose_are_not_it() {
    assert_healthy(&judge(&closing(100, 4, 0, vec![testkit::listener("0.0.0.0", 80)])));
    assert_healthy(&judge(&closing(4, 4, 4, vec![testkit::listener("0.0.0.0", 80)])));
    assert_healthy(&judge(&closing(2, 2, 0, vec![testkit::listener("0.0.0.0", 80)])));
}

#[test]
fn a_service_that_aborts_its_connections_on_purpose_is_named_where_it_is_alone() {
    let mut observed = closing(4, 0, 0, vec![testkit::listener("0.0.0.0", 80)]);
    for (look, aborted) in observed.looks.iter_mut().zip([0_i64, 2, 4]) {
        let counters = [("Tcp.PassiveOpens", 10 + aborted), ("Tcp.ActiveOpens", 3), ("TcpExt.TCPAbortOnData", aborted)];
        look.counters = testkit::counters_answer(20 + aborted.unsigned_abs(), &counters);
    }
    // Our own connection.
    for look in &mut observed.looks[1..] {
        if let Some(active) = look.counters.outcome.iter_mut().flatten().find(|c| c.name == "Tcp.ActiveOpens") {
            active.value += 1;
        }
    }
    assert_proven(&judge(&observed), "tcp.rst_linger0", "tcp.rst_unread_data");
}
