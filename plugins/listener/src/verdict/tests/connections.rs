//! Connections whose requests nobody reads.

use super::*;

#[test]
fn unread_requests_in_every_connection_are_not_responding() {
    let sockets = [
        ("ESTAB", "198.51.100.1", "40001", 70),
        ("ESTAB", "198.51.100.1", "40002", 70),
        ("ESTAB", "198.51.100.1", "40003", 70),
    ];
    assert_proven(&judge(&steady(&[queue(0, 128)], &[], &sockets)), "app.not_responding", "host.process_stopped");
}

#[test]
fn one_unread_connection_or_a_throttled_stream_is_healthy() {
    let one = [("ESTAB", "198.51.100.1", "40001", 70), ("ESTAB", "198.51.100.1", "40002", 0)];
    assert_healthy(&judge(&steady(&[queue(0, 128)], &[], &one)));
    let streams = [("ESTAB", "198.51.100.1", "40001", 900_000), ("ESTAB", "198.51.100.1", "40002", 900_000)];
    assert_healthy(&judge(&steady(&[queue(0, 128)], &[], &streams)));
}

#[test]
fn requests_that_are_read_between_looks_are_healthy() {
    let early = [("ESTAB", "198.51.100.1", "40001", 70), ("ESTAB", "198.51.100.1", "40002", 70)];
    let mut observed = steady(&[queue(0, 128)], &[], &early);
    observed.looks[2].sockets =
        Some(census(32, &[("ESTAB", "198.51.100.1", "40001", 70), ("ESTAB", "198.51.100.1", "40002", 0)]));
    assert_healthy(&judge(&observed));
}

#[test]
fn requests_that_wait_while_others_may_be_worked_on_are_a_doubt() {
    let sockets = [
        ("ESTAB", "198.51.100.1", "40001", 70),
        ("ESTAB", "198.51.100.1", "40002", 70),
        ("ESTAB", "198.51.100.2", "40003", 0),
    ];
    let judgement = judge(&steady(&[queue(0, 128)], &[], &sockets));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["app.not_responding"]);
}
