//! Silence that the path makes, beside silence that the server makes.

use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{self, refuted, supported};
use sonde_sdk::types::Reason;

use super::super::play::{
    Net, after, answer, black_hole, broken_off, lost, unanswered, unanswered_echoes, unconnected,
};
use super::{is_uncertain, names, suspects};
use crate::case::{Form, Get};

/// The head of the page comes, the page itself does not.
fn only_heads(get: &Get, _: usize) -> sonde_sdk::dial::HttpExchange {
    if get.form == Form::Head { answer(200) } else { unanswered(Reason::TimedOut) }
}

#[test]
fn a_server_that_was_not_waited_for_long_enough_is_not_proven_silent() {
    let mut net = Net::new(|_, _| unanswered(Reason::TimedOut));
    net.patience_ms = 3000;
    let judgement = net.run();
    suspects(&judgement, "app.not_responding");
    assert!(!refuted(&judgement.findings).contains(&"http.server_slow"), "{judgement:#?}");
}

#[test]
fn an_answer_after_five_seconds_is_a_slow_server() {
    let net = Net::new(|get, _| if get.attempt == 1 { after(5000) } else { unanswered(Reason::TimedOut) });
    names(&net.run(), "http.server_slow", "app.not_responding");
}

#[test]
fn pages_that_are_lost_where_their_heads_come_meet_a_small_mtu_on_the_way_back() {
    let mut net = Net::new(only_heads);
    net.mtu = Box::new(|| black_hole(1280));
    names(&net.run(), "l3.pmtu_blackhole", "app.not_responding");
}

#[test]
fn a_server_that_answers_no_head_behind_a_small_mtu_is_named_without_certainty() {
    let mut net = Net::new(|_, _| unanswered(Reason::TimedOut));
    net.mtu = Box::new(|| black_hole(1280));
    let judgement = net.run();
    names(&judgement, "l3.pmtu_blackhole", "app.not_responding");
    assert!(is_uncertain(&judgement));
}

#[test]
fn so_do_pages_that_begin_in_a_small_packet() {
    let mut net = Net::new(|get, _| if get.form == Form::Head { answer(200) } else { broken_off(Reason::TimedOut) });
    net.mtu = Box::new(|| black_hole(1280));
    names(&net.run(), "l3.pmtu_blackhole", "app.not_responding");
}

#[test]
fn a_page_that_hangs_where_full_sized_packets_come_back_is_the_servers() {
    let mut net = Net::new(only_heads);
    net.addresses = vec!["2001:db8::80"];
    net.mtu = Box::new(|| testkit::path_mtu_result(0, 1500));
    names(&net.run(), "app.not_responding", "l3.pmtu_blackhole");
}

#[test]
fn a_page_that_hangs_after_full_sized_packets_came_is_the_servers() {
    let net = Net::new(|get, n| {
        let mut exchange = only_heads(get, n);
        if let Some(info) = &mut exchange.connection.info {
            info.rcv_mss = 1448;
        }
        exchange
    });
    names(&net.run(), "app.not_responding", "l3.pmtu_blackhole");
}

#[test]
fn a_page_that_hangs_where_echoes_are_filtered_or_may_come_in_fragments_is_undecided() {
    for mtu in [unanswered_echoes, || testkit::path_mtu_result(0, 1500)] {
        let mut net = Net::new(only_heads);
        net.mtu = Box::new(mtu);
        let judgement = net.run();
        assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
        assert_eq!(supported(&judgement.findings, Strength::Strong), ["app.not_responding", "l3.pmtu_blackhole"]);
        assert!(refuted(&judgement.findings).is_empty());
    }
}

#[test]
fn a_segment_size_made_to_fit_falls_into_no_black_hole() {
    let mut net = Net::new(|get, n| {
        let mut exchange = only_heads(get, n);
        if let Some(info) = &mut exchange.connection.info {
            info.snd_mss = 1228;
        }
        exchange
    });
    net.mtu = Box::new(|| black_hole(1300));
    assert!(supported(&net.run().findings, Strength::Proof).is_empty());
}

#[test]
fn a_large_request_alone_says_nothing_of_the_way_back() {
    let mut net = Net::new(|get, _| {
        let mut exchange = unanswered(Reason::TimedOut);
        if get.form == Form::Head {
            exchange.connection.info = None;
        }
        exchange
    });
    net.patience_ms = 8000;
    let judgement = net.run();
    names(&judgement, "app.not_responding", "l3.pmtu_blackhole");
    let of_size = judgement.findings.iter().find(|finding| finding.cause == "l3.pmtu_blackhole");
    assert_eq!(of_size.map(|finding| finding.strength), Some(Strength::Strong));
    assert!(!is_uncertain(&judgement));
}

#[test]
fn requests_of_which_one_arrives_fall_into_no_black_hole() {
    let net = Net::new(|get, _| if get.attempt == 1 { unanswered(Reason::TimedOut) } else { lost() });
    assert!(!supported(&net.run().findings, Strength::Strong).contains(&"tcp.established_blackhole"));
}

#[test]
fn requests_that_are_lost_after_a_repeated_syn_are_not_proven_to_vanish() {
    let net = Net::new(|_, _| {
        let mut exchange = lost();
        exchange.connection.syn_retransmits = 1;
        exchange
    });
    assert!(supported(&net.run().findings, Strength::Strong).is_empty());
}

#[test]
fn a_request_not_yet_repeated_twice_is_not_proven_to_vanish() {
    let net = Net::new(|_, _| {
        let mut exchange = lost();
        if let Some(info) = &mut exchange.connection.info {
            info.backoff = 1;
        }
        exchange
    });
    assert!(supported(&net.run().findings, Strength::Strong).is_empty());
}

#[test]
fn a_page_that_comes_in_small_segments_only_meets_a_small_mtu_whatever_a_head_is_answered_with() {
    let net = Net::new(|get, _| if get.form == Form::Small { answer(200) } else { unanswered(Reason::TimedOut) });
    let judgement = net.run();
    names(&judgement, "l3.pmtu_blackhole", "app.not_responding");
    assert!(!is_uncertain(&judgement), "{judgement:#?}");
}

#[test]
fn a_server_that_answers_one_request_of_many_is_no_small_mtu() {
    let once = |get: &Get, _| {
        if get.form == Form::Small && get.attempt == 0 { answer(200) } else { unanswered(Reason::TimedOut) }
    };
    let judgement = Net::new(once).run();
    assert!(!testkit::is_proven(&judgement.findings, "l3.pmtu_blackhole"), "{judgement:#?}");
}

#[test]
fn a_server_whose_queue_fills_while_it_is_waited_for_never_answers() {
    let net = Net::new(|_, n| if n == 0 { unanswered(Reason::TimedOut) } else { unconnected(Reason::TimedOut) });
    names(&net.run(), "app.not_responding", "http.server_slow");
}
