//! Paths that are long, queueing or lossy.

use super::*;

#[test]
fn a_long_path_is_long_each_time() {
    let mut path = open(1, V4, 200_000);
    path.dials.extend([testkit::dial(2, &endpoint(V4), 201_000), testkit::dial(3, &endpoint(V4), 199_000)]);
    let judgement = judge(&seen(vec![path]));
    assert!(is_proven(&judgement.findings, "l3.high_latency"), "{judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&"l3.bufferbloat"));
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
}

#[test]
fn under_load_a_steady_round_trip_hardly_rules_a_queue_out() {
    let mut path = open(1, V4, 200_000);
    path.dials[0].deltas = Some(testkit::deltas(&[("Tcp.InSegs", 31)]));
    path.dials.extend([testkit::dial(2, &endpoint(V4), 201_000), testkit::dial(3, &endpoint(V4), 199_000)]);
    let judgement = judge(&seen(vec![path]));
    let queue: Vec<_> = judgement.findings.iter().filter(|f| f.cause == "l3.bufferbloat").collect();
    assert!(queue.iter().all(|f| f.strength == Strength::Weak) && !queue.is_empty(), "{judgement:#?}");
}

#[test]
fn round_trips_that_differ_prove_no_long_path() {
    let mut path = open(1, V4, 200_000);
    path.dials.extend([testkit::dial(2, &endpoint(V4), 700_000), testkit::dial(3, &endpoint(V4), 400_000)]);
    assert!(supported(&judge(&seen(vec![path])).findings, Strength::Proof).is_empty());
}

#[test]
fn round_trips_that_rise_and_fall_under_load_are_a_queue() {
    let mut path = open(1, V4, 275_000);
    path.dials[0].deltas = Some(testkit::deltas(&[("Tcp.InSegs", 31)]));
    path.dials.extend([testkit::dial(2, &endpoint(V4), 277_000), testkit::dial(3, &endpoint(V4), 91_000)]);
    let judgement = judge(&seen(vec![path]));
    assert!(is_proven(&judgement.findings, "l3.bufferbloat"), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["l3.bufferbloat"]);
}

#[test]
fn round_trips_that_vary_without_load_are_healthy() {
    let mut path = open(1, V4, 275_000);
    path.dials[0].deltas = Some(testkit::deltas(&[("Tcp.InSegs", 2)]));
    path.dials.extend([testkit::dial(2, &endpoint(V4), 277_000), testkit::dial(3, &endpoint(V4), 91_000)]);
    assert_healthy(&judge(&seen(vec![path])));
}

fn retransmitted(n: u64) -> TcpDial {
    let mut dial = testkit::dial(n, &endpoint(V4), 900);
    dial.connection.syn_retransmits = 1;
    dial
}

/// `lost` of twelve handshakes, and `elsewhere` of eight with another port.
fn losing(lost: u64, elsewhere: u64) -> Path {
    let dial = |n| if n < lost { retransmitted(n) } else { testkit::dial(n, &endpoint(V4), 900) };
    let mut path = path((0..12).map(dial).collect());
    path.controls = (0..8)
        .map(|n| {
            let mut dial = failing(20 + n, Reason::Refused);
            dial.connection.syn_retransmits = u32::from(n < elsewhere);
            Control { port: 1, dial }
        })
        .collect();
    path
}

#[test]
fn a_share_of_lost_handshakes_on_two_ports_is_packet_loss() {
    assert_proven(&judge(&seen(vec![losing(3, 2)])), "l3.packet_loss", "fw.drop_remote");
}

#[test]
fn frames_that_the_own_link_damaged_are_the_links_fault() {
    let links = |n, errors| {
        let mut link = testkit::link("eth0", &["192.0.2.100/24"]);
        link.statistics = testkit::counters(&[("rx_errors", 4), ("rx_crc_errors", errors)]);
        testkit::links_answer(n, vec![link])
    };
    let mut path = losing(3, 2);
    path.around = Some((links(60, 7), links(61, 19)));
    let judgement = judge(&seen(vec![path]));
    assert_proven(&judgement, "l2.nic_errors", "l3.packet_loss");
    assert!(judgement.outcome.summary.contains("12 more rx_crc_errors"), "{}", judgement.outcome.summary);
    let mut path = losing(3, 2);
    path.around = Some((links(60, 7), links(61, 7)));
    assert_proven(&judge(&seen(vec![path])), "l3.packet_loss", "l2.nic_errors");
}

#[test]
fn lost_handshakes_on_this_port_only_may_be_the_listeners() {
    assert_undecided(&judge(&seen(vec![losing(3, 0)])));
}

#[test]
fn one_lost_packet_is_no_lossy_path() {
    assert_healthy(&judge(&seen(vec![losing(1, 0)])));
    assert_healthy(&judge(&seen(vec![losing(1, 1)])));
}

#[test]
fn a_port_that_loses_nearly_everything_does_not_work() {
    for lost in [11, 12] {
        assert_undecided(&judge(&seen(vec![losing(lost, 0)])));
    }
}

#[test]
fn one_slow_handshake_among_fast_ones_is_healthy() {
    let mut path = open(1, V4, 200_000);
    path.dials.extend([testkit::dial(2, &endpoint(V4), 900), testkit::dial(3, &endpoint(V4), 900)]);
    assert_healthy(&judge(&seen(vec![path])));
}

#[test]
fn a_peer_that_resets_what_it_has_accepted_is_no_healthy_one() {
    let held = |reasons: &[Option<Reason>]| {
        let mut path = open(1, V4, 900);
        let dial = |(reason, n): (&Option<Reason>, u64)| match reason {
            Some(reason) => failing(n, reason.clone()),
            None => testkit::dial(n, &endpoint(V4), 900),
        };
        path.held = reasons.iter().zip(50..).map(dial).collect();
        judge(&seen(vec![path]))
    };
    let reset = held(&[Some(Reason::Reset), Some(Reason::Reset)]);
    assert_undecided(&reset);
    assert_eq!(supported(&reset.findings, Strength::Strong), ["tcp.rst_linger0"]);
    for healthy in [&[None][..], &[Some(Reason::Reset), None], &[Some(Reason::Closed), Some(Reason::Closed)]] {
        assert_healthy(&held(healthy));
    }
}
