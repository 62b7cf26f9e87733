//! The past of a process, which is its namespace's, and of a destination.

use sonde_sdk::types::Endpoint;

use super::*;
use crate::whose::{Datagrams, Peer, nameless};

fn of_a_process(past: Past) -> Judgement {
    judge(&Past { whose: Whose::Process(4_711), ..past })
}

/// Towards one destination, with so much in each state, beside others.
fn towards(states: Vec<Series>, groups: Vec<Series>, past: Past) -> Judgement {
    let peer = Peer {
        endpoint: Endpoint::new("2001:db8::5", 5_432),
        states: history_answer(11, states),
        groups: history_answer(12, groups),
    };
    judge(&Past { whose: Whose::Peer(Box::new(peer)), ..past })
}

fn always(state: &str, from: i64, to: i64, value: f64) -> Series {
    level(&[state], &(from..to).map(|second| (second, value)).collect::<Vec<_>>())
}

fn sent_again() -> Past {
    Past { traffic: with(quiet().traffic, vec![every_second("TcpExt.TCPSynRetrans", 100, 160, 1.0)]), ..quiet() }
}

#[test]
fn what_others_own_in_its_namespace_is_not_proven_of_a_process() {
    let judgement = of_a_process(overflowing(100, 160));

    assert_eq!(supported(&judgement.findings, Strength::Strong), ["tcp.accept_queue_overflow"]);
    assert!(supported(&judgement.findings, Strength::Proof).is_empty());
    assert!(judgement.findings[0].summary.starts_with("in the network namespace of process 4711 the accept queue"));
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.outcome.notes[0].value.contains("not processes"), "{:?}", judgement.outcome.notes);
}

#[test]
fn what_all_in_its_namespace_share_holds_for_a_process_too() {
    let full = Past {
        limits: with(
            quiet().limits,
            vec![
                every_second("conntrack.drop", 0, 60, 3.0),
                level(&["conntrack.entries"], &[(0, 990.0)]),
                level(&["conntrack.max"], &[(0, 1_000.0)]),
            ],
        ),
        traffic: with(quiet().traffic, vec![every_second("Tcp.InSegs", 0, 60, 100.0)]),
        ..quiet()
    };

    let judgement = of_a_process(full);

    assert!(is_proven(&judgement.findings, "nf.conntrack_full"), "{:?}", judgement.findings);
}

#[test]
fn a_quiet_time_of_a_process_says_that_it_is_its_namespaces() {
    let judgement = of_a_process(quiet());

    assert!(judgement.findings.is_empty());
    assert!(judgement.outcome.summary.contains("of the network namespace of process 4711"));
}

#[test]
fn connections_that_were_there_are_told_with_their_times() {
    let states = vec![always("ESTAB", 60, 120, 12.0), always("SYN-SENT", 60, 61, 1.0)];

    let judgement = towards(states, vec![], quiet());

    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
    assert!(judgement.outcome.summary.contains("[2001:db8::5]:5432, at most 12 in ESTAB, 1 in SYN-SENT"));
    assert_eq!(judgement.outcome.notes[0].value, "at most 12, from 11:07:40 UTC to 11:08:39 UTC");
}

#[test]
fn connections_that_never_come_to_be_were_not_answered() {
    let states = vec![always("SYN-SENT", 100, 160, 3.0), always("ESTAB", 0, 600, 2.0)];

    let judgement = towards(states, vec![], sent_again());

    assert_eq!(supported(&judgement.findings, Strength::Weak), ["fw.drop_remote"]);
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
    assert!(judgement.findings[0].summary.contains("waited from 11:08:20 UTC to 11:09:19 UTC"));
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn a_busy_client_that_always_opens_some_is_answered() {
    let rising: Vec<(i64, f64)> = (100..160).map(|second| (second, if second % 2 == 0 { 4.0 } else { 9.0 })).collect();
    let opening = || always("SYN-SENT", 100, 160, 3.0);
    let busy = vec![opening(), level(&["TIME-WAIT"], &rising)];
    let short = vec![always("SYN-SENT", 100, 105, 3.0)];

    assert!(towards(busy, vec![], sent_again()).findings.is_empty());
    assert!(towards(short, vec![], sent_again()).findings.is_empty());
    assert!(towards(vec![opening()], vec![], quiet()).findings.is_empty());
}

#[test]
fn one_that_is_not_seen_was_not_there_only_where_all_were_told_apart() {
    let other = || level(&["ESTAB", "10.0.0.1"], &[(1, 3.0)]);
    let told = towards(vec![], vec![other()], quiet());
    let untold = towards(vec![], vec![other(), level(&["ESTAB", ""], &[(1, 40.0)])], quiet());
    let full = towards(vec![], (0..64).map(|_| other()).collect(), quiet());

    assert!(told.outcome.summary.starts_with("no TCP connection to [2001:db8::5]:5432"), "{}", told.outcome.summary);
    assert!(untold.outcome.summary.ends_with("up to 40 sockets were counted for their state alone"));
    assert!(full.outcome.summary.ends_with("is not among them"), "{}", full.outcome.summary);
    for judgement in [told, untold, full] {
        assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    }
}

#[test]
fn a_leak_towards_a_destination_names_it_and_queues_of_listeners_are_none_of_its() {
    let grows: Vec<(i64, f64)> = (0..120).map(|at| (at, f64::from(u8::try_from(at).expect("small")))).collect();
    let past = Past { closing: with(quiet().closing, vec![level(&["CLOSE-WAIT"], &grows)]), ..overflowing(100, 160) };

    let judgement = towards(vec![], vec![], past);

    assert!(is_proven(&judgement.findings, "tcp.close_wait_leak"), "{:?}", judgement.findings);
    assert_eq!(judgement.findings[0].subject, "[2001:db8::5]:5432");
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["tcp.close_wait_leak"]);
}

#[test]
fn a_name_has_no_past_and_is_told_which_addresses_do() {
    let seen = nameless("db.example", 5_432, &["10.0.0.5".to_owned(), "10.0.0.6".to_owned()]);
    let none = nameless("db.example", 5_432, &[]);

    assert_eq!((seen.conclusion, none.conclusion), (Conclusion::Unclear, Conclusion::Unclear));
    assert!(seen.summary.ends_with("at port 5432 it kept 10.0.0.5, 10.0.0.6"), "{}", seen.summary);
    assert!(none.summary.contains("no peer at port 5432") && none.next_step.is_some(), "{}", none.summary);
}

fn over_udp(past: Past, counted: Vec<Series>) -> Judgement {
    let target = "dns://svc.example?server=192.0.2.53".to_owned();
    let datagrams = Datagrams { target, counted: history_answer(13, counted) };
    judge(&Past { whose: Whose::Datagrams(Box::new(datagrams)), ..past })
}

#[test]
fn a_quiet_time_says_nothing_of_datagrams_that_nobody_keeps() {
    let judgement = over_udp(quiet(), vec![every_second("Udp.OutDatagrams", 0, 60, 2.0)]);

    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.outcome.summary.contains("no datagrams: whether dns://svc.example?server=192.0.2.53 answered"));
    assert!(judgement.outcome.notes[0].value.starts_with("120 "), "{:?}", judgement.outcome.notes);
}

fn losing() -> Past {
    let lost = vec![every_second("Udp.RcvbufErrors", 0, 120, 30.0), every_second("Udp.InErrors", 0, 120, 30.0)];
    Past { datagrams: with(quiet().datagrams, lost), ..quiet() }
}

#[test]
fn a_buffer_that_overflowed_in_its_namespace_may_be_another_sockets() {
    let judgement = over_udp(losing(), vec![]);

    assert_eq!(supported(&judgement.findings, Strength::Strong), ["udp.rcvbuf_overflow"]);
    assert!(supported(&judgement.findings, Strength::Proof).is_empty());
    assert!(judgement.findings[0].summary.starts_with("in this network namespace 3600 datagrams"));
    // Queues and memory of TCP are none of its.
    assert_eq!(over_udp(overflowing(100, 160), vec![]).findings.len(), 0);
}

#[test]
fn a_port_without_a_listener_may_be_one_of_datagrams() {
    let udp = judge(&Past { port: Some(5_353), ..losing() });
    let tcp = judge(&Past { port: Some(8_080), listeners: overflowing(0, 9).listeners, ..losing() });

    assert_eq!(supported(&udp.findings, Strength::Strong), ["udp.rcvbuf_overflow"]);
    assert_eq!(udp.outcome.conclusion, Conclusion::Unclear);
    assert!(tcp.findings.is_empty(), "{:?}", tcp.findings);
}
