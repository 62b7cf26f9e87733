//! A lookup as a runtime would do it.

use std::time::Duration;

use super::{Family, Personality, Resolution, ResolveRequest};
use crate::wait::microseconds;

/// Of a lookup that names no cut-off: glibc with its defaults and two dead servers takes 20 s a name.
const DEFAULT_CUT_OFF: Duration = Duration::from_secs(30);

impl ResolveRequest {
    /// Of any family, with the vantage's own environment. The host cuts it off at 30 s or at what is left of the run.
    pub fn of(name: &str, personality: Personality) -> Self {
        Self {
            name: name.to_owned(),
            family: Family::Any,
            personality,
            pid: None,
            timeout_us: microseconds(DEFAULT_CUT_OFF),
        }
    }

    /// Of one family only.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// In the environment of this process.
    #[must_use]
    pub fn environment_of(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self
    }
}

impl Personality {
    /// In lower case: `glibc`, `musl`, `go`, `system`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "go",
            Self::System => "system",
        }
    }
}

impl Resolution {
    /// Its user has addresses to go on with.
    pub fn succeeded(&self) -> bool {
        self.failure.is_none() && self.error.is_none() && !self.addresses.is_empty()
    }
}
