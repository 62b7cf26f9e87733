//! How glibc says that a name has no address: `errno` and `h_errno` inside, an `EAI_` code outside.
//!
//! The inner two matter: nsswitch's actions and the search list go by what they were left at, and so does which of the codes
//! the caller gets (resolv/nss_dns/dns-host.c, sysdeps/posix/getaddrinfo.c of 2.36).

use std::time::Duration;

use sonde_core::observation::Failure;
use sonde_core::observation::dns::ResolveError;

use crate::failure::Fault;

/// What `errno` was left at, as far as anything depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Errno {
    /// No call failed since it was cleared.
    #[default]
    Clear,
    /// `ECONNREFUSED`: of TCP, or "no server said anything" of UDP.
    Refused,
    /// `ETIMEDOUT`.
    TimedOut,
    /// Something that nobody asks for.
    Other,
}

/// `h_errno` (netdb.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HErrno {
    /// `NETDB_SUCCESS`, also before anything was tried.
    Success,
    /// `NETDB_INTERNAL`: errno says it.
    Internal,
    HostNotFound,
    TryAgain,
    NoRecovery,
    NoData,
}

/// What getaddrinfo returns. Absent on purpose: `EAI_FAIL`, which that of 2.36 never returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eai {
    NoName,
    Again,
    NoData,
    System,
    AddressFamily,
}

impl From<Eai> for ResolveError {
    /// With the text of `gai_strerror` in the C locale (sysdeps/posix/gai_strerror-strs.h).
    fn from(error: Eai) -> Self {
        let (code, text) = match error {
            Eai::NoName => ("EAI_NONAME", "Name or service not known"),
            Eai::Again => ("EAI_AGAIN", "Temporary failure in name resolution"),
            Eai::NoData => ("EAI_NODATA", "No address associated with hostname"),
            Eai::System => ("EAI_SYSTEM", "System error"),
            Eai::AddressFamily => ("EAI_ADDRFAMILY", "Address family for hostname not supported"),
        };
        Self { code: code.to_owned(), text: text.to_owned() }
    }
}

/// Within a step nothing measures the failure's own time: the step does.
pub(super) fn failure(fault: Fault) -> Failure {
    let Fault { phase, reason, errno, detail } = fault;
    Failure { phase, reason, errno, icmp: None, elapsed: Duration::ZERO, detail }
}
