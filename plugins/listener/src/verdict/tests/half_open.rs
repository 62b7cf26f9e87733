//! Half-open connections: floods, small queues, and a way back that is broken.

use super::*;

fn half_open(n: usize, networks: bool) -> Vec<String> {
    (0..n)
        .map(|n| if networks { format!("198.{}.0.{}", n % 200, n % 250) } else { format!("198.51.100.{}", n % 250) })
        .collect()
}

fn flooded(peers: &[String], counters: &[(&str, [i64; 3])]) -> Observations {
    let sockets: Vec<Socket> = peers.iter().map(|p| ("SYN-RECV", p.as_str(), "40000", 0)).collect();
    let listener = Listener { syn_received: u32::try_from(peers.len()).expect("few"), ..queue(0, 64) };
    let mut observed = steady(&[listener], counters, &sockets);
    observed.dials = vec![failed(1, "127.0.0.1", Reason::TimedOut)];
    observed
}

const QUEUE_FULL: [(&str, [i64; 3]); 2] =
    [("TcpExt.ListenDrops", [100, 400, 900]), ("TcpExt.TCPReqQFullDrop", [100, 400, 900])];

#[test]
fn half_open_connections_from_everywhere_are_a_flood() {
    let judgement = judge(&flooded(&half_open(65, true), &QUEUE_FULL));
    assert_proven(&judgement, "tcp.syn_flood", "tcp.syn_queue_full");
    assert!(refuted(&judgement.findings).contains(&"tcp.accept_queue_overflow"));
}

#[test]
fn a_flood_answered_by_cookies_is_one_too() {
    let counters = [("TcpExt.TCPReqQFullDoCookies", [0, 300, 700]), ("TcpExt.SyncookiesSent", [0, 300, 700])];
    assert_proven(&judge(&flooded(&half_open(65, true), &counters)), "tcp.syn_flood", "tcp.syn_queue_full");
}

#[test]
fn cookies_alone_from_few_networks_are_healthy() {
    let counters = [("TcpExt.TCPReqQFullDoCookies", [0, 30, 70]), ("TcpExt.SyncookiesSent", [0, 30, 70])];
    let mut observed = flooded(&half_open(65, false), &counters);
    observed.dials = vec![dialled(1, "127.0.0.1")];
    assert_healthy(&judge(&observed));
}

#[test]
fn a_full_queue_of_half_open_connections_from_few_networks_is_a_small_backlog() {
    assert_proven(
        &judge(&flooded(&half_open(65, false), &QUEUE_FULL)),
        "tcp.syn_queue_full",
        "tcp.accept_queue_overflow",
    );
}

#[test]
fn drops_without_a_full_queue_are_the_sysctl() {
    let counters = [("TcpExt.ListenDrops", [100, 400, 900]), ("TcpExt.TCPReqQFullDrop", [0, 0, 0])];
    assert_proven(&judge(&flooded(&half_open(65, false), &counters)), "tcp.syn_backlog_sysctl", "tcp.syn_queue_full");
}

#[test]
fn drops_with_few_half_open_connections_belong_to_another_listener() {
    let mut observed = flooded(&half_open(3, false), &QUEUE_FULL);
    observed.dials = vec![dialled(1, "127.0.0.1")];
    assert_healthy(&judge(&observed));
}

pub(super) fn deaf(established: bool) -> Observations {
    let mut sockets = vec![("SYN-RECV", "198.51.100.1", "40001", 0), ("SYN-RECV", "198.51.100.1", "40002", 0)];
    if established {
        sockets.push(("ESTAB", "198.51.100.1", "40003", 0));
    }
    let listener = Listener { syn_received: 2, ..queue(0, 128) };
    let mut observed = steady(&[listener], &[("TcpExt.TCPSynRetrans", [5, 8, 11])], &sockets);
    // The client repeats its SYNs.
    for (look, n) in observed.looks.iter_mut().zip(0..) {
        look.opening = Some(opening(n, &sockets, [0, 1, 2]));
    }
    observed
}

#[test]
fn a_client_that_never_hears_our_answer_is_a_broken_way_back() {
    assert_proven(&judge(&deaf(false)), "l3.return_path_drop", "fw.drop_remote");
}

#[test]
fn a_client_that_gets_through_at_times_is_no_broken_way_back() {
    assert_healthy(&judge(&deaf(true)));
}

#[test]
fn a_scanner_that_does_not_listen_to_us_is_no_broken_way_back_while_others_get_through() {
    let mut observed = deaf(false);
    observed.looks[1].sockets =
        Some(census(31, &[("SYN-RECV", "198.51.100.1", "40001", 0), ("ESTAB", "203.0.113.9", "50001", 0)]));
    let judgement = judge(&observed);
    assert_healthy(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["l3.return_path_drop"]);
}

#[test]
fn short_connections_of_others_show_that_the_way_back_works() {
    let opened = |passive: i64, active: i64| {
        let mut observed = deaf(false);
        for (n, look) in (0..).zip(observed.looks.iter_mut()) {
            let counters = [
                ("TcpExt.TCPSynRetrans", 5 + 3 * n),
                ("Tcp.PassiveOpens", n * passive),
                ("Tcp.ActiveOpens", n * active),
            ];
            look.counters = testkit::counters_answer(20 + n.unsigned_abs(), &counters);
        }
        judge(&observed)
    };
    assert_healthy(&opened(4, 1));
    // Our own connection, and those of others on this host.
    assert_proven(&opened(4, 4), "l3.return_path_drop", "fw.drop_remote");
}

#[test]
fn half_open_connections_of_this_host_to_itself_are_no_broken_way_back() {
    let mut observed = deaf(false);
    for (look, n) in observed.looks.iter_mut().zip(30..) {
        look.sockets = Some(census(n, &[("SYN-RECV", OWN, "40001", 0), ("SYN-RECV", OWN, "40002", 0)]));
    }
    assert_healthy(&judge(&observed));
}

#[test]
fn a_truncated_socket_list_proves_no_broken_way_back() {
    let mut observed = deaf(false);
    for look in &mut observed.looks {
        if let Some(sockets) = &mut look.sockets {
            sockets.total = 5000;
        }
    }
    assert_healthy(&judge(&observed));
}

#[test]
fn half_open_connections_of_many_clients_that_are_completed_in_time_are_no_flood() {
    let mut observed = flooded(&half_open(65, true), &QUEUE_FULL);
    let later: Vec<String> = (0..65).map(|n| format!("203.{n}.113.9")).collect();
    let later: Vec<Socket> = later.iter().map(|peer| ("SYN-RECV", peer.as_str(), "50000", 0)).collect();
    observed.looks[2].sockets = Some(census(32, &later));
    assert_proven(&judge(&observed), "tcp.syn_queue_full", "tcp.accept_queue_overflow");
}

#[test]
fn made_up_addresses_of_few_large_networks_are_a_flood_as_well() {
    let peers: Vec<String> = (0..65).map(|n| format!("198.{}.{}.7", 18 + n % 2, n * 3)).collect();
    let counters = [("TcpExt.TCPReqQFullDoCookies", [0, 300, 700]), ("TcpExt.SyncookiesSent", [0, 300, 700])];
    let mut observed = flooded(&peers, &counters);
    assert_proven(&judge(&observed), "tcp.syn_flood", "tcp.syn_queue_full");

    // Who asks again waits for an answer.
    let sockets: Vec<Socket> = peers.iter().map(|peer| ("SYN-RECV", peer.as_str(), "40000", 0)).collect();
    for (look, n) in observed.looks.iter_mut().zip(0..) {
        look.opening = Some(opening(n, &sockets, [0, 1, 2]));
    }
    observed.dials = vec![dialled(1, "127.0.0.1")];
    assert_healthy(&judge(&observed));
}
