use std::collections::HashSet;

use opentelemetry::trace::TraceState;
use sonde_core::finding::CauseId;
use sonde_core::manifest::Outcome;
use sonde_core::observation::{Call, EvidenceId, Timing};
use sonde_core::verdict::{Culprit, RankedCause};

use super::*;

fn verdict() -> Verdict {
    Verdict {
        state: VerdictState::Fault,
        summary: "there is no /health?token=secret".into(),
        causes: vec![RankedCause {
            cause: CauseId::parse("tcp.port_closed").expect("an id"),
            confidence: 0.95,
            summary: "nothing listens".into(),
            culprit: Culprit { component: "listener".into(), object: "10.0.0.5:5432".into() },
            proof: vec![],
            ruled_out: vec![],
            explains: vec![],
            remedy: "start it".into(),
            proven: true,
        }],
        next_steps: vec![],
    }
}

fn observation(id: u64, check: &str) -> Arc<Observation> {
    Arc::new(Observation {
        id: EvidenceId(id),
        check: check.into(),
        timing: Timing { at: Duration::from_millis(2), elapsed: Duration::from_millis(1) },
        started_at: Duration::from_secs(1_000),
        vantage: 1,
        call: Call::DefaultRoutes { answer: Ok(vec![]) },
    })
}

fn plans(target: &str, parent: Option<RemoteParent>) -> Vec<Plan> {
    let target: Target = target.parse().expect("a target");
    let concluded = CheckEnd::Concluded(Outcome {
        conclusion: Conclusion::Broken,
        summary: "refused".into(),
        next_step: None,
        notes: vec![],
    });
    let stopped = CheckEnd::Stopped(Stop::CpuBudget);
    let check = |name, span_id, end| CheckTrace {
        name,
        version: "0.1.0",
        digest: "ab",
        span_id,
        at: Duration::from_millis(1),
        elapsed: Duration::from_millis(5),
        end,
    };
    RunTrace {
        trace_id: 9,
        root_id: 1,
        parent,
        run_id: "r",
        target: &target,
        method: "sonde.v1.DiagnosisService/Diagnose",
        began: Duration::from_secs(1_000),
        elapsed: Duration::from_millis(10),
        network_namespace: 1,
        checks: vec![check("connect", 2, Some(&concluded)), check("spin", 3, Some(&stopped)), check("late", 4, None)],
        findings: &[],
        observations: &[observation(20, "connect"), observation(21, "spin")],
        verdict: &verdict(),
    }
    .plans()
}

#[test]
fn a_diagnosis_is_a_tree_of_root_checks_and_calls() {
    let plans = plans("tcp://10.0.0.5:5432", None);

    let tree: Vec<_> = plans.iter().map(|plan| (plan.name.as_ref(), plan.id, plan.parent)).collect();
    assert_eq!(
        tree,
        [
            ("diagnose tcp://10.0.0.5:5432", 1, 0),
            ("check connect", 2, 1),
            ("check spin", 3, 1),
            ("check late", 4, 1),
            ("list default routes", 20, 2),
            ("list default routes", 21, 3),
        ]
    );
}

#[test]
fn the_verdict_is_an_event_of_the_root_and_no_error() {
    let plans = plans("tcp://10.0.0.5:5432", None);

    let event = &plans[0].events[0];
    let words: Vec<_> = event.attributes.iter().map(|a| format!("{}={}", a.key, a.value)).collect();
    assert_eq!(event.name, "verdict");
    assert!(words.contains(&"sonde.cause=tcp.port_closed".to_owned()), "{words:?}");
    assert!(words.contains(&"sonde.confidence=0.95".to_owned()), "{words:?}");
    assert_eq!(plans[0].error, None);
}

#[test]
fn a_check_that_did_not_conclude_is_an_error_of_its_own() {
    let plans = plans("tcp://10.0.0.5:5432", None);

    let failed: Vec<_> = plans.iter().filter(|p| p.error.is_some()).map(|p| p.name.as_ref()).collect();
    assert_eq!(failed, ["check spin", "check late"]);
}

#[test]
fn a_callers_span_is_the_parent_of_the_root() {
    let parent = RemoteParent { trace_id: 9, span_id: 77, sampled: true, state: TraceState::default() };

    assert_eq!(plans("tcp://10.0.0.5:5432", Some(parent))[0].parent, 77);
}

#[test]
fn the_query_of_a_target_is_not_exported() {
    let plans = plans("https://orders.lab/health?token=secret", None);

    assert_eq!(plans[0].name, "diagnose https://orders.lab/health");
    assert!(!format!("{plans:?}").contains("secret"));
}

#[test]
fn phases_have_ids_of_their_own() {
    let mut fresh = Fresh(1);

    let ids: HashSet<_> = (0..10_000).map(|_| fresh.next()).collect();

    assert_eq!(ids.len(), 10_000);
    assert!(!ids.contains(&0));
}

#[test]
fn the_query_of_a_redirect_is_not_exported_and_the_sentence_around_it_is() {
    let text = "orders.lab:443 redirects to https://sso.lab/in?code=SECRET, and that to \"http://b.lab/#SECRET\"; why? it does";
    let shown = without_queries(text);
    assert_eq!(
        shown,
        "orders.lab:443 redirects to https://sso.lab/in?REDACTED, and that to \"http://b.lab/?REDACTED\"; why? it does"
    );
}
