//! Answers that come back and are dropped here, sources that get none, and a table that takes no more flows.

use super::*;
use crate::observe::{Bound, Burst, Span};

fn coming_back(more: &[(&str, i64)]) -> Path {
    let moved = [&[("Ip.InReceives", 2), ("TcpExt.TCPSynRetrans", 1)], more].concat();
    let mut path =
        path(vec![moving(failing(1, Reason::TimedOut), &moved), moving(failing(2, Reason::TimedOut), &moved)]);
    path.burst = Some(burst((&[("Ip.InReceives", 8)], 8), (&[], 0)));
    path
}

#[test]
fn answers_that_no_counter_explains_are_dropped_by_a_local_filter() {
    assert_proven(&judge(&seen(vec![coming_back(&[])])), "fw.drop_local_input", "l3.rp_filter_drop");
}

#[test]
fn answers_that_the_reverse_path_filter_counts_are_its_own() {
    let path = coming_back(&[("TcpExt.IPReversePathFilter", 2)]);
    assert_proven(&judge(&seen(vec![path])), "l3.rp_filter_drop", "fw.drop_local_input");
}

#[test]
fn answers_that_connection_tracking_cannot_assign_are_invalid() {
    assert_proven(&judge(&seen(vec![coming_back(&[("conntrack.invalid", 2)])])), "nf.invalid_drop", "fw.drop_remote");
}

#[test]
fn other_traffic_that_is_delivered_makes_it_undecided() {
    assert_undecided(&judge(&seen(vec![coming_back(&[("Ip.InDelivers", 1)])])));
}

#[test]
fn one_window_alone_proves_nothing() {
    let mut path = coming_back(&[]);
    path.dials[1].deltas = None;
    assert_undecided(&judge(&seen(vec![path])));
}

fn bound(dial: TcpDial) -> Path {
    let mut path = path(silent_twice());
    path.bound = vec![Bound { local: "192.0.2.101".to_owned(), dial }];
    path
}

#[test]
fn a_source_that_is_answered_shows_that_the_chosen_one_is_wrong() {
    let answered = bound(testkit::dial(60, &endpoint(V4), 900));
    assert_proven(&judge(&seen(vec![answered])), "l3.asymmetric_source", "fw.drop_remote");
    let silent = bound(failing(60, Reason::TimedOut));
    assert_undecided(&judge(&seen(vec![silent])));
}

fn kept(more: &[(&str, i64)], entries: i64) -> Path {
    let moved = [&[("TcpExt.TCPRetransFail", 1)], more].concat();
    let mut path =
        path(vec![moving(failing(1, Reason::TimedOut), &moved), moving(failing(2, Reason::TimedOut), &moved)]);
    path.counters = Some(testkit::counters_answer(60, &[("conntrack.entries", entries), ("conntrack.max", 1000)]));
    path
}

#[test]
fn a_full_table_that_drops_our_syns_is_no_filter() {
    let full = kept(&[("conntrack.drop", 1)], 1000);
    assert_proven(&judge(&seen(vec![full])), "nf.conntrack_full", "fw.drop_remote");
}

#[test]
fn a_table_with_room_or_one_that_drops_nothing_is_not_the_cause() {
    for path in [kept(&[("conntrack.drop", 1)], 500), kept(&[], 1000)] {
        assert_proven(&judge(&seen(vec![path])), "fw.drop_local_output", "fw.drop_remote");
    }
}

#[test]
fn a_source_that_is_heard_on_another_port_is_the_right_one() {
    let mut path = bound(testkit::dial(60, &endpoint(V4), 900));
    path.controls = vec![control(61, 80, failing(61, Reason::Refused))];
    assert_proven(&judge(&seen(vec![path])), "fw.drop_remote", "l3.host_down");
}

/// The links before and after `eth0` received so many frames.
fn received(n: u64, frames: i64) -> [sonde_sdk::system::LinksAnswer; 2] {
    let links = |n, value| {
        let mut link = testkit::link("eth0", &["192.0.2.100/24"]);
        link.statistics = testkit::counters(&[("rx_packets", value)]);
        testkit::links_answer(n, vec![link])
    };
    [links(n, 500), links(n + 1, 500 + frames)]
}

/// The counters before and after these grew by so much.
fn counted(n: u64, grown: &[(&str, i64)]) -> [sonde_sdk::sockets::CountersAnswer; 2] {
    let names = ["Ip.InReceives", "Ip.InDelivers", "Ip.ForwDatagrams", "Ip6.InReceives", "Tcp.OutRsts"];
    let by = |name: &str| grown.iter().find(|(n, _)| *n == name).map_or(0, |(_, v)| *v);
    let before: Vec<(&str, i64)> = names.into_iter().map(|name| (name, 100)).collect();
    let after: Vec<(&str, i64)> = names.into_iter().map(|name| (name, 100 + by(name))).collect();
    [testkit::counters_answer(n, &before), testkit::counters_answer(n + 1, &after)]
}

fn span(n: u64, grown: &[(&str, i64)], frames: i64) -> Span {
    Span { counters: counted(n, grown), links: received(n + 2, frames) }
}

/// What eight SYNs at once move, and what moves without them; each with the frames that the link receives.
fn burst((moved, frames): (&[(&str, i64)], i64), (otherwise, idle_frames): (&[(&str, i64)], i64)) -> Burst {
    let mut series = testkit::series(40, &[None; 8]);
    series.deltas = Some(testkit::deltas(moved));
    Burst { series, span: span(42, moved, frames), idle: span(46, otherwise, idle_frames) }
}

/// Beside other traffic, and a host that answers on another port.
fn busy(moved: &[(&str, i64)], burst: Option<Burst>) -> Judgement {
    let dial = |n| moving(failing(n, Reason::TimedOut), &[moved, &[("TcpExt.TCPSynRetrans", 1)]].concat());
    let mut path = path(vec![dial(1), dial(2)]);
    path.controls = vec![control(61, 80, failing(61, Reason::Refused))];
    path.burst = burst;
    judge(&seen(vec![path]))
}

#[test]
fn answers_that_are_dropped_beside_traffic_that_is_delivered_are_a_local_filters_doing() {
    let moved = [("Ip.InReceives", 33), ("Ip.InDelivers", 30)];
    let at_once: &[(&str, i64)] = &[("Ip.InReceives", 18), ("Ip.InDelivers", 10)];
    let repeated: &[(&str, i64)] = &[("Ip.InReceives", 12), ("Ip.InDelivers", 10)];
    let judgement = busy(&moved, Some(burst((at_once, 18), (repeated, 12))));
    assert_proven(&judgement, "fw.drop_local_input", "l3.rp_filter_drop");
    let noisy: &[(&str, i64)] = &[("Ip.InReceives", 13), ("Ip.InDelivers", 10)];
    for other in [Some(burst((at_once, 18), (noisy, 13))), None] {
        assert_undecided(&busy(&moved, other));
    }
}

#[test]
fn a_strangers_packet_a_second_that_is_dropped_here_is_no_answer_of_ours() {
    let quiet = [("Ip.InReceives", 2)];
    let one: &[(&str, i64)] = &[("Ip.InReceives", 1)];
    for idle in [&[][..], one] {
        assert_proven(&busy(&quiet, Some(burst((one, 1), (idle, 0)))), "fw.drop_remote", "l3.host_down");
    }
    let filtered = [&quiet[..], &[("TcpExt.IPReversePathFilter", 2)]].concat();
    assert_proven(&busy(&filtered, Some(burst((one, 1), (&[], 0)))), "fw.drop_remote", "l3.host_down");
    assert_undecided(&busy(&quiet, None));
}

#[test]
fn a_packet_that_is_dropped_or_forwarded_meanwhile_was_no_answer() {
    let other = [("Ip.InReceives", 31), ("Ip.InDelivers", 30)];
    assert_proven(&busy(&other, None), "fw.drop_remote", "l3.host_down");
    let forwarded = [("Ip.InReceives", 40), ("Ip.InDelivers", 30), ("Ip.ForwDatagrams", 10)];
    assert_proven(&busy(&forwarded, None), "fw.drop_remote", "l3.host_down");
}

#[test]
fn resets_of_what_answers_from_another_address_are_a_hairpin() {
    let resets = [("Ip.InReceives", 2), ("Ip.InDelivers", 2), ("Tcp.OutRsts", 2)];
    let at_once: &[(&str, i64)] = &[("Tcp.OutRsts", 8)];
    assert_proven(&busy(&resets, Some(burst((at_once, 8), (&[], 0)))), "k8s.hairpin", "k8s.netpol_drop");
    let refusing: &[(&str, i64)] = &[("Tcp.OutRsts", 6)];
    assert_undecided(&busy(&resets, Some(burst((at_once, 8), (refusing, 6)))));
    let fewer = Some(burst((&[("Tcp.OutRsts", 2)], 8), (&[], 0)));
    assert_proven(&busy(&resets, fewer), "fw.drop_remote", "l3.host_down");
    assert_proven(&busy(&[("Tcp.OutRsts", 1)], None), "fw.drop_remote", "l3.host_down");
}

/// `eth0` received so many frames in each window that IP did not.
fn at_the_link(frames: [i64; 2], meanwhile: i64) -> Judgement {
    with_the_burst(frames, 8, meanwhile)
}

/// And so many in the burst, and in the time without.
fn with_the_burst(frames: [i64; 2], at_once: i64, meanwhile: i64) -> Judgement {
    let moved = [("TcpExt.TCPSynRetrans", 1)];
    let mut path =
        path(vec![moving(failing(1, Reason::TimedOut), &moved), moving(failing(2, Reason::TimedOut), &moved)]);
    path.beside = path
        .dials
        .iter()
        .zip(frames)
        .zip([50, 54])
        .map(|((dial, frames), n)| {
            (dial.evidence, span(n, &[("Ip.InReceives", 5)], frames + if frames > 0 { 5 } else { 0 }))
        })
        .collect();
    path.burst = Some(burst((&[], at_once), (&[], meanwhile)));
    path.controls = vec![control(61, 80, failing(61, Reason::Refused))];
    judge(&seen(vec![path]))
}

#[test]
fn frames_that_end_between_the_link_and_ip_are_answers_where_they_come_with_our_syns() {
    assert_proven(&at_the_link([1, 2], 1), "fw.drop_local_input", "l3.rp_filter_drop");
    assert_undecided(&at_the_link([3, 2], 5));
    // A stranger asks for addresses by ARP.
    assert_proven(&with_the_burst([3, 2], 1, 1), "fw.drop_remote", "l3.host_down");
}

#[test]
fn a_drop_is_said_to_be_beyond_this_host_only_where_nothing_came_back_to_its_link() {
    let beyond = at_the_link([0, 0], 0);
    assert_proven(&beyond, "fw.drop_remote", "l3.host_down");
    assert!(!beyond.outcome.summary.contains("ingress"), "{}", beyond.outcome.summary);
    let unknown = at_the_link([1, 1], 1);
    assert_proven(&unknown, "fw.drop_remote", "l3.host_down");
    assert!(unknown.outcome.summary.contains("or at its own ingress"), "{}", unknown.outcome.summary);
}

#[test]
fn failed_repetitions_of_others_accuse_no_output_filter() {
    let others = [("TcpExt.TCPRetransFail", 1), ("Tcp.RetransSegs", 2), ("TcpExt.TCPSynRetrans", 1)];
    let silent = |n, moved: &[(&str, i64)]| moving(failing(n, Reason::TimedOut), moved);
    assert_undecided(&judge(&seen(vec![path(vec![silent(1, &others), silent(2, &others)])])));
    let ours_left = [("Tcp.RetransSegs", 1), ("TcpExt.TCPSynRetrans", 1)];
    let mut path = path(vec![silent(1, &others), silent(2, &ours_left)]);
    path.controls = vec![control(61, 80, failing(61, Reason::Refused))];
    assert_proven(&judge(&seen(vec![path])), "fw.drop_remote", "fw.drop_local_output");
}
