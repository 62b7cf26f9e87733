//! How the place fails that a redirect leads to, beyond the origin. Names no cause.

use sonde_sdk::connection::Verification;
use sonde_sdk::dial::HttpExchange;
use sonde_sdk::types::Reason;

use crate::case::{self, End};

/// Why whoever follows the redirect does not come to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeadEnd {
    /// No connection: refused.
    Refused,
    /// No connection: no answer.
    Unanswered,
    /// No connection, in another way.
    Unreached,
    /// No TLS session.
    NoSession,
    /// The certificate is not accepted.
    Certificate(Verification),
    /// A status of a server that fails.
    Status(u16),
    /// The request is taken and not answered.
    Silent,
    /// The connection is closed without an answer.
    Empty,
    /// The connection is reset without an answer.
    Reset,
    /// TLS records in answer to plain HTTP.
    TlsBytes,
    /// Another protocol.
    NotHttp,
}

/// None where a page came, or a word on why this client gets none; nor where the place was not really asked.
pub(crate) fn of(exchange: &HttpExchange) -> Option<DeadEnd> {
    let end = case::end(exchange);
    let reason = exchange.outcome.as_ref().err().map(|failure| &failure.reason);
    if let (Some(verification), false) = (rejected(exchange), end == End::Untested) {
        return Some(DeadEnd::Certificate(verification));
    }
    match end {
        End::NoConnection => Some(match reason {
            Some(Reason::Refused) => DeadEnd::Refused,
            Some(Reason::TimedOut) => DeadEnd::Unanswered,
            _ => DeadEnd::Unreached,
        }),
        End::NoSession => Some(DeadEnd::NoSession),
        End::Answered(status @ (500 | 502..=504)) => Some(DeadEnd::Status(status)),
        End::Silent => Some(DeadEnd::Silent),
        End::Empty => Some(DeadEnd::Empty),
        End::Reset(false) => Some(DeadEnd::Reset),
        End::TlsBytes => Some(DeadEnd::TlsBytes),
        End::NotHttp => Some(DeadEnd::NotHttp),
        _ => None,
    }
}

/// What a client that verifies holds against the certificate. Without a store of roots nothing is known of its issuer.
fn rejected(exchange: &HttpExchange) -> Option<Verification> {
    let session = exchange.session.as_ref()?;
    let trust = matches!(session.verification, Verification::UnknownIssuer | Verification::SelfSigned);
    let accepted = matches!(session.verification, Verification::Accepted | Verification::NotReached);
    let unknown = trust && session.trusted_roots == 0;
    (!accepted && !unknown).then_some(session.verification)
}
