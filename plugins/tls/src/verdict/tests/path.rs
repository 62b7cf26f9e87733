//! Hellos, or their answers, that vanish on the way: by size, by name, or all of them.

use sonde_sdk::dial::HttpExchange;

use super::super::play::{black_hole, unanswered_echoes};
use super::*;

/// Sent again and again, and not acknowledged.
fn lost(connection: &mut sonde_sdk::connection::Connection) {
    if let Some(info) = &mut connection.info {
        (info.unacked, info.backoff, info.bytes_acked) = (2, 3, 1);
    }
}

fn lost_hello() -> TlsDial {
    let mut dial = ended(Reason::TimedOut);
    lost(&mut dial.connection);
    dial
}

fn lost_request() -> HttpExchange {
    let mut exchange = silent_request(2500);
    lost(&mut exchange.connection);
    exchange
}

/// A complaint in plain text, as TLS servers make it.
fn complaint() -> HttpExchange {
    let mut exchange = unanswered(Reason::Malformed("a TLS alert".to_owned()));
    exchange.not_http = Some(vec![21, 3, 1, 0, 2, 2, 10]);
    exchange
}

#[test]
fn hellos_that_are_lost_where_small_ones_arrive_meet_a_small_mtu() {
    for small in [good, || ended(Reason::TimedOut)] {
        let mut net = Net::new(|_, _, _| lost_hello());
        net.small = Some(Box::new(small));
        net.large = Box::new(lost_request);
        let judgement = net.run();
        names(&judgement, "l3.pmtu_blackhole", "l3.packet_loss");
        for look_alike in ["app.not_responding", "tls.large_hello"] {
            assert!(refuted(&judgement.findings).contains(&look_alike), "{judgement:#?}");
        }
    }
}

#[test]
fn a_small_request_that_arrives_is_enough() {
    let mut net = Net::new(|_, _, _| lost_hello());
    net.plain = Box::new(complaint);
    net.large = Box::new(lost_request);
    names(&net.run(), "l3.pmtu_blackhole", "app.not_responding");
}

#[test]
fn a_lost_hello_beside_a_large_request_that_arrives_is_a_matter_of_the_hello() {
    let mut net = Net::new(|_, _, _| lost_hello());
    net.small = Some(Box::new(good));
    net.large = Box::new(|| {
        let mut exchange = silent_request(2500);
        if let Some(info) = &mut exchange.connection.info {
            info.bytes_acked = 2200;
        }
        exchange
    });
    names(&net.run(), "tls.large_hello", "l3.pmtu_blackhole");
}

#[test]
fn a_hello_that_arrives_the_second_time_meets_no_small_mtu() {
    let judgement = Net::new(|_, _, attempt| if attempt == 0 { lost_hello() } else { good() }).run();
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
}

#[test]
fn an_open_connection_on_which_nothing_arrives_is_a_black_hole() {
    let mut net = Net::new(|_, _, _| lost_hello());
    net.plain = Box::new(lost_request);
    net.large = Box::new(lost_request);
    let judgement = net.run();
    names(&judgement, "tcp.established_blackhole", "http.server_slow");
    assert!(refuted(&judgement.findings).contains(&"l3.pmtu_blackhole"));
}

#[test]
fn a_path_that_repeats_its_syns_proves_no_black_hole() {
    let mut net = Net::new(|_, _, _| {
        let mut dial = lost_hello();
        dial.connection.syn_retransmits = 1;
        dial
    });
    net.plain = Box::new(lost_request);
    net.large = Box::new(lost_request);
    suspects(&net.run(), "l3.pmtu_blackhole");
}

#[test]
fn hellos_that_vanish_for_one_name_only_are_named_without_certainty() {
    let net = Net::new(|sni, _, _| if *sni == Sni::Absent { good() } else { lost_hello() });
    let judgement = net.run();
    names(&judgement, "fw.dpi_reset", "tls.sni_required");
    let of = |cause: &str| judgement.findings.iter().find(|finding| finding.cause == cause).map(|f| f.strength);
    assert_eq!((of("tls.sni_required"), of("l3.pmtu_blackhole")), (Some(Strength::Weak), Some(Strength::Proof)));
}

#[test]
fn a_server_that_is_silent_to_one_name_only_is_named_without_certainty() {
    let net = Net::new(|sni, _, _| if *sni == Sni::Absent { good() } else { ended(Reason::TimedOut) });
    names(&net.run(), "tls.sni_required", "tls.version_mismatch");
}

#[test]
fn certificates_that_are_lost_where_small_answers_come_meet_a_small_mtu_on_the_way_back() {
    let mut net = Net::new(|_, _, _| ended(Reason::TimedOut));
    net.plain = Box::new(complaint);
    net.mtu = Box::new(|| black_hole(1280));
    names(&net.run(), "l3.pmtu_blackhole", "tls.handshake_stall");
}

#[test]
fn a_handshake_that_hangs_where_full_sized_packets_pass_is_the_servers() {
    let mut net = Net::new(|_, _, _| ended(Reason::TimedOut));
    net.plain = Box::new(complaint);
    net.addresses = vec!["2001:db8::80".to_owned()];
    net.mtu = Box::new(|| testkit::path_mtu_result(0, 1500));
    names(&net.run(), "tls.handshake_stall", "l3.pmtu_blackhole");
}

#[test]
fn a_handshake_that_hangs_beside_small_answers_is_undecided_where_echoes_are_filtered_or_may_come_in_fragments() {
    for mtu in [unanswered_echoes, || testkit::path_mtu_result(0, 1500)] {
        let mut net = Net::new(|_, _, _| ended(Reason::TimedOut));
        net.plain = Box::new(complaint);
        net.mtu = Box::new(mtu);
        let judgement = net.run();
        assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
        assert_eq!(supported(&judgement.findings, Strength::Strong), ["l3.pmtu_blackhole", "tls.handshake_stall"]);
    }
}
