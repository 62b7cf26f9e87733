//! A loaded check: its manifest, its digest, and its code ready to be instantiated.

use std::path::PathBuf;

use sonde_core::manifest::Manifest;

use crate::bindings::GuestPre;
use crate::session::Session;

/// Where a check comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Embedded in this program.
    Builtin,
    /// A component of the user's.
    File(PathBuf),
}

/// A check, ready to run.
pub struct Check {
    /// What it says of itself. Checked when it was loaded.
    pub manifest: Manifest,
    /// SHA-256 of the component, in lower-case hex.
    pub digest: String,
    /// Where it comes from.
    pub origin: Origin,
    pub(crate) code: GuestPre<Session>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.manifest.name)
            .field("digest", &self.digest)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
