//! Silence: of services that owe an answer and of those that do not, and of this very host.

use super::*;

/// The host says of another port that it is closed.
fn alive(mut path: Path) -> Path {
    let dial = with_icmp(failing(20, Reason::Refused), HOST, 3, 3);
    path.controls = vec![Control { port: 33_434, dial }];
    path
}

#[test]
fn a_silent_service_of_a_host_that_is_alive_may_be_in_order() {
    let judgement = judge(&seen(alive(path(514, vec![silent(1), silent(2)]))));
    assert_undecided(&judgement);
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&"udp.port_closed"), "{judgement:#?}");
    assert!(judgement.outcome.summary.contains("need not answer"), "{judgement:#?}");
    assert!(judgement.outcome.next_step.is_some_and(|step| step.contains("tcpdump")));
}

#[test]
fn a_silent_dns_server_owes_an_answer() {
    let judgement = judge(&seen(alive(path(53, vec![silent(1), silent(2)]))));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.drop_remote"], "{judgement:#?}");
}

#[test]
fn a_silent_host_may_be_down() {
    let mut path = path(514, vec![silent(1), silent(2)]);
    path.echo = Some(testkit::echo_result(21, 3, 0));
    path.controls = vec![Control { port: 33_434, dial: silent(20) }];
    let judgement = judge(&seen(path));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["fw.drop_remote", "l3.host_down"]);
}

#[test]
fn another_hosts_word_about_another_port_is_no_sign_of_life() {
    let mut path = path(514, vec![silent(1), silent(2)]);
    let dial = with_icmp(failing(20, Reason::Refused), "198.51.100.1", 3, 3);
    path.controls = vec![Control { port: 33_434, dial }];
    assert!(!refuted(&judge(&seen(path)).findings).contains(&"l3.host_down"));
}

fn windows(moved: &[(&str, i64)]) -> Path {
    local(514, vec![moving(silent(1), moved), moving(silent(2), moved)])
}

/// Twelve datagrams at once, that many packets dropped meanwhile, and so many in as long a time without.
fn burst(dropped: i64, otherwise: i64) -> Burst {
    let mut dial = moving(silent(60), &[("Ip.InReceives", dropped)]);
    dial.sent = 12;
    let counters = |n, received| testkit::counters_answer(n, &[("Ip.InReceives", received), ("Ip.InDelivers", 0)]);
    Burst { dial, idle: [counters(61, 100), counters(62, 100 + otherwise)] }
}

#[test]
fn datagrams_to_this_host_that_ip_does_not_deliver_meet_its_input_filter() {
    let dropped = [("Ip.InReceives", 3), ("Ip.InDelivers", 0)];
    let with = |burst| judge(&seen(Path { burst, ..windows(&dropped) }));
    assert_proven(&with(Some(burst(12, 1))), "fw.drop_local_input", "l3.rp_filter_drop");
    for strangers in [Some(burst(12, 6)), Some(burst(3, 3)), None] {
        assert_undecided(&with(strangers));
    }
    let by_path = [("Ip.InReceives", 3), ("TcpExt.IPReversePathFilter", 3)];
    assert_undecided(&judge(&seen(windows(&by_path))));
    let once = local(514, vec![moving(silent(1), &dropped), silent(2)]);
    assert_undecided(&judge(&seen(once)));
}

#[test]
fn answers_that_this_host_drops_are_told_from_strangers_packets_and_from_silence() {
    let with = |moved: &[(&str, i64)], burst| {
        judge(&seen(Path { burst, ..alive(path(53, vec![moving(silent(1), moved), moving(silent(2), moved)])) }))
    };
    let dropped = [("Ip.InReceives", 3)];
    assert_proven(&with(&dropped, Some(burst(12, 1))), "fw.drop_local_input", "fw.drop_remote");
    let by_path = [("Ip.InReceives", 3), ("TcpExt.IPReversePathFilter", 3)];
    assert_proven(&with(&by_path, Some(burst(12, 0))), "l3.rp_filter_drop", "fw.drop_local_input");
    let noisy = with(&dropped, Some(burst(12, 6)));
    assert_undecided(&noisy);
    assert_eq!(supported(&noisy.findings, Strength::Strong), ["fw.drop_local_input"]);
    for silence in [with(&dropped, Some(burst(3, 3))), with(&[("Ip.InReceives", 2)], None)] {
        assert_undecided(&silence);
        assert_eq!(supported(&silence.findings, Strength::Strong), ["fw.drop_remote"]);
    }
}

#[test]
fn what_ends_in_this_host_for_other_reasons_is_not_what_was_sent() {
    let read = ("Udp.InDatagrams", 3);
    let others_are_many = [("Ip.InReceives", 40), ("Ip.InDelivers", 3)];
    assert_undecided(&judge(&seen(windows(&others_are_many))));
    let fragments =
        [("Ip.InReceives", 6), ("Ip.InDelivers", 4), ("Ip.ReasmReqds", 3), ("Ip.ReasmOKs", 1), ("Udp.InDatagrams", 2)];
    assert_undecided(&judge(&seen(windows(&fragments))));
    let errors = [("Ip.InReceives", 6), ("Ip.InDelivers", 3), ("Ip.InHdrErrors", 3), read];
    assert_undecided(&judge(&seen(windows(&errors))));
}

#[test]
fn datagrams_that_a_full_buffer_drops_are_counted_and_the_socket_is_still_to_be_seen() {
    let full = [("Ip.InReceives", 3), ("Ip.InDelivers", 3), ("Udp.RcvbufErrors", 3), ("Udp.InErrors", 3)];
    let judgement = judge(&seen(windows(&full)));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["udp.rcvbuf_overflow"]);
}

#[test]
fn a_service_of_this_host_that_reads_and_says_nothing_may_be_in_order() {
    let read = [("Ip.InReceives", 3), ("Ip.InDelivers", 3), ("Udp.InDatagrams", 3)];
    let judgement = judge(&seen(windows(&read)));
    assert_undecided(&judgement);
    assert!(
        judgement.findings.is_empty() && judgement.outcome.summary.contains("reads what arrives"),
        "{judgement:#?}"
    );
}

#[test]
fn silence_over_ipv6_of_a_port_that_answers_over_ipv4_is_a_black_hole() {
    let mut observed = seen(path(7, vec![testkit::udp_dial(1, &endpoint(7), 3, 3)]));
    let mut ipv6 = path(7, vec![silent(2), silent(3)]);
    ipv6.endpoint = Endpoint::new("2001:db8::7", 7);
    observed.paths.push(ipv6.clone());
    assert_proven(&judge(&observed), "l3.ipv6_blackhole", "fw.drop_remote");

    // Of a host that answers something over IPv6 only the port is silent.
    observed.paths[1].echo = Some(testkit::echo_result(9, 3, 3));
    assert_undecided(&judge(&observed));

    observed.paths = vec![path(7, vec![silent(1), silent(4)]), ipv6];
    assert_undecided(&judge(&observed));
}

fn receiving(n: u64, drops: u32) -> sonde_sdk::sockets::SocketsAnswer {
    let mut socket = testkit::socket(Endpoint::new("0.0.0.0", 514), Endpoint::new("0.0.0.0", 0));
    socket.peer = None;
    let memory = sonde_sdk::sockets::SocketMemory {
        receive_allocated_bytes: 5_000,
        receive_buffer_bytes: 4_608,
        send_allocated_bytes: 0,
        send_buffer_bytes: 0,
        drops,
    };
    socket.memory = Some(memory);
    testkit::sockets_answer(n, vec![socket])
}

#[test]
fn a_socket_that_drops_what_is_sent_has_a_full_buffer() {
    let mut path = windows(&[("Ip.InReceives", 3), ("Ip.InDelivers", 3), ("Udp.RcvbufErrors", 3)]);
    path.sockets = vec![receiving(30, 100), receiving(31, 104)];
    assert_proven(&judge(&seen(path.clone())), "udp.rcvbuf_overflow", "l3.packet_loss");

    path.sockets = vec![receiving(30, 100), receiving(31, 100)];
    assert_undecided(&judge(&seen(path.clone())));

    path.sockets = vec![receiving(30, 100), receiving(31, 104)];
    for socket in path.sockets.iter_mut().take(1).flat_map(|answer| answer.outcome.iter_mut().flatten()) {
        socket.memory.iter_mut().for_each(|memory| memory.receive_allocated_bytes = 768);
    }
    assert_undecided(&judge(&seen(path)));
}
