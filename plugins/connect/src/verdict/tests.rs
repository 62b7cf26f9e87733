//! The tables of error fingerprints, as cases.

use std::time::Duration;

use sonde_sdk::check::Conclusion;
use sonde_sdk::dial::TcpDial;
use sonde_sdk::report::Strength;
use sonde_sdk::system::RouteKind;
use sonde_sdk::testkit::{self, icmp, is_proven, refuted, supported};
use sonde_sdk::types::{CounterDeltas, Endpoint, Reason};

use super::judge;
use crate::observe::{Control, Judgement, Observations, Path};

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
    Observations { paths, links: Some(links), defaults: None, latency: Duration::from_millis(150) }
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
    path.route = Some(testkit::route_answer(80, testkit::route(Some("192.0.2.1"))));
    path.neighbour = Some(testkit::neighbour_answer(81, "192.0.2.1", "REACHABLE"));
    path
}

fn control(n: u64, port: u16, dial: TcpDial) -> Control {
    Control { port, dial: TcpDial { evidence: testkit::evidence(n), ..dial } }
}

fn with_route(mut path: Path, kind: RouteKind) -> Path {
    let route = sonde_sdk::system::Route { kind, gateway: None, device: None, source: None, prefix: None, mtu: None };
    path.route = Some(testkit::route_answer(80, route));
    path.neighbour = None;
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
        judgement.findings.iter().all(|f| crate::CAUSES.contains(&f.cause.as_str())),
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

#[test]
fn an_open_port_works_and_reports_nothing() {
    let judgement = judge(&seen(vec![open(1, V4, 900)]));
    assert_healthy(&judgement);
    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.summary, "192.0.2.7:443 accepts connections in 900 µs");
}

#[test]
fn counters_that_move_in_the_background_do_not_make_an_open_port_a_fault() {
    let noise = [
        ("Tcp.AttemptFails", 40),
        ("Icmp.InDestUnreachs", 9),
        ("TcpExt.TCPRetransFail", 3),
        ("TcpExt.ListenOverflows", 5),
    ];
    let mut path = open(1, V4, 900);
    path.dials[0].deltas = Some(testkit::deltas(&noise));
    assert_healthy(&judge(&seen(vec![path])));
}

#[test]
fn a_rst_is_a_closed_port() {
    let moved = [("Tcp.AttemptFails", 1)];
    let dials = vec![moving(failing(1, Reason::Refused), &moved), moving(failing(2, Reason::Refused), &moved)];
    let judgement = judge(&seen(vec![path(dials)]));
    assert_proven(&judgement, "tcp.port_closed", "fw.reject_icmp");
    assert!(judgement.outcome.next_step.is_some());
}

#[test]
fn a_closed_port_stays_one_while_icmp_errors_of_others_are_counted() {
    let moved = [("Tcp.AttemptFails", 7), ("Icmp.InDestUnreachs", 2)];
    let dials = vec![moving(failing(1, Reason::Refused), &moved), moving(failing(2, Reason::Refused), &moved)];
    assert_proven(&judge(&seen(vec![path(dials)])), "tcp.port_closed", "fw.reject_icmp");
}

#[test]
fn one_refusal_alone_refutes_no_look_alike() {
    let judgement = judge(&seen(vec![path(vec![failing(1, Reason::Refused)])]));
    assert!(!is_proven(&judgement.findings, "tcp.port_closed"), "{judgement:#?}");
}

#[test]
fn port_unreachable_is_a_filter() {
    let dials = vec![
        with_icmp(failing(1, Reason::Refused), "198.51.100.1", 3, 3),
        with_icmp(failing(2, Reason::Refused), "198.51.100.1", 3, 3),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "fw.reject_icmp", "tcp.port_closed");
}

#[test]
fn administratively_prohibited_is_a_filter_in_both_families() {
    let v4 = vec![
        with_icmp(failing(1, Reason::HostUnreachable), "198.51.100.1", 3, 13),
        with_icmp(failing(2, Reason::HostUnreachable), "198.51.100.1", 3, 13),
    ];
    assert_proven(&judge(&seen(vec![path(v4)])), "fw.reject_icmp", "tcp.port_closed");
    let v6 = vec![
        with_icmp(failing(1, Reason::NotPermitted), "2001:db8::1", 1, 1),
        with_icmp(failing(2, Reason::NotPermitted), "2001:db8::1", 1, 1),
    ];
    assert_proven(&judge(&seen(vec![path_to(V6, v6)])), "fw.reject_icmp", "tcp.port_closed");
}

#[test]
fn without_an_error_queue_the_counters_of_a_quiet_window_tell_icmp_from_rst() {
    let blind = |n, moved: &[(&str, i64)]| {
        let mut dial = moving(failing(n, Reason::Refused), moved);
        dial.connection.icmp_visible = false;
        dial
    };
    let icmp = [("Icmp.InDestUnreachs", 1)];
    assert_proven(
        &judge(&seen(vec![path(vec![blind(1, &icmp), blind(2, &icmp)])])),
        "fw.reject_icmp",
        "tcp.port_closed",
    );
    let rst = [("Tcp.AttemptFails", 1)];
    assert_proven(&judge(&seen(vec![path(vec![blind(1, &rst), blind(2, &rst)])])), "tcp.port_closed", "fw.reject_icmp");
}

#[test]
fn without_an_error_queue_and_a_quiet_window_a_refusal_is_undecided() {
    let blind = |n| {
        let mut dial = failing(n, Reason::Refused);
        dial.connection.icmp_visible = false;
        dial.deltas = Some(CounterDeltas { quiet: false, ..testkit::deltas(&[("Tcp.AttemptFails", 1)]) });
        dial
    };
    assert_undecided(&judge(&seen(vec![path(vec![blind(1), blind(2)])])));
}

#[test]
fn a_refusal_by_this_host_without_listener_is_a_closed_port() {
    let mut path = with_route(path(vec![failing(1, Reason::Refused), failing(2, Reason::Refused)]), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(3, vec![]));
    assert_proven(&judge(&seen(vec![path])), "tcp.port_closed", "fw.reject_rst");
}

#[test]
fn a_refusal_by_this_host_with_a_listener_elsewhere_is_a_wrong_address() {
    let mut path = with_route(path(vec![failing(1, Reason::Refused), failing(2, Reason::Refused)]), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(3, vec![testkit::listener("127.0.0.1", 443)]));
    assert_proven(&judge(&seen(vec![path])), "tcp.listen_wrong_addr", "tcp.port_closed");
}

#[test]
fn a_refusal_by_this_host_despite_a_listener_is_no_closed_port() {
    let mut path = with_route(path(vec![failing(1, Reason::Refused), failing(2, Reason::Refused)]), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(3, vec![testkit::listener("0.0.0.0", 443)]));
    let judgement = judge(&seen(vec![path]));
    assert_undecided(&judgement);
    assert!(refuted(&judgement.findings).contains(&"tcp.port_closed"));
}

#[test]
fn net_unreachable_from_a_router_is_that_routers_fault() {
    let dials = vec![
        with_icmp(failing(1, Reason::NetworkUnreachable), "198.51.100.1", 3, 0),
        with_icmp(failing(2, Reason::NetworkUnreachable), "198.51.100.1", 3, 0),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.icmp_unreachable", "fw.reject_icmp");
}

#[test]
fn host_unreachable_at_once_and_again_is_a_router_without_route() {
    let dials = vec![
        with_icmp(after(failing(1, Reason::HostUnreachable), 1020), "198.51.100.1", 3, 1),
        with_icmp(after(failing(2, Reason::HostUnreachable), 2), "198.51.100.1", 3, 1),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.icmp_unreachable", "l3.host_down");
}

#[test]
fn host_unreachable_after_silence_is_a_host_that_is_down() {
    let dials = vec![
        failing(1, Reason::TimedOut),
        failing(2, Reason::TimedOut),
        with_icmp(after(failing(3, Reason::HostUnreachable), 1750), "198.51.100.1", 3, 1),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.host_down", "l3.icmp_unreachable");
}

#[test]
fn host_unreachable_once_early_and_then_silence_is_no_router_without_route() {
    let dials = vec![
        with_icmp(after(failing(1, Reason::HostUnreachable), 400), "198.51.100.1", 3, 1),
        failing(2, Reason::TimedOut),
    ];
    let judgement = judge(&seen(vec![path(dials)]));
    assert!(!is_proven(&judgement.findings, "l3.icmp_unreachable"), "{judgement:#?}");
}

#[test]
fn time_exceeded_is_a_loop() {
    let dials = vec![
        with_icmp(failing(1, Reason::HostUnreachable), "198.51.100.1", 11, 0),
        with_icmp(failing(2, Reason::HostUnreachable), "198.51.100.1", 11, 0),
    ];
    assert_proven(&judge(&seen(vec![path(dials)])), "l3.routing_loop", "l3.icmp_unreachable");
}

#[test]
fn silence_of_one_port_of_a_living_host_is_a_remote_drop() {
    let mut path = path(silent_twice());
    path.controls = vec![control(3, 80, failing(3, Reason::Refused)), control(4, 22, failing(4, Reason::TimedOut))];
    let judgement = judge(&seen(vec![path]));
    assert_proven(&judgement, "fw.drop_remote", "l3.host_down");
    let also = refuted(&judgement.findings);
    assert!(also.contains(&"fw.drop_local_output") && also.contains(&"l2.gateway_unresolved"), "{also:?}");
}

#[test]
fn silence_of_all_ports_is_undecided() {
    let mut path = path(silent_twice());
    path.controls = vec![control(3, 80, failing(3, Reason::TimedOut)), control(4, 22, failing(4, Reason::TimedOut))];
    let judgement = judge(&seen(vec![path]));
    assert_undecided(&judgement);
    assert_eq!(supported(&judgement.findings, Strength::Strong), ["fw.drop_remote"]);
}

#[test]
fn a_control_that_a_filter_rejects_says_nothing_of_the_host() {
    let mut path = path(silent_twice());
    path.controls = vec![control(3, 80, with_icmp(failing(3, Reason::Refused), "198.51.100.1", 3, 3))];
    assert_undecided(&judge(&seen(vec![path])));
}

#[test]
fn controls_that_needed_a_second_syn_make_silence_a_matter_of_loss() {
    let mut path = path(silent_twice());
    let mut late = testkit::dial(3, &endpoint(V4), 900);
    late.connection.syn_retransmits = 1;
    path.controls = vec![control(3, 80, late)];
    assert_undecided(&judge(&seen(vec![path])));
}

#[test]
fn silence_once_and_an_answer_then_is_loss_and_not_a_filter() {
    let mut path = path(vec![failing(1, Reason::TimedOut)]);
    path.dials.push(testkit::dial(2, &endpoint(V4), 900));
    let judgement = judge(&seen(vec![path]));
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Weak), ["l3.packet_loss"]);
}

#[test]
fn syns_that_fail_inside_the_kernel_are_a_local_filter() {
    let moved = [("TcpExt.TCPTimeouts", 1), ("TcpExt.TCPSynRetrans", 1), ("TcpExt.TCPRetransFail", 1)];
    let dials = vec![moving(failing(1, Reason::TimedOut), &moved), moving(failing(2, Reason::TimedOut), &moved)];
    assert_proven(&judge(&seen(vec![path(dials)])), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn a_failed_send_in_a_shared_window_proves_no_local_filter() {
    let mut dials = silent_twice();
    dials[0].deltas = Some(CounterDeltas { quiet: false, ..testkit::deltas(&[("TcpExt.TCPRetransFail", 1)]) });
    assert_undecided(&judge(&seen(vec![path(dials)])));
}

#[test]
fn an_error_at_once_without_packet_is_a_local_policy() {
    let dials = vec![failing(1, Reason::NotPermitted), failing(2, Reason::NotPermitted)];
    assert_proven(&judge(&seen(vec![path(dials)])), "fw.drop_local_output", "fw.drop_remote");
}

#[test]
fn no_route_is_told_from_a_routers_word() {
    let dials = vec![
        moving(failing(1, Reason::NetworkUnreachable), &[("Ip.OutNoRoutes", 1)]),
        failing(2, Reason::NetworkUnreachable),
    ];
    let judgement = judge(&seen(vec![with_route(path(dials), RouteKind::None)]));
    assert_proven(&judgement, "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn a_route_lookup_that_fails_with_the_same_error_says_no_route_too() {
    let mut path = path(vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)]);
    let mut answer = testkit::route_answer(80, testkit::route(None));
    answer.outcome = Err(testkit::failure(sonde_sdk::types::Phase::Inspect, Reason::NetworkUnreachable, 0));
    path.route = Some(answer);
    path.neighbour = None;
    assert_proven(&judge(&seen(vec![path])), "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn no_route_while_the_interface_is_off_is_the_interface() {
    let dials = vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)];
    let mut observed = seen(vec![with_route(path(dials), RouteKind::None)]);
    let mut off = testkit::link("eth0", &["192.0.2.100/24"]);
    off.up = false;
    off.carrier = false;
    observed.links = Some(testkit::links_answer(90, vec![testkit::link("lo", &["127.0.0.1/8"]), off]));
    assert_proven(&judge(&observed), "l2.link_admin_down", "l2.carrier_lost");
}

#[test]
fn an_unused_interface_that_is_off_is_not_blamed() {
    let dials = vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)];
    let mut observed = seen(vec![with_route(path(dials), RouteKind::None)]);
    let mut off = testkit::link("eth9", &["10.9.9.9/24"]);
    off.up = false;
    let links = vec![testkit::link("lo", &["127.0.0.1/8"]), testkit::link("eth0", &["192.0.2.100/24"]), off];
    observed.links = Some(testkit::links_answer(90, links));
    assert_proven(&judge(&observed), "l3.no_route", "l3.icmp_unreachable");
}

#[test]
fn an_ipv6_target_without_ipv6_route_beside_an_ipv4_default_is_named_so() {
    let dials = vec![failing(1, Reason::NetworkUnreachable), failing(2, Reason::NetworkUnreachable)];
    let mut observed = seen(vec![with_route(path_to(V6, dials), RouteKind::None)]);
    let default = testkit::route(Some("192.0.2.1"));
    observed.defaults = Some(sonde_sdk::system::DefaultRoutesAnswer {
        evidence: testkit::evidence(70),
        timing: testkit::timing(0),
        outcome: Ok(vec![default]),
    });
    assert_proven(&judge(&observed), "l3.ipv6_no_route", "l3.ipv6_blackhole");
}

#[test]
fn a_missing_ipv6_route_beside_working_ipv4_is_healthy() {
    let v6 = path_to(V6, vec![failing(2, Reason::NetworkUnreachable), failing(3, Reason::NetworkUnreachable)]);
    assert_healthy(&judge(&seen(vec![with_route(v6, RouteKind::None), open(1, V4, 900)])));
}

#[test]
fn a_missing_ipv6_route_does_not_hide_the_closed_ipv4_port() {
    let moved = [("Tcp.AttemptFails", 1)];
    let v4 = path(vec![moving(failing(1, Reason::Refused), &moved), moving(failing(2, Reason::Refused), &moved)]);
    let v6 = path_to(V6, vec![failing(3, Reason::NetworkUnreachable), failing(4, Reason::NetworkUnreachable)]);
    let judgement = judge(&seen(vec![with_route(v6, RouteKind::None), v4]));
    assert_eq!(supported(&judgement.findings, Strength::Proof), ["tcp.port_closed"], "{judgement:#?}");
}

#[test]
fn silent_ipv6_beside_working_ipv4_is_an_ipv6_black_hole() {
    let v6 = path_to(V6, vec![failing(2, Reason::TimedOut), failing(3, Reason::TimedOut)]);
    assert_proven(&judge(&seen(vec![v6, open(1, V4, 900)])), "l3.ipv6_blackhole", "fw.drop_remote");
}

#[test]
fn refused_ipv6_beside_working_ipv4_is_healthy() {
    let v6 = path_to(V6, vec![failing(2, Reason::Refused), failing(3, Reason::Refused)]);
    assert_healthy(&judge(&seen(vec![v6, open(1, V4, 900)])));
}

#[test]
fn a_blackhole_route_is_named() {
    let dials = vec![failing(1, Reason::InvalidArgument), failing(2, Reason::InvalidArgument)];
    let judgement = judge(&seen(vec![with_route(path(dials), RouteKind::Blackhole)]));
    assert_proven(&judgement, "l3.route_blackhole", "l3.no_route");
}

#[test]
fn an_invalid_argument_without_such_a_route_is_undecided() {
    assert_undecided(&judge(&seen(vec![path(vec![failing(1, Reason::InvalidArgument)])])));
}

#[test]
fn unreachable_and_prohibit_routes_are_named() {
    for (reason, kind) in
        [(Reason::HostUnreachable, RouteKind::Unreachable), (Reason::NotPermitted, RouteKind::Prohibit)]
    {
        let dials = vec![failing(1, reason.clone()), failing(2, reason)];
        assert_proven(&judge(&seen(vec![with_route(path(dials), kind)])), "l3.route_policy_reject", "fw.reject_icmp");
    }
}

fn unresolved(gateway: Option<&str>, hop: &str, state: &str) -> Path {
    let mut path = path(vec![after(failing(1, Reason::HostUnreachable), 3050)]);
    path.route = Some(testkit::route_answer(80, testkit::route(gateway)));
    path.neighbour = Some(testkit::neighbour_answer(81, hop, state));
    path
}

#[test]
fn a_dead_gateway_is_told_from_a_dead_peer() {
    let judgement = judge(&seen(vec![unresolved(Some("192.0.2.1"), "192.0.2.1", "FAILED")]));
    assert_proven(&judgement, "l2.gateway_unresolved", "l2.neighbor_unresolved");
}

#[test]
fn an_absent_peer_on_the_own_segment_is_told_from_a_wrong_netmask() {
    let judgement = judge(&seen(vec![unresolved(None, V4, "FAILED")]));
    assert_proven(&judgement, "l2.neighbor_unresolved", "l3.wrong_netmask");
}

#[test]
fn an_absent_peer_far_off_in_a_wide_prefix_is_undecided() {
    let mut observed = seen(vec![unresolved(None, V4, "FAILED")]);
    observed.links = Some(testkit::links_answer(90, vec![testkit::link("eth0", &["192.0.77.100/16"])]));
    let judgement = judge(&observed);
    assert_undecided(&judgement);
    assert!(supported(&judgement.findings, Strength::Weak).contains(&"l3.wrong_netmask"));
}

#[test]
fn the_kernels_own_icmp_error_is_not_a_routers() {
    let mut path = unresolved(None, V4, "FAILED");
    path.dials[0] = with_icmp(path.dials[0].clone(), "192.0.2.100", 3, 1);
    assert_proven(&judge(&seen(vec![path])), "l2.neighbor_unresolved", "l3.wrong_netmask");
}

#[test]
fn a_link_without_carrier_explains_the_silent_gateway() {
    let mut observed = seen(vec![unresolved(Some("192.0.2.1"), "192.0.2.1", "FAILED")]);
    let mut link = testkit::link("eth0", &["192.0.2.100/24"]);
    link.carrier = false;
    observed.links = Some(testkit::links_answer(90, vec![link]));
    assert_proven(&judge(&observed), "l2.carrier_lost", "l2.gateway_unresolved");
}

#[test]
fn a_neighbour_still_being_asked_is_undecided() {
    let mut path = path(vec![failing(1, Reason::TimedOut)]);
    path.neighbour = Some(testkit::neighbour_answer(81, "192.0.2.1", "INCOMPLETE"));
    assert_undecided(&judge(&seen(vec![path])));
}

fn exhausted(sockets: u64, elsewhere: Reason) -> Path {
    let mut path = path(vec![failing(1, Reason::AddressNotAvailable), failing(2, Reason::AddressNotAvailable)]);
    path.census = Some(testkit::census_answer(3, &[(&["192.0.2.100"], sockets)]));
    path.controls = vec![control(4, 80, failing(4, elsewhere))];
    path
}

#[test]
fn a_used_up_port_range_is_counted() {
    assert_proven(
        &judge(&seen(vec![exhausted(50, Reason::Refused)])),
        "host.ephemeral_ports_connect",
        "host.source_addr_missing",
    );
}

#[test]
fn few_sockets_do_not_use_up_a_port_range() {
    assert_undecided(&judge(&seen(vec![exhausted(2, Reason::Refused)])));
}

#[test]
fn a_source_that_is_missing_for_every_port_is_no_used_up_range() {
    assert_undecided(&judge(&seen(vec![exhausted(50, Reason::AddressNotAvailable)])));
}

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
fn lost_handshakes_on_this_port_only_may_be_the_listeners() {
    assert_undecided(&judge(&seen(vec![losing(3, 0)])));
}

#[test]
fn one_lost_packet_is_no_lossy_path() {
    assert_healthy(&judge(&seen(vec![losing(1, 0)])));
    assert_healthy(&judge(&seen(vec![losing(1, 1)])));
}

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
fn one_slow_handshake_among_fast_ones_is_healthy() {
    let mut path = open(1, V4, 200_000);
    path.dials.extend([testkit::dial(2, &endpoint(V4), 900), testkit::dial(3, &endpoint(V4), 900)]);
    assert_healthy(&judge(&seen(vec![path])));
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

#[test]
fn the_same_cause_of_two_addresses_is_told_once() {
    let refused = |n, address| path_to(address, vec![failing(n, Reason::Refused), failing(n + 1, Reason::Refused)]);
    let judgement = judge(&seen(vec![refused(1, V4), refused(5, "192.0.2.8")]));
    assert_eq!(
        judgement.findings.iter().filter(|f| f.strength == Strength::Proof && f.cause == "tcp.port_closed").count(),
        1
    );
}

#[test]
fn what_was_not_granted_or_possible_is_undecided_and_accuses_nobody() {
    for reason in [
        Reason::Denied("not granted".into()),
        Reason::Unavailable("CAP_NET_ADMIN".into()),
        Reason::BudgetExhausted("spent".into()),
    ] {
        let judgement = judge(&seen(vec![path(vec![failing(1, reason)])]));
        assert_undecided(&judgement);
        assert!(judgement.findings.is_empty());
    }
}

#[test]
fn an_unreadable_host_still_gets_a_judgement() {
    let mut path = path(silent_twice());
    path.route = None;
    path.neighbour = None;
    let mut observed = seen(vec![path]);
    observed.links = None;
    assert_undecided(&judge(&observed));
}

#[test]
fn a_silent_port_of_this_host_is_its_own_filter_when_no_queue_is_full() {
    let mut path = with_route(path(silent_twice()), RouteKind::Local);
    path.listeners = Some(testkit::listeners_answer(5, vec![testkit::listener("0.0.0.0", 443)]));
    assert_proven(&judge(&seen(vec![path])), "fw.drop_local_input", "tcp.accept_queue_overflow");
}

#[test]
fn a_silent_port_of_this_host_with_a_full_queue_is_that_queue() {
    let moved = [("TcpExt.ListenOverflows", 2), ("TcpExt.ListenDrops", 2)];
    let mut path = with_route(
        path(vec![moving(failing(1, Reason::TimedOut), &moved), failing(2, Reason::TimedOut)]),
        RouteKind::Local,
    );
    let mut full = testkit::listener("0.0.0.0", 443);
    (full.queued, full.backlog) = (5, 4);
    path.listeners = Some(testkit::listeners_answer(5, vec![full]));
    assert_proven(&judge(&seen(vec![path])), "tcp.accept_queue_overflow", "tcp.syn_queue_full");
}
