//! Answers: whole, in part, by size, and of a known protocol.

use super::*;

fn echoing(sent: u16, received: u16) -> Path {
    let mut path = path(7, vec![testkit::udp_dial(1, &endpoint(7), 3, 3)]);
    path.series = vec![testkit::udp_dial(2, &endpoint(7), sent, received)];
    if received < sent {
        path.series.push(testkit::udp_dial(3, &endpoint(7), sent, received));
    }
    path
}

#[test]
fn a_service_that_echoes_everything_is_healthy() {
    let judgement = judge(&seen(echoing(50, 50)));
    assert_healthy(&judgement);
    assert!(judgement.outcome.summary.contains("53 of 53 datagrams"), "{judgement:#?}");
}

#[test]
fn one_datagram_lost_of_a_series_is_an_accident() {
    assert_healthy(&judge(&seen(echoing(50, 49))));
}

#[test]
fn what_is_lost_of_echo_requests_too_is_lost_on_the_path() {
    let mut path = echoing(50, 40);
    path.pings = Some(testkit::echo_result(4, 50, 41));
    assert_proven(&judge(&seen(path)), "l3.packet_loss", "fw.drop_remote");
}

#[test]
fn a_host_that_answers_only_some_echo_requests_says_nothing_of_the_path() {
    let mut path = echoing(50, 46);
    path.pings = Some(testkit::echo_result(4, 50, 10));
    let judgement = judge(&seen(path));
    assert_undecided(&judgement);
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
}

#[test]
fn what_no_echo_request_shares_is_lost_at_the_service() {
    let mut path = echoing(50, 40);
    path.pings = Some(testkit::echo_result(4, 50, 50));
    let judgement = judge(&seen(path));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["udp.rcvbuf_overflow"]);
}

#[test]
fn loss_beside_a_host_that_answers_no_echo_request_is_undecided() {
    let mut path = echoing(50, 40);
    path.pings = Some(testkit::echo_result(4, 50, 0));
    assert_undecided(&judge(&seen(path)));
}

#[test]
fn large_datagrams_that_vanish_without_a_notice_fall_into_a_black_hole() {
    let mut path = echoing(50, 50);
    path.large = Some(testkit::udp_dial(5, &endpoint(7), 5, 0));
    let mut mtu = testkit::path_mtu_result(6, 1300);
    mtu.conclusion = sonde_sdk::path::MtuConclusion::BlackHole;
    mtu.lost_from_bytes = Some(1301);
    path.mtu = Some(mtu);
    assert_proven(&judge(&seen(path)), "l3.pmtu_blackhole", "l3.packet_loss");
}

#[test]
fn large_datagrams_that_a_service_will_not_echo_are_its_own_affair() {
    let mut path = echoing(50, 50);
    path.large = Some(testkit::udp_dial(5, &endpoint(7), 5, 0));
    path.mtu = Some(testkit::path_mtu_result(6, 1500));
    assert_healthy(&judge(&seen(path)));
}

fn answering(port: u16, answer: Vec<u8>) -> Path {
    let answer_bytes = u32::try_from(answer.len()).expect("short");
    let dial = UdpDial { answer: Some(answer), answer_bytes, ..testkit::udp_dial(1, &endpoint(port), 1, 1) };
    path(port, vec![dial])
}

#[test]
fn a_dns_server_that_refuses_answers_all_the_same() {
    let judgement = judge(&seen(answering(53, vec![7, 0, 0x81, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1])));
    assert_healthy(&judgement);
    assert!(judgement.outcome.summary.contains("REFUSED"), "{judgement:#?}");
}

#[test]
fn an_ntp_server_that_declines_is_not_healthy() {
    let mut packet = vec![0; 48];
    (packet[0], packet[31]) = (0xe4, 7);
    packet[12..16].copy_from_slice(b"DENY");
    let judgement = judge(&seen(answering(123, packet)));
    assert_undecided(&judgement);
    assert!(judgement.outcome.summary.contains("DENY"), "{judgement:#?}");
}

#[test]
fn other_bytes_on_a_dns_port_are_no_dns() {
    let judgement = judge(&seen(answering(53, b"hello".to_vec())));
    assert_undecided(&judgement);
    assert!(judgement.outcome.summary.contains("5 bytes that are not DNS"), "{judgement:#?}");
}

#[test]
fn a_service_with_words_of_its_own_is_there() {
    let mut dial = testkit::udp_dial(1, &endpoint(514), 3, 0);
    (dial.answer, dial.answer_bytes) = (Some(b"what?".to_vec()), 5);
    let what = "an answer of 5 bytes is not what was sent".to_owned();
    dial.outcome = Err(testkit::failure(Phase::Receive, Reason::Malformed(what), 1));
    assert_healthy(&judge(&seen(path(514, vec![dial]))));
}
