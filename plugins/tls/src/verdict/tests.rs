//! Whole runs, from the first handshake to the verdict: what the cases below share, and what concerns them all.

mod agreement;
mod certificate;
mod issuer;
mod path;
mod plaintext;
mod silence;

use sonde_sdk::check::Conclusion;
use sonde_sdk::connection::Verification;
use sonde_sdk::dial::TlsDial;
use sonde_sdk::report::{Stance, Strength};
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::Reason;

use super::Judgement;
use super::play::{
    NOW, Net, authority, babble, chosen, completed, dated, ended, good, leaf, silent_request, unanswered, unconnected,
};
use crate::case::Sni;

#[track_caller]
fn names(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert!(is_proven(&judgement.findings, cause), "{cause} is not proven: {judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{look_alike} is not refuted: {judgement:#?}");
    let proof: Vec<u64> =
        judgement.findings.iter().filter(|f| f.cause == cause).flat_map(|f| f.evidence.clone()).collect();
    let mut refutation = judgement.findings.iter().filter(|f| f.cause == look_alike).flat_map(|f| f.evidence.clone());
    assert!(refutation.any(|id| !proof.contains(&id)), "no separate evidence: {judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

/// Nothing is proven, and this is the likeliest.
#[track_caller]
fn suspects(judgement: &Judgement, cause: &str) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Strong), [cause], "{judgement:#?}");
}

#[track_caller]
fn is_healthy(judgement: &Judgement) {
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Weak).is_empty(), "{judgement:#?}");
}

/// The look-alike is ruled out weakly only, which keeps the confidence below certainty.
fn is_uncertain(judgement: &Judgement) -> bool {
    judgement.findings.iter().all(|f| f.stance == Stance::Supports || f.strength == Strength::Weak)
}

fn expired() -> TlsDial {
    completed(vec![leaf(-92, -2), authority("CN=Issuing CA", "CN=Root CA", 800)], Verification::Expired)
}

#[test]
fn an_accepted_certificate_is_healthy_after_one_handshake() {
    let net = Net::new(|_, _, _| good());
    assert_eq!(net.case().handshakes.len(), 1);
    is_healthy(&net.run());
}

#[test]
fn only_three_addresses_are_tried() {
    let mut net = Net::new(|_, _, _| good());
    net.addresses = (1..9).map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(net.case().handshakes.len(), 3);
}

#[test]
fn a_bad_second_address_is_found() {
    let calls = std::cell::Cell::new(0);
    let mut net = Net::new(|_, _, _| {
        calls.set(calls.get() + 1);
        if calls.get() == 1 { good() } else { expired() }
    });
    net.addresses.push("192.0.2.81".to_owned());
    names(&net.run(), "tls.cert_expired", "host.clock_skew");
}

#[test]
fn an_address_without_a_connection_is_left_to_others() {
    let net = Net::new(|_, _, _| unconnected(Reason::Refused));
    assert_eq!(net.run().outcome.conclusion, Conclusion::Skipped);
    for reason in [Reason::Refused, Reason::TimedOut] {
        is_healthy(&two(|call| if call == 1 { unconnected(reason.clone()) } else { good() }));
    }
}

/// Two addresses, where the calls come to this.
fn two(dial: impl Fn(usize) -> TlsDial) -> Judgement {
    let calls = std::cell::Cell::new(0);
    let mut net = Net::new(|_, _, _| {
        calls.set(calls.get() + 1);
        dial(calls.get())
    });
    net.addresses.push("192.0.2.81".to_owned());
    net.run()
}

#[test]
fn an_address_that_stops_accepting_after_connect_is_not_healthy() {
    let doubted = ["fw.drop_remote", "lb.backend_blackholed", "tcp.accept_queue_overflow"];
    let alone = Net::new(|_, _, _| unconnected(Reason::TimedOut)).run();
    // The first and the third call go to the first address.
    let beside = two(|call| if call == 2 { good() } else { unconnected(Reason::TimedOut) });
    for judgement in [alone, beside] {
        assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
        assert_eq!(supported(&judgement.findings, Strength::Weak), doubted);
        assert!(supported(&judgement.findings, Strength::Strong).is_empty());
    }
}

#[test]
fn what_was_not_granted_is_unclear() {
    let judgement = Net::new(|_, _, _| unconnected(Reason::Denied("192.0.2.80:443".to_owned()))).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.findings.is_empty());
}

#[test]
fn no_address_is_skipped() {
    let mut net = Net::new(|_, _, _| good());
    net.addresses.clear();
    assert_eq!(net.run().outcome.conclusion, Conclusion::Skipped);
}
