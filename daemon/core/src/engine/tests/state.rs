//! Healthy, fault or undecided.

use super::*;

#[test]
fn a_target_whose_checks_all_work_is_healthy() {
    let told = diagnosing("https://orders.lab/").ended("resolve", Conclusion::Works).ended("tls", Conclusion::Skipped);
    let verdict = told.verdict();
    assert_eq!((verdict.state, verdict.causes.len(), verdict.next_steps.len()), (VerdictState::Healthy, 0, 0));
    assert_eq!(verdict.summary, "https://orders.lab/ works, and nothing was found that would break it");
}

#[test]
fn a_mere_hint_does_not_make_a_working_target_unhealthy() {
    let hint = finding(Stance::Supports, Strength::Weak, "l3.packet_loss", "10.0.0.5", &[1]);
    let verdict = diagnosing("10.0.0.5:80").found([hint]).ended("connect", Conclusion::Works).verdict();
    assert_eq!((verdict.state, verdict.causes.len()), (VerdictState::Healthy, 0));
}

#[test]
fn a_certificate_that_expires_soon_is_a_warning() {
    let soon = [
        by("tls", proof("tls.cert_expiring_soon", "orders.lab:443", &[1])),
        by("tls", refuted("tls.cert_expired", "orders.lab:443", &[2])),
    ];
    let verdict = diagnosing("https://orders.lab/").found(soon).ended("tls", Conclusion::Works).verdict();
    assert_eq!((verdict.state, ids(&verdict)), (VerdictState::Healthy, vec!["tls.cert_expiring_soon"]));
    assert!(verdict.summary.contains("works, but:"), "{verdict:?}");
}

#[test]
fn a_warning_comes_behind_a_fault() {
    let soon = [
        by("tls", proof("tls.cert_expiring_soon", "orders.lab:443", &[1])),
        by("tls", refuted("tls.cert_expired", "orders.lab:443", &[2])),
    ];
    let erring = [
        by("http", proof("http.unavailable", "orders.lab:443", &[3])),
        by("http", refuted("lb.backend_erroring", "orders.lab:443", &[4])),
    ];
    let verdict = diagnosing("https://orders.lab/").found(soon).found(erring).verdict();
    assert_eq!(ids(&verdict), ["http.unavailable", "tls.cert_expiring_soon"]);
}

#[test]
fn a_proven_slowness_of_a_working_target_is_a_fault() {
    let late = [
        by("http", proof("http.server_slow", "http://10.0.0.5/", &[5])),
        by("http", refuted("app.not_responding", "http://10.0.0.5/", &[6])),
    ];
    let verdict = diagnosing("http://10.0.0.5/").found(late).ended("http", Conclusion::Works).verdict();
    assert_eq!((verdict.state, ids(&verdict)), (VerdictState::Fault, vec!["http.server_slow"]));
}

#[test]
fn a_check_that_was_stopped_leaves_the_run_undecided() {
    let told = diagnosing("http://10.0.0.5/").ended("connect", Conclusion::Works).stopped("http", Stop::Deadline);
    let verdict = told.verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
    assert_eq!(verdict.summary, "the check http was stopped: it did not end within the budget");
    assert_eq!(verdict.next_steps, ["give a longer budget: the check http did not end within this one"]);
}

#[test]
fn a_stopped_check_does_not_hide_what_another_proved() {
    let verdict = diagnosing("http://10.0.0.5/").found(closed_port()).stopped("http", Stop::Memory).verdict();
    assert_eq!(verdict.state, VerdictState::Fault);
}

#[test]
fn broken_without_a_finding_says_what_the_check_said() {
    let verdict = diagnosing("10.0.0.5:80").ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
    assert_eq!(verdict.summary, "something is wrong, and its cause was not found: connect Broken");
}

#[test]
fn when_every_check_skips_nothing_is_decided() {
    let verdict = diagnosing("10.0.0.5:80").ended("connect", Conclusion::Skipped).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
    assert_eq!(verdict.summary, "nothing could be decided: connect Skipped");
    assert_eq!(diagnosing("10.0.0.5:80").verdict().summary, "nothing was tested");
}

#[test]
fn what_a_check_advises_is_a_next_step() {
    let told = diagnosing("10.0.0.5:80")
        .advised("connect", "run sonde on the server")
        .advised("tls", "run sonde on the server");
    assert_eq!(told.verdict().next_steps, ["run sonde on the server"]);
}

#[test]
fn a_run_that_has_not_ended_is_not_healthy_yet() {
    let verdict = diagnosing("http://10.0.0.5/").ended("connect", Conclusion::Works).running("http").verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
    assert_eq!(verdict.summary, "not all checks have ended: http");
}

#[test]
fn candidates_are_ranked_by_what_speaks_for_them() {
    let findings = [
        finding(Stance::Supports, Strength::Weak, "l3.packet_loss", "10.0.0.5:80", &[1]),
        finding(Stance::Supports, Strength::Strong, "fw.drop_remote", "10.0.0.5:80", &[2]),
        finding(Stance::Supports, Strength::Strong, "l3.host_down", "10.0.0.5:80", &[3]),
        refuted("fw.drop_local_output", "10.0.0.5:80", &[4]),
    ];
    let verdict = diagnosing("10.0.0.5:80").found(findings).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(ids(&verdict), ["fw.drop_remote", "l3.host_down", "l3.packet_loss"]);
    assert!(
        verdict.summary.starts_with("the evidence does not separate fw.drop_remote from l3.host_down"),
        "{verdict:?}"
    );
}
