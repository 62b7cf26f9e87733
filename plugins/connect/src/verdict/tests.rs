//! The tables of error fingerprints, as cases.

mod backends;
mod cluster;
mod conflict;
mod honest;
mod icmp;
mod inbound;
mod local;
mod neighbour;
mod refused;
mod silent;
mod slow;

use std::time::Duration;

use sonde_sdk::check::Conclusion;
use sonde_sdk::dial::TcpDial;
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::Strength;
use sonde_sdk::system::RouteKind;
use sonde_sdk::testkit::{self, icmp, is_proven, refuted, supported};
use sonde_sdk::types::{CounterDeltas, Endpoint, Reason};

use super::judge;
use crate::observe::{Control, Observations, Path};

const V4: &str = "192.0.2.7";
const V6: &str = "2001:db8:7::7";

fn endpoint(address: &str) -> Endpoint {
    Endpoint::new(address, 443)
}

fn seen(paths: Vec<Path>) -> Observations {
    let links = testkit::links_answer(
        90,
        vec![testkit::link("lo", &["127.0.0.1/8", "::1/128"]), testkit::link("eth0", &["192.0.2.100/24"])],
    );
    Observations { paths, links: Some(links), defaults: None, latency: Duration::from_millis(150), host: None }
}

fn open(n: u64, address: &str, rtt_us: u32) -> Path {
    Path::new(endpoint(address), testkit::dial(n, &endpoint(address), rtt_us))
}

fn failing(n: u64, reason: Reason) -> TcpDial {
    testkit::failed_dial(n, &endpoint(V4), reason)
}

fn moving(mut dial: TcpDial, moved: &[(&str, i64)]) -> TcpDial {
    dial.deltas = Some(testkit::deltas(moved));
    dial
}

fn after(mut dial: TcpDial, elapsed_ms: u64) -> TcpDial {
    dial.timing = testkit::timing(elapsed_ms);
    if let Err(failure) = &mut dial.outcome {
        failure.elapsed_us = elapsed_ms * 1000;
    }
    dial
}

/// Begun so long after the run.
fn at(mut dial: TcpDial, begun_ms: u64) -> TcpDial {
    dial.timing.at_us = begun_ms * 1000;
    dial
}

fn with_icmp(mut dial: TcpDial, sender: &str, icmp_type: u8, code: u8) -> TcpDial {
    if let Err(failure) = &mut dial.outcome {
        failure.icmp = Some(icmp(sender, icmp_type, code));
    }
    dial
}

/// Dials in order, a resolved gateway.
fn path(dials: Vec<TcpDial>) -> Path {
    path_to(V4, dials)
}

fn path_to(address: &str, dials: Vec<TcpDial>) -> Path {
    let mut dials = dials.into_iter();
    let mut path = Path::new(endpoint(address), dials.next().expect("a path has a dial"));
    path.dials.extend(dials);
    path.known.route = Some(testkit::route_answer(80, testkit::route(Some("192.0.2.1"))));
    path.known.neighbour = Some(testkit::neighbour_answer(81, "192.0.2.1", "REACHABLE"));
    path
}

fn control(n: u64, port: u16, dial: TcpDial) -> Control {
    Control { port, dial: TcpDial { evidence: testkit::evidence(n), ..dial } }
}

fn with_route(mut path: Path, kind: RouteKind) -> Path {
    let route = sonde_sdk::system::Route { kind, device: None, source: None, ..testkit::route(None) };
    path.known.route = Some(testkit::route_answer(80, route));
    path.known.neighbour = None;
    path
}

fn silent_twice() -> Vec<TcpDial> {
    let moved = [("TcpExt.TCPTimeouts", 1), ("TcpExt.TCPSynRetrans", 1), ("Tcp.RetransSegs", 1)];
    vec![moving(failing(1, Reason::TimedOut), &moved), failing(2, Reason::TimedOut)]
}

/// The only proven cause, and at least one look-alike is refuted on other evidence.
fn assert_proven(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert!(is_proven(&judgement.findings, cause), "{judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{judgement:#?}");
    assert!(
        judgement.findings.iter().all(|f| crate::causes().any(|cause| cause == f.cause)),
        "the manifest lists every cause"
    );
    assert!(
        judgement.findings.iter().all(|f| !f.evidence.is_empty() && !f.summary.is_empty() && !f.subject.is_empty())
    );
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken, "{judgement:#?}");
}

fn assert_undecided(judgement: &Judgement) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
}

fn assert_healthy(judgement: &Judgement) {
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
}
