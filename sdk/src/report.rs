//! Handing findings to the diagnosis. [`crate::finding`] makes them.

pub use crate::bindings::sonde::check::report::{Finding, Rejection, Stance, Strength, report};

use crate::log;

/// Reports each; a rejected one is a bug of the check and goes to the log with its reason. Returns how many were taken.
pub fn all<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> usize {
    findings.into_iter().filter(|finding| one(finding)).count()
}

pub(crate) fn one(finding: &Finding) -> bool {
    match report(finding) {
        Ok(()) => true,
        Err(rejection) => {
            log::error(&format!("the finding on {} was rejected: {rejection:?}", finding.cause));
            false
        }
    }
}
