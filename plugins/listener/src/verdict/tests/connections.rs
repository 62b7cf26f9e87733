//! Connections whose requests nobody reads, or which nobody closes.

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
fn connections_that_are_never_closed_are_a_leak() {
    let ports: Vec<String> = (0..60).map(|n| (40_000 + n).to_string()).collect();
    let sockets: Vec<Socket> = ports.iter().map(|p| ("CLOSE-WAIT", "198.51.100.1", p.as_str(), 0)).collect();
    assert_proven(&judge(&steady(&[queue(0, 128)], &[], &sockets)), "tcp.close_wait_leak", "tcp.fin_wait_stuck");
}

#[test]
fn closes_in_flight_are_no_leak() {
    let ports: Vec<String> = (0..180).map(|n| (40_000 + n).to_string()).collect();
    let part = |n: usize| -> Vec<Socket> {
        ports[n * 60..(n + 1) * 60].iter().map(|p| ("CLOSE-WAIT", "198.51.100.1", p.as_str(), 0)).collect()
    };
    let mut observed = steady(&[queue(0, 128)], &[], &part(0));
    observed.looks[1].sockets = Some(census(31, &part(1)));
    observed.looks[2].sockets = Some(census(32, &part(2)));
    assert_healthy(&judge(&observed));
}
