//! One reading of host facts: runs inside the vantage, off the runtime's workers, and ends in data or in a failure that is data.
//!
//! A missing privilege or kernel facility is `Unavailable` and names it. Everything read here is local, so the phase is always
//! `Inspect`.

use std::io;
use std::time::Duration;

use sonde_core::observation::{Failure, Phase, Reason};

use crate::clock::RunClock;
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
        let reason = match errno {
            Some(libc::EPERM | libc::EACCES) => Reason::Unavailable(needs.to_owned()),
            Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::ENOSYS) => {
                Reason::Unavailable(format!("kernel support to {attempt}"))
            }
            Some(libc::EMFILE) => Reason::ProcessFileLimit,
            Some(libc::ENFILE) => Reason::SystemFileLimit,
            Some(libc::ENOBUFS | libc::ENOMEM) => Reason::NoBufferSpace,
            _ if error.kind() == io::ErrorKind::TimedOut => Reason::TimedOut,
            _ => Reason::Other(error.kind().to_string()),
        };
        Self { reason, errno, detail: format!("{attempt}: {error}") }
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
