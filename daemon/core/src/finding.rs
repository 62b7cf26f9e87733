//! What a check found: a cause supported or refuted, resting on host calls.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::observation::EvidenceId;

/// An id of the catalogue, or `vendor.*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CauseId(String);

impl CauseId {
    /// Takes any text of the form `layer.name`; whether the catalogue knows it is asked elsewhere.
    pub fn parse(text: &str) -> Option<Self> {
        let (layer, name) = text.split_once('.')?;
        let ok = |s: &str| {
            !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'.')
        };
        (text.len() <= 64 && ok(layer) && ok(name)).then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first dot.
    pub fn layer(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// For or against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stance {
    /// The evidence speaks for the cause.
    Supports,
    /// The evidence rules it out.
    Refutes,
}

/// How much it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Strength {
    /// A hint.
    Weak,
    /// Likely.
    Strong,
    /// Nothing else explains the evidence.
    Proof,
}

/// A number worth showing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// `connect`, `TcpExt.ListenOverflows`.
    pub name: String,
    /// Finite.
    pub value: f64,
    /// UCUM.
    pub unit: String,
}

/// A finding, accepted by the host: its evidence exists in this run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Position in the run, from 0.
    pub index: u32,
    /// The check that made it.
    pub check: String,
    /// For or against.
    pub stance: Stance,
    /// Which cause.
    pub cause: CauseId,
    /// How much it says.
    pub strength: Strength,
    /// What it is about.
    pub subject: String,
    /// One sentence.
    pub summary: String,
    /// Invariant: not empty, all of this run.
    pub evidence: Vec<EvidenceId>,
    /// Open list.
    pub measures: Vec<Measure>,
}
