//! Connections that are reset: on purpose, or with a request left unread.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{self, supported};
use sonde_sdk::types::{Phase, Reason};

use super::super::play::{Net, broken_off, held, unanswered};
use super::{is_uncertain, names};

/// Every request is reset, and this becomes of a hello.
fn resetting(hello: Reason) -> Net<'static> {
    Net { hello, ..Net::new(|_, _| unanswered(Reason::Reset)) }
}

#[test]
fn a_reset_within_the_answer_is_probably_on_purpose() {
    let judgement = Net::new(|_, _| broken_off(Reason::Reset)).run();
    names(&judgement, "tcp.rst_linger0", "tcp.rst_unread_data");
    assert!(is_uncertain(&judgement));
}

#[test]
fn a_reset_instead_of_an_answer_tells_no_reason_by_itself() {
    for net in [resetting(Reason::Closed), Net { https: true, ..resetting(Reason::Reset) }] {
        let judgement = net.run();
        assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
        let strong = supported(&judgement.findings, Strength::Strong);
        assert_eq!(strong, ["tcp.rst_linger0", "tcp.rst_unread_data"], "{judgement:#?}");
    }
}

#[test]
fn a_server_that_reads_what_does_not_end_probably_resets_on_purpose() {
    let judgement = resetting(Reason::TimedOut).run();
    names(&judgement, "tcp.rst_linger0", "tcp.rst_unread_data");
    assert!(is_uncertain(&judgement));
}

#[test]
fn a_server_that_resets_before_a_request_can_be_whole_probably_leaves_it_unread() {
    let judgement = resetting(Reason::Reset).run();
    names(&judgement, "tcp.rst_unread_data", "tcp.rst_linger0");
    assert!(is_uncertain(&judgement));
}

#[test]
fn a_connection_that_is_reset_with_nothing_sent_has_left_nothing_unread() {
    let mut net = resetting(Reason::Reset);
    net.hold = Box::new(|| TcpDial { outcome: Err(testkit::failure(Phase::Wait, Reason::Reset, 1)), ..held(&[]) });
    names(&net.run(), "tcp.rst_linger0", "tcp.rst_unread_data");
}
