//! What the kernel said of a network operation, in the words of the contract: the one place that knows errno.
//!
//! EPERM and EACCES mean a local filter or a prohibit route here; which of the two is for a check to separate.

use std::io;

use sonde_core::observation::{Phase, Reason};

/// Why a network operation ended; becomes a [`sonde_core::observation::Failure`] with the time of its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) phase: Phase,
    pub(crate) reason: Reason,
    pub(crate) errno: Option<i32>,
    /// A lower-case fragment.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(phase: Phase, reason: Reason, detail: impl Into<String>) -> Self {
        Self { phase, reason, errno: None, detail: detail.into() }
    }

    /// The kernel refused; `doing` is what was tried, "connect to 10.0.0.1:80".
    pub(crate) fn os(phase: Phase, doing: &str, error: &io::Error) -> Self {
        let errno = error.raw_os_error();
        Self { phase, reason: reason(error), errno, detail: format!("{doing}: {}", words(error)) }
    }

    /// The deadline of the call passed while `doing`.
    pub(crate) fn timed_out(phase: Phase, doing: &str) -> Self {
        Self::new(phase, Reason::TimedOut, format!("{doing}: nothing came before the deadline"))
    }

    /// The call makes no sense; `what` quotes it and says what would be right.
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        let what = what.into();
        Self::new(Phase::Socket, Reason::InvalidRequest(what.clone()), what)
    }
}

/// The reason behind an error of a socket.
pub(crate) fn reason(error: &io::Error) -> Reason {
    match error.raw_os_error() {
        Some(errno) => of_errno(errno).unwrap_or_else(|| Reason::Other(words(error))),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => Reason::Closed,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Reason::Reset,
            io::ErrorKind::TimedOut => Reason::TimedOut,
            _ => Reason::Other(words(error)),
        },
    }
}

fn of_errno(errno: i32) -> Option<Reason> {
    Some(match errno {
        libc::ETIMEDOUT => Reason::TimedOut,
        libc::ECONNREFUSED => Reason::Refused,
        libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED => Reason::Reset,
        libc::ENETUNREACH | libc::ENETDOWN => Reason::NetworkUnreachable,
        libc::EHOSTUNREACH | libc::EHOSTDOWN => Reason::HostUnreachable,
        libc::EPERM | libc::EACCES => Reason::NotPermitted,
        libc::EADDRNOTAVAIL => Reason::AddressNotAvailable,
        libc::EADDRINUSE => Reason::AddressInUse,
        libc::EINVAL => Reason::InvalidArgument,
        libc::EMFILE => Reason::ProcessFileLimit,
        libc::ENFILE => Reason::SystemFileLimit,
        libc::ENOBUFS | libc::ENOMEM => Reason::NoBufferSpace,
        libc::EMSGSIZE => Reason::MessageTooBig,
        libc::EAFNOSUPPORT => Reason::Unavailable("this address family in the kernel".to_owned()),
        _ => return None,
    })
}

/// "connection refused" of "Connection refused (os error 111)".
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        // An abbreviation keeps its capitals.
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_keeps_its_number_and_loses_its_shouting() {
        let error = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let fault = Fault::os(Phase::Connect, "connect to 10.0.0.1:80", &error);
        assert_eq!(fault.reason, Reason::Refused);
        assert_eq!(fault.errno, Some(libc::ECONNREFUSED));
        assert_eq!(fault.detail, "connect to 10.0.0.1:80: connection refused");
    }

    #[test]
    fn both_refusals_of_a_local_policy_are_not_permitted() {
        for errno in [libc::EPERM, libc::EACCES] {
            assert_eq!(reason(&io::Error::from_raw_os_error(errno)), Reason::NotPermitted);
        }
    }

    #[test]
    fn an_unknown_errno_is_other_in_the_kernels_words() {
        assert_eq!(
            reason(&io::Error::from_raw_os_error(libc::ENOPROTOOPT)),
            Reason::Other("protocol not available".to_owned())
        );
    }

    #[test]
    fn an_early_end_is_closed() {
        assert_eq!(reason(&io::Error::from(io::ErrorKind::UnexpectedEof)), Reason::Closed);
    }
}
