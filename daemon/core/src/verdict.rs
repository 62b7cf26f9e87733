//! The answer of a diagnosis.

use serde::{Deserialize, Serialize};

use crate::finding::CauseId;
use crate::observation::EvidenceId;

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerdictState {
    /// The target works and nothing found would break it.
    Healthy,
    /// At least one cause is proven.
    Fault,
    /// Something is wrong, or nothing could be tested, and the evidence does not separate the candidates.
    Undecided,
}

/// One piece of proof or refutation, as shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    /// The cause it proves or rules out.
    pub cause: CauseId,
    /// One sentence.
    pub summary: String,
    /// The host calls behind it.
    pub evidence: Vec<EvidenceId>,
    /// The finding it comes from.
    pub finding: u32,
}

/// What is broken, in the terms of its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// The layer's component: `resolver`, `filter`, `listener`, `certificate`, `route`.
    pub component: String,
    /// Which one: an address, a name, an interface.
    pub object: String,
}

/// A cause, ranked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedCause {
    /// Which.
    pub cause: CauseId,
    /// 0 to 1; 0.8 and more is "confident". A candidate of an undecided verdict stays below 0.8.
    pub confidence: f64,
    /// The strongest finding's sentence.
    pub summary: String,
    /// What is broken.
    pub culprit: Culprit,
    /// What proves it.
    pub proof: Vec<Argument>,
    /// Look-alikes ruled out.
    pub ruled_out: Vec<Argument>,
    /// Upper-layer causes that it explains.
    pub explains: Vec<CauseId>,
    /// What to do.
    pub remedy: String,
    /// Named by the rules of evidence; false for a mere candidate.
    pub proven: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub state: VerdictState,
    /// In one sentence.
    pub summary: String,
    /// The first is the answer.
    pub causes: Vec<RankedCause>,
    /// What is missing for a decision, or what to run next and where.
    pub next_steps: Vec<String>,
}
