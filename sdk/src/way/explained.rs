//! What a failure at one endpoint comes to: a sentence, findings, and what to do next.

use crate::finding::Draft;
use crate::report::{Finding, Stance, Strength};
use crate::types::Endpoint;

/// One failure, judged by itself.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What its findings are about.
    pub subject: String,
    /// Set where some finding proves it.
    pub cause: Option<&'static str>,
    /// What happened, for people.
    pub sentence: String,
    /// What speaks for which cause, and against which.
    pub findings: Vec<Finding>,
    /// What to run and where.
    pub next: Option<String>,
}

impl Explained {
    /// The cause is known; its proof is among the findings that the caller adds.
    pub fn proven(endpoint: &Endpoint, cause: &'static str, sentence: String) -> Self {
        Self { cause: Some(cause), ..Self::unclear(endpoint, sentence) }
    }

    /// The evidence does not separate the candidates.
    pub fn unclear(endpoint: &Endpoint, sentence: String) -> Self {
        Self { subject: endpoint.to_string(), cause: None, sentence, findings: vec![], next: None }
    }

    /// One more finding.
    #[must_use]
    pub fn with(mut self, finding: Draft) -> Self {
        self.findings.push(finding.about(&self.subject).build());
        self
    }

    /// What to run and where.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    /// The failure is explained, but it hurts nobody.
    pub fn weaken(&mut self) {
        self.cause = None;
        // What is no fault needs no look-alikes ruled out, and they might be another address's fault.
        self.findings.retain(|finding| finding.stance == Stance::Supports);
        for finding in &mut self.findings {
            finding.strength = Strength::Weak;
        }
    }

    /// What was proven holds only if the right host was reached.
    pub fn unprove(&mut self) {
        self.cause = None;
        for finding in self.findings.iter_mut().filter(|finding| finding.stance == Stance::Supports) {
            finding.strength = finding.strength.min(Strength::Strong);
        }
    }

    /// This host has no IPv6 to speak of.
    pub fn is_absent_ipv6(&self) -> bool {
        const ABSENT: [&str; 3] = ["l3.ipv6_no_route", "l3.no_route", "host.source_addr_missing"];
        self.findings.iter().any(|f| f.stance == Stance::Supports && ABSENT.contains(&f.cause.as_str()))
    }
}
