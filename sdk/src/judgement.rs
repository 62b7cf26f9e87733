//! What a judgement comes to, and how one of several parts grows.
//!
//! Each part adds to a [`Verdict`] what it found; the end is broken where anything is at fault, unclear where something is only
//! suspected, and else whatever the check says of a target in order.
//!
//! ```
//! use sonde_sdk::judgement::Verdict;
//! use sonde_sdk::prelude::*;
//!
//! let mut verdict = Verdict::default();
//! verdict.doubts.push("3 of 9 answers came late".to_owned());
//! let judgement = verdict.end(|| Outcome::works("all 9 answers came in time"));
//! assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
//! ```

use crate::check::Outcome;
use crate::finding::Draft;
use crate::report::{self, Finding};

/// Findings, and the check's own word.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What goes to the diagnosis.
    pub findings: Vec<Finding>,
    /// How the check ends.
    pub outcome: Outcome,
}

impl Judgement {
    /// Hands the findings to the diagnosis; what remains is the check's word.
    pub fn report(self) -> Outcome {
        report::all(&self.findings);
        self.outcome
    }
}

impl From<Outcome> for Judgement {
    /// Without any finding.
    fn from(outcome: Outcome) -> Self {
        Self { findings: vec![], outcome }
    }
}

/// What the parts of a judgement add to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// In the order in which they are reported.
    pub findings: Vec<Finding>,
    /// What is wrong, each a sentence.
    pub faults: Vec<String>,
    /// What may be wrong, each a sentence; not said beside a fault.
    pub doubts: Vec<String>,
    /// Worth knowing, and no fault.
    pub notes: Vec<String>,
    /// What to do next.
    pub next: Option<String>,
}

impl Verdict {
    /// Something is wrong: what proves its cause, and what speaks against each look-alike.
    pub fn prove(&mut self, sentence: String, proof: Draft, against: impl IntoIterator<Item = Draft>) {
        self.findings.push(proof.proof().build());
        self.findings.extend(against.into_iter().map(Draft::build));
        self.faults.push(sentence);
    }

    /// Something may be wrong, and this is the likely cause.
    pub fn doubt(&mut self, sentence: String, likely: Draft) {
        self.findings.push(likely.strong().build());
        self.doubts.push(sentence);
    }

    /// What it all comes to; `in_order` is asked where nothing is wrong and nothing suspected.
    pub fn end(self, in_order: impl FnOnce() -> Outcome) -> Judgement {
        let mut outcome = if !self.faults.is_empty() {
            Outcome::broken(self.faults.join("; "))
        } else if !self.doubts.is_empty() {
            Outcome::unclear(self.doubts.join("; "))
        } else {
            in_order()
        };
        outcome.next_step = self.next.or(outcome.next_step);
        let outcome = self.notes.into_iter().fold(outcome, |outcome, note| outcome.noting("note", note));
        Judgement { findings: self.findings, outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Conclusion;
    use crate::finding::{refutes, supports};
    use crate::report::Strength;

    fn verdict(faults: &[&str], doubts: &[&str]) -> Verdict {
        let owned = |sentences: &[&str]| sentences.iter().map(|&sentence| sentence.to_owned()).collect();
        Verdict { faults: owned(faults), doubts: owned(doubts), ..Verdict::default() }
    }

    fn in_order() -> Outcome {
        Outcome::works("in order").next("look again")
    }

    #[test]
    fn a_fault_outweighs_a_doubt_and_a_doubt_what_is_in_order() {
        let ends = |verdict: Verdict| {
            let outcome = verdict.end(in_order).outcome;
            (outcome.conclusion, outcome.summary)
        };
        assert_eq!(ends(verdict(&["a", "b"], &["c"])), (Conclusion::Broken, "a; b".to_owned()));
        assert_eq!(ends(verdict(&[], &["c", "d"])), (Conclusion::Unclear, "c; d".to_owned()));
        assert_eq!(ends(verdict(&[], &[])), (Conclusion::Works, "in order".to_owned()));
    }

    #[test]
    fn a_part_knows_the_next_step_better_than_what_is_in_order() {
        let found = Verdict { next: Some("ask it".to_owned()), ..Verdict::default() };
        assert_eq!(found.end(in_order).outcome.next_step.as_deref(), Some("ask it"));
        assert_eq!(Verdict::default().end(in_order).outcome.next_step.as_deref(), Some("look again"));
    }

    #[test]
    fn what_is_proven_is_a_fault_and_what_is_likely_a_doubt() {
        let mut found = Verdict::default();
        found.prove("a".to_owned(), supports("tcp.port_closed"), [refutes("fw.reject_icmp").strong()]);
        found.doubt("b".to_owned(), supports("fw.drop_remote").proof());
        let said: Vec<_> = found.findings.iter().map(|finding| (finding.cause.as_str(), finding.strength)).collect();
        let expected = [
            ("tcp.port_closed", Strength::Proof),
            ("fw.reject_icmp", Strength::Strong),
            ("fw.drop_remote", Strength::Strong),
        ];
        assert_eq!(said, expected);
        assert_eq!((found.faults, found.doubts), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn notes_stand_beside_whatever_the_end_is() {
        let found = Verdict { notes: vec!["once".to_owned(), "twice".to_owned()], ..verdict(&["a"], &[]) };
        let outcome = found.end(in_order).outcome;
        let notes: Vec<_> = outcome.notes.iter().map(|note| (note.name.as_str(), note.value.as_str())).collect();
        assert_eq!((outcome.conclusion, notes), (Conclusion::Broken, vec![("note", "once"), ("note", "twice")]));
    }
}
