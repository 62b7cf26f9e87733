//! A port that is open, or refuses.

use super::*;

#[test]
fn an_open_port_works_and_reports_nothing() {
    let judgement = judge(&seen(vec![open(1, V4, 900)]));
    assert_healthy(&judgement);
    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.summary, "192.0.2.7:443 accepts connections in 900 µs");
}

#[test]
fn counters_that_move_in_the_background_do_not_make_an_open_port_a_fault() {
    let noise = [
        ("Tcp.AttemptFails", 40),
        ("Icmp.InDestUnreachs", 9),
        ("TcpExt.TCPRetransFail", 3),
        ("TcpExt.ListenOverflows", 5),
    ];
    let mut path = open(1, V4, 900);
    path.dials[0].deltas = Some(testkit::deltas(&noise));
    assert_healthy(&judge(&seen(vec![path])));
}

#[test]
fn a_rst_is_a_closed_port() {
    let moved = [("Tcp.AttemptFails", 1)];
    let dials = vec![moving(failing(1, Reason::Refused), &moved), moving(failing(2, Reason::Refused), &moved)];
    let judgement = judge(&seen(vec![path(dials)]));
    assert_proven(&judgement, "tcp.port_closed", "fw.reject_icmp");
    assert!(judgement.outcome.next_step.is_some());
}

#[test]
fn a_closed_port_stays_one_while_icmp_errors_of_others_are_counted() {
    let moved = [("Tcp.AttemptFails", 7), ("Icmp.InDestUnreachs", 2)];
    let dials = vec![moving(failing(1, Reason::Refused), &moved), moving(failing(2, Reason::Refused), &moved)];
    assert_proven(&judge(&seen(vec![path(dials)])), "tcp.port_closed", "fw.reject_icmp");
}

#[test]
fn one_refusal_alone_refutes_no_look_alike() {
    let judgement = judge(&seen(vec![path(vec![failing(1, Reason::Refused)])]));
    assert!(!is_proven(&judgement.findings, "tcp.port_closed"), "{judgement:#?}");
}

#[test]
fn port_unreachable_is_a_filter() {
    let dials = vec![
        with_icmp(failing(1, Reason::Refused), "198.51.100.1", 3, 3),
        with_icmp(failing(2, Reason::Refused), "198.51.100.1", 3, 3),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "fw.reject_icmp", "tcp.port_closed");
}

#[test]
fn administratively_prohibited_is_a_filter_in_both_families() {
    let v4 = vec![
        with_icmp(failing(1, Reason::HostUnreachable), "198.51.100.1", 3, 13),
        with_icmp(failing(2, Reason::HostUnreachable), "198.51.100.1", 3, 13),
    ];
    assert_proven(&judge(&seen(vec![path(v4)])), "fw.reject_icmp", "tcp.port_closed");
    let v6 = vec![
        with_icmp(failing(1, Reason::NotPermitted), "2001:db8::1", 1, 1),
        with_icmp(failing(2, Reason::NotPermitted), "2001:db8::1", 1, 1),
    ];
    assert_proven(&judge(&seen(vec![path_to(V6, v6)])), "fw.reject_icmp", "tcp.port_closed");
}

#[test]
fn without_an_error_queue_the_counters_of_a_quiet_window_tell_icmp_from_rst() {
    let blind = |n, moved: &[(&str, i64)]| {
        let mut dial = moving(failing(n, Reason::Refused), moved);
        dial.connection.icmp_visible = false;
        dial
    };
    let icmp = [("Icmp.InDestUnreachs", 1)];
    assert_proven(
        &judge(&seen(vec![path(vec![blind(1, &icmp), blind(2, &icmp)])])),
        "fw.reject_icmp",
        "tcp.port_closed",
    );
    let rst = [("Tcp.AttemptFails", 1)];
    assert_proven(&judge(&seen(vec![path(vec![blind(1, &rst), blind(2, &rst)])])), "tcp.port_closed", "fw.reject_icmp");
}

#[test]
fn without_an_error_queue_and_a_quiet_window_a_refusal_is_undecided() {
    let blind = |n| {
        let mut dial = failing(n, Reason::Refused);
        dial.connection.icmp_visible = false;
        dial.deltas = Some(CounterDeltas { quiet: false, ..testkit::deltas(&[("Tcp.AttemptFails", 1)]) });
        dial
    };
    assert_undecided(&judge(&seen(vec![path(vec![blind(1), blind(2)])])));
}

#[test]
fn a_refusal_by_this_host_without_listener_is_a_closed_port() {
    let mut path = with_route(path(vec![failing(1, Reason::Refused), failing(2, Reason::Refused)]), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(3, vec![]));
    assert_proven(&judge(&seen(vec![path])), "tcp.port_closed", "fw.reject_rst");
}

#[test]
fn a_refusal_by_this_host_with_a_listener_elsewhere_is_a_wrong_address() {
    let mut path = with_route(path(vec![failing(1, Reason::Refused), failing(2, Reason::Refused)]), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(3, vec![testkit::listener("127.0.0.1", 443)]));
    assert_proven(&judge(&seen(vec![path])), "tcp.listen_wrong_addr", "tcp.port_closed");
}

#[test]
fn a_refusal_by_this_host_despite_a_listener_is_no_closed_port() {
    let mut path = with_route(path(vec![failing(1, Reason::Refused), failing(2, Reason::Refused)]), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(3, vec![testkit::listener("0.0.0.0", 443)]));
    let judgement = judge(&seen(vec![path]));
    assert_undecided(&judgement);
    assert!(refuted(&judgement.findings).contains(&"tcp.port_closed"));
}

#[test]
fn a_refusal_despite_a_listener_whose_rst_the_kernel_did_not_send_is_a_filter() {
    let own = |moved: &[(&str, i64)]| {
        let dials = vec![moving(failing(1, Reason::Refused), moved), moving(failing(2, Reason::Refused), moved)];
        let mut path = with_route(path(dials), RouteKind::Local);
        path.listeners = Some(testkit::listeners_answer(3, vec![testkit::listener("0.0.0.0", 443)]));
        judge(&seen(vec![path]))
    };
    assert_proven(&own(&[("Tcp.AttemptFails", 1)]), "fw.reject_rst", "tcp.port_closed");
    assert_undecided(&own(&[("Tcp.AttemptFails", 1), ("Tcp.OutRsts", 1)]));
}
