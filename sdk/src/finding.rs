//! Builds findings: a cause supported or refuted, how strongly, about what, why, and on which evidence.
//!
//! The defaults are cautious: `weak`, until [`Draft::strong`] or [`Draft::proof`] says more.

use std::fmt;

use crate::report::{self, Finding, Stance, Strength};
use crate::types::{EvidenceId, Measure};

/// The evidence speaks for this cause: an id of the catalogue, or `vendor.*`.
pub fn supports(cause: &str) -> Draft {
    Draft::new(Stance::Supports, cause)
}

/// The evidence rules this cause out.
pub fn refutes(cause: &str) -> Draft {
    Draft::new(Stance::Refutes, cause)
}

/// A finding in the making.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a draft says nothing until it is built or reported"]
pub struct Draft(Finding);

impl Draft {
    fn new(stance: Stance, cause: &str) -> Self {
        Self(Finding {
            stance,
            cause: cause.to_owned(),
            strength: Strength::Weak,
            subject: String::new(),
            summary: String::new(),
            evidence: vec![],
            measures: vec![],
        })
    }

    /// Likely.
    pub fn strong(mut self) -> Self {
        self.0.strength = Strength::Strong;
        self
    }

    /// Nothing else explains the evidence.
    pub fn proof(mut self) -> Self {
        self.0.strength = Strength::Proof;
        self
    }

    /// As strong as a judgement says.
    pub fn strength(mut self, strength: Strength) -> Self {
        self.0.strength = strength;
        self
    }

    /// What it is about: an address and port, a name, an interface.
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.0.subject = subject.to_string();
        self
    }

    /// One sentence for people.
    pub fn because(mut self, summary: impl fmt::Display) -> Self {
        self.0.summary = summary.to_string();
        self
    }

    /// The host calls it rests on; each is cited once.
    pub fn citing(mut self, evidence: impl IntoIterator<Item = EvidenceId>) -> Self {
        for id in evidence {
            if !self.0.evidence.contains(&id) {
                self.0.evidence.push(id);
            }
        }
        self
    }

    /// A number worth showing.
    pub fn measuring(mut self, measure: Measure) -> Self {
        self.0.measures.push(measure);
        self
    }

    /// The finding, for a judgement that returns it.
    pub fn build(self) -> Finding {
        self.0
    }

    /// Hands it to the diagnosis. False: it was rejected, and the log says why.
    #[expect(clippy::must_use_candidate, reason = "a rejection is a bug of the check and is logged")]
    pub fn report(self) -> bool {
        report::one(&self.0)
    }
}

impl From<Draft> for Finding {
    fn from(draft: Draft) -> Self {
        draft.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{evidence, is_proven};

    #[test]
    fn a_draft_is_weak_until_it_says_more_and_cites_each_call_once() {
        let finding = supports("tcp.port_closed").about("192.0.2.1:80").citing([evidence(1), evidence(1)]).build();
        assert_eq!((finding.strength, finding.evidence.as_slice()), (Strength::Weak, [evidence(1)].as_slice()));
        assert_eq!(supports("tcp.port_closed").proof().build().strength, Strength::Proof);
    }

    #[test]
    fn a_cause_needs_a_look_alike_refuted_on_other_evidence() {
        let proof = supports("tcp.port_closed").proof().citing([evidence(1)]).build();
        let same = refutes("fw.reject_icmp").proof().citing([evidence(1)]).build();
        let other = refutes("fw.reject_icmp").proof().citing([evidence(2)]).build();
        assert!(!is_proven(&[proof.clone(), same], "tcp.port_closed"));
        assert!(is_proven(&[proof, other], "tcp.port_closed"));
    }
}
