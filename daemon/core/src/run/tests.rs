use super::*;
use crate::catalogue::catalogue;
use crate::finding::{Stance, Strength};
use crate::manifest::{Conclusion, CostClass, Manifest, Outcome, Scheme};
use crate::observation::EvidenceId;

fn manifest(name: &str, after: &[&str]) -> Manifest {
    Manifest {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        summary: String::new(),
        targets: vec![Scheme::Http],
        parameters: Vec::new(),
        interfaces: Vec::new(),
        destinations: Vec::new(),
        after: after.iter().map(|&name| name.to_owned()).collect(),
        causes: Vec::new(),
        cost: CostClass::Cheap,
        properties: Vec::new(),
    }
}

/// resolve, then connect, then http; `extra` beside them.
fn queued() -> Run {
    let target = "http://10.0.0.5/".parse().expect("a target");
    let manifests = [
        manifest("resolve", &[]),
        manifest("connect", &["resolve"]),
        manifest("http", &["connect"]),
        manifest("extra", &[]),
    ];
    Run::new(Plan::new(target, &manifests, &[]).expect("a plan"), catalogue())
}

fn begun() -> Run {
    let mut run = queued();
    run.step(Event::Begin);
    run
}

fn starts(effects: &[Effect]) -> Vec<&str> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::StartCheck(name) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

fn ended(check: &str, conclusion: Conclusion) -> Event {
    let outcome = Outcome { conclusion, summary: format!("{check} says so"), next_step: None, notes: vec![] };
    Event::CheckEnded { check: check.to_owned(), end: CheckEnd::Concluded(outcome) }
}

fn found(index: u32, stance: Stance, strength: Strength, cause: &str, evidence: u64) -> Event {
    Event::Found(Finding {
        index,
        check: "connect".to_owned(),
        stance,
        cause: CauseId::parse(cause).expect("an id"),
        strength,
        subject: "10.0.0.5:80".to_owned(),
        summary: format!("{stance:?} {cause}"),
        evidence: vec![EvidenceId(evidence)],
        measures: Vec::new(),
    })
}

fn finish(effects: &[Effect]) -> (RunState, &Verdict) {
    match effects.last() {
        Some(Effect::Finish { state, verdict }) => (*state, verdict),
        other => panic!("no finish but {other:?}"),
    }
}

#[test]
fn a_run_starts_what_waits_for_nothing() {
    let mut run = queued();
    assert_eq!(run.state(), RunState::Queued);
    let effects = run.step(Event::Begin);
    assert_eq!((run.state(), starts(&effects)), (RunState::Running, vec!["resolve", "extra"]));
}

#[test]
fn a_check_starts_when_those_before_it_have_ended_however() {
    let mut run = begun();
    assert_eq!(starts(&run.step(ended("extra", Conclusion::Works))), [] as [&str; 0]);
    assert_eq!(starts(&run.step(ended("resolve", Conclusion::Broken))), ["connect"]);
    let stopped = Event::CheckEnded { check: "connect".to_owned(), end: CheckEnd::Stopped(Stop::Memory) };
    assert_eq!(starts(&run.step(stopped)), ["http"]);
}

#[test]
fn the_last_end_finishes_the_run() {
    let mut run = begun();
    for check in ["resolve", "connect", "extra"] {
        run.step(ended(check, Conclusion::Works));
    }
    let effects = run.step(ended("http", Conclusion::Works));
    let (state, verdict) = finish(&effects);
    assert_eq!((effects.len(), state, verdict.state), (1, RunState::Finished, VerdictState::Healthy));
    assert_eq!(run.state(), RunState::Finished);
}

#[test]
fn a_partial_verdict_comes_when_the_leading_cause_changes_and_only_then() {
    let mut run = begun();
    let kinds = |effects: Vec<Effect>| -> Vec<(String, bool)> {
        effects
            .into_iter()
            .map(|effect| match effect {
                Effect::PartialVerdict(verdict) => (verdict.causes[0].cause.to_string(), verdict.causes[0].proven),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let mut step = |event| kinds(run.step(event));
    assert_eq!(
        step(found(0, Stance::Supports, Strength::Strong, "fw.reject_icmp", 1)),
        [("fw.reject_icmp".to_owned(), false)]
    );
    assert_eq!(step(found(1, Stance::Supports, Strength::Weak, "fw.drop_remote", 1)), []);
    assert_eq!(
        step(found(2, Stance::Supports, Strength::Proof, "tcp.port_closed", 2)),
        [("tcp.port_closed".to_owned(), false)]
    );
    assert_eq!(
        step(found(3, Stance::Refutes, Strength::Proof, "fw.reject_icmp", 3)),
        [("tcp.port_closed".to_owned(), true)]
    );
    assert_eq!(step(found(4, Stance::Refutes, Strength::Proof, "fw.reject_rst", 4)), []);
}

#[test]
fn a_deadline_stops_all_and_gives_the_best_verdict_so_far() {
    let mut run = begun();
    run.step(found(0, Stance::Supports, Strength::Proof, "tcp.port_closed", 1));
    run.step(found(1, Stance::Refutes, Strength::Proof, "fw.reject_icmp", 2));
    let effects = run.step(Event::DeadlinePassed);
    let (state, verdict) = finish(&effects);
    assert_eq!(
        (&effects[0], state, verdict.state),
        (&Effect::StopAll, RunState::DeadlineExceeded, VerdictState::Fault)
    );
}

#[test]
fn a_deadline_with_nothing_known_is_undecided() {
    let mut run = begun();
    let effects = run.step(Event::DeadlinePassed);
    let (state, verdict) = finish(&effects);
    assert_eq!((state, verdict.state), (RunState::DeadlineExceeded, VerdictState::Undecided));
    assert_eq!(run.checks()[0].end, Some(CheckEnd::Stopped(Stop::Deadline)));
}

#[test]
fn a_cancelled_run_says_why_and_takes_nothing_more() {
    let mut run = begun();
    let effects = run.step(Event::Cancelled("the client went away".to_owned()));
    let (state, verdict) = finish(&effects);
    assert_eq!((&effects[0], state), (&Effect::StopAll, RunState::Cancelled));
    assert_eq!(verdict.summary, "the run was cancelled: the client went away");
    for late in
        [Event::Begin, ended("resolve", Conclusion::Works), Event::DeadlinePassed, Event::Cancelled(String::new())]
    {
        assert_eq!(run.step(late), []);
    }
    assert_eq!(run.state(), RunState::Cancelled);
}

#[test]
fn a_queued_run_can_be_cancelled() {
    let mut run = queued();
    assert_eq!(finish(&run.step(Event::Cancelled("shutdown".to_owned()))).0, RunState::Cancelled);
}

#[test]
fn ends_of_unknown_unstarted_or_ended_checks_have_no_effect() {
    let mut run = begun();
    assert_eq!(run.step(ended("nothing", Conclusion::Works)), []);
    assert_eq!(run.step(ended("http", Conclusion::Works)), []);
    run.step(ended("extra", Conclusion::Broken));
    assert_eq!(run.step(ended("extra", Conclusion::Works)), []);
    assert_eq!(run.checks().iter().filter(|check| check.end.is_some()).count(), 1);
}

#[test]
fn findings_are_bounded() {
    let mut run = begun();
    for index in 0..3000 {
        run.step(found(index, Stance::Refutes, Strength::Weak, "fw.drop_remote", 1));
    }
    assert_eq!(run.findings().len(), FINDINGS);
}

#[test]
fn a_flood_of_findings_is_still_judged() {
    let mut run = begun();
    for index in 0..2048 {
        let stance = if index % 2 == 0 { Stance::Supports } else { Stance::Refutes };
        let cause = if index % 2 == 0 { "tcp.port_closed" } else { "fw.reject_icmp" };
        run.step(found(index, stance, Strength::Proof, cause, 1));
    }
    assert_eq!(run.verdict().state, VerdictState::Undecided);
}
