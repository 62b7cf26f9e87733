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
