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

/// Every third of twelve is silent through all its SYNs.
fn dead_third() -> Vec<TcpDial> {
    let dial =
        |n: u64| if n.is_multiple_of(3) { failing(n, Reason::TimedOut) } else { testkit::dial(n, &endpoint(V4), 900) };
    (1..=12).map(dial).collect()
}

#[test]
fn flows_that_stay_silent_beside_flows_that_are_answered_are_a_dead_backend() {
    let refused = || (20..28).map(|n| failing(n, Reason::Refused));
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
