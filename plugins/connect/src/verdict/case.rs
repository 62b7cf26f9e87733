//! What one failing address comes to.

use sonde_sdk::finding::Draft;
use sonde_sdk::way::Explained;

use crate::observe::Path;

/// One failing address, judged by itself.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) path: &'a Path,
    pub(crate) told: Explained,
}

impl<'a> Case<'a> {
    /// The cause is known; its proof is among the findings that the caller adds.
    pub(crate) fn proven(path: &'a Path, cause: &'static str, sentence: String) -> Self {
        Self { path, told: Explained::proven(&path.endpoint, cause, sentence) }
    }

    /// The evidence does not separate the candidates.
    pub(crate) fn unclear(path: &'a Path, sentence: String) -> Self {
        Self { path, told: Explained::unclear(&path.endpoint, sentence) }
    }

    /// One more finding.
    pub(crate) fn with(self, finding: Draft) -> Self {
        Self { told: self.told.with(finding), ..self }
    }

    /// What to run and where.
    pub(crate) fn next(self, step: impl Into<String>) -> Self {
        Self { told: self.told.next(step), ..self }
    }
}
