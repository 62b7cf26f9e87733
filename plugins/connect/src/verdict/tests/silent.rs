//! Silence, now or always.

use super::*;

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
fn the_last_router_that_lets_the_syn_pass_is_named_and_cited() {
    let mut path = path(silent_twice());
    path.controls = vec![control(3, 80, failing(3, Reason::Refused))];
    let hops = [testkit::exceeded(1, "192.0.2.1"), testkit::exceeded(2, "198.51.100.1"), testkit::silent_hop(3)];
    path.known.trace = Some(testkit::trace_result(9, hops.to_vec()));
    let judgement = judge(&seen(vec![path.clone()]));
    assert_proven(&judgement, "fw.drop_remote", "l3.host_down");
    assert!(judgement.outcome.summary.contains("pass hop 2 (198.51.100.1)"), "{}", judgement.outcome.summary);
    let cites = |f: &sonde_sdk::report::Finding| f.evidence.contains(&testkit::evidence(9));
    assert!(judgement.findings.iter().any(|f| f.cause == "fw.drop_remote" && cites(f)));

    path.controls.clear();
    assert!(judge(&seen(vec![path])).outcome.summary.contains("pass hop 2 (198.51.100.1)"));
}

#[test]
fn a_trace_that_came_to_an_end_names_no_last_router() {
    let mut path = path(silent_twice());
    let hops = [testkit::exceeded(1, "192.0.2.1"), testkit::hop(2, &sonde_sdk::path::ProbeAnswer::Answered)];
    path.known.trace = Some(testkit::trace_result(9, hops.to_vec()));
    assert!(!judge(&seen(vec![path])).outcome.summary.contains("hop"));
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
fn a_host_that_answers_echo_requests_and_no_port_is_alive_behind_a_filter() {
    let mut path = path(silent_twice());
    path.controls = vec![control(3, 80, failing(3, Reason::TimedOut))];
    path.echo = Some(testkit::echo_result(8, 2, 2));
    let judgement = judge(&seen(vec![path.clone()]));
    assert_proven(&judgement, "fw.drop_remote", "l3.host_down");
    assert!(judgement.outcome.summary.contains("answers echo requests"), "{}", judgement.outcome.summary);
    for received in [0, 1] {
        path.echo = Some(testkit::echo_result(8, 2, received));
        assert_undecided(&judge(&seen(vec![path.clone()])));
    }
}
