//! The accept queue.

use super::*;

#[test]
fn a_quiet_listener_is_healthy() {
    let judgement = judge(&steady(&[queue(0, 128)], &[], &[]));
    assert_healthy(&judgement);
    assert_eq!(judgement.outcome.summary, "0.0.0.0:80 of server (pid 4242) accepts: 0 of 128 wait");
}

#[test]
fn counters_since_boot_and_growth_without_a_queue_are_healthy() {
    let counters = [
        ("TcpExt.ListenOverflows", [5000, 5000, 5000]),
        ("TcpExt.ListenDrops", [9000, 9100, 9200]),
        ("TcpExt.TCPSynRetrans", [10, 11, 12]),
        ("TcpExt.SyncookiesSent", [1, 40, 90]),
        ("TcpExt.TCPReqQFullDoCookies", [1, 40, 90]),
        ("Udp.RcvbufErrors", [1000, 1000, 1000]),
    ];
    let sockets = [
        ("ESTAB", "198.51.100.1", "40001", 0),
        ("ESTAB", "198.51.100.1", "40002", 300),
        ("SYN-RECV", "198.51.100.2", "40003", 0),
    ];
    assert_healthy(&judge(&steady(&[queue(0, 512)], &counters, &sockets)));
}

#[test]
fn a_queue_that_is_emptied_between_looks_is_healthy() {
    let mut observed = steady(&[queue(0, 512)], &[("TcpExt.ListenOverflows", [0, 0, 0])], &[]);
    observed.looks[0].listeners = testkit::listeners_answer(10, vec![queue(60, 512)]);
    observed.looks[1].listeners = testkit::listeners_answer(11, vec![queue(3, 512)]);
    assert_healthy(&judge(&observed));
}

#[test]
fn a_full_queue_with_growing_overflows_is_named() {
    let counters = [("TcpExt.ListenOverflows", [10, 14, 19]), ("TcpExt.ListenDrops", [10, 14, 19])];
    let mut observed = steady(&[queue(5, 4)], &counters, &[]);
    observed.dials = vec![failed(1, "127.0.0.1", Reason::TimedOut)];
    assert_proven(&judge(&observed), "tcp.accept_queue_overflow", "tcp.syn_queue_full");
}

#[test]
fn a_full_queue_that_nobody_suffers_from_is_undecided() {
    assert_undecided(&judge(&steady(&[queue(5, 4)], &[("TcpExt.ListenOverflows", [10, 10, 10])], &[])));
}

#[test]
fn overflows_of_another_listener_do_not_accuse_this_one() {
    let counters = [("TcpExt.ListenOverflows", [10, 14, 19]), ("TcpExt.ListenDrops", [10, 14, 19])];
    assert_healthy(&judge(&steady(&[queue(0, 128)], &counters, &[])));
}

/// Our own connection joins an empty queue and stays there.
fn ours_alone(sockets: &[Socket]) -> Observations {
    let mut observed = steady(&[queue(1, 128)], &[], sockets);
    observed.looks[0].listeners = testkit::listeners_answer(10, vec![queue(0, 128)]);
    observed
}

#[test]
fn a_process_that_serves_nobody_and_does_not_accept_us_is_a_doubt() {
    let judgement = judge(&ours_alone(&[]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["app.not_responding"]);
}

#[test]
fn a_process_that_serves_somebody_else_or_runs_is_in_order() {
    assert_healthy(&judge(&ours_alone(&[("ESTAB", "198.51.100.1", "40001", 0)])));
    let mut busy = ours_alone(&[]);
    for (n, look) in busy.looks.iter_mut().enumerate() {
        let queued = u32::from(n > 0);
        look.listeners = testkit::listeners_answer(10, vec![in_state("R", queue(queued, 128))]);
    }
    assert_healthy(&judge(&busy));
}

/// A listener with so many waiting in each look, while so many found no room by each.
fn crowded(queued: [u32; 3], overflows: [i64; 3]) -> Observations {
    let mut observed = steady(&[queue(0, 8)], &[("TcpExt.ListenOverflows", overflows)], &[]);
    for (n, queued) in queued.into_iter().enumerate() {
        observed.looks[n].listeners = testkit::listeners_answer(10 + n as u64, vec![queue(queued, 8)]);
    }
    observed
}

#[test]
fn a_queue_with_room_for_one_now_and_then_overflows_all_the_same() {
    for queued in [[9, 8, 9], [8, 9, 8], [9, 9, 3]] {
        assert_proven(&judge(&crowded(queued, [100, 120, 140])), "tcp.accept_queue_overflow", "tcp.syn_queue_full");
    }
}

#[test]
fn a_single_burst_that_filled_the_queue_is_over() {
    assert_healthy(&judge(&crowded([9, 3, 0], [100, 104, 104])));
    assert_healthy(&judge(&crowded([9, 3, 0], [100, 102, 103])));
}

#[test]
fn overflows_of_a_whole_host_that_no_look_explains_are_a_doubt() {
    let mut observed = crowded([0, 1, 0], [100, 120, 140]);
    observed.port = None;
    let judgement = judge(&observed);
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["tcp.accept_queue_overflow"]);
    assert_healthy(&judge(&Observations { port: None, ..crowded([0, 1, 0], [100, 103, 106]) }));
}
