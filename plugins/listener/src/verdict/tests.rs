//! Faults seen from the listener's side, and busy healthy listeners that look like them.

use sonde_sdk::check::Conclusion;
use sonde_sdk::report::Strength;
use sonde_sdk::sockets::{CensusAnswer, CensusGroup, Listener};
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::{Endpoint, Reason};

use super::judge;
use crate::observe::{Dial, Judgement, Look, Observations};

const OWN: &str = "192.0.2.100";

/// A census group: state, peer address, peer port, unread bytes.
type Socket<'a> = (&'a str, &'a str, &'a str, u64);

fn census(n: u64, sockets: &[Socket]) -> CensusAnswer {
    let groups: Vec<CensusGroup> = sockets
        .iter()
        .map(|(state, address, port, unread)| CensusGroup {
            key: [state, address, port].map(|k| (*k).to_string()).to_vec(),
            count: 1,
            receive_queue_bytes: *unread,
            send_queue_bytes: 0,
        })
        .collect();
    CensusAnswer {
        evidence: testkit::evidence(n),
        timing: testkit::timing(0),
        total: groups.len() as u64,
        outcome: Ok(groups),
    }
}

fn look(n: u64, listeners: Vec<Listener>, counters: &[(&str, i64)], sockets: &[Socket]) -> Look {
    Look {
        listeners: testkit::listeners_answer(10 + n, listeners),
        counters: testkit::counters_answer(20 + n, counters),
        sockets: Some(census(30 + n, sockets)),
    }
}

/// The same listeners and sockets in each look; each counter has its value in each look.
fn steady(listeners: &[Listener], counters: &[(&str, [i64; 3])], sockets: &[Socket]) -> Observations {
    let at = |n: usize| {
        let values: Vec<(&str, i64)> = counters.iter().map(|(name, values)| (*name, values[n])).collect();
        look(n as u64, listeners.to_vec(), &values, sockets)
    };
    Observations {
        port: Some(80),
        looks: [at(0), at(1), at(2)],
        dials: vec![dialled(1, "127.0.0.1")],
        half_open: None,
        table: None,
        links: Some(testkit::links_answer(
            90,
            vec![testkit::link("lo", &["127.0.0.1/8"]), testkit::link("eth0", &["192.0.2.100/24"])],
        )),
    }
}

fn dialled(n: u64, address: &str) -> Dial {
    Dial { address: address.to_owned(), dial: testkit::dial(n, &Endpoint::new(address, 80), 30) }
}

fn failed(n: u64, address: &str, reason: Reason) -> Dial {
    Dial { address: address.to_owned(), dial: testkit::failed_dial(n, &Endpoint::new(address, 80), reason) }
}

fn queue(queued: u32, backlog: u32) -> Listener {
    Listener { queued, backlog, ..testkit::listener("0.0.0.0", 80) }
}

fn in_state(state: &str, mut listener: Listener) -> Listener {
    if let Some(process) = &mut listener.process {
        process.state = state.to_owned();
    }
    listener
}

fn assert_proven(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert!(is_proven(&judgement.findings, cause), "{judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{judgement:#?}");
    assert!(
        judgement.findings.iter().all(|f| crate::CAUSES.contains(&f.cause.as_str())),
        "the manifest lists every cause"
    );
    assert!(
        judgement.findings.iter().all(|f| !f.evidence.is_empty() && !f.summary.is_empty() && !f.subject.is_empty())
    );
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken, "{judgement:#?}");
}

fn assert_healthy(judgement: &Judgement) {
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
}

fn assert_undecided(judgement: &Judgement) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
}

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

#[test]
fn a_stopped_process_explains_its_queue_full_or_not() {
    for (queued, backlog) in [(3, 8), (9, 8)] {
        let counters = [("TcpExt.ListenOverflows", [1, 2, 3])];
        let judgement = judge(&steady(&[in_state("T", queue(queued, backlog))], &counters, &[]));
        assert_proven(&judgement, "host.process_stopped", "app.not_responding");
    }
}

#[test]
fn a_stopped_process_that_nobody_waits_for_is_no_fault_yet() {
    let mut observed = steady(&[in_state("T", queue(0, 8))], &[], &[]);
    observed.dials.clear();
    assert_healthy(&judge(&observed));
}

#[test]
fn a_process_without_descriptors_is_told_from_a_hung_one() {
    let mut full = queue(3, 128);
    if let Some(process) = &mut full.process {
        process.open_files = Some(1024);
    }
    assert_proven(&judge(&steady(&[full], &[], &[])), "host.fd_process_limit", "app.not_responding");
}

fn growing_queue(queued: [u32; 3], state: &str) -> Observations {
    let mut observed = steady(&[queue(0, 128)], &[], &[]);
    for (n, queued) in queued.into_iter().enumerate() {
        observed.looks[n].listeners =
            testkit::listeners_answer(10 + n as u64, vec![in_state(state, queue(queued, 128))]);
    }
    observed
}

#[test]
fn a_sleeping_process_that_takes_not_even_our_connection_is_not_responding() {
    assert_proven(&judge(&growing_queue([2, 3, 3], "S")), "app.not_responding", "host.process_stopped");
}

#[test]
fn a_queue_that_did_not_grow_by_our_connection_is_being_served() {
    assert_healthy(&judge(&growing_queue([2, 2, 2], "S")));
}

#[test]
fn a_running_process_with_a_queue_is_busy_and_not_hung() {
    assert_healthy(&judge(&growing_queue([2, 3, 3], "R")));
}

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

fn deaf(established: bool) -> Observations {
    let mut sockets = vec![("SYN-RECV", "198.51.100.1", "40001", 0), ("SYN-RECV", "198.51.100.1", "40002", 0)];
    if established {
        sockets.push(("ESTAB", "198.51.100.1", "40003", 0));
    }
    let listener = Listener { syn_received: 2, ..queue(0, 128) };
    steady(&[listener], &[("TcpExt.TCPSynRetrans", [5, 8, 11])], &sockets)
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
fn growth_of_the_reverse_path_filter_that_keeps_everyone_out_is_named() {
    let counters = [("TcpExt.IPReversePathFilter", [3, 6, 9])];
    assert_proven(&judge(&steady(&[queue(0, 128)], &counters, &[])), "l3.rp_filter_drop", "fw.drop_local_input");
    let others = [("ESTAB", "198.51.100.1", "40001", 0)];
    assert_healthy(&judge(&steady(&[queue(0, 128)], &counters, &others)));
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

fn turned_away(icmp: Option<(u8, u8)>, moved: &[(&str, i64)]) -> Observations {
    let mut observed = steady(&[queue(0, 128)], &[], &[]);
    let dial = |n| {
        let mut dial = failed(n, "127.0.0.1", Reason::Refused);
        if let (Err(failure), Some((icmp_type, code))) = (&mut dial.dial.outcome, icmp) {
            failure.icmp = Some(testkit::icmp("127.0.0.1", icmp_type, code));
        }
        dial
    };
    let mut watched = dial(2);
    watched.dial.deltas = Some(testkit::deltas(moved));
    observed.dials = vec![dial(1), watched];
    observed
}

const KEPT_OUT: [(&str, i64); 2] = [("Ip.InReceives", 2), ("Ip.InDelivers", 1)];

#[test]
fn a_listener_that_is_there_and_yet_refuses_is_behind_a_filter_that_resets() {
    assert_proven(&judge(&turned_away(None, &KEPT_OUT)), "fw.reject_rst", "tcp.port_closed");
}

#[test]
fn a_listener_in_front_of_which_icmp_answers_is_behind_a_filter() {
    assert_proven(&judge(&turned_away(Some((3, 3)), &KEPT_OUT)), "fw.reject_icmp", "tcp.port_closed");
}

#[test]
fn a_rst_of_the_kernel_itself_accuses_no_filter() {
    let moved = [("Ip.InReceives", 2), ("Ip.InDelivers", 2), ("Tcp.OutRsts", 1)];
    assert_healthy(&judge(&turned_away(None, &moved)));
}

#[test]
fn what_is_rejected_on_its_way_out_or_while_others_are_served_is_undecided() {
    assert_undecided(&judge(&turned_away(None, &[("Ip.InReceives", 1), ("Ip.InDelivers", 1)])));
    let mut served = turned_away(Some((3, 13)), &KEPT_OUT);
    served.looks[1].sockets = Some(census(31, &[("ESTAB", "198.51.100.1", "40001", 0)]));
    assert_undecided(&judge(&served));
}

#[test]
fn a_listener_that_was_not_there_all_the_time_may_refuse() {
    let mut observed = turned_away(None, &KEPT_OUT);
    observed.looks[0].listeners = testkit::listeners_answer(10, vec![]);
    assert!(!is_proven(&judge(&observed).findings, "fw.reject_rst"));
}

#[test]
fn an_address_that_accepts_now_was_refused_by_a_restart() {
    let mut observed = turned_away(None, &KEPT_OUT);
    observed.dials[1].dial.outcome = Ok(());
    assert_healthy(&judge(&observed));
}

#[test]
fn a_port_without_listener_is_closed() {
    let mut observed = steady(&[], &[], &[]);
    observed.dials = vec![failed(1, "127.0.0.1", Reason::Refused), failed(2, OWN, Reason::Refused)];
    observed.table = Some(testkit::listeners_answer(40, vec![testkit::listener("0.0.0.0", 22)]));
    let judgement = judge(&observed);
    assert_proven(&judgement, "tcp.port_closed", "tcp.listen_wrong_addr");
    assert!(refuted(&judgement.findings).contains(&"fw.reject_icmp"));
}

#[test]
fn a_port_without_listener_that_answers_is_redirected() {
    let mut observed = steady(&[], &[], &[]);
    observed.dials = vec![failed(1, "127.0.0.1", Reason::Refused), dialled(2, OWN)];
    assert_undecided(&judge(&observed));
}

#[test]
fn a_listener_that_comes_and_goes_is_undecided() {
    let mut observed = steady(&[], &[], &[]);
    observed.looks[1].listeners = testkit::listeners_answer(11, vec![queue(0, 128)]);
    observed.dials = vec![failed(1, "127.0.0.1", Reason::Refused)];
    assert_undecided(&judge(&observed));
}

#[test]
fn a_port_without_tcp_listener_while_datagrams_are_lost_may_be_one_of_udp() {
    let counters = [("Udp.RcvbufErrors", [0, 300, 700]), ("Udp.InErrors", [0, 300, 700])];
    let mut observed = steady(&[], &counters, &[]);
    observed.dials = vec![failed(1, "127.0.0.1", Reason::Refused)];
    let judgement = judge(&observed);
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["udp.rcvbuf_overflow"]);
}

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
    let counters = [("Tcp.OutRsts", rsts), ("TcpExt.TCPAbortOnClose", aborted)];
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

fn received(counters: &[(&str, [i64; 3])], sockets: &[Socket]) -> Judgement {
    judge(&steady(&[queue(0, 128)], counters, sockets))
}

#[test]
fn packets_that_end_before_the_sockets_while_nobody_comes_are_a_doubt() {
    let counters = [("Ip.InReceives", [100, 106, 110]), ("Ip.InDelivers", [100, 102, 103])];
    let judgement = received(&counters, &[]);
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.drop_local_input"]);
}

#[test]
fn packets_that_end_before_the_sockets_are_no_doubt_where_clients_come_or_another_counter_explains_them() {
    let counters = [("Ip.InReceives", [100, 106, 110]), ("Ip.InDelivers", [100, 102, 103])];
    assert_healthy(&received(&counters, &[("ESTAB", "198.51.100.1", "40001", 0)]));
    let forwarded = [counters[0], counters[1], ("Ip.ForwDatagrams", [0, 4, 7])];
    assert_healthy(&received(&forwarded, &[]));
    let noise = [("Ip.InReceives", [100, 106, 107]), ("Ip.InDelivers", [100, 102, 103])];
    assert_healthy(&received(&noise, &[]));
}

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

#[test]
fn a_host_that_loses_datagrams_in_a_full_buffer_is_told_so() {
    let counters = [("Udp.RcvbufErrors", [0, 300, 700]), ("Udp.InErrors", [0, 300, 700])];
    assert_proven(&judge(&whole(&[queue(0, 128)], &counters)), "udp.rcvbuf_overflow", "l3.packet_loss");
}

#[test]
fn a_burst_of_lost_datagrams_is_healthy() {
    let counters = [("Udp.RcvbufErrors", [0, 300, 300]), ("Udp.InErrors", [0, 300, 300])];
    assert_healthy(&judge(&whole(&[queue(0, 128)], &counters)));
}
