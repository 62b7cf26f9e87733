//! Faults and the quiet that they are to be told from.

mod whose;

use sonde_sdk::check::Conclusion;
use sonde_sdk::history::{HistoryAnswer, Series};
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{counted, history_answer, is_proven, level, refuted, supported};

use super::*;

/// Ten minutes in which nothing happened.
fn quiet() -> Past {
    let nothing = |n: u64| history_answer(n, vec![]);
    Past {
        live: false,
        port: None,
        whose: Whose::Namespace,
        accepts: nothing(1),
        syns: nothing(2),
        traffic: nothing(3),
        limits: nothing(4),
        datagrams: nothing(5),
        listeners: nothing(6),
        states: nothing(7),
        peers: nothing(8),
        sources: nothing(9),
        closing: nothing(10),
    }
}

fn with(mut answer: HistoryAnswer, series: Vec<Series>) -> HistoryAnswer {
    if let Ok(recording) = &mut answer.outcome {
        recording.series = series;
    }
    answer
}

/// So much in each second of a time.
fn every_second(name: &str, from: i64, to: i64, value: f64) -> Series {
    counted(name, &(from..to).map(|second| (second, value)).collect::<Vec<_>>())
}

fn overflowing(from: i64, to: i64) -> Past {
    let quiet = quiet();
    let times = |value: f64| (from..to).map(|second| (second, value)).collect::<Vec<_>>();
    Past {
        accepts: with(quiet.accepts, vec![every_second("TcpExt.ListenOverflows", from, to, 4.0)]),
        listeners: with(
            quiet.listeners,
            vec![
                level(&["0.0.0.0", "8080", "backlog"], &times(2.0)),
                level(&["0.0.0.0", "8080", "queued"], &times(3.0)),
            ],
        ),
        ..quiet
    }
}

#[test]
fn a_quiet_time_has_no_finding() {
    let judgement = judge(&quiet());

    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
}

#[test]
fn an_overflow_is_named_with_its_listener_and_its_begin() {
    let judgement = judge(&overflowing(100, 160));

    assert!(is_proven(&judgement.findings, "tcp.accept_queue_overflow"), "{:?}", judgement.findings);
    let support = &judgement.findings[0];
    assert_eq!(support.subject, "0.0.0.0:8080");
    assert!(support.summary.contains("240 times: began 11:08:20 UTC"), "{}", support.summary);
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

#[test]
fn of_the_present_an_overflow_that_is_over_is_a_note() {
    let judgement = judge(&Past { live: true, ..overflowing(100, 160) });

    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
    assert_eq!(judgement.outcome.notes[0].name, "tcp.accept_queue_overflow");
    assert!(judgement.outcome.summary.contains("recorded was: the accept queue"), "{}", judgement.outcome.summary);
}

#[test]
fn of_the_present_an_overflow_that_goes_on_is_a_fault() {
    let judgement = judge(&Past { live: true, ..overflowing(500, 600) });

    assert!(is_proven(&judgement.findings, "tcp.accept_queue_overflow"));
}

#[test]
fn a_few_overflows_are_a_doubt_and_none_of_another_port() {
    let past = overflowing(100, 105);
    let few = judge(&past);
    let other = Past { listeners: history_answer(6, vec![]), port: Some(9090), ..past };

    assert_eq!(supported(&few.findings, Strength::Strong), ["tcp.accept_queue_overflow"]);
    assert!(supported(&few.findings, Strength::Proof).is_empty());
    assert!(judge(&other).findings.is_empty());
}

#[test]
fn a_full_syn_queue_is_no_overflow() {
    let past = Past {
        syns: with(quiet().syns, vec![every_second("TcpExt.TCPReqQFullDrop", 10, 100, 5.0)]),
        listeners: with(quiet().listeners, vec![level(&["::", "80", "syn-received"], &[(10, 129.0)])]),
        ..quiet()
    };

    let judgement = judge(&past);

    assert!(is_proven(&judgement.findings, "tcp.syn_queue_full"), "{:?}", judgement.findings);
    assert_eq!(refuted(&judgement.findings), ["tcp.accept_queue_overflow"]);
}

#[test]
fn cookies_are_a_flood_only_from_very_many_addresses() {
    let from = |addresses: u8| Past {
        syns: with(quiet().syns, vec![every_second("TcpExt.TCPReqQFullDoCookies", 10, 100, 50.0)]),
        listeners: with(quiet().listeners, vec![level(&["::", "80", "syn-received"], &[(10, 129.0)])]),
        sources: with(
            quiet().sources,
            (0..addresses).map(|n| level(&[&format!("10.0.0.{n}")], &[(10, 2.0)])).collect(),
        ),
        ..quiet()
    };

    assert!(is_proven(&judge(&from(60)).findings, "tcp.syn_flood"));
    assert!(judge(&from(3)).findings.is_empty());
}

#[test]
fn a_storm_names_its_peer_and_its_rate() {
    let rising: Vec<(i64, f64)> =
        (0..20).map(|second| (second, 800.0 * f64::from(u8::try_from(second).expect("small")))).collect();
    let past = Past {
        peers: with(quiet().peers, vec![level(&["10.0.0.5", "5432"], &rising)]),
        traffic: with(quiet().traffic, vec![every_second("Tcp.ActiveOpens", 0, 20, 800.0)]),
        ..quiet()
    };

    let judgement = judge(&past);

    assert!(is_proven(&judgement.findings, "tcp.timewait_storm"), "{:?}", judgement.findings);
    let support = &judgement.findings[0];
    assert_eq!(support.subject, "10.0.0.5:5432");
    assert!(
        support.summary.contains("+800/s") && support.summary.contains("from 11:06:53 UTC on"),
        "{}",
        support.summary
    );
}

#[test]
fn many_in_time_wait_towards_many_peers_are_no_storm() {
    let past = Past { peers: with(quiet().peers, vec![level(&["", ""], &[(1, 50_000.0)])]), ..quiet() };

    assert!(judge(&past).findings.is_empty());
}

#[test]
fn close_wait_that_only_grows_is_a_leak_and_one_that_falls_is_none() {
    let of = |values: Vec<(i64, f64)>| Past {
        closing: with(quiet().closing, vec![level(&["CLOSE-WAIT"], &values)]),
        ..quiet()
    };
    let grows: Vec<(i64, f64)> =
        (0..120).map(|second| (second, f64::from(u8::try_from(second).expect("small")))).collect();
    let mut falls = grows.clone();
    falls[60].1 = 0.0;

    assert!(is_proven(&judge(&of(grows)).findings, "tcp.close_wait_leak"));
    assert!(judge(&of(falls)).findings.is_empty());
}

#[test]
fn connection_tracking_is_full_only_at_its_limit() {
    let of = |entries: f64| Past {
        limits: with(
            quiet().limits,
            vec![
                every_second("conntrack.drop", 0, 60, 3.0),
                level(&["conntrack.entries"], &[(0, entries)]),
                level(&["conntrack.max"], &[(0, 1_000.0)]),
            ],
        ),
        traffic: with(quiet().traffic, vec![every_second("Tcp.InSegs", 0, 60, 100.0)]),
        ..quiet()
    };

    assert!(is_proven(&judge(&of(990.0)).findings, "nf.conntrack_full"));
    assert!(judge(&of(500.0)).findings.is_empty());
}

#[test]
fn datagrams_are_dropped_at_a_full_buffer_and_not_for_their_checksum() {
    let of = |full: f64| Past {
        datagrams: with(
            quiet().datagrams,
            vec![every_second("Udp.InErrors", 0, 60, 5.0), every_second("Udp.RcvbufErrors", 0, 60, full)],
        ),
        ..quiet()
    };

    assert!(is_proven(&judge(&of(5.0)).findings, "udp.rcvbuf_overflow"));
    assert!(judge(&of(1.0)).findings.is_empty());
}

#[test]
fn memory_of_all_of_tcp_is_not_one_applications() {
    let of = |pruned: f64| Past {
        limits: with(quiet().limits, vec![every_second("TcpExt.TCPAbortOnMemory", 0, 60, 1.0)]),
        traffic: with(quiet().traffic, vec![counted("TcpExt.PruneCalled", &[(5, pruned)])]),
        ..quiet()
    };

    assert!(is_proven(&judge(&of(0.0)).findings, "host.tcp_mem_pressure"));
    assert!(supported(&judge(&of(9.0)).findings, Strength::Proof).is_empty());
}

#[test]
fn what_counters_alone_cannot_prove_stays_a_candidate() {
    let past = Past {
        limits: with(quiet().limits, vec![every_second("TcpExt.IPReversePathFilter", 0, 60, 9.0)]),
        traffic: with(
            quiet().traffic,
            vec![
                every_second("Tcp.OutSegs", 0, 60, 1_000.0),
                every_second("Tcp.RetransSegs", 0, 60, 30.0),
                every_second("TcpExt.TCPLostRetransmit", 0, 60, 2.0),
            ],
        ),
        ..quiet()
    };

    let judgement = judge(&past);

    assert_eq!(supported(&judgement.findings, Strength::Weak), ["l3.packet_loss", "l3.rp_filter_drop"]);
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn of_the_present_what_is_not_proven_is_a_note() {
    let past = Past {
        live: true,
        limits: with(quiet().limits, vec![every_second("TcpExt.IPReversePathFilter", 0, 600, 9.0)]),
        ..quiet()
    };

    let judgement = judge(&past);

    assert!(judgement.findings.is_empty());
    assert_eq!((judgement.outcome.conclusion, judgement.outcome.notes.len()), (Conclusion::Works, 1));
}

#[test]
fn time_that_was_not_recorded_is_noted() {
    let mut past = quiet();
    if let Ok(recording) = &mut past.accepts.outcome {
        recording.gaps.push(sonde_sdk::testkit::period(100, 130));
    }

    assert_eq!(judge(&past).outcome.notes[0].value, "30 s are not recorded");
}
