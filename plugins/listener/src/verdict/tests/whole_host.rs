//! All listeners of a host.

use super::*;

#[test]
fn an_unreadable_listener_table_is_undecided() {
    let mut observed = steady(&[queue(0, 128)], &[], &[]);
    let failure = testkit::failure(sonde_sdk::types::Phase::Inspect, Reason::Unavailable("CAP_NET_ADMIN".into()), 0);
    observed.looks[1].listeners.outcome = Err(failure);
    assert_undecided(&judge(&observed));
}

fn whole(listeners: &[Listener], counters: &[(&str, [i64; 3])]) -> Observations {
    let mut observed = steady(listeners, counters, &[]);
    observed.port = None;
    observed.dials.clear();
    for look in &mut observed.looks {
        look.sockets = None;
    }
    observed
}

#[test]
fn a_host_of_busy_and_loopback_listeners_is_healthy() {
    let mut other = testkit::listener("127.0.0.1", 5432);
    other.inode = 2;
    assert_healthy(&judge(&whole(&[queue(2, 128), other], &[("TcpExt.ListenOverflows", [7, 7, 7])])));
}

#[test]
fn the_full_queue_of_any_listener_is_the_hosts_fault() {
    let mut fine = testkit::listener("0.0.0.0", 22);
    fine.inode = 2;
    let counters = [("TcpExt.ListenOverflows", [10, 14, 19])];
    assert_proven(&judge(&whole(&[fine, queue(5, 4)], &counters)), "tcp.accept_queue_overflow", "tcp.syn_queue_full");
}
