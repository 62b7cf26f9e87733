//! What every interface shares: failures, endpoints, timings, counters, replies.

use sonde_core::observation as core;
use sonde_proto::v1;

use super::{address, duration};

pub(super) fn failure(failure: &core::Failure) -> v1::Failure {
    v1::Failure {
        phase: phase(failure.phase).into(),
        error_type: failure.reason.error_type().to_owned(),
        reason: completion(&failure.reason),
        errno: failure.errno.unwrap_or_default(),
        errno_name: failure.errno.and_then(errno_name).unwrap_or_default().to_owned(),
        icmp: failure.icmp.as_ref().map(icmp),
        elapsed: Some(duration(failure.elapsed)),
        detail: failure.detail.clone(),
        tls_alert: match failure.reason {
            core::Reason::TlsAlert(alert) => Some(alert.into()),
            _ => None,
        },
    }
}

pub(super) fn endpoint(endpoint: core::Endpoint) -> v1::Endpoint {
    v1::Endpoint { address: endpoint.address.to_string(), port: endpoint.port.into() }
}

pub(super) fn timing(timing: core::Timing) -> v1::Timing {
    v1::Timing { at: Some(duration(timing.at)), elapsed: Some(duration(timing.elapsed)) }
}

pub(super) fn counter(counter: &core::Counter) -> v1::Counter {
    v1::Counter { name: counter.name.clone(), value: counter.value }
}

pub(super) fn deltas(deltas: &core::CounterDeltas) -> v1::CounterDeltas {
    v1::CounterDeltas {
        window: Some(timing(deltas.window)),
        quiet: deltas.quiet,
        moved: deltas.moved.iter().map(counter).collect(),
    }
}

pub(super) fn phase(phase: core::Phase) -> v1::Phase {
    match phase {
        core::Phase::Socket => v1::Phase::Socket,
        core::Phase::Connect => v1::Phase::Connect,
        core::Phase::Tls => v1::Phase::Tls,
        core::Phase::Send => v1::Phase::Send,
        core::Phase::Wait => v1::Phase::Wait,
        core::Phase::Receive => v1::Phase::Receive,
        core::Phase::Inspect => v1::Phase::Inspect,
    }
}

pub(super) fn icmp(icmp: &core::IcmpError) -> v1::IcmpError {
    v1::IcmpError {
        sender: address(icmp.sender),
        r#type: icmp.icmp_type.into(),
        code: icmp.code.into(),
        mtu_bytes: icmp.mtu.unwrap_or_default(),
    }
}

pub(super) fn round_trips(trips: core::RoundTrips) -> v1::RoundTrips {
    v1::RoundTrips {
        min: Some(duration(trips.min)),
        median: Some(duration(trips.median)),
        max: Some(duration(trips.max)),
        jitter: Some(duration(trips.jitter)),
    }
}

pub(super) fn reply(reply: &core::Reply) -> v1::Reply {
    v1::Reply { sequence: reply.sequence.into(), rtt: Some(duration(reply.rtt)) }
}

/// What completes the error type.
fn completion(reason: &core::Reason) -> String {
    match reason {
        core::Reason::Malformed(text)
        | core::Reason::Denied(text)
        | core::Reason::Unavailable(text)
        | core::Reason::InvalidRequest(text)
        | core::Reason::BudgetExhausted(text)
        | core::Reason::Other(text) => text.clone(),
        core::Reason::TlsAlert(alert) => alert_name(*alert).to_owned(),
        _ => String::new(),
    }
}

/// The IANA registry "TLS Alerts" (RFC 8446 section 6 and its predecessors), as the SDK names them to checks.
fn alert_name(alert: u8) -> &'static str {
    match alert {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => "unassigned",
    }
}

/// asm-generic/errno.h and errno-base.h: those that a socket, netlink or a file can answer with.
fn errno_name(errno: i32) -> Option<&'static str> {
    Some(match errno {
        1 => "EPERM",
        2 => "ENOENT",
        4 => "EINTR",
        5 => "EIO",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        16 => "EBUSY",
        17 => "EEXIST",
        19 => "ENODEV",
        22 => "EINVAL",
        23 => "ENFILE",
        24 => "EMFILE",
        32 => "EPIPE",
        71 => "EPROTO",
        88 => "ENOTSOCK",
        89 => "EDESTADDRREQ",
        90 => "EMSGSIZE",
        92 => "ENOPROTOOPT",
        93 => "EPROTONOSUPPORT",
        94 => "ESOCKTNOSUPPORT",
        95 => "EOPNOTSUPP",
        97 => "EAFNOSUPPORT",
        98 => "EADDRINUSE",
        99 => "EADDRNOTAVAIL",
        100 => "ENETDOWN",
        101 => "ENETUNREACH",
        102 => "ENETRESET",
        103 => "ECONNABORTED",
        104 => "ECONNRESET",
        105 => "ENOBUFS",
        106 => "EISCONN",
        107 => "ENOTCONN",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        112 => "EHOSTDOWN",
        113 => "EHOSTUNREACH",
        114 => "EALREADY",
        115 => "EINPROGRESS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn of(reason: core::Reason, errno: Option<i32>) -> v1::Failure {
        failure(&core::Failure {
            phase: core::Phase::Connect,
            reason,
            errno,
            icmp: Some(core::IcmpError {
                sender: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
                icmp_type: 3,
                code: 13,
                mtu: None,
            }),
            elapsed: Duration::from_millis(2),
            detail: "no answer".into(),
        })
    }

    #[test]
    fn an_errno_has_its_name() {
        let refused = of(core::Reason::Refused, Some(111));

        assert_eq!(refused.errno_name, "ECONNREFUSED");
        assert_eq!(refused.error_type, "connection_refused");
        assert_eq!(refused.phase(), v1::Phase::Connect);
    }

    #[test]
    fn an_unknown_errno_has_no_name() {
        assert_eq!(of(core::Reason::Other("odd".into()), Some(4_095)).errno_name, "");
    }

    #[test]
    fn a_tls_alert_has_number_and_name() {
        let alert = of(core::Reason::TlsAlert(112), None);

        assert_eq!(alert.tls_alert, Some(112));
        assert_eq!(alert.reason, "unrecognized_name");
    }

    #[test]
    fn an_icmp_error_names_its_sender() {
        let icmp = of(core::Reason::HostUnreachable, Some(113)).icmp.expect("given above");

        assert_eq!((icmp.sender.as_str(), icmp.r#type, icmp.code), ("10.0.0.1", 3, 13));
    }
}
