//! The engine on findings made by hand: their vocabulary here, the cases in the modules below.

mod explaining;
mod naming;
mod properties;
mod state;

use super::*;
use crate::catalogue::catalogue;
use crate::finding::{CauseId, Stance, Strength};
use crate::manifest::{Outcome, Stop};
use crate::observation::EvidenceId;

fn id(text: &str) -> CauseId {
    CauseId::parse(text).expect("an id")
}

fn finding(stance: Stance, strength: Strength, cause: &str, subject: &str, evidence: &[u64]) -> Finding {
    Finding {
        index: 0,
        check: "connect".to_owned(),
        stance,
        cause: id(cause),
        strength,
        subject: subject.to_owned(),
        summary: format!("{stance:?} {cause} about {subject}"),
        evidence: evidence.iter().copied().map(EvidenceId).collect(),
        measures: Vec::new(),
    }
}

fn proof(cause: &str, subject: &str, evidence: &[u64]) -> Finding {
    finding(Stance::Supports, Strength::Proof, cause, subject, evidence)
}

fn refuted(cause: &str, subject: &str, evidence: &[u64]) -> Finding {
    finding(Stance::Refutes, Strength::Proof, cause, subject, evidence)
}

fn by(check: &str, finding: Finding) -> Finding {
    Finding { check: check.to_owned(), ..finding }
}

/// A scene, told step by step, and its verdict.
#[derive(Clone, Debug)]
struct Told {
    target: Target,
    addresses: Vec<IpAddr>,
    findings: Vec<Finding>,
    checks: Vec<CheckState>,
}

fn diagnosing(target: &str) -> Told {
    Told { target: target.parse().expect("a target"), addresses: Vec::new(), findings: Vec::new(), checks: Vec::new() }
}

impl Told {
    fn at(mut self, addresses: &[&str]) -> Self {
        self.addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        self
    }

    fn found(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        for finding in findings {
            let index = u32::try_from(self.findings.len()).expect("few findings");
            self.findings.push(Finding { index, ..finding });
        }
        self
    }

    fn ended(mut self, check: &str, conclusion: Conclusion) -> Self {
        let outcome =
            Outcome { conclusion, summary: format!("{check} {conclusion:?}"), next_step: None, notes: vec![] };
        self.checks.push(CheckState { name: check.to_owned(), end: Some(CheckEnd::Concluded(outcome)) });
        self
    }

    fn advised(mut self, check: &str, step: &str) -> Self {
        let outcome = Outcome {
            conclusion: Conclusion::Unclear,
            summary: String::new(),
            next_step: Some(step.to_owned()),
            notes: vec![],
        };
        self.checks.push(CheckState { name: check.to_owned(), end: Some(CheckEnd::Concluded(outcome)) });
        self
    }

    fn stopped(mut self, check: &str, stop: Stop) -> Self {
        self.checks.push(CheckState { name: check.to_owned(), end: Some(CheckEnd::Stopped(stop)) });
        self
    }

    fn running(mut self, check: &str) -> Self {
        self.checks.push(CheckState { name: check.to_owned(), end: None });
        self
    }

    fn verdict(&self) -> Verdict {
        let case =
            Case { target: &self.target, addresses: &self.addresses, findings: &self.findings, checks: &self.checks };
        judge(&case, catalogue())
    }
}

fn ids(verdict: &Verdict) -> Vec<&str> {
    verdict.causes.iter().map(|cause| cause.cause.as_str()).collect()
}

fn explained(verdict: &Verdict) -> Vec<&str> {
    verdict.causes[0].explains.iter().map(CauseId::as_str).collect()
}

/// A target that refuses, and what rules out a filter.
fn closed_port() -> Vec<Finding> {
    vec![proof("tcp.port_closed", "10.0.0.5:80", &[1]), refuted("fw.reject_icmp", "10.0.0.5:80", &[1, 2])]
}

fn silent_resolver() -> Vec<Finding> {
    vec![
        by("resolve", proof("dns.server_unreachable", "10.0.0.53", &[11])),
        by("resolve", refuted("dns.udp_blocked", "10.0.0.53", &[12])),
    ]
}
