//! What one failing address comes to.

use sonde_sdk::finding::Draft;
use sonde_sdk::report::{Finding, Stance, Strength};

use crate::observe::Path;

/// One failing address, judged by itself.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) path: &'a Path,
    /// Set where some finding proves it.
    pub(crate) cause: Option<&'static str>,
    pub(crate) sentence: String,
    pub(crate) findings: Vec<Finding>,
    pub(crate) next: Option<String>,
}

impl<'a> Case<'a> {
    /// The cause is known; its proof is among the findings that the caller adds.
    pub(crate) fn proven(path: &'a Path, cause: &'static str, sentence: String) -> Self {
        Self { path, cause: Some(cause), sentence, findings: vec![], next: None }
    }

    /// The evidence does not separate the candidates.
    pub(crate) fn unclear(path: &'a Path, sentence: String) -> Self {
        Self { path, cause: None, sentence, findings: vec![], next: None }
    }

    /// One more finding.
    pub(crate) fn with(mut self, finding: Draft) -> Self {
        self.findings.push(finding.about(&self.path.endpoint).build());
        self
    }

    /// What to run and where.
    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    /// The failure is explained, but it hurts nobody.
    pub(crate) fn weaken(&mut self) {
        self.cause = None;
        // What is no fault needs no look-alikes ruled out, and they might be another address's fault.
        self.findings.retain(|f| f.stance == Stance::Supports);
        for finding in &mut self.findings {
            finding.strength = Strength::Weak;
        }
    }

    /// What was proven holds only if the right host was reached.
    pub(crate) fn unprove(&mut self) {
        self.cause = None;
        for finding in self.findings.iter_mut().filter(|f| f.stance == Stance::Supports) {
            finding.strength = finding.strength.min(Strength::Strong);
        }
    }

    /// This host has no IPv6 to speak of.
    pub(crate) fn is_absent_ipv6(&self) -> bool {
        const ABSENT: [&str; 3] = ["l3.ipv6_no_route", "l3.no_route", "host.source_addr_missing"];
        self.findings.iter().any(|f| f.stance == Stance::Supports && ABSENT.contains(&f.cause.as_str()))
    }
}
