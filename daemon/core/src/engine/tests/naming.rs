//! What names a cause, what makes it a candidate, and how sure it is.

use super::*;

#[test]
fn a_proof_and_a_look_alike_ruled_out_by_another_observation_name_a_cause() {
    let verdict = diagnosing("10.0.0.5:80").found(closed_port()).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Fault);
    let cause = &verdict.causes[0];
    assert_eq!(cause.cause, id("tcp.port_closed"));
    assert!(cause.proven && cause.confidence >= CONFIDENT, "{cause:?}");
    assert_eq!(cause.culprit, Culprit { component: "listener".to_owned(), object: "10.0.0.5:80".to_owned() });
    assert_eq!(cause.remedy, "start the service");
    assert_eq!((cause.proof[0].finding, cause.ruled_out[0].finding), (0, 1));
    assert_eq!(verdict.summary, "Supports tcp.port_closed about 10.0.0.5:80");
}

#[test]
fn a_proof_alone_names_nothing() {
    let told = diagnosing("10.0.0.5:80").found([proof("tcp.port_closed", "10.0.0.5:80", &[1])]);
    let verdict = told.ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
    assert_eq!(ids(&verdict), ["tcp.port_closed"]);
    assert!(!verdict.causes[0].proven && verdict.causes[0].confidence < CONFIDENT);
    assert!(
        verdict.next_steps[0].starts_with("to name tcp.port_closed, rule out fw.reject_rst (target listens)"),
        "{verdict:?}"
    );
}

#[test]
fn a_look_alike_refuted_by_the_proofs_own_observation_is_not_ruled_out() {
    let findings =
        [proof("tcp.port_closed", "10.0.0.5:80", &[1, 2]), refuted("fw.reject_icmp", "10.0.0.5:80", &[2, 1])];
    let verdict = diagnosing("10.0.0.5:80").found(findings).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
}

#[test]
fn what_is_no_look_alike_rules_nothing_out() {
    let findings = [proof("tcp.port_closed", "10.0.0.5:80", &[1]), refuted("dns.nxdomain", "orders.lab", &[2])];
    let verdict = diagnosing("10.0.0.5:80").found(findings).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
}

#[test]
fn look_alikes_hold_in_both_directions() {
    // It is http.not_found that lists tls.default_cert_served.
    let findings =
        [proof("tls.default_cert_served", "orders.lab", &[1]), refuted("http.not_found", "orders.lab", &[2])];
    let verdict = diagnosing("https://orders.lab/").found(findings).ended("tls", Conclusion::Broken).verdict();
    assert_eq!(ids(&verdict), ["tls.default_cert_served"]);
    assert!(verdict.causes[0].proven);
}

#[test]
fn a_strong_support_is_never_enough() {
    let findings = [
        finding(Stance::Supports, Strength::Strong, "tcp.port_closed", "10.0.0.5:80", &[1]),
        refuted("fw.reject_icmp", "10.0.0.5:80", &[2]),
        refuted("fw.reject_rst", "10.0.0.5:80", &[3]),
    ];
    let verdict = diagnosing("10.0.0.5:80").found(findings).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
    assert!(
        verdict.next_steps[0].starts_with("to prove tcp.port_closed, show: refused in one round trip"),
        "{verdict:?}"
    );
}

#[test]
fn a_proof_that_is_disproved_about_the_same_subject_is_a_doubt() {
    let contradiction = by("other", refuted("tcp.port_closed", "10.0.0.5", &[9]));
    let told = diagnosing("10.0.0.5:80").found(closed_port()).found([contradiction]);
    let verdict = told.ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
    assert!(verdict.causes[0].confidence <= 0.4, "{verdict:?}");
}

#[test]
fn a_disproof_about_another_subject_contradicts_nothing() {
    let elsewhere = refuted("tcp.port_closed", "10.0.0.6:80", &[9]);
    let verdict = diagnosing("10.0.0.5:80")
        .found(closed_port())
        .found([elsewhere])
        .ended("connect", Conclusion::Broken)
        .verdict();
    assert_eq!(ids(&verdict), ["tcp.port_closed"]);
    assert!(verdict.causes[0].proven);
}

#[test]
fn a_disproved_candidate_is_dropped() {
    let findings = [
        finding(Stance::Supports, Strength::Strong, "fw.drop_remote", "10.0.0.5:80", &[1]),
        refuted("fw.drop_remote", "10.0.0.5:80", &[2]),
        finding(Stance::Supports, Strength::Weak, "l3.packet_loss", "10.0.0.5:80", &[3]),
    ];
    let verdict = diagnosing("10.0.0.5:80").found(findings).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(ids(&verdict), ["l3.packet_loss"]);
}

#[test]
fn a_refutation_whose_cause_is_proven_elsewhere_does_not_stand() {
    let findings = closed_port().into_iter().chain([by("other", proof("fw.reject_icmp", "10.0.0.5:80", &[5]))]);
    let verdict = diagnosing("10.0.0.5:80").found(findings).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
}

#[test]
fn each_further_look_alike_ruled_out_raises_confidence() {
    let one = diagnosing("10.0.0.5:80").found(closed_port());
    let two = diagnosing("10.0.0.5:80").found(closed_port()).found([refuted("fw.reject_rst", "10.0.0.5:80", &[3])]);
    let same_again =
        diagnosing("10.0.0.5:80").found(closed_port()).found([refuted("fw.reject_icmp", "10.0.0.5:80", &[4])]);
    let confidence = |told: &Told| permille(told.verdict().causes[0].confidence);
    assert_eq!((confidence(&one), confidence(&two), confidence(&same_again)), (900, 930, 900));
}

#[test]
fn doubts_lower_confidence() {
    let doubt = finding(Stance::Refutes, Strength::Strong, "tcp.port_closed", "10.0.0.5:80", &[7]);
    let verdict = diagnosing("10.0.0.5:80").found(closed_port()).found([doubt]).verdict();
    assert_eq!(permille(verdict.causes[0].confidence), 750);
}

#[test]
fn a_weak_refutation_names_without_certainty() {
    let findings = [
        proof("tcp.port_closed", "10.0.0.5:80", &[1]),
        finding(Stance::Refutes, Strength::Weak, "fw.reject_icmp", "10.0.0.5:80", &[2]),
    ];
    let verdict = diagnosing("10.0.0.5:80").found(findings).verdict();
    assert_eq!(verdict.state, VerdictState::Fault);
    assert!(verdict.causes[0].confidence < CONFIDENT);
}

#[test]
fn another_listeners_look_alike_rules_out_nothing_here() {
    let findings = [proof("tcp.accept_queue_overflow", ":80", &[1]), refuted("tcp.syn_queue_full", ":90", &[2])];
    let verdict = diagnosing("host").found(findings).ended("listener", Conclusion::Broken).verdict();
    assert_eq!(verdict.state, VerdictState::Undecided);
}

#[test]
fn a_vendors_cause_is_separated_by_what_its_own_check_refutes() {
    let mine = [
        by("licence", proof("vendor.acme.licence_expired", "10.0.0.5:80", &[1])),
        by("licence", refuted("app.not_responding", "10.0.0.5:80", &[2])),
    ];
    let verdict = diagnosing("10.0.0.5:80").found(mine.clone()).verdict();
    assert_eq!(ids(&verdict), ["vendor.acme.licence_expired"]);
    assert_eq!(verdict.causes[0].culprit.component, "vendor");
    let [support, refutation] = mine;
    let foreign = diagnosing("10.0.0.5:80").found([support, by("other", refutation)]).verdict();
    assert_eq!(foreign.state, VerdictState::Undecided);
}
