//! Packets that never come to the listener, or never leave.

use super::*;

#[test]
fn growth_of_the_reverse_path_filter_that_keeps_everyone_out_is_named() {
    let counters = [("TcpExt.IPReversePathFilter", [3, 6, 9])];
    assert_proven(&judge(&steady(&[queue(0, 128)], &counters, &[])), "l3.rp_filter_drop", "fw.drop_local_input");
    let others = [("ESTAB", "198.51.100.1", "40001", 0)];
    assert_healthy(&judge(&steady(&[queue(0, 128)], &counters, &others)));
}

#[test]
fn what_the_reverse_path_filter_drops_is_no_syn_by_its_size() {
    let of_bytes = |bytes: i64| {
        let counters = [
            ("TcpExt.IPReversePathFilter", [3, 6, 9]),
            ("Ip.InReceives", [0, 40, 43]),
            ("IpExt.InOctets", [0, 9_000, 9_000 + 3 * bytes]),
        ];
        judge(&steady(&[queue(0, 128)], &counters, &[]))
    };
    assert_proven(&of_bytes(60), "l3.rp_filter_drop", "fw.drop_local_input");
    assert_healthy(&of_bytes(229));
    assert_healthy(&of_bytes(36));
}

fn vanishing(moved: &[(&str, i64)]) -> Observations {
    let mut observed = steady(&[queue(0, 128)], &[], &[]);
    let mut watched = failed(2, "127.0.0.1", Reason::TimedOut);
    watched.dial.deltas = Some(testkit::deltas(moved));
    observed.dials = vec![failed(1, "127.0.0.1", Reason::TimedOut), watched];
    observed
}

#[test]
fn a_local_syn_that_vanishes_before_a_listener_with_room_is_the_hosts_own_filter() {
    let judgement = judge(&vanishing(&[("TcpExt.TCPSynRetrans", 1)]));
    assert_proven(&judgement, "fw.drop_local_input", "tcp.accept_queue_overflow");
}

#[test]
fn a_local_syn_that_something_else_dropped_is_undecided() {
    for counter in ["TcpExt.ListenDrops", "TcpExt.IPReversePathFilter", "TcpExt.TCPRetransFail"] {
        assert_undecided(&judge(&vanishing(&[(counter, 1)])));
    }
}

#[test]
fn a_local_syn_that_vanishes_in_a_shared_window_is_undecided() {
    let mut observed = vanishing(&[]);
    if let Some(deltas) = &mut observed.dials[1].dial.deltas {
        deltas.quiet = false;
    }
    assert_undecided(&judge(&observed));
}

/// The SYN of the watched dial is half open at the listener.
fn half_open_at_home(moved: &[(&str, i64)]) -> Observations {
    let mut observed = vanishing(moved);
    observed.dials[1].dial.connection.local = Some(Endpoint::new("127.0.0.1", 40_007));
    observed.half_open = Some(testkit::census_answer(50, &[(&["127.0.0.1", "40007"], 1)]));
    observed
}

#[test]
fn a_local_syn_that_arrives_and_whose_answer_never_leaves_is_the_output_filter() {
    let moved = [("TcpExt.TCPSynRetrans", 1), ("Ip.InReceives", 2), ("Ip.InDelivers", 2)];
    assert_proven(&judge(&half_open_at_home(&moved)), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn an_answer_that_is_dropped_on_its_way_back_in_accuses_no_output_filter() {
    let judgement = judge(&half_open_at_home(&[("Ip.InReceives", 5), ("Ip.InDelivers", 2)]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.drop_local_input"]);
}

#[test]
fn a_rule_against_local_connections_is_no_fault_while_others_are_served() {
    let mut observed = vanishing(&[("TcpExt.TCPSynRetrans", 1)]);
    observed.looks[1].sockets = Some(census(31, &[("ESTAB", "198.51.100.1", "40001", 0)]));
    assert_undecided(&judge(&observed));
}
