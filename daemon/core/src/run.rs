//! The state of one run: events in, effects out, no I/O. The caller carries both.
//!
//! Owns which checks may start and when the run is over. Refuses nothing: an event that comes too late has no effect.

use std::net::IpAddr;

use crate::catalogue::Catalogue;
use crate::engine::{Case, CheckState, judge};
use crate::finding::{CauseId, Finding};
use crate::manifest::{CheckEnd, Stop};
use crate::plan::Plan;
use crate::verdict::{Verdict, VerdictState};

/// Findings of a run beyond this many are left out of its verdict; a run of the built-in checks makes tens.
pub const FINDINGS: usize = 2048;

/// After this many findings only the end of a check can bring a partial verdict: each costs a judgement of all.
const JUDGED_ONE_BY_ONE: usize = 128;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Not begun.
    Queued,
    /// Checks run.
    Running,
    /// Every check has ended.
    Finished,
    /// Cancelled before that.
    Cancelled,
    /// Its deadline came before that; the verdict is the best so far.
    DeadlineExceeded,
}

/// What happens to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It may begin.
    Begin,
    /// The target's addresses are these now.
    Learnt(Vec<IpAddr>),
    /// A check reported a finding.
    Found(Finding),
    /// A check ended.
    CheckEnded {
        /// Its name.
        check: String,
        /// How.
        end: CheckEnd,
    },
    /// Someone ended it; the text says who or why.
    Cancelled(String),
    /// Its time is over.
    DeadlinePassed,
}

/// What is to be done next, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Start this check of the plan.
    StartCheck(String),
    /// The leading cause changed; this is the verdict so far.
    PartialVerdict(Verdict),
    /// Stop every check that still runs, and its host calls.
    StopAll,
    /// The run is over. Always the last.
    Finish {
        /// `Finished`, `Cancelled` or `DeadlineExceeded`.
        state: RunState,
        /// The answer.
        verdict: Verdict,
    },
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    plan: Plan,
    catalogue: &'static Catalogue,
    state: RunState,
    /// Of the plan's checks, in its order.
    started: Vec<bool>,
    checks: Vec<CheckState>,
    addresses: Vec<IpAddr>,
    findings: Vec<Finding>,
    leading: Option<Leading>,
}

/// What a partial verdict is sent for when it changes.
type Leading = (CauseId, bool);

impl Run {
    /// A run that has not begun.
    pub fn new(plan: Plan, catalogue: &'static Catalogue) -> Self {
        let checks: Vec<_> =
            plan.checks().iter().map(|check| CheckState { name: check.name.clone(), end: None }).collect();
        Self {
            started: vec![false; checks.len()],
            state: RunState::Queued,
            addresses: Vec::new(),
            findings: Vec::new(),
            leading: None,
            checks,
            plan,
            catalogue,
        }
    }

    /// Where it is.
    pub fn state(&self) -> RunState {
        self.state
    }

    /// What it does.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The findings so far, in the order they came.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The checks and how they ended, in the plan's order.
    pub fn checks(&self) -> &[CheckState] {
        &self.checks
    }

    /// The verdict on what is known now.
    pub fn verdict(&self) -> Verdict {
        let case = Case {
            target: self.plan.target(),
            addresses: &self.addresses,
            findings: &self.findings,
            checks: &self.checks,
        };
        judge(&case, self.catalogue)
    }

    /// Takes one event and says what follows from it.
    pub fn step(&mut self, event: Event) -> Vec<Effect> {
        match (self.state, event) {
            (RunState::Queued, Event::Begin) => {
                self.state = RunState::Running;
                self.go_on(Vec::new())
            }
            (RunState::Queued | RunState::Running, Event::Learnt(addresses)) => {
                self.addresses = addresses;
                Vec::new()
            }
            (RunState::Running, Event::Found(finding)) => {
                if self.findings.len() >= FINDINGS {
                    return Vec::new();
                }
                self.findings.push(finding);
                if self.findings.len() > JUDGED_ONE_BY_ONE { Vec::new() } else { self.partial().into_iter().collect() }
            }
            (RunState::Running, Event::CheckEnded { check, end }) => self.check_ended(&check, end),
            (RunState::Queued | RunState::Running, Event::Cancelled(reason)) => {
                let mut effects = self.cut(RunState::Cancelled, &Stop::Cancelled);
                if let Some(Effect::Finish { verdict, .. }) = effects.last_mut()
                    && verdict.state == VerdictState::Undecided
                    && verdict.causes.is_empty()
                {
                    verdict.summary = format!("the run was cancelled: {reason}");
                }
                effects
            }
            (RunState::Queued | RunState::Running, Event::DeadlinePassed) => {
                self.cut(RunState::DeadlineExceeded, &Stop::Deadline)
            }
            _ => Vec::new(),
        }
    }

    fn check_ended(&mut self, check: &str, end: CheckEnd) -> Vec<Effect> {
        let Some(position) = self.checks.iter().position(|state| state.name == check) else { return Vec::new() };
        if !self.started[position] || self.checks[position].end.is_some() {
            return Vec::new();
        }
        self.checks[position].end = Some(end);
        if self.checks.iter().all(|check| check.end.is_some()) {
            return self.finish(RunState::Finished);
        }
        let partial = self.partial().into_iter().collect();
        self.go_on(partial)
    }

    /// Starts what waits for nothing any more.
    fn go_on(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        if self.checks.is_empty() {
            return self.finish(RunState::Finished);
        }
        for (position, planned) in self.plan.checks().iter().enumerate() {
            let ended = |name: &String| self.checks.iter().any(|check| check.name == *name && check.end.is_some());
            if !self.started[position] && planned.after.iter().all(ended) {
                self.started[position] = true;
                effects.push(Effect::StartCheck(planned.name.clone()));
            }
        }
        effects
    }

    fn cut(&mut self, state: RunState, stop: &Stop) -> Vec<Effect> {
        for check in &mut self.checks {
            check.end.get_or_insert_with(|| CheckEnd::Stopped(stop.clone()));
        }
        let mut effects = vec![Effect::StopAll];
        effects.extend(self.finish(state));
        effects
    }

    fn finish(&mut self, state: RunState) -> Vec<Effect> {
        self.state = state;
        vec![Effect::Finish { state, verdict: self.verdict() }]
    }

    fn partial(&mut self) -> Option<Effect> {
        let verdict = self.verdict();
        let leading = verdict.causes.first().map(|cause| (cause.cause.clone(), cause.proven));
        if leading.is_none() || leading == self.leading {
            return None;
        }
        self.leading = leading;
        Some(Effect::PartialVerdict(verdict))
    }
}

#[cfg(test)]
mod tests;
