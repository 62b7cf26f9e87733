//! Silence that this host makes itself, beside silence that it does not.

use sonde_sdk::dial::HttpExchange;
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{refuted, supported};
use sonde_sdk::types::{CounterDeltas, Reason};

use super::names;
use crate::case::Form;
use crate::verdict::play::{Net, answer, held, lost, silent_while, unanswered};

/// What ends in this host when it is asked, and when it is not.
fn net(asked: &'static [(&str, i64)], unasked: &'static [(&str, i64)]) -> Net<'static> {
    let mut net = Net::new(move |_, _| silent_while(asked));
    net.hold = Box::new(move || held(unasked));
    net
}

#[test]
fn answers_that_end_in_this_host_each_time_are_dropped_by_its_own_filter() {
    let judgement = net(&[("Ip.InReceives", 5), ("Ip.InDelivers", 1)], &[]).run();
    names(&judgement, "fw.drop_local_input", "l3.rp_filter_drop");
    assert!(refuted(&judgement.findings).contains(&"app.not_responding"));
}

#[test]
fn over_ipv6_the_counters_of_ipv6_say_so() {
    let mut dropping = net(&[("Ip6.InReceives", 4)], &[]);
    dropping.addresses = vec!["2001:db8::80"];
    names(&dropping.run(), "fw.drop_local_input", "l3.rp_filter_drop");
    let mut other_family = net(&[("Ip.InReceives", 4)], &[]);
    other_family.addresses = vec!["2001:db8::80"];
    names(&other_family.run(), "app.not_responding", "http.server_slow");
}

#[test]
fn what_ends_in_this_host_without_being_asked_for_as_well_is_other_traffic() {
    let noise = &[("Ip.InReceives", 6), ("Ip.InDelivers", 1)];
    names(&net(noise, noise).run(), "app.not_responding", "http.server_slow");
    names(&net(noise, &[("Ip.InReceives", 2)]).run(), "app.not_responding", "http.server_slow");
}

#[test]
fn other_traffic_in_the_last_silent_window_leaves_a_suspicion() {
    let dials = std::cell::Cell::new(0);
    let mut net = net(&[("Ip.InReceives", 5)], &[]);
    net.hold = Box::new(move || {
        dials.set(dials.get() + 1);
        held(if dials.get() > 1 { &[("Ip.InReceives", 9)] } else { &[] })
    });
    let judgement = net.run();
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Strong).contains(&"fw.drop_local_input"), "{judgement:#?}");
}

#[test]
fn a_burst_of_other_traffic_in_one_window_convinces_nobody() {
    let judgement = Net::new(|get, _| match (get.form, get.attempt) {
        (Form::Counted, 1) => silent_while(&[("Ip.InReceives", 9)]),
        _ => silent_while(&[]),
    });
    names(&judgement.run(), "app.not_responding", "http.server_slow");
}

#[test]
fn fewer_packets_than_an_answer_would_be_repeated_are_not_followed_up() {
    let case = net(&[("Ip.InReceives", 2)], &[]).case();
    assert!(case.holds.is_empty());
    assert_eq!(case.exchanges.iter().filter(|(get, _)| get.form == Form::Counted).count(), 1);
}

#[test]
fn windows_that_other_probes_shared_leave_the_silence_to_the_server() {
    let shared = || {
        let mut exchange = silent_while(&[("Ip.InReceives", 9)]);
        exchange.deltas = exchange.deltas.map(|deltas| CounterDeltas { quiet: false, ..deltas });
        exchange
    };
    names(&Net::new(move |_, _| shared()).run(), "app.not_responding", "http.server_slow");
}

#[test]
fn a_suspicion_whose_silent_windows_are_missing_leaves_the_server_unproven() {
    let mut net = net(&[("Ip.InReceives", 5)], &[]);
    net.hold = Box::new(|| sonde_sdk::dial::TcpDial { deltas: None, ..held(&[]) });
    let judgement = net.run();
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Strong).contains(&"fw.drop_local_input"), "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Strong).contains(&"app.not_responding"), "{judgement:#?}");
}

#[test]
fn a_request_that_stays_in_the_socket_is_dropped_by_this_host() {
    let unsent = || {
        let mut exchange = unanswered(Reason::TimedOut);
        if let Some(info) = &mut exchange.connection.info {
            (info.notsent_bytes, info.bytes_acked, info.backoff) = (120, 1, 3);
        }
        exchange
    };
    let judgement = Net::new(move |_, _| unsent()).run();
    names(&judgement, "fw.drop_local_output", "fw.drop_remote");
    assert!(refuted(&judgement.findings).contains(&"tcp.established_blackhole"));
}

#[test]
fn a_request_that_waits_for_a_window_or_is_lost_on_the_way_did_leave_this_host() {
    let zero_window = || {
        let mut exchange = unanswered(Reason::TimedOut);
        if let Some(info) = &mut exchange.connection.info {
            (info.notsent_bytes, info.bytes_acked, info.backoff, info.snd_wnd) = (120, 1, 3, 0);
        }
        exchange
    };
    let others: [fn() -> HttpExchange; 2] = [zero_window, lost];
    for other in others {
        let judgement = Net::new(move |_, _| other()).run();
        let supported = supported(&judgement.findings, Strength::Weak);
        assert!(!supported.contains(&"fw.drop_local_output"), "{judgement:#?}");
    }
}

#[test]
fn a_page_that_comes_is_never_counted() {
    let case = Net::new(|_, _| answer(200)).case();
    assert!(case.exchanges.iter().all(|(get, _)| get.form != Form::Counted));
}
