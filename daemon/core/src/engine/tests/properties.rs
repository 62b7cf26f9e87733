//! What holds for any findings.

use proptest::prelude::*;

use super::*;

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
