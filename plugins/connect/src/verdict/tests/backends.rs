//! One of several backends behind one address.

use super::*;

#[test]
fn a_port_that_refuses_in_between_is_one_backend_of_several() {
    let mixed = [true, false, true, true, false, true].into_iter().zip(1..);
    let dials =
        mixed.map(|(ok, n)| if ok { testkit::dial(n, &endpoint(V4), 900) } else { failing(n, Reason::Refused) });
    assert_proven(&judge(&seen(vec![path(dials.collect())])), "lb.backend_refused", "tcp.port_closed");
}

#[test]
fn a_port_that_refused_and_then_accepts_is_undecided() {
    let mixed = [false, false, true, true, true].into_iter().zip(1..);
    let dials =
        mixed.map(|(ok, n)| if ok { testkit::dial(n, &endpoint(V4), 900) } else { failing(n, Reason::Refused) });
    assert_undecided(&judge(&seen(vec![path(dials.collect())])));
}

#[test]
fn one_refusing_backend_among_several_is_named() {
    let bad = path(vec![failing(1, Reason::Refused), failing(2, Reason::Refused)]);
    assert_proven(&judge(&seen(vec![bad, open(3, "192.0.2.8", 900)])), "lb.backend_refused", "tcp.port_closed");
}

#[test]
fn one_silent_backend_among_several_is_named() {
    let bad = path(vec![failing(1, Reason::TimedOut), failing(2, Reason::TimedOut)]);
    assert_proven(&judge(&seen(vec![bad, open(3, "192.0.2.8", 900)])), "lb.backend_blackholed", "fw.drop_remote");
}

fn share(dials: Vec<TcpDial>, elsewhere: impl Iterator<Item = TcpDial>) -> Path {
    let mut path = path(dials);
    path.controls = elsewhere.map(|dial| Control { port: 1, dial }).collect();
    path
}

/// Four together, and eight more once those have ended: each accepted or silent.
fn rounds(accepted: impl Fn(u64) -> bool) -> Vec<TcpDial> {
    let dial = |n: u64| {
        let dial = if accepted(n) { testkit::dial(n, &endpoint(V4), 900) } else { failing(n, Reason::TimedOut) };
        at(dial, if n <= 4 { 0 } else { 2000 })
    };
    (1..=12).map(dial).collect()
}

/// Every third of twelve is silent through all its SYNs.
fn dead_third() -> Vec<TcpDial> {
    rounds(|n| !n.is_multiple_of(3))
}

fn refused() -> impl Iterator<Item = TcpDial> {
    (20..28).map(|n| failing(n, Reason::Refused))
}

#[test]
fn flows_that_stay_silent_beside_flows_that_are_answered_are_a_dead_backend() {
    let judgement = judge(&seen(vec![share(dead_third(), refused())]));
    assert_proven(&judgement, "lb.backend_blackholed", "l3.packet_loss");
    // A virtual address hardly answers on any other port.
    let silent = (20..28).map(|n| failing(n, Reason::TimedOut));
    assert_proven(&judge(&seen(vec![share(dead_third(), silent)])), "lb.backend_blackholed", "fw.drop_remote");
}

#[test]
fn one_flow_that_healed_makes_silent_ones_a_matter_of_loss() {
    let mut dials = dead_third();
    dials[0].connection.syn_retransmits = 1;
    let judgement = judge(&seen(vec![share(dials, (20..28).map(|n| failing(n, Reason::Refused)))]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["l3.packet_loss"]);
}

#[test]
fn connection_tracking_names_the_backend_of_the_silent_flows() {
    let mut path = share(dead_third(), std::iter::empty());
    let flow = |dial: &TcpDial, n: u64| {
        let silent = dial.outcome.is_err();
        let (backend, state) = if silent { ("10.1.0.9", "SYN_SENT") } else { ("10.1.0.7", "TIME_WAIT") };
        (dial.evidence, testkit::conntrack_answer(n, &endpoint(V4), &Endpoint::new(backend, 8443), state))
    };
    path.flows = path.dials.iter().zip(40..).map(|(dial, n)| flow(dial, n)).collect();
    let judgement = judge(&seen(vec![path]));
    assert_proven(&judgement, "lb.backend_blackholed", "fw.drop_remote");
    assert!(judgement.outcome.summary.contains("10.1.0.9:8443"), "{}", judgement.outcome.summary);
}

#[test]
fn a_port_that_accepts_until_its_places_are_used_up_is_no_dead_backend() {
    for accepted in [1, 2, 3] {
        let judgement = judge(&seen(vec![share(rounds(|n| n <= accepted), refused())]));
        assert_undecided(&judgement);
        assert_eq!(supported(&judgement.findings, Strength::Strong), ["tcp.accept_queue_overflow"], "{judgement:#?}");
    }
}

#[test]
fn silences_that_all_came_together_and_last_are_no_dead_backend() {
    let judgement = judge(&seen(vec![share(rounds(|n| n <= 9), refused())]));
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
}

#[test]
fn a_host_that_falls_silent_on_every_port_has_no_full_queue() {
    let silent = (20..28).map(|n| failing(n, Reason::TimedOut));
    let judgement = judge(&seen(vec![share(rounds(|n| n <= 2), silent)]));
    assert_undecided(&judgement);
    assert!(!supported(&judgement.findings, Strength::Strong).contains(&"tcp.accept_queue_overflow"));
}

/// A server of few places, to which every other handshake of many at a time has to repeat its SYN.
fn small_server(one_at_a_time: impl Fn(u64) -> TcpDial) -> Path {
    let mut dials = rounds(|_| true);
    for dial in dials.iter_mut().skip(1).step_by(2) {
        dial.connection.syn_retransmits = 1;
    }
    let mut path = share(dials, refused());
    path.singly = (60..66).map(one_at_a_time).collect();
    path
}

#[test]
fn losses_of_a_burst_that_one_connection_at_a_time_does_not_suffer_are_healthy() {
    assert_healthy(&judge(&seen(vec![small_server(|n| testkit::dial(n, &endpoint(V4), 900))])));
}

#[test]
fn losses_that_one_connection_at_a_time_suffers_too_are_undecided() {
    assert_undecided(&judge(&seen(vec![small_server(|n| {
        let mut dial = testkit::dial(n, &endpoint(V4), 900);
        dial.connection.syn_retransmits = u32::from(n == 62);
        dial
    })])));
}

#[test]
fn what_this_host_drops_itself_is_no_backends_fault_and_none_of_ipv6() {
    let failed = [("TcpExt.TCPRetransFail", 1)];
    let kept = |address: &str| {
        let silent = |n| moving(testkit::failed_dial(n, &endpoint(address), Reason::TimedOut), &failed);
        path_to(address, vec![silent(1), silent(2)])
    };
    for (address, other) in [(V4, "192.0.2.8"), (V6, V4)] {
        assert_proven(
            &judge(&seen(vec![kept(address), open(3, other, 900)])),
            "fw.drop_local_output",
            "fw.drop_remote",
        );
    }
}

#[test]
fn one_of_several_next_hops_that_does_not_answer_is_a_dead_gateway() {
    let of = |state, second: &str| {
        let mut path = share(dead_third(), refused());
        let routes = [(254, "default", "192.0.2.1"), (254, second, "192.0.2.9")];
        path.known.gateways = Some(testkit::gateways(70, &[("192.0.2.9", state)], &routes));
        judge(&seen(vec![path]))
    };
    assert_proven(&of("FAILED", "default"), "l2.gateway_unresolved", "l3.packet_loss");
    for (state, second) in [("REACHABLE", "default"), ("FAILED", "10.9.0.0/16")] {
        assert_proven(&of(state, second), "lb.backend_blackholed", "l3.packet_loss");
    }
}
