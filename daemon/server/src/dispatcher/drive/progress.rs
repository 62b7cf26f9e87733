//! How far each check of a run is, with its times and the id of its span.

use std::sync::Arc;
use std::time::Duration;

use sonde_core::manifest::CheckEnd;
use sonde_core::plan::Plan;
use sonde_host::Check;
use sonde_proto::v1;

use crate::telemetry::CheckTrace;
use crate::{convert, random};

/// Names and texts.
type Arguments = Vec<(String, String)>;

/// The checks in the plan's order.
#[derive(Debug)]
pub(super) struct Progress(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    check: Arc<Check>,
    arguments: Arguments,
    span_id: u64,
    /// Since the run's begin; absent while it waits.
    at: Option<Duration>,
    elapsed: Duration,
    end: Option<CheckEnd>,
}

impl Progress {
    /// Of a plan and its checks, which have the same order.
    pub(super) fn new(plan: &Plan, checks: &[Arc<Check>]) -> Self {
        let entry = |(check, arguments): (&Arc<Check>, &Arguments)| Entry {
            check: Arc::clone(check),
            arguments: arguments.clone(),
            span_id: random::id_64(),
            at: None,
            elapsed: Duration::ZERO,
            end: None,
        };
        Self(checks.iter().zip(plan.checks().iter().map(|planned| &planned.arguments)).map(entry).collect())
    }

    /// As they are before the run.
    pub(super) fn pending(&self) -> Vec<v1::CheckRun> {
        self.0.iter().map(|entry| entry.message(v1::CheckState::Pending)).collect()
    }

    /// A check begins: itself, and its arguments.
    pub(super) fn begin(&mut self, name: &str, at: Duration) -> Option<(Arc<Check>, Arguments)> {
        let entry = self.entry(name)?;
        entry.at = Some(at);
        Some((Arc::clone(&entry.check), entry.arguments.clone()))
    }

    /// A check ended: what is published of it, once.
    pub(super) fn end(&mut self, name: &str, now: Duration, end: &CheckEnd) -> Option<v1::CheckRun> {
        let entry = self.entry(name).filter(|entry| entry.end.is_none())?;
        entry.elapsed = entry.at.map_or(Duration::ZERO, |at| now.saturating_sub(at));
        entry.end = Some(end.clone());
        Some(convert::check_ended(entry.message(v1::CheckState::Running), end))
    }

    /// Those that began, for the trace.
    pub(super) fn traces(&self) -> Vec<CheckTrace<'_>> {
        self.0
            .iter()
            .filter_map(|entry| {
                Some(CheckTrace {
                    name: &entry.check.manifest.name,
                    version: &entry.check.manifest.version,
                    digest: &entry.check.digest,
                    span_id: entry.span_id,
                    at: entry.at?,
                    elapsed: entry.elapsed,
                    end: entry.end.as_ref(),
                })
            })
            .collect()
    }

    fn entry(&mut self, name: &str) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| entry.check.manifest.name == name)
    }
}

impl Entry {
    fn message(&self, state: v1::CheckState) -> v1::CheckRun {
        v1::CheckRun {
            check: self.check.manifest.name.clone(),
            state: state.into(),
            at: self.at.map(convert::duration),
            elapsed: self.at.map(|_| convert::duration(self.elapsed)),
            span_id: format!("{:016x}", self.span_id),
            ..v1::CheckRun::default()
        }
    }
}
