//! Answers that come back and are dropped here, sources that get none, and a table that takes no more flows.

use super::*;
use crate::observe::Bound;

fn coming_back(more: &[(&str, i64)]) -> Path {
    let moved = [&[("Ip.InReceives", 2), ("TcpExt.TCPSynRetrans", 1)], more].concat();
    path(vec![moving(failing(1, Reason::TimedOut), &moved), moving(failing(2, Reason::TimedOut), &moved)])
}

#[test]
fn answers_that_no_counter_explains_are_dropped_by_a_local_filter() {
    assert_proven(&judge(&seen(vec![coming_back(&[])])), "fw.drop_local_input", "l3.rp_filter_drop");
}

#[test]
fn answers_that_the_reverse_path_filter_counts_are_its_own() {
    let path = coming_back(&[("TcpExt.IPReversePathFilter", 2)]);
    assert_proven(&judge(&seen(vec![path])), "l3.rp_filter_drop", "fw.drop_local_input");
}

#[test]
fn answers_that_connection_tracking_cannot_assign_are_invalid() {
    assert_proven(&judge(&seen(vec![coming_back(&[("conntrack.invalid", 2)])])), "nf.invalid_drop", "fw.drop_remote");
}

#[test]
fn other_traffic_that_is_delivered_makes_it_undecided() {
    assert_undecided(&judge(&seen(vec![coming_back(&[("Ip.InDelivers", 1)])])));
}

#[test]
fn one_window_alone_proves_nothing() {
    let mut path = coming_back(&[]);
    path.dials[1].deltas = None;
    assert_undecided(&judge(&seen(vec![path])));
}

fn bound(dial: TcpDial) -> Path {
    let mut path = path(silent_twice());
    path.bound = vec![Bound { local: "192.0.2.101".to_owned(), dial }];
    path
}

#[test]
fn a_source_that_is_answered_shows_that_the_chosen_one_is_wrong() {
    let answered = bound(testkit::dial(60, &endpoint(V4), 900));
    assert_proven(&judge(&seen(vec![answered])), "l3.asymmetric_source", "fw.drop_remote");
    let silent = bound(failing(60, Reason::TimedOut));
    assert_undecided(&judge(&seen(vec![silent])));
}

fn kept(more: &[(&str, i64)], entries: i64) -> Path {
    let moved = [&[("TcpExt.TCPRetransFail", 1)], more].concat();
    let mut path =
        path(vec![moving(failing(1, Reason::TimedOut), &moved), moving(failing(2, Reason::TimedOut), &moved)]);
    path.counters = Some(testkit::counters_answer(60, &[("conntrack.entries", entries), ("conntrack.max", 1000)]));
    path
}

#[test]
fn a_full_table_that_drops_our_syns_is_no_filter() {
    let full = kept(&[("conntrack.drop", 1)], 1000);
    assert_proven(&judge(&seen(vec![full])), "nf.conntrack_full", "fw.drop_remote");
}

#[test]
fn a_table_with_room_or_one_that_drops_nothing_is_not_the_cause() {
    for path in [kept(&[("conntrack.drop", 1)], 500), kept(&[], 1000)] {
        assert_proven(&judge(&seen(vec![path])), "fw.drop_local_output", "fw.drop_remote");
    }
}
