//! What a Go program prints: `DNSError`, `OpError` and `AddrError` of `net/net.go`.

use std::io;
use std::net::SocketAddr;

use sonde_core::observation::dns::ResolveError;

use crate::failure::words;

/// Why an attempt, or the lookup, gave nothing; becomes a `DNSError` with the name and the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// `errNoSuchHost`: NXDOMAIN and NODATA.
    NoSuchHost,
    LameReferral,
    /// SERVFAIL.
    TemporarilyMisbehaving,
    /// Every other code.
    Misbehaving,
    CannotMarshal,
    CannotUnmarshal,
    InvalidResponse,
    /// `io.EOF`, or `io.ErrUnexpectedEOF` within a message.
    Closed {
        within: bool,
    },
    /// An `OpError`.
    Operation {
        text: String,
        timeout: bool,
    },
}

impl Trouble {
    /// `operation` as in `read udp 10.0.0.2:41234->10.0.0.1:53`, `call` the system call that failed.
    pub(super) fn system(operation: &str, call: &str, error: &io::Error) -> Self {
        let timeout = error.raw_os_error() == Some(libc::ETIMEDOUT);
        Self::Operation { text: format!("{operation}: {call}: {}", words(error)), timeout }
    }

    /// The deadline of the attempt passed.
    pub(super) fn timeout(operation: &str) -> Self {
        Self::Operation { text: format!("{operation}: i/o timeout"), timeout: true }
    }

    /// The text of `Err`.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::NoSuchHost => "no such host",
            Self::LameReferral => "lame referral",
            Self::TemporarilyMisbehaving | Self::Misbehaving => "server misbehaving",
            Self::CannotMarshal => "cannot marshal DNS message",
            Self::CannotUnmarshal => "cannot unmarshal DNS message",
            Self::InvalidResponse => "invalid DNS response",
            Self::Closed { within: false } => "EOF",
            Self::Closed { within: true } => "unexpected EOF",
            Self::Operation { text, .. } => text,
        }
    }

    /// `IsNotFound`, `IsTimeout`, `IsTemporary`, in this order.
    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchHost => "NotFound",
            Self::Operation { timeout: true, .. } => "Timeout",
            Self::Operation { timeout: false, .. } | Self::TemporarilyMisbehaving => "Temporary",
            _ => "Other",
        }
    }
}

/// A `DNSError`; its name is always the one that the application asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LookupError {
    pub(super) trouble: Trouble,
    /// As `10.0.0.1:53`; absent where no server was asked.
    pub(super) server: Option<String>,
}

impl LookupError {
    /// Without any server.
    pub(super) fn no_such_host() -> Self {
        Self { trouble: Trouble::NoSuchHost, server: None }
    }

    /// As `DNSError.Error` prints it.
    pub(super) fn of(&self, name: &str) -> ResolveError {
        let server = self.server.as_ref().map(|server| format!(" on {server}")).unwrap_or_default();
        let text = format!("lookup {name}{server}: {}", self.trouble.text());
        ResolveError { code: self.trouble.code().to_owned(), text }
    }
}

/// An `AddrError`: the name has addresses, or nobody was asked, but none is of the family.
pub(super) fn no_suitable_address(name: &str) -> ResolveError {
    ResolveError { code: "Other".to_owned(), text: format!("address {name}: no suitable address found") }
}

/// What `OpError` says of a connection: `udp 10.0.0.2:41234->10.0.0.1:53`.
pub(super) fn connection(network: &str, local: SocketAddr, server: &str) -> String {
    format!("{network} {local}->{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(trouble: Trouble, server: Option<&str>) -> (String, String) {
        let ResolveError { code, text } = LookupError { trouble, server: server.map(str::to_owned) }.of("web");
        (code, text)
    }

    #[test]
    fn errors_read_as_go_prints_them() {
        let server = Some("10.0.0.1:53");
        let line = |code: &str, text: &str| (code.to_owned(), text.to_owned());
        assert_eq!(printed(Trouble::NoSuchHost, server), line("NotFound", "lookup web on 10.0.0.1:53: no such host"));
        assert_eq!(printed(Trouble::NoSuchHost, None), line("NotFound", "lookup web: no such host"));
        let misbehaving = "lookup web on 10.0.0.1:53: server misbehaving";
        assert_eq!(printed(Trouble::TemporarilyMisbehaving, server), line("Temporary", misbehaving));
        assert_eq!(printed(Trouble::Misbehaving, server), line("Other", misbehaving));
        assert_eq!(printed(Trouble::Closed { within: false }, server), line("Other", "lookup web on 10.0.0.1:53: EOF"));
    }

    #[test]
    fn socket_errors_name_both_ends() {
        let local = "10.0.0.2:41234".parse().expect("an address");
        let read = format!("read {}", connection("udp", local, "10.0.0.1:53"));
        let timeout = printed(Trouble::timeout(&read), Some("10.0.0.1:53"));
        let text = "lookup web on 10.0.0.1:53: read udp 10.0.0.2:41234->10.0.0.1:53: i/o timeout";
        assert_eq!(timeout, ("Timeout".to_owned(), text.to_owned()));
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let refused = printed(Trouble::system(&read, "read", &refused), Some("10.0.0.1:53"));
        let text = "lookup web on 10.0.0.1:53: read udp 10.0.0.2:41234->10.0.0.1:53: read: connection refused";
        assert_eq!(refused, ("Temporary".to_owned(), text.to_owned()));
    }
}
