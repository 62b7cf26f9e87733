//! What was seen, as cases.

mod answers;
mod fails;
mod silence;

use sonde_sdk::check::Conclusion;
use sonde_sdk::dial::UdpDial;
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::{Endpoint, Phase, Reason};

use super::judge;
use crate::observe::{Burst, Control, Observations, Path};

const HOST: &str = "192.0.2.7";

fn endpoint(port: u16) -> Endpoint {
    Endpoint::new(HOST, port)
}

fn seen(path: Path) -> Observations {
    let links = vec![testkit::link("lo", &["127.0.0.1/8"]), testkit::link("eth0", &["192.0.2.100/24"])];
    Observations { paths: vec![path], links: Some(testkit::links_answer(90, links)), defaults: None }
}

/// Dials in order, a resolved gateway.
fn path(port: u16, dials: Vec<UdpDial>) -> Path {
    let mut dials = dials.into_iter();
    let mut path = Path::new(endpoint(port), 7, dials.next().expect("a path has a dial"));
    path.dials.extend(dials);
    path.known.route = Some(testkit::route_answer(80, testkit::route(Some("192.0.2.1"))));
    path.known.neighbour = Some(testkit::neighbour_answer(81, "192.0.2.1", "REACHABLE"));
    path
}

/// An address of this very host.
fn local(port: u16, dials: Vec<UdpDial>) -> Path {
    let mut path = path(port, dials);
    let route = sonde_sdk::system::Route { kind: sonde_sdk::system::RouteKind::Local, ..testkit::route(None) };
    path.known.route = Some(testkit::route_answer(80, route));
    path.known.neighbour = None;
    path
}

fn silent(n: u64) -> UdpDial {
    let mut dial = testkit::udp_dial(n, &endpoint(9), 3, 0);
    dial.timing = testkit::timing(1300);
    dial
}

fn failing(n: u64, reason: Reason) -> UdpDial {
    UdpDial { outcome: Err(testkit::failure(Phase::Send, reason, 1)), ..testkit::udp_dial(n, &endpoint(9), 1, 0) }
}

fn with_icmp(mut dial: UdpDial, sender: &str, icmp_type: u8, code: u8) -> UdpDial {
    let error = testkit::icmp(sender, icmp_type, code);
    if let Err(failure) = &mut dial.outcome {
        failure.icmp = Some(error.clone());
    }
    dial.icmp = Some(error);
    dial
}

fn moving(dial: UdpDial, moved: &[(&str, i64)]) -> UdpDial {
    UdpDial { deltas: Some(testkit::deltas(moved)), ..dial }
}

/// The only proven cause, and at least this look-alike is refuted on other evidence.
fn assert_proven(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert!(is_proven(&judgement.findings, cause), "{judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken, "{judgement:#?}");
    assert_well_formed(judgement);
}

fn assert_undecided(judgement: &Judgement) {
    assert!(supported(&judgement.findings, Strength::Proof).is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear, "{judgement:#?}");
    assert_well_formed(judgement);
}

fn assert_healthy(judgement: &Judgement) {
    assert!(judgement.findings.is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
}

fn assert_well_formed(judgement: &Judgement) {
    for finding in &judgement.findings {
        assert!(crate::causes().any(|cause| cause == finding.cause), "the manifest lists {}", finding.cause);
        assert!(
            !finding.evidence.is_empty() && !finding.summary.is_empty() && !finding.subject.is_empty(),
            "{finding:#?}"
        );
    }
}
