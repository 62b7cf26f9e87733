//! A diagnosis as the sum of its events, finished or not, and cut to a size that every client can take. Pure.
//!
//! Its evidence stays as it was written: nobody looks into it here, and most clients have it line by line.

use std::collections::HashSet;

use prost::Message as _;
use sonde_proto::events::Written;
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::{CheckState, Diagnosis, DiagnosisEvent, Evidence, Verdict};

use super::journal::Line;

/// What the events of a run add up to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    /// Invariant: without evidence.
    diagnosis: Diagnosis,
    /// Invariant: each is evidence.
    evidence: Vec<Written>,
}

impl Sum {
    /// Of events, beginning with what was known at the start.
    pub(crate) fn of(start: &Diagnosis, lines: &[Line]) -> Self {
        let mut sum = start.clone();
        let mut evidence = Vec::new();
        for line in lines {
            sum.elapsed = line.at.or(sum.elapsed);
            let Some(event) = &line.event else {
                evidence.push(line.written.clone());
                continue;
            };
            match event.as_ref() {
                Event::CheckStarted(started) => {
                    if let Some(run) = sum.checks.iter_mut().find(|run| run.check == started.check) {
                        run.state = CheckState::Running.into();
                        run.at = line.at;
                    }
                }
                Event::CheckEnded(ended) => {
                    if let Some(run) = sum.checks.iter_mut().find(|run| run.check == ended.check) {
                        *run = ended.clone();
                    }
                }
                Event::Finding(finding) => sum.findings.push(finding.clone()),
                Event::PartialVerdict(verdict) => sum.verdict = Some(verdict.clone()),
                Event::Evidence(_) | Event::Started(_) | Event::Log(_) | Event::Finished(_) => {}
            }
        }
        Self { diagnosis: sum, evidence }
    }

    /// The same, as it ended.
    pub(crate) fn ended(mut self, end: impl FnOnce(&mut Diagnosis)) -> Self {
        end(&mut self.diagnosis);
        self
    }

    /// Without evidence, for a client that has it line by line.
    pub(crate) fn diagnosis(&self) -> &Diagnosis {
        &self.diagnosis
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Diagnosis {
        Diagnosis { evidence: self.evidence.iter().filter_map(read).collect(), ..self.diagnosis.clone() }
    }

    /// Without findings and evidence, as lists show it.
    pub(crate) fn summary(&self) -> Diagnosis {
        let whole = &self.diagnosis;
        Diagnosis {
            run_id: whole.run_id.clone(),
            target: whole.target.clone(),
            state: whole.state,
            trigger: whole.trigger,
            vantage: whole.vantage.clone(),
            period: whole.period,
            network_namespace: whole.network_namespace,
            started_at: whole.started_at,
            elapsed: whole.elapsed,
            verdict: whole.verdict.clone(),
            checks: whole.checks.clone(),
            findings: Vec::new(),
            evidence: Vec::new(),
            trace_id: whole.trace_id.clone(),
            evidence_left_out: whole.evidence_left_out,
        }
    }

    /// Its summary alone.
    pub(crate) fn shortened(&self) -> Self {
        Self { diagnosis: self.summary(), evidence: Vec::new() }
    }

    /// What it takes as a message, at most.
    pub(crate) fn size_bytes(&self) -> usize {
        self.diagnosis.encoded_len() + self.evidence.iter().map(Written::size_bytes).sum::<usize>()
    }

    /// Cut to [`MOST_BYTES`]: evidence that nothing cites goes first, the latest first, and is counted. Findings are cut
    /// only where they alone are larger.
    pub(crate) fn bounded(mut self) -> Self {
        if self.size_bytes() <= MOST_BYTES {
            return self;
        }
        let Self { diagnosis, evidence } = &mut self;
        while diagnosis.encoded_len() > MOST_BYTES && diagnosis.findings.pop().is_some() {}
        let mut room = MOST_BYTES.saturating_sub(diagnosis.encoded_len());
        let cited: HashSet<&str> =
            diagnosis.findings.iter().flat_map(|finding| &finding.evidence_ids).map(String::as_str).collect();
        let is_cited: Vec<bool> =
            evidence.iter().map(|line| read(line).is_some_and(|line| cited.contains(line.id.as_str()))).collect();
        let mut kept = vec![false; evidence.len()];
        for wanted in [true, false] {
            for ((line, is_cited), kept) in evidence.iter().zip(&is_cited).zip(&mut kept) {
                let size = line.size_bytes();
                if *is_cited == wanted && size <= room {
                    room -= size;
                    *kept = true;
                }
            }
        }
        let left_out = kept.iter().filter(|kept| !**kept).count();
        let mut kept = kept.into_iter();
        evidence.retain(|_| kept.next().unwrap_or_default());
        diagnosis.evidence_left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
        self
    }
}

/// A line of evidence, which this very program has written.
fn read(line: &Written) -> Option<Evidence> {
    line.evidence().unwrap_or_else(|error| {
        tracing::error!(%error, "a line of evidence cannot be read back");
        None
    })
}

/// An event, and as it is written; of evidence that is too large for any client, what was asked and answered is left out.
pub(crate) fn bounded_evidence(mut event: DiagnosisEvent, scratch: &mut Vec<u8>) -> (DiagnosisEvent, Written) {
    let mut written = Written::of(&event, scratch);
    if written.size_bytes() > MOST_BYTES
        && let Some(Event::Evidence(evidence)) = &mut event.event
    {
        evidence.call = None;
        written = Written::of(&event, scratch);
        *scratch = Vec::new();
    }
    (event, written)
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

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{
        Argument, CheckRun, CheckStarted, Finding, HttpExchange, RankedCause, RunState, evidence::Call,
    };

    use super::*;

    fn at(seconds: i64, event: Event) -> Line {
        let at = Some(prost_types::Duration { seconds, nanos: 0 });
        Line::of(DiagnosisEvent { at, event: Some(event) }, &mut Vec::new())
    }

    fn seen(evidence: Evidence) -> Line {
        at(0, Event::Evidence(Box::new(evidence)))
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

        let sum = Sum::of(
            &start,
            &[
                at(0, Event::CheckStarted(CheckStarted { check: "resolve".into() })),
                at(1, Event::Evidence(Box::new(evidence("a", 1)))),
                at(1, Event::Finding(Finding { index: 0, ..Finding::default() })),
                at(2, Event::CheckEnded(ended)),
                at(3, Event::CheckStarted(CheckStarted { check: "connect".into() })),
                at(4, Event::PartialVerdict(Verdict { summary: "so far".into(), ..Verdict::default() })),
            ],
        )
        .whole();

        assert_eq!(sum.checks[0].state(), CheckState::Concluded);
        assert_eq!(sum.checks[1].state(), CheckState::Running);
        assert_eq!((sum.evidence.len(), sum.findings.len()), (1, 1));
        assert_eq!(sum.verdict.map(|verdict| verdict.summary).as_deref(), Some("so far"));
        assert_eq!(sum.elapsed.map(|elapsed| elapsed.seconds), Some(4));
    }

    #[test]
    fn what_nothing_cites_is_left_out_first_and_counted() {
        let lines = [seen(evidence("a", 2 << 20)), seen(evidence("b", 2 << 20)), seen(evidence("c", 10))];
        let findings = vec![Finding { evidence_ids: vec!["b".into()], ..Finding::default() }];

        let cut = Sum::of(&Diagnosis { findings, ..Diagnosis::default() }, &lines).bounded().whole();

        let ids: Vec<_> = cut.evidence.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids, ["b", "c"]);
        assert_eq!(cut.evidence_left_out, 1);
        assert!(cut.encoded_len() <= MOST_BYTES);
    }

    #[test]
    fn a_diagnosis_that_fits_is_left_alone() {
        let whole = Sum::of(&Diagnosis::default(), &[seen(evidence("a", 10))]).bounded().whole();

        assert_eq!((whole.evidence, whole.evidence_left_out), (vec![evidence("a", 10)], 0));
    }

    #[test]
    fn findings_alone_cannot_pass_the_bound() {
        let finding = Finding { summary: "x".repeat(1 << 20), ..Finding::default() };

        let start = Diagnosis { findings: vec![finding; 5], ..Diagnosis::default() };

        let cut = Sum::of(&start, &[]).bounded().whole();

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
        let line = seen(evidence("a", 5 << 20));

        let cut = line.written.evidence().expect("whole").expect("evidence");
        assert_eq!((cut.id.as_str(), cut.call), ("a", None));
    }
}
