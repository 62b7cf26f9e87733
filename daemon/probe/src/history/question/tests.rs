//! Recordings made by hand, and what is told of them.

use std::cell::Cell;
use std::net::IpAddr;

use sonde_core::observation::history::{GroupFilter, GroupKey, Numbers, Series, SeriesKind};

use super::super::chunk::Step;
use super::super::chunk::tests::{counter, peer};
use super::super::key::Key;
use super::super::ring::{Bounds, Ring};
use super::*;

const BEGAN: u64 = 1_795_000_020;

fn step(second: u64, counted: bool, values: &[(Key, i64)]) -> Step {
    Step { end: (BEGAN + second) * SECOND, span: SECOND, counted, values: values.to_vec() }
}

fn ring(steps: &[Step]) -> Ring {
    let mut ring = Ring::new(Bounds::default());
    for step in steps {
        ring.push(step);
    }
    ring
}

fn answer(ring: &Ring, request: &Request) -> Result<Recording, Problem> {
    let (from, to) = (micros(request.period.from), micros(request.period.to));
    super::answer(&ring.excerpt(from, to), request, || None)
}

fn ask(ring: &Ring, from: u64, to: u64, points: u32, of: Numbers) -> Recording {
    let period = Period { from: Duration::from_secs(BEGAN + from), to: Duration::from_secs(BEGAN + to) };
    answer(ring, &Request { period, points, of }).expect("something is kept")
}

fn values(series: &Series) -> Vec<(u64, f64)> {
    series.points.iter().map(|point| (point.at.as_secs() - BEGAN, point.value)).collect()
}

fn named(names: &[&str]) -> Numbers {
    Numbers::Counters { names: names.iter().map(|name| (*name).to_owned()).collect() }
}

#[test]
fn a_counter_has_points_where_it_grew_and_a_gauge_everywhere() {
    let overflow = || counter("TcpExt.ListenOverflows");
    let gauge = || Key::Gauge("Tcp.CurrEstab".into());
    let ring = ring(&[
        step(1, true, &[(gauge(), 0)]),
        step(2, false, &[(overflow(), 3), (gauge(), 2)]),
        step(3, false, &[(gauge(), 2), (counter("Tcp.InSegs"), 9)]),
        step(4, false, &[(overflow(), 4), (gauge(), 1)]),
    ]);

    let told = ask(&ring, 0, 10, 100, named(&["TcpExt.*", "Tcp.CurrEstab"]));

    assert_eq!(told.series.len(), 2);
    assert_eq!(values(&told.series[0]), [(1, 0.0), (2, 2.0), (3, 2.0), (4, 1.0)]);
    assert_eq!((told.series[1].kind, values(&told.series[1])), (SeriesKind::Counter, vec![(2, 3.0), (4, 4.0)]));
    assert_eq!((told.covered.from.as_secs(), told.covered.to.as_secs()), (BEGAN, BEGAN + 4));
    assert_eq!((told.step, told.gaps), (Duration::from_secs(1), vec![]));
}

#[test]
fn few_points_sum_growth_and_keep_the_largest_level() {
    let steps: Vec<Step> = (1..=60)
        .map(|second| step(second, true, &[(counter("a"), 1), (peer(6, 1, 80), (second * 10).cast_signed())]))
        .collect();
    let ring = ring(&steps);

    let growth = ask(&ring, 0, 60, 2, named(&["a"]));
    let by = vec![GroupKey::State, GroupKey::PeerPort];
    let levels = ask(&ring, 0, 60, 2, Numbers::Sockets { by, filter: GroupFilter::default() });

    assert_eq!(values(&growth.series[0]), [(30, 30.0), (60, 30.0)]);
    assert_eq!(values(&levels.series[0]), [(30, 300.0), (60, 600.0)]);
    assert_eq!(levels.series[0].key, ["TIME-WAIT", "80"]);
}

#[test]
fn sockets_without_a_group_count_for_their_state() {
    let ring = ring(&[
        step(1, true, &[(Key::Total(6), 100), (Key::Total(1), 7), (peer(6, 1, 80), 60), (peer(6, 2, 81), 10)]),
        step(2, false, &[]),
        step(3, true, &[(Key::Total(6), 90), (peer(6, 1, 80), 90)]),
    ]);

    let by = vec![GroupKey::State, GroupKey::PeerAddress];
    let all = ask(&ring, 0, 5, 100, Numbers::Sockets { by, filter: GroupFilter::default() });
    let filter = GroupFilter { peer_port: Some(81), ..GroupFilter::default() };
    let one = ask(&ring, 0, 5, 100, Numbers::Sockets { by: vec![], filter });
    let filter = GroupFilter { states: vec!["established".to_owned()], ..GroupFilter::default() };
    let total = ask(&ring, 0, 5, 100, Numbers::Sockets { by: vec![GroupKey::State], filter });

    let told: Vec<_> = all.series.iter().map(|series| (series.key.join(" "), values(series))).collect();
    assert_eq!(
        told,
        [
            ("TIME-WAIT 10.0.0.1".to_owned(), vec![(1, 60.0), (3, 90.0)]),
            ("TIME-WAIT ".to_owned(), vec![(1, 30.0), (3, 0.0)]),
            ("TIME-WAIT 10.0.0.2".to_owned(), vec![(1, 10.0), (3, 0.0)]),
            ("ESTAB ".to_owned(), vec![(1, 7.0), (3, 0.0)]),
        ]
    );
    assert_eq!(values(&one.series[0]), [(1, 10.0), (3, 0.0)]);
    assert_eq!((total.series.len(), values(&total.series[0])), (1, vec![(1, 7.0), (3, 0.0)]));
}

#[test]
fn a_listener_has_its_queue_in_every_step_and_its_limit_while_it_is_known() {
    let any = IpAddr::from([0, 0, 0, 0]);
    let ring = ring(&[
        step(1, false, &[]),
        step(2, false, &[(Key::Queued(any, 80), 3), (Key::Backlog(any, 80), 2), (Key::Queued(any, 81), 1)]),
        step(3, true, &[(Key::HalfOpen(any, 80), 5)]),
    ]);

    let told = ask(&ring, 0, 5, 100, Numbers::Listeners { port: Some(80) });

    let told: Vec<_> = told.series.iter().map(|series| (series.key[2].as_str(), values(series))).collect();
    assert_eq!(
        told,
        [("backlog", vec![(2, 2.0)]), ("queued", vec![(1, 0.0), (2, 3.0), (3, 0.0)]), ("syn-received", vec![(3, 5.0)]),]
    );
}

#[test]
fn time_that_was_not_recorded_is_a_gap() {
    let ring = ring(&[step(1, true, &[]), step(2, true, &[]), step(30, true, &[]), step(31, true, &[])]);

    let told = ask(&ring, 0, 60, 100, named(&["a"]));

    let gaps: Vec<_> = told.gaps.iter().map(|gap| (gap.from.as_secs() - BEGAN, gap.to.as_secs() - BEGAN)).collect();
    assert_eq!(gaps, [(2, 29)]);
}

#[test]
fn a_time_of_which_nothing_is_kept_is_unavailable_and_says_what_is() {
    let ring = ring(&[step(1, true, &[])]);
    let period = Period { from: Duration::from_secs(10), to: Duration::from_secs(20) };

    let problem = answer(&ring, &Request { period, points: 2, of: named(&["a"]) }).expect_err("nothing is kept");

    assert!(matches!(problem.reason, Reason::Unavailable(_)), "{problem:?}");
    assert!(problem.detail.contains("from 10 to 20") && problem.detail.contains("1795000020"), "{problem:?}");
}

#[test]
fn peer_and_local_port_are_not_kept_together() {
    let by = vec![GroupKey::PeerPort, GroupKey::LocalPort];
    let of = Numbers::Sockets { by, filter: GroupFilter::default() };
    let period = Period { from: Duration::from_secs(10), to: Duration::from_secs(20) };

    let problem = answer(&ring(&[]), &Request { period, points: 2, of }).expect_err("it cannot be answered");

    assert!(problem.detail.contains("ask for one"), "{problem:?}");
}

#[test]
fn coarse_steps_stand_before_fine_ones_and_nothing_counts_twice() {
    let steps: Vec<Step> = (1..=2 * 3_600).map(|second| step(second, true, &[(counter("a"), 1)])).collect();
    let ring = ring(&steps);

    let told = ask(&ring, 0, 7_200, 3_600, named(&["a"]));

    assert!((told.series[0].sum() - 7_200.0).abs() < 1e-9, "{}", told.series[0].sum());
    assert_eq!((told.step, told.gaps.len()), (Duration::from_secs(1), 0));
}

/// Sixty-four clients that are others in every second, for two hours.
fn crowded() -> Ring {
    let second = |second: u64| {
        let other = |n: u64| IpAddr::from(u32::try_from(second * 64 + n).expect("small").to_be_bytes());
        let clients = (0..64).map(|n| (Key::Peer(1, other(n), 0), 2));
        let values: Vec<(Key, i64)> = clients.chain([(Key::Total(1), 130)]).collect();
        step(second, true, &values)
    };
    let mut ring = Ring::new(Bounds { bytes: u64::MAX, ..Bounds::default() });
    (1..=2 * 3_600).for_each(|at| ring.push(&second(at)));
    ring
}

#[test]
fn groups_that_change_all_the_time_are_never_more_than_their_state() {
    let ring = crowded();

    let by = vec![GroupKey::State, GroupKey::PeerAddress];
    let told = ask(&ring, 0, 7_200, 120, Numbers::Sockets { by: by.clone(), filter: GroupFilter::default() });
    let fine = ask(&ring, 7_100, 7_110, 10, Numbers::Sockets { by, filter: GroupFilter::default() });

    // The largest is what has no group, or none any more.
    assert_eq!((told.series.len(), told.series[0].key.join(" ")), (64, "ESTAB ".to_owned()));
    assert!(told.series[0].points.iter().all(|point| (2.0..=130.0).contains(&point.value)), "{:?}", told.series[0]);
    assert!(told.series.iter().skip(1).all(|series| series.most() <= 2.0));
    for at in told.series[0].points.iter().take(50).map(|point| point.at) {
        let points = told.series.iter().flat_map(|series| &series.points).filter(|point| point.at == at);
        assert!(points.map(|point| point.value).sum::<f64>() <= 130.0, "{at:?}");
    }
    assert_eq!(values(&fine.series[0]).len(), 10);
    assert!(values(&fine.series[0]).iter().all(|(_, rest)| (rest - 2.0).abs() < 1e-9), "{:?}", fine.series[0]);
}

#[test]
fn groups_beyond_the_most_count_for_their_state_under_a_filter_too() {
    let ring = crowded();

    let filter = GroupFilter { peer_port: Some(0), ..GroupFilter::default() };
    let told = ask(&ring, 3_600, 7_200, 3_600, Numbers::Sockets { by: vec![GroupKey::PeerAddress], filter });

    let last = told.series[0].points.last().expect("it goes on to the end");
    assert_eq!(told.series[0].key, [""]);
    assert!((last.value - 128.0).abs() < 1e-9, "{last:?}");
}

#[test]
fn a_question_stops_at_the_next_chunk_once_it_is_told_to() {
    let steps: Vec<Step> = (1..=600).map(|second| step(second, true, &[(counter("a"), 1)])).collect();
    let (ring, asked) = (ring(&steps), Cell::new(0));
    let period = Period { from: Duration::from_secs(BEGAN), to: Duration::from_secs(BEGAN + 600) };
    let stop = || {
        asked.set(asked.get() + 1);
        (asked.get() == 3).then(|| Problem::timed_out("read what was recorded", Duration::from_secs(1)))
    };

    let request = Request { period, points: 10, of: named(&["a"]) };
    let problem = super::answer(&ring.excerpt(micros(period.from), micros(period.to)), &request, stop);

    assert!(matches!(problem.expect_err("it stops").reason, Reason::TimedOut));
    assert_eq!(asked.get(), 3);
}
