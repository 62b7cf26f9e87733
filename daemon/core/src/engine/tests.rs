use proptest::prelude::*;

use super::*;
use crate::catalogue::catalogue;
use crate::finding::{CauseId, Stance, Strength};
use crate::manifest::{Outcome, Stop};
use crate::observation::EvidenceId;

fn id(text: &str) -> CauseId {
    CauseId::parse(text).expect("an id")
}

fn finding(stance: Stance, strength: Strength, cause: &str, subject: &str, evidence: &[u64]) -> Finding {
    Finding {
        index: 0,
        check: "connect".to_owned(),
        stance,
        cause: id(cause),
        strength,
        subject: subject.to_owned(),
        summary: format!("{stance:?} {cause} about {subject}"),
        evidence: evidence.iter().copied().map(EvidenceId).collect(),
        measures: Vec::new(),
    }
}

fn proof(cause: &str, subject: &str, evidence: &[u64]) -> Finding {
    finding(Stance::Supports, Strength::Proof, cause, subject, evidence)
}

fn refuted(cause: &str, subject: &str, evidence: &[u64]) -> Finding {
    finding(Stance::Refutes, Strength::Proof, cause, subject, evidence)
}

fn by(check: &str, finding: Finding) -> Finding {
    Finding { check: check.to_owned(), ..finding }
}

/// A scene, told step by step, and its verdict.
#[derive(Clone, Debug)]
struct Told {
    target: Target,
    addresses: Vec<IpAddr>,
    findings: Vec<Finding>,
    checks: Vec<CheckState>,
}

fn diagnosing(target: &str) -> Told {
    Told { target: target.parse().expect("a target"), addresses: Vec::new(), findings: Vec::new(), checks: Vec::new() }
}

impl Told {
    fn at(mut self, addresses: &[&str]) -> Self {
        self.addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        self
    }

    fn found(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        for finding in findings {
            let index = u32::try_from(self.findings.len()).expect("few findings");
            self.findings.push(Finding { index, ..finding });
        }
        self
    }

    fn ended(mut self, check: &str, conclusion: Conclusion) -> Self {
        let outcome = Outcome { conclusion, summary: format!("{check} {conclusion:?}"), next_step: None };
        self.checks.push(CheckState { name: check.to_owned(), end: Some(CheckEnd::Concluded(outcome)) });
        self
    }

    fn advised(mut self, check: &str, step: &str) -> Self {
        let outcome =
            Outcome { conclusion: Conclusion::Unclear, summary: String::new(), next_step: Some(step.to_owned()) };
        self.checks.push(CheckState { name: check.to_owned(), end: Some(CheckEnd::Concluded(outcome)) });
        self
    }

    fn stopped(mut self, check: &str, stop: Stop) -> Self {
        self.checks.push(CheckState { name: check.to_owned(), end: Some(CheckEnd::Stopped(stop)) });
        self
    }

    fn running(mut self, check: &str) -> Self {
        self.checks.push(CheckState { name: check.to_owned(), end: None });
        self
    }

    fn verdict(&self) -> Verdict {
        let case =
            Case { target: &self.target, addresses: &self.addresses, findings: &self.findings, checks: &self.checks };
        judge(&case, catalogue())
    }
}

fn ids(verdict: &Verdict) -> Vec<&str> {
    verdict.causes.iter().map(|cause| cause.cause.as_str()).collect()
}

fn explained(verdict: &Verdict) -> Vec<&str> {
    verdict.causes[0].explains.iter().map(CauseId::as_str).collect()
}

/// A target that refuses, and what rules out a filter.
fn closed_port() -> Vec<Finding> {
    vec![proof("tcp.port_closed", "10.0.0.5:80", &[1]), refuted("fw.reject_icmp", "10.0.0.5:80", &[1, 2])]
}

fn silent_resolver() -> Vec<Finding> {
    vec![
        by("resolve", proof("dns.server_unreachable", "10.0.0.53", &[11])),
        by("resolve", refuted("dns.udp_blocked", "10.0.0.53", &[12])),
    ]
}

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

#[test]
fn a_dead_neighbour_explains_the_silent_resolver_at_its_address() {
    let below = [
        by("resolve", proof("l2.neighbor_unresolved", "10.0.0.53", &[13])),
        by("resolve", refuted("l3.wrong_netmask", "10.0.0.53", &[14])),
    ];
    let told = diagnosing("https://orders.lab/").found(silent_resolver()).found(below);
    let verdict = told.ended("resolve", Conclusion::Broken).ended("connect", Conclusion::Skipped).verdict();
    assert_eq!(ids(&verdict), ["l2.neighbor_unresolved"]);
    assert_eq!(explained(&verdict), ["dns.server_unreachable"]);
}

#[test]
fn a_dead_neighbour_elsewhere_explains_nothing_about_the_resolver() {
    let below = [proof("l2.neighbor_unresolved", "10.0.0.5", &[13]), refuted("l3.wrong_netmask", "10.0.0.5", &[14])];
    let verdict = diagnosing("https://orders.lab/").at(&["10.0.0.5"]).found(silent_resolver()).found(below).verdict();
    assert_eq!(ids(&verdict), ["dns.server_unreachable", "l2.neighbor_unresolved"]);
}

#[test]
fn a_dead_gateway_explains_the_silence_behind_it() {
    let findings = [
        proof("l2.gateway_unresolved", "10.0.0.1", &[1]),
        refuted("l3.icmp_unreachable", "10.9.0.5:80", &[2]),
        proof("fw.drop_remote", "10.9.0.5:80", &[3]),
        refuted("fw.drop_local_output", "10.9.0.5:80", &[4]),
    ];
    let verdict = diagnosing("10.9.0.5:80").found(findings).verdict();
    assert_eq!(ids(&verdict), ["l2.gateway_unresolved"]);
    assert_eq!(explained(&verdict), ["fw.drop_remote"]);
}

#[test]
fn an_interface_that_is_down_explains_everything_silent() {
    let down = [proof("l2.link_admin_down", "eth0", &[1]), refuted("l2.carrier_lost", "eth0", &[2])];
    let no_route = [proof("l3.no_route", "10.0.0.5:80", &[3]), refuted("l3.icmp_unreachable", "10.0.0.5:80", &[4])];
    let verdict = diagnosing("http://orders.lab/").found(no_route).found(silent_resolver()).found(down).verdict();
    assert_eq!(ids(&verdict), ["l2.link_admin_down"]);
    assert_eq!(explained(&verdict), ["dns.server_unreachable", "l3.no_route"]);
}

#[test]
fn no_outage_explains_an_answer() {
    let lossy = [proof("l2.carrier_lost", "eth1", &[1]), refuted("l2.gateway_unresolved", "eth1", &[2])];
    let expired = [
        by("tls", proof("tls.cert_expired", "orders.lab:443", &[3])),
        by("tls", refuted("host.clock_skew", "orders.lab:443", &[4])),
    ];
    let verdict = diagnosing("https://orders.lab/").found(lossy).found(expired).verdict();
    assert_eq!(ids(&verdict), ["l2.carrier_lost", "tls.cert_expired"]);
}

#[test]
fn a_wrong_clock_explains_the_certificates_it_rejects() {
    let skewed = [
        by("tls", proof("host.clock_skew", "this host", &[1])),
        by("tls", refuted("tls.intermediate_expired", "orders.lab", &[2])),
    ];
    let early = [by("tls", proof("tls.cert_not_yet_valid", "orders.lab:443", &[3]))];
    let separated = [
        refuted("tls.cert_expired", "orders.lab:443", &[5]),
        proof("fw.drop_remote", "10.0.0.9:80", &[6]),
        refuted("fw.drop_local_output", "10.0.0.9:80", &[7]),
    ];
    let verdict = diagnosing("https://orders.lab/").found(skewed).found(early).found(separated).verdict();
    assert_eq!(verdict.state, VerdictState::Fault);
    assert!(ids(&verdict).contains(&"fw.drop_remote"), "a clock drops no packets: {verdict:?}");
}

#[test]
fn what_slows_does_not_explain_what_breaks() {
    let slow = [proof("l3.high_latency", "10.0.0.5", &[1]), refuted("l3.bufferbloat", "10.0.0.5", &[2])];
    let stalled = [
        by("tls", proof("tls.handshake_stall", "10.0.0.5:443", &[3])),
        by("tls", refuted("l3.pmtu_blackhole", "10.0.0.5:443", &[4])),
    ];
    let verdict = diagnosing("tls://10.0.0.5:443").found(slow.clone()).found(stalled).verdict();
    assert_eq!(ids(&verdict), ["tls.handshake_stall", "l3.high_latency"]);
    let late = [
        by("http", proof("http.server_slow", "https://10.0.0.5/", &[5])),
        by("http", refuted("app.not_responding", "https://10.0.0.5/", &[6])),
    ];
    let verdict = diagnosing("https://10.0.0.5/").found(slow).found(late).verdict();
    assert_eq!(ids(&verdict), ["l3.high_latency"]);
    assert_eq!(explained(&verdict), ["http.server_slow"]);
}

#[test]
fn a_wrong_address_explains_what_fails_there() {
    let stale = [
        by("resolve", proof("dns.stale_answer", "orders.lab", &[1])),
        by("resolve", refuted("dns.split_horizon", "orders.lab", &[2])),
    ];
    let dead = [proof("l2.neighbor_unresolved", "10.0.0.5", &[3]), refuted("l3.wrong_netmask", "10.0.0.5", &[4])];
    let verdict = diagnosing("http://orders.lab/").at(&["10.0.0.5"]).found(dead).found(stale).verdict();
    assert_eq!(ids(&verdict), ["dns.stale_answer"]);
    assert_eq!(explained(&verdict), ["l2.neighbor_unresolved"]);
}

#[test]
fn a_dead_first_server_does_not_explain_a_closed_port_and_comes_behind_it() {
    let dead = [
        by("resolve", proof("dns.first_server_dead", "10.0.0.53", &[11])),
        by("resolve", refuted("dns.slow_server", "10.0.0.54", &[12])),
    ];
    let told = diagnosing("http://orders.lab/").at(&["10.0.0.5"]).found(dead).found(closed_port());
    let verdict = told.ended("resolve", Conclusion::Works).ended("connect", Conclusion::Broken).verdict();
    assert_eq!(ids(&verdict), ["tcp.port_closed", "dns.first_server_dead"]);
}

#[test]
fn a_stopped_process_explains_its_full_queue() {
    let stopped = [proof("host.process_stopped", "nginx (pid 12)", &[1]), refuted("app.not_responding", ":80", &[2])];
    let full = [proof("tcp.accept_queue_overflow", ":80", &[3]), refuted("tcp.syn_queue_full", ":80", &[4])];
    let verdict = diagnosing(":80").found(full).found(stopped).verdict();
    assert_eq!(ids(&verdict), ["host.process_stopped"]);
    assert_eq!(explained(&verdict), ["tcp.accept_queue_overflow"]);
}

#[test]
fn a_chain_of_explanations_ends_at_its_root() {
    let link = [proof("l2.link_admin_down", "eth0", &[1]), refuted("l2.carrier_lost", "eth0", &[2])];
    let gone = [proof("fw.drop_remote", "10.0.0.5:80", &[3]), refuted("fw.drop_local_output", "10.0.0.5:80", &[4])];
    let hung = [
        by("http", proof("app.not_responding", "10.0.0.5:80", &[5])),
        by("http", refuted("host.fd_process_limit", "10.0.0.5:80", &[6])),
    ];
    let verdict = diagnosing("http://10.0.0.5/").found(hung).found(gone).found(link).verdict();
    assert_eq!(ids(&verdict), ["l2.link_admin_down"]);
    assert_eq!(explained(&verdict), ["app.not_responding", "fw.drop_remote"]);
}

#[test]
fn another_listeners_fault_ranks_below_the_targets_own() {
    let other = [proof("tcp.accept_queue_overflow", ":90", &[1]), refuted("tcp.syn_queue_full", ":90", &[2])];
    let own = [proof("app.not_responding", ":80", &[3]), refuted("host.process_stopped", ":80", &[4])];
    let verdict = diagnosing(":80").found(other).found(own).ended("listener", Conclusion::Broken).verdict();
    assert_eq!(ids(&verdict), ["app.not_responding", "tcp.accept_queue_overflow"]);
}

#[test]
fn another_listeners_fault_leaves_a_working_target_healthy() {
    let other = [proof("tcp.accept_queue_overflow", ":90", &[1]), refuted("tcp.syn_queue_full", ":90", &[2])];
    let verdict = diagnosing(":80").found(other).ended("listener", Conclusion::Works).verdict();
    assert_eq!((verdict.state, verdict.causes.len()), (VerdictState::Healthy, 0));
}

#[test]
fn two_listeners_with_one_fault_are_one_cause_with_two_objects() {
    let findings = [
        proof("tcp.accept_queue_overflow", ":80", &[1]),
        refuted("tcp.syn_queue_full", ":80", &[2]),
        proof("tcp.accept_queue_overflow", ":90", &[3]),
        refuted("tcp.syn_queue_full", ":90", &[4]),
    ];
    let verdict = diagnosing("host").found(findings).verdict();
    assert_eq!(ids(&verdict), ["tcp.accept_queue_overflow"]);
    assert_eq!(verdict.causes[0].culprit.object, ":80, :90");
}

#[test]
fn rivals_named_about_one_subject_lower_each_other() {
    let rivals = [
        proof("tls.self_signed", "orders.lab:443", &[1]),
        proof("tls.unknown_ca", "orders.lab:443", &[2]),
        refuted("tls.chain_incomplete", "orders.lab:443", &[3]),
    ];
    let verdict = diagnosing("https://orders.lab/").found(rivals).verdict();
    let unknown = verdict.causes.iter().find(|cause| cause.cause == id("tls.unknown_ca")).expect("named");
    assert_eq!(permille(unknown.confidence), 900, "self_signed itself is not named");
    let both = [
        proof("tls.version_mismatch", "orders.lab:443", &[1]),
        refuted("tls.alpn_mismatch", "orders.lab:443", &[4]),
        proof("tls.cipher_mismatch", "orders.lab:443", &[2]),
        refuted("tls.weak_key", "orders.lab:443", &[5]),
    ];
    let verdict = diagnosing("https://orders.lab/").found(both).verdict();
    assert_eq!(verdict.causes.iter().map(|cause| permille(cause.confidence)).collect::<Vec<_>>(), [750, 750]);
}

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

/// Causes that resemble, explain and contradict each other.
const CAUSES: &[&str] = &[
    "host.clock_skew",
    "l2.neighbor_unresolved",
    "l2.link_admin_down",
    "l3.no_route",
    "l3.host_down",
    "l3.high_latency",
    "fw.drop_remote",
    "fw.reject_icmp",
    "tcp.port_closed",
    "tcp.accept_queue_overflow",
    "dns.server_unreachable",
    "dns.udp_blocked",
    "dns.stale_answer",
    "dns.split_horizon",
    "tls.cert_expired",
    "tls.cert_expiring_soon",
    "http.server_slow",
    "app.not_responding",
    "vendor.acme.odd",
];

const SUBJECTS: &[&str] =
    &["10.0.0.5:80", "10.0.0.5", "10.0.0.53", "orders.lab", ":80", ":90", "eth0", "", "https://orders.lab/"];

prop_compose! {
    fn any_finding()(
        supports in any::<bool>(),
        strength in 0_usize..3,
        cause in prop::sample::select(CAUSES),
        subject in prop::sample::select(SUBJECTS),
        check in prop::sample::select(&["resolve", "connect"][..]),
        evidence in prop::collection::vec(1_u64..6, 1..3),
    ) -> Finding {
        let stance = if supports { Stance::Supports } else { Stance::Refutes };
        let strength = [Strength::Weak, Strength::Strong, Strength::Proof][strength];
        by(check, finding(stance, strength, cause, subject, &evidence))
    }
}

fn any_told() -> impl Strategy<Value = Told> {
    let conclusions = [Conclusion::Works, Conclusion::Broken, Conclusion::Unclear, Conclusion::Skipped];
    (
        prop::collection::vec(any_finding(), 0..24),
        prop::sample::select(&["http://orders.lab/", ":80", "host"][..]),
        0_usize..4,
        0_usize..4,
    )
        .prop_map(move |(findings, target, resolve, connect)| {
            let told = diagnosing(target).at(&["10.0.0.5"]).found(findings);
            told.ended("resolve", conclusions[resolve]).ended("connect", conclusions[connect])
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_named_without_a_proof_and_another_observation_against_a_look_alike(told in any_told()) {
        for cause in told.verdict().causes.iter().filter(|cause| cause.proven) {
            let supported = |argument: &&Argument| {
                let finding = &told.findings[argument.finding as usize];
                finding.stance == Stance::Supports && finding.strength == Strength::Proof && finding.cause == cause.cause
            };
            let separated = cause.proof.iter().filter(supported).any(|proof| cause.ruled_out.iter().any(|against| {
                let finding = &told.findings[against.finding as usize];
                finding.stance == Stance::Refutes
                    && finding.cause != cause.cause
                    && (cause.cause.layer() == "vendor" || catalogue().resemble(&cause.cause, &finding.cause))
                    && against.evidence.iter().any(|id| !proof.evidence.contains(id))
            }));
            prop_assert!(separated, "{:#?}", cause);
        }
    }

    #[test]
    fn confidence_is_bounded_and_candidates_are_never_certain(told in any_told()) {
        for cause in told.verdict().causes {
            prop_assert!((0.0..=1.0).contains(&cause.confidence));
            prop_assert!(cause.proven || cause.confidence < CONFIDENT, "{:?}", cause);
        }
    }

    #[test]
    fn the_state_follows_from_the_causes(told in any_told()) {
        let verdict = told.verdict();
        let warns = |cause: &RankedCause| catalogue().get(&cause.cause).is_some_and(|entry| entry.effect == Effect::Warns);
        match verdict.state {
            VerdictState::Fault => prop_assert!(verdict.causes.iter().all(|cause| cause.proven) && !verdict.causes.is_empty()),
            VerdictState::Healthy => prop_assert!(verdict.causes.iter().all(warns) && works(&told.checks)),
            VerdictState::Undecided => prop_assert!(verdict.causes.iter().all(|cause| cause.confidence < CONFIDENT)),
        }
        prop_assert!(!verdict.summary.is_empty());
    }

    #[test]
    fn the_order_of_the_findings_does_not_matter(told in any_told(), seed in any::<u64>()) {
        let expected = told.verdict();
        let mut shuffled = told;
        // Any permutation will do: sorted by a hash of the index.
        shuffled.findings.sort_by_key(|finding| (u64::from(finding.index) + 1).wrapping_mul(seed | 1));
        prop_assert_eq!(shuffled.verdict(), expected);
    }

    #[test]
    fn every_named_cause_is_an_answer_or_explained_by_one(told in any_told()) {
        let verdict = told.verdict();
        if verdict.state != VerdictState::Fault || works(&told.checks) {
            return Ok(());
        }
        let named = weigh::weigh(&told.findings, catalogue()).into_iter().filter(|weighed| weighed.named);
        for weighed in named {
            let answers = verdict.causes.iter().filter(|cause| cause.cause == weighed.cause || cause.explains.contains(&weighed.cause));
            prop_assert!(answers.count() == 1 || verdict.causes.len() == MOST_CAUSES, "{:?} in {:#?}", weighed.cause, verdict);
        }
    }
}
