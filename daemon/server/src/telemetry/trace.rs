//! A finished run as the spans of one trace: `diagnose` -> `check {name}` -> host calls. Pure.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use sonde_core::finding::Finding;
use sonde_core::manifest::{CheckEnd, Conclusion, Stop};
use sonde_core::observation::Observation;
use sonde_core::target::{Target, TargetKind};
use sonde_core::verdict::{Verdict, VerdictState};

use super::RemoteParent;
use super::spans::{Event, Plan, of_call, wall};

/// Everything that a run's trace shows.
#[derive(Debug)]
pub(crate) struct RunTrace<'a> {
    /// The caller's, where it sent one.
    pub(crate) trace_id: u128,
    /// Of the root.
    pub(crate) root_id: u64,
    /// The caller's span.
    pub(crate) parent: Option<RemoteParent>,
    pub(crate) run_id: &'a str,
    pub(crate) target: &'a Target,
    /// The method that began it, fully qualified.
    pub(crate) method: &'static str,
    /// Wall clock at its begin, since the Unix epoch.
    pub(crate) began: Duration,
    pub(crate) elapsed: Duration,
    pub(crate) network_namespace: u64,
    pub(crate) checks: Vec<CheckTrace<'a>>,
    pub(crate) findings: &'a [Finding],
    pub(crate) observations: &'a [Arc<Observation>],
    pub(crate) verdict: &'a Verdict,
}

/// One check that began.
#[derive(Debug)]
pub(crate) struct CheckTrace<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) span_id: u64,
    /// Since the run's begin.
    pub(crate) at: Duration,
    pub(crate) elapsed: Duration,
    /// Absent where it did not end.
    pub(crate) end: Option<&'a CheckEnd>,
}

impl RunTrace<'_> {
    /// The spans, the root first, each parent before its children.
    pub(super) fn plans(&self) -> Vec<Plan> {
        let mut fresh = Fresh(self.root_id);
        let mut plans = vec![self.root()];
        plans.extend(self.checks.iter().map(|check| self.check(check)));
        for observation in self.observations {
            let check = self.checks.iter().find(|check| check.name == observation.check);
            let parent = check.map_or(self.root_id, |check| check.span_id);
            plans.extend(of_call(observation, parent, self.began, &mut || fresh.next()));
        }
        plans
    }

    fn root(&self) -> Plan {
        let shown = without_query(self.target);
        let mut attributes = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", self.method),
            KeyValue::new("sonde.run.id", self.run_id.to_owned()),
            KeyValue::new("sonde.target", shown.to_owned()),
            KeyValue::new("sonde.netns", i64::try_from(self.network_namespace).unwrap_or(i64::MAX)),
            KeyValue::new("sonde.verdict", state_name(self.verdict.state)),
        ];
        attributes.extend(self.target.host().map(|host| KeyValue::new("server.address", host.to_string())));
        attributes.extend(self.target.port().map(|port| KeyValue::new("server.port", i64::from(port.number()))));
        let mut verdict = vec![
            KeyValue::new("sonde.verdict", state_name(self.verdict.state)),
            KeyValue::new("sonde.summary", self.redacted(&self.verdict.summary)),
        ];
        if let Some(first) = self.verdict.causes.first() {
            attributes.push(KeyValue::new("sonde.cause", first.cause.to_string()));
            verdict.extend([
                KeyValue::new("sonde.cause", first.cause.to_string()),
                KeyValue::new("sonde.confidence", first.confidence),
                KeyValue::new("sonde.culprit.component", first.culprit.component.clone()),
                KeyValue::new("sonde.culprit.object", self.redacted(&first.culprit.object)),
                KeyValue::new("sonde.remedy", first.remedy.clone()),
            ]);
        }
        Plan {
            id: self.root_id,
            parent: self.parent.as_ref().map_or(0, |parent| parent.span_id),
            name: format!("diagnose {shown}").into(),
            kind: SpanKind::Server,
            start: wall(self.began, Duration::ZERO),
            end: wall(self.began, self.elapsed),
            attributes,
            events: vec![Event { name: "verdict", at: wall(self.began, self.elapsed), attributes: verdict }],
            error: None,
        }
    }

    /// A text of a check's, in which the queries of the target and of every URL are hidden: they may hold secrets.
    fn redacted(&self, text: &str) -> String {
        let text = without_queries(text);
        let TargetKind::Http { path, .. } = &self.target.kind else { return text };
        match path.split_once('?') {
            Some((_, query)) if !query.is_empty() => text.replace(&format!("?{query}"), "?REDACTED"),
            _ => text,
        }
    }

    fn check(&self, check: &CheckTrace<'_>) -> Plan {
        let end = wall(self.began, check.at + check.elapsed);
        let findings = self.findings.iter().filter(|finding| finding.check == check.name).map(|finding| Event {
            name: "finding",
            at: end,
            attributes: vec![
                KeyValue::new("sonde.cause", finding.cause.to_string()),
                KeyValue::new("sonde.finding.stance", format!("{:?}", finding.stance).to_lowercase()),
                KeyValue::new("sonde.finding.strength", format!("{:?}", finding.strength).to_lowercase()),
                KeyValue::new("sonde.finding.subject", self.redacted(&finding.subject)),
                KeyValue::new("sonde.summary", self.redacted(&finding.summary)),
            ],
        });
        let plan = Plan {
            id: check.span_id,
            parent: self.root_id,
            name: format!("check {}", check.name).into(),
            kind: SpanKind::Internal,
            start: wall(self.began, check.at),
            end,
            attributes: vec![
                KeyValue::new("sonde.check.name", check.name.to_owned()),
                KeyValue::new("sonde.check.version", check.version.to_owned()),
                KeyValue::new("sonde.plugin.digest", check.digest.to_owned()),
            ],
            events: findings.collect(),
            error: None,
        };
        match check.end {
            None => plan.failed("cancelled", "the run ended first"),
            Some(CheckEnd::Stopped(stop)) => plan.failed(stop_name(stop), crate::convert::summary_of_stop(stop)),
            Some(CheckEnd::Concluded(outcome)) => {
                let mut plan = plan;
                plan.attributes.push(KeyValue::new("sonde.check.conclusion", conclusion_name(outcome.conclusion)));
                plan.attributes.push(KeyValue::new("sonde.summary", self.redacted(&outcome.summary)));
                plan
            }
        }
    }
}

/// Ids of phases: `SplitMix64` (Steele, Lea and Flood, 2014) seeded by the root's random id, so that a trace needs no further
/// randomness and the spans are a pure function of the run.
struct Fresh(u64);

impl Fresh {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).max(1)
    }
}

/// A text in which the query and the fragment of every URL are hidden.
fn without_queries(text: &str) -> String {
    let hidden =
        |word: &str| match word.find("://").and_then(|at| word.get(at..)?.find(['?', '#']).map(|query| at + query)) {
            Some(query) => format!("{}?REDACTED", word.get(..query).unwrap_or_default()),
            None => word.to_owned(),
        };
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let end = word.trim_end_matches(|letter: char| letter.is_whitespace() || ",;)\"'".contains(letter)).len();
            let (word, rest) = word.split_at(end);
            hidden(word) + rest
        })
        .collect()
}

/// The target without its query, which may hold a secret.
fn without_query(target: &Target) -> &str {
    match target.kind {
        TargetKind::Http { .. } => target.text.split('?').next().unwrap_or(&target.text),
        _ => &target.text,
    }
}

fn state_name(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Healthy => "healthy",
        VerdictState::Fault => "fault",
        VerdictState::Undecided => "undecided",
    }
}

fn conclusion_name(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Works => "works",
        Conclusion::Broken => "broken",
        Conclusion::Unclear => "unclear",
        Conclusion::Skipped => "skipped",
    }
}

fn stop_name(stop: &Stop) -> &'static str {
    match stop {
        Stop::CpuBudget => "cpu_budget",
        Stop::Memory => "memory",
        Stop::Deadline => "deadline",
        Stop::DataLimit => "data_limit",
        Stop::Trap(_) => "trap",
        Stop::Error(_) => "error",
        Stop::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests;
