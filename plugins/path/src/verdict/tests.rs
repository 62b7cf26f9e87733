use sonde_sdk::check::Conclusion;
use sonde_sdk::path::{Hop, MtuConclusion, ProbeAnswer};
use sonde_sdk::report::Strength;
use sonde_sdk::testkit::{
    echo_result, exceeded, failure, hop, icmp, is_proven, path_mtu_result, silent_hop, supported, trace_result,
};
use sonde_sdk::types::{Phase, Reason};

use super::*;

const TARGET: &str = "10.1.3.2";

/// A path whose trace saw these hops; 20 of 20 echoes, 1500 bytes.
fn path(hops: Vec<Hop>) -> Path {
    Path {
        endpoint: Endpoint::new(TARGET, 443),
        udp: false,
        trace: trace_result(1, hops),
        mtu: path_mtu_result(2, 1500),
        echo: echo_result(3, 20, 20),
        datagrams: None,
    }
}

fn routers() -> Vec<Hop> {
    vec![exceeded(1, "10.1.1.2"), exceeded(2, "10.1.2.2")]
}

fn with(mut hops: Vec<Hop>, more: impl IntoIterator<Item = Hop>) -> Vec<Hop> {
    hops.extend(more);
    hops
}

fn healthy() -> Path {
    path(with(routers(), [hop(3, &ProbeAnswer::Answered)]))
}

/// SYNs die after the second hop.
fn dying() -> Path {
    path(with(routers(), (3..=8).map(silent_hop)))
}

/// The trace of datagrams comes to the host, which has the port closed.
fn datagrams_arrive() -> TraceResult {
    let mut trace = trace_result(4, with(routers(), [hop(3, &ProbeAnswer::Icmp(icmp(TARGET, 3, 3)))]));
    trace.reached = Some(3);
    trace
}

fn judged(path: Path) -> Judgement {
    judge(&[path])
}

fn is_named(judgement: &Judgement, cause: &str) -> bool {
    is_proven(&judgement.findings, cause)
}

#[test]
fn a_healthy_path_has_no_finding() {
    let judgement = judged(healthy());
    assert_eq!((judgement.findings, judgement.outcome.conclusion), (vec![], Conclusion::Works));
    assert_eq!(judgement.outcome.summary, "10.1.3.2:443: 3 hops, path MTU 1500");
}

#[test]
fn a_closed_port_is_no_fault_of_the_path() {
    let judgement = judged(path(with(routers(), [hop(3, &ProbeAnswer::Reset)])));
    assert_eq!((judgement.findings, judgement.outcome.conclusion), (vec![], Conclusion::Works));
}

#[test]
fn syns_that_die_where_datagrams_pass_are_dropped_on_the_way() {
    let judgement = judged(Path { datagrams: Some(datagrams_arrive()), ..dying() });
    assert!(is_named(&judgement, "fw.drop_remote"), "{judgement:#?}");
    assert!(judgement.findings[0].summary.contains("after hop 2 (10.1.2.2)"), "{judgement:#?}");
}

#[test]
fn syns_and_datagrams_that_die_at_the_same_hop_prove_nothing() {
    let datagrams = trace_result(4, with(routers(), (3..=8).map(silent_hop)));
    let judgement = judged(Path { datagrams: Some(datagrams), ..dying() });
    assert!(!is_named(&judgement, "fw.drop_remote"), "a full accept queue looks the same");
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.drop_remote"]);
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn a_host_that_answers_nothing_may_be_down_as_well() {
    let judgement = judged(Path { echo: echo_result(3, 20, 0), ..dying() });
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["fw.drop_remote", "l3.host_down"]);
    assert_eq!(supported(&judgement.findings, Strength::Strong), [""; 0]);
}

#[test]
fn a_router_that_comes_by_again_is_a_loop_when_echo_circles_too() {
    let circling = || path(vec![exceeded(1, "10.1.1.2"), exceeded(2, "10.1.2.2"), exceeded(3, "10.1.1.2")]);
    let mut echo = echo_result(3, 20, 0);
    echo.icmp = Some(icmp("10.1.2.2", 11, 0));
    assert!(is_named(&judged(Path { echo, ..circling() }), "l3.routing_loop"));
    assert!(!is_named(&judged(circling()), "l3.routing_loop"), "nothing rules its look-alike out");
}

fn refused(sender: &str, icmp_type: u8, code: u8) -> Path {
    let mut path = path(with(routers(), [hop(3, &ProbeAnswer::Icmp(icmp(sender, icmp_type, code)))]));
    let mut failure = failure(Phase::Connect, Reason::HostUnreachable, 1);
    failure.icmp = Some(icmp(sender, icmp_type, code));
    path.trace.outcome = Err(failure);
    path
}

#[test]
fn a_filters_code_is_a_filter_when_the_host_can_be_reached() {
    assert!(is_named(&judged(refused("10.1.2.2", 3, 13)), "fw.reject_icmp"));
    assert!(is_named(&judged(refused(TARGET, 3, 3)), "fw.reject_icmp"), "a closed port of TCP resets");
    let unreachable = Path { echo: echo_result(3, 20, 0), ..refused("10.1.2.2", 3, 13) };
    assert!(!is_named(&judged(unreachable), "fw.reject_icmp"));
}

#[test]
fn a_router_without_a_route_is_no_filter() {
    let judgement = judged(refused("10.1.2.2", 3, 0));
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["l3.icmp_unreachable"]);
}

#[test]
fn a_closed_port_of_udp_is_no_filter() {
    let mut path = Path { udp: true, ..refused(TARGET, 3, 3) };
    path.trace.reached = Some(3);
    let judgement = judged(path);
    assert_eq!((judgement.findings, judgement.outcome.conclusion), (vec![], Conclusion::Works));
}

fn black_hole(mss: Option<u32>) -> Path {
    let mut path = healthy();
    path.mtu.conclusion = MtuConclusion::BlackHole;
    (path.mtu.mtu_bytes, path.mtu.lost_from_bytes, path.mtu.mss_bytes) = (Some(1300), Some(1301), mss);
    path
}

#[test]
fn large_packets_that_vanish_where_small_ones_pass_are_a_black_hole() {
    assert!(is_named(&judged(black_hole(Some(1448))), "l3.pmtu_blackhole"));
    let lossy = Path { echo: echo_result(3, 20, 15), ..black_hole(Some(1448)) };
    assert!(!is_named(&judged(lossy), "l3.pmtu_blackhole"), "small packets are lost, too");
}

#[test]
fn a_clamped_mss_keeps_tcp_out_of_the_hole() {
    let judgement = judged(black_hole(Some(1248)));
    assert!(!is_named(&judgement, "l3.pmtu_blackhole"));
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
    assert!(judgement.outcome.summary.ends_with("vanish, which TCP's segments are too small for"), "{judgement:#?}");
}

/// A ladder that came to nothing.
fn unmeasured(conclusion: MtuConclusion) -> Path {
    let mut path = healthy();
    (path.mtu.conclusion, path.mtu.mtu_bytes) = (conclusion, None);
    path
}

#[test]
fn sizes_that_nothing_answers_are_no_fault_and_are_told() {
    let outcome = judged(unmeasured(MtuConclusion::Unanswered)).outcome;
    assert_eq!(outcome.conclusion, Conclusion::Works);
    assert!(outcome.summary.contains("path MTU not measured"), "{outcome:#?}");
}

#[test]
fn sizes_that_are_lost_at_random_leave_it_undecided() {
    let outcome = judged(unmeasured(MtuConclusion::Unclear)).outcome;
    assert_eq!(outcome.conclusion, Conclusion::Unclear);
    assert!(outcome.summary.contains("path MTU unclear") && outcome.next_step.is_some(), "{outcome:#?}");
}

#[test]
fn lost_echoes_are_a_hint_and_no_proof() {
    let judgement = judged(Path { echo: echo_result(3, 20, 15), ..healthy() });
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["l3.packet_loss"]);
    assert_eq!(supported(&judgement.findings, Strength::Proof), [""; 0]);
}

#[test]
fn what_is_not_granted_is_skipped() {
    let mut path = healthy();
    path.trace.reached = None;
    path.trace.outcome = Err(failure(Phase::Socket, Reason::Denied("no".into()), 0));
    assert_eq!(judged(path).outcome.conclusion, Conclusion::Skipped);
}
