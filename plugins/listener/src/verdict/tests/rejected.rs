//! Connections that are refused.

use super::*;

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
fn a_port_on_which_somebody_receives_datagrams_may_be_one_of_udp() {
    let mut observed = steady(&[], &[], &[]);
    observed.dials = vec![failed(1, "127.0.0.1", Reason::Refused), failed(2, OWN, Reason::Refused)];
    observed.table = Some(testkit::listeners_answer(40, vec![]));
    let mut socket = testkit::socket(Endpoint::new("0.0.0.0", 80), Endpoint::new("0.0.0.0", 0));
    socket.peer = None;
    observed.datagrams = Some(testkit::sockets_answer(41, vec![socket.clone()]));
    let judgement = judge(&observed);
    assert_undecided(&judgement);
    assert!(judgement.outcome.summary.contains("server (pid 4242) receives datagrams"), "{judgement:#?}");
    assert!(judgement.outcome.next_step.is_some_and(|step| step.contains("udp://127.0.0.1:80")));

    socket.peer = Some(Endpoint::new("198.51.100.1", 53));
    observed.datagrams = Some(testkit::sockets_answer(41, vec![socket]));
    assert_proven(&judge(&observed), "tcp.port_closed", "tcp.listen_wrong_addr");
}
