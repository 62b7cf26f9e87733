//! What ended a TLS conversation, in the words of the contract.

use std::io;

use sonde_core::observation::{Phase, Reason};

use super::plaintext;
use crate::failure::Fault;

/// The fault behind an error of a TLS stream.
pub(crate) fn of(phase: Phase, doing: &str, error: &io::Error) -> Fault {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match Fault::os(phase, doing, error) {
            fault if fault.reason == Reason::Closed => {
                Fault { detail: format!("{doing}: the peer closed the connection"), ..fault }
            }
            fault => fault,
        };
    };
    let reason = match tls {
        rustls::Error::AlertReceived(alert) => Reason::TlsAlert(u8::from(*alert)),
        rustls::Error::InvalidMessage(_)
        | rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. }
        | rustls::Error::PeerMisbehaved(_)
        | rustls::Error::PeerSentOversizedRecord
        | rustls::Error::DecryptError => Reason::Malformed(tls.to_string()),
        _ => Reason::Other(tls.to_string()),
    };
    let detail = match tls {
        rustls::Error::AlertReceived(received) => return alert(doing, u8::from(*received)),
        _ => format!("{doing}: {tls}"),
    };
    Fault::new(phase, reason, detail)
}

/// The peer ended the handshake with an alert.
pub(super) fn alert(doing: &str, number: u8) -> Fault {
    let known = rustls::AlertDescription::from(number);
    let detail = match known.as_str() {
        Some(name) => format!("{doing}: the peer sent the alert {number} ({name})"),
        None => format!("{doing}: the peer sent the unknown alert {number}"),
    };
    Fault::new(Phase::Tls, Reason::TlsAlert(number), detail)
}

/// The peer's first bytes, where they are not the header of a TLS record (RFC 8446 section 5.1).
pub(super) fn other_bytes(first_bytes: &[u8]) -> Option<Vec<u8>> {
    let is_record = matches!(first_bytes, [] | [0x14..=0x17] | [0x14..=0x17, 0x03, ..]);
    (!is_record).then(|| first_bytes.to_vec())
}

/// The peer does not speak TLS.
pub(super) fn not_tls(first_bytes: &[u8]) -> Fault {
    let text = first_bytes.escape_ascii().to_string();
    let which = plaintext::protocol(first_bytes).map_or_else(String::new, |name| format!(" ({name})"));
    let what = format!("not a TLS record but \"{text}\"{which}");
    Fault::new(Phase::Tls, Reason::Malformed(what.clone()), format!("shake hands: the peer sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_header_of_a_record_is_tls() {
        for tls in [&b""[..], b"\x16", b"\x16\x03\x03\x00", b"\x15\x03\x01\x00\x02\x02\x28"] {
            assert_eq!(other_bytes(tls), None, "{tls:?}");
        }
        for other in [&b"HTTP/1.1 400"[..], b"SSH-2.0-", b"\x16\x01", b"\x00", b"2"] {
            assert_eq!(other_bytes(other).as_deref(), Some(other));
        }
    }

    #[test]
    fn an_alert_keeps_its_number() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let fault = of(Phase::Tls, "shake hands", &io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(fault.reason, Reason::TlsAlert(116));
    }
}
