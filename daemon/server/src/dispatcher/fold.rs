//! A diagnosis as the sum of its events, finished or not, and cut to a size that every client can take. Pure.

use std::collections::HashSet;
use std::sync::Arc;

use prost::Message as _;
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::{CheckState, Diagnosis, DiagnosisEvent, Evidence, Verdict};

/// What the events add up to, beginning with what was known at the start.
pub(crate) fn fold(start: &Diagnosis, events: &[Arc<DiagnosisEvent>]) -> Diagnosis {
    let mut sum = start.clone();
    for event in events {
        sum.elapsed = event.at.or(sum.elapsed);
        match &event.event {
            Some(Event::CheckStarted(started)) => {
                if let Some(run) = sum.checks.iter_mut().find(|run| run.check == started.check) {
                    run.state = CheckState::Running.into();
                    run.at = event.at;
                }
            }
            Some(Event::CheckEnded(ended)) => {
                if let Some(run) = sum.checks.iter_mut().find(|run| run.check == ended.check) {
                    *run = ended.clone();
                }
            }
            Some(Event::Evidence(evidence)) => sum.evidence.push(evidence.as_ref().clone()),
            Some(Event::Finding(finding)) => sum.findings.push(finding.clone()),
            Some(Event::PartialVerdict(verdict)) => sum.verdict = Some(verdict.clone()),
            Some(Event::Started(_) | Event::Log(_) | Event::Finished(_)) | None => {}
        }
    }
    sum
}

/// Without evidence, for a client that has it line by line. Not even copied: it is most of a diagnosis.
pub(crate) fn without_evidence(diagnosis: &Diagnosis) -> Diagnosis {
    Diagnosis { findings: diagnosis.findings.clone(), ..summary(diagnosis) }
}

/// Without findings and evidence, as lists show it.
pub(crate) fn summary(diagnosis: &Diagnosis) -> Diagnosis {
    Diagnosis {
        run_id: diagnosis.run_id.clone(),
        target: diagnosis.target.clone(),
        state: diagnosis.state,
        trigger: diagnosis.trigger,
        vantage: diagnosis.vantage.clone(),
        period: diagnosis.period,
        network_namespace: diagnosis.network_namespace,
        started_at: diagnosis.started_at,
        elapsed: diagnosis.elapsed,
        verdict: diagnosis.verdict.clone(),
        checks: diagnosis.checks.clone(),
        findings: Vec::new(),
        evidence: Vec::new(),
        trace_id: diagnosis.trace_id.clone(),
        evidence_left_out: diagnosis.evidence_left_out,
    }
}

/// Cuts a diagnosis to [`MOST_BYTES`]: evidence that nothing cites goes first, the latest first, and is counted. Findings are cut
/// only where they alone are larger.
pub(crate) fn bounded(mut diagnosis: Diagnosis) -> Diagnosis {
    if diagnosis.encoded_len() <= MOST_BYTES {
        return diagnosis;
    }
    let evidence = std::mem::take(&mut diagnosis.evidence);
    let mut room = MOST_BYTES.saturating_sub(diagnosis.encoded_len());
    while diagnosis.encoded_len() > MOST_BYTES && diagnosis.findings.pop().is_some() {}
    let cited: HashSet<&str> =
        diagnosis.findings.iter().flat_map(|finding| &finding.evidence_ids).map(String::as_str).collect();
    let mut kept = vec![false; evidence.len()];
    for wanted in [true, false] {
        for (i, line) in evidence.iter().enumerate() {
            let size = line.encoded_len() + FIELD_BYTES;
            if cited.contains(line.id.as_str()) == wanted && size <= room {
                room -= size;
                kept[i] = true;
            }
        }
    }
    let left_out = kept.iter().filter(|kept| !**kept).count();
    diagnosis.evidence = evidence.into_iter().zip(kept).filter_map(|(line, kept)| kept.then_some(line)).collect();
    diagnosis.evidence_left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
    diagnosis
}

/// One line of evidence as an event; of one that is too large for any client, what was asked and answered is left out.
pub(crate) fn bounded_evidence(mut evidence: Evidence) -> Evidence {
    if evidence.encoded_len() > MOST_BYTES {
        evidence.call = None;
    }
    evidence
}

/// A verdict that leaves room for what is shown beside it: of the arguments for a cause the first ones, and as many causes as fit.
/// A check that reports thousands of findings about one cause would fill every message with them.
pub(crate) fn bounded_verdict(mut verdict: Verdict) -> Verdict {
    for cause in &mut verdict.causes {
        cause.proof.truncate(MOST_ARGUMENTS);
        cause.ruled_out.truncate(MOST_ARGUMENTS);
    }
    while verdict.encoded_len() > MOST_VERDICT_BYTES && verdict.causes.pop().is_some() {}
    verdict
}

/// gRPC clients refuse messages beyond 4 MiB unless told otherwise; this leaves room for what wraps it.
pub(crate) const MOST_BYTES: usize = 3 << 20;

/// For a cause, and against its look-alikes; proto/sonde/v1/verdict.proto says so.
const MOST_ARGUMENTS: usize = 64;

/// A third of a message.
const MOST_VERDICT_BYTES: usize = 1 << 20;

/// Tag and length of a field, at most.
const FIELD_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{
        Argument, CheckRun, CheckStarted, Finding, HttpExchange, RankedCause, RunState, evidence::Call,
    };

    use super::*;

    fn at(seconds: i64, event: Event) -> Arc<DiagnosisEvent> {
        Arc::new(DiagnosisEvent { at: Some(prost_types::Duration { seconds, nanos: 0 }), event: Some(event) })
    }

    fn evidence(id: &str, bytes: usize) -> Evidence {
        let call = Call::HttpExchange(HttpExchange { not_http: vec![0; bytes], ..HttpExchange::default() });
        Evidence { id: id.into(), call: Some(call), ..Evidence::default() }
    }

    #[test]
    fn a_running_diagnosis_shows_what_happened_so_far() {
        let check =
            |name: &str| CheckRun { check: name.into(), state: CheckState::Pending.into(), ..CheckRun::default() };
        let start = Diagnosis {
            run_id: "1".into(),
            state: RunState::Running.into(),
            checks: vec![check("resolve"), check("connect")],
            ..Diagnosis::default()
        };
        let ended = CheckRun { state: CheckState::Concluded.into(), ..check("resolve") };

        let sum = fold(
            &start,
            &[
                at(0, Event::CheckStarted(CheckStarted { check: "resolve".into() })),
                at(1, Event::Evidence(Box::new(evidence("a", 1)))),
                at(1, Event::Finding(Finding { index: 0, ..Finding::default() })),
                at(2, Event::CheckEnded(ended)),
                at(3, Event::CheckStarted(CheckStarted { check: "connect".into() })),
                at(4, Event::PartialVerdict(Verdict { summary: "so far".into(), ..Verdict::default() })),
            ],
        );

        assert_eq!(sum.checks[0].state(), CheckState::Concluded);
        assert_eq!(sum.checks[1].state(), CheckState::Running);
        assert_eq!((sum.evidence.len(), sum.findings.len()), (1, 1));
        assert_eq!(sum.verdict.map(|verdict| verdict.summary).as_deref(), Some("so far"));
        assert_eq!(sum.elapsed.map(|elapsed| elapsed.seconds), Some(4));
    }

    #[test]
    fn what_nothing_cites_is_left_out_first_and_counted() {
        let diagnosis = Diagnosis {
            evidence: vec![evidence("a", 2 << 20), evidence("b", 2 << 20), evidence("c", 10)],
            findings: vec![Finding { evidence_ids: vec!["b".into()], ..Finding::default() }],
            ..Diagnosis::default()
        };

        let cut = bounded(diagnosis);

        let ids: Vec<_> = cut.evidence.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids, ["b", "c"]);
        assert_eq!(cut.evidence_left_out, 1);
        assert!(cut.encoded_len() <= MOST_BYTES);
    }

    #[test]
    fn a_diagnosis_that_fits_is_left_alone() {
        let diagnosis = Diagnosis { evidence: vec![evidence("a", 10)], ..Diagnosis::default() };

        assert_eq!(bounded(diagnosis.clone()), diagnosis);
    }

    #[test]
    fn findings_alone_cannot_pass_the_bound() {
        let finding = Finding { summary: "x".repeat(1 << 20), ..Finding::default() };

        let cut = bounded(Diagnosis { findings: vec![finding; 5], ..Diagnosis::default() });

        assert!(cut.encoded_len() <= MOST_BYTES);
        assert_eq!(cut.findings.len(), 2);
    }

    #[test]
    fn a_verdict_shows_the_first_arguments_and_the_causes_that_fit() {
        let argument = Argument { summary: "x".repeat(1 << 10), ..Argument::default() };
        let cause = RankedCause {
            proof: vec![argument.clone(); 500],
            ruled_out: vec![argument; 500],
            ..RankedCause::default()
        };
        let first = RankedCause { cause: "dns.nxdomain".into(), ..cause.clone() };
        let causes = [vec![first], vec![cause; 40]].concat();

        let cut = bounded_verdict(Verdict { causes, ..Verdict::default() });

        assert!(cut.encoded_len() <= MOST_VERDICT_BYTES);
        assert_eq!((cut.causes[0].cause.as_str(), cut.causes.len()), ("dns.nxdomain", 7));
        assert_eq!((cut.causes[0].proof.len(), cut.causes[0].ruled_out.len()), (64, 64));
    }

    #[test]
    fn a_line_of_evidence_beyond_every_bound_keeps_its_frame() {
        let cut = bounded_evidence(evidence("a", 5 << 20));

        assert_eq!((cut.id.as_str(), cut.call), ("a", None));
    }
}
