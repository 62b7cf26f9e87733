//! What ended a QUIC conversation, in the words of the contract.

use quinn::{ConnectionError, ReadError, TransportErrorCode, VarInt, WriteError};
use sonde_core::observation::{Phase, Reason};

use crate::failure::Fault;

/// TLS alerts are transport errors from here on (RFC 9001 section 4.8).
const CRYPTO_ERROR: u64 = 0x100;

/// A connection that is lost.
pub(super) fn lost(phase: Phase, doing: &str, error: &ConnectionError) -> Fault {
    let (reason, what) = match error {
        ConnectionError::VersionMismatch => (
            Reason::Malformed("no common version of QUIC".to_owned()),
            "the server speaks no version of QUIC that we do".to_owned(),
        ),
        ConnectionError::TransportError(error) => match alert(error.code) {
            Some(alert) => (Reason::TlsAlert(alert), format!("we sent the alert {alert}: {error}")),
            None => (Reason::Malformed(error.to_string()), format!("the server violates QUIC: {error}")),
        },
        ConnectionError::ConnectionClosed(close) => match alert(close.error_code) {
            Some(alert) => (Reason::TlsAlert(alert), format!("the server sent the alert {alert}")),
            None => (Reason::Closed, format!("the server closed the connection: {close}")),
        },
        ConnectionError::ApplicationClosed(close) => {
            (Reason::Closed, format!("the server closed the connection with {}", code(close.error_code)))
        }
        ConnectionError::Reset => (Reason::Reset, "the server reset the connection".to_owned()),
        ConnectionError::TimedOut => (Reason::TimedOut, "the connection fell silent".to_owned()),
        ConnectionError::LocallyClosed | ConnectionError::CidsExhausted => {
            (Reason::Other(error.to_string()), error.to_string())
        }
    };
    Fault::new(phase, reason, format!("{doing}: {what}"))
}

pub(super) fn unsent(doing: &str, error: &WriteError) -> Fault {
    let phase = Phase::Send;
    match error {
        WriteError::ConnectionLost(error) => lost(phase, doing, error),
        WriteError::Stopped(number) => {
            Fault::new(phase, Reason::Reset, format!("{doing}: the server stopped the stream with {}", code(*number)))
        }
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            Fault::new(phase, Reason::Other(error.to_string()), format!("{doing}: {error}"))
        }
    }
}

pub(super) fn unread(phase: Phase, doing: &str, error: &ReadError) -> Fault {
    match error {
        ReadError::ConnectionLost(error) => lost(phase, doing, error),
        ReadError::Reset(number) => {
            Fault::new(phase, Reason::Reset, format!("{doing}: the server reset the stream with {}", code(*number)))
        }
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            Fault::new(phase, Reason::Other(error.to_string()), format!("{doing}: {error}"))
        }
    }
}

fn alert(code: TransportErrorCode) -> Option<u8> {
    u64::from(code).checked_sub(CRYPTO_ERROR).and_then(|alert| u8::try_from(alert).ok())
}

/// RFC 9250 section 4.3.
fn code(number: VarInt) -> String {
    let name = match number.into_inner() {
        0 => "DOQ_NO_ERROR",
        1 => "DOQ_INTERNAL_ERROR",
        2 => "DOQ_PROTOCOL_ERROR",
        3 => "DOQ_REQUEST_CANCELLED",
        4 => "DOQ_EXCESSIVE_LOAD",
        5 => "DOQ_UNSPECIFIED_ERROR",
        0xd098_ea5e => "DOQ_ERROR_RESERVED",
        _ => "an unknown code",
    };
    format!("{name} ({:#x})", number.into_inner())
}
