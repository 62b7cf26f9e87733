//! One reading of host facts: runs inside the vantage, off the runtime's workers, and ends in data or in a failure that is data.
//!
//! A missing privilege or kernel facility is `Unavailable` and names it. Everything read here is local, so the phase is always
//! `Inspect`.

use std::io;
use std::time::Duration;

use sonde_core::observation::{Failure, Phase, Reason};

use crate::clock::RunClock;
use crate::failure;
use crate::vantage::{Procfs, Vantage};

/// Why a fact could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) reason: Reason,
    pub(crate) errno: Option<i32>,
    /// A lower-case fragment.
    pub(crate) detail: String,
}

impl Problem {
    /// The kernel refused `attempt` ("read /proc/net/snmp"); `needs` names what a refusal for want of privilege means here.
    pub(crate) fn os(attempt: &str, error: &io::Error, needs: &str) -> Self {
        let errno = error.raw_os_error();
        // Here a refusal is never a filter's, as it is for a network operation.
        let reason = match errno {
            Some(libc::EPERM | libc::EACCES) => Reason::Unavailable(needs.to_owned()),
            Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::ENOSYS) => {
                Reason::Unavailable(format!("kernel support to {attempt}"))
            }
            _ => failure::reason(error),
        };
        Self { reason, errno, detail: format!("{attempt}: {}", failure::words(error)) }
    }

    /// What came is not what this facility's format allows.
    pub(crate) fn malformed(attempt: &str, what: &str) -> Self {
        Self { reason: Reason::Malformed(what.to_owned()), errno: None, detail: format!("{attempt}: {what}") }
    }

    /// The reading's own deadline passed.
    pub(crate) fn timed_out(attempt: &str, within: Duration) -> Self {
        let detail = format!("{attempt}: not finished within {} ms", within.as_millis());
        Self { reason: Reason::TimedOut, errno: None, detail }
    }

    /// The caller asked for nonsense; `what` quotes it and says what would be right.
    pub(crate) fn invalid(what: String) -> Self {
        Self { reason: Reason::InvalidRequest(what.clone()), errno: None, detail: what }
    }

    /// As the record of the ledger.
    pub(crate) fn into_failure(self, elapsed: Duration) -> Failure {
        Failure {
            phase: Phase::Inspect,
            reason: self.reason,
            errno: self.errno,
            icmp: None,
            elapsed,
            detail: self.detail,
        }
    }
}

/// Reads a fact inside the vantage. `read` blocks, for a bounded time.
pub(crate) async fn inspect<T: Send + 'static>(
    vantage: &Vantage,
    clock: &RunClock,
    read: impl FnOnce(&Procfs) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Failure> {
    let at = clock.now();
    let procfs = vantage.procfs();
    let outcome = match vantage.inspect(move || read(&procfs)).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Problem::os("inspect the vantage", &error, "CAP_SYS_ADMIN")),
    };
    outcome.map_err(|problem| problem.into_failure(clock.since(at).elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_privilege_that_is_missing() {
        let problem = Problem::os("read the table", &io::Error::from_raw_os_error(libc::EPERM), "CAP_NET_ADMIN");
        assert_eq!(problem.reason, Reason::Unavailable("CAP_NET_ADMIN".to_owned()));
        assert_eq!(problem.detail, "read the table: operation not permitted");
    }

    #[test]
    fn a_kernel_without_the_facility_says_so() {
        let problem = Problem::os("list the listeners", &io::Error::from_raw_os_error(libc::EOPNOTSUPP), "");
        assert_eq!(problem.reason, Reason::Unavailable("kernel support to list the listeners".to_owned()));
    }
}
