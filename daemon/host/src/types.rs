//! Conversions of the interface `types`, and the parsing that every interface shares.

use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation as core;

use crate::bindings::sonde::check::types as wit;
use crate::session::Session;

impl wit::Host for Session {}

/// Microseconds; a duration beyond 584,000 years is cut.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds; a duration beyond 71 minutes is cut.
pub(crate) fn micros32(duration: Duration) -> u32 {
    u32::try_from(micros(duration)).unwrap_or(u32::MAX)
}

/// The address a guest wrote; the message quotes it.
pub(crate) fn address(text: &str) -> Result<IpAddr, String> {
    let parsed: IpAddr = text.parse().map_err(|_| {
        let shown = crate::text::tidy(text, 64);
        format!("{shown:?} is not an address; write it like 10.0.0.1 or 2001:db8::1, without brackets, zone or port")
    })?;
    Ok(parsed.to_canonical())
}

/// The endpoint a guest wants to reach.
pub(crate) fn remote(endpoint: &wit::Endpoint) -> Result<core::Endpoint, String> {
    if endpoint.port == 0 {
        return Err("port 0 cannot be reached; use 1 to 65535".to_owned());
    }
    Ok(core::Endpoint { address: address(&endpoint.address)?, port: endpoint.port })
}

/// A timeout that a guest wants, at most `longest`.
pub(crate) fn timeout(micros: u64, longest: Duration) -> Result<Duration, String> {
    if micros == 0 {
        return Err("a timeout of 0 leaves no time; give some microseconds".to_owned());
    }
    Ok(Duration::from_micros(micros).min(longest))
}

/// A text that goes on the wire or names something: bounded, without control characters.
pub(crate) fn word(what: &str, text: &str, limit: usize) -> Result<String, String> {
    if text.len() > limit {
        return Err(format!("the {what} has {} bytes; at most {limit} are allowed", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("the {what} {:?} has control characters", crate::text::tidy(text, 64)));
    }
    Ok(text.to_owned())
}

/// The process whose environment is asked for.
pub(crate) fn process(pid: Option<u32>) -> Result<Option<u32>, String> {
    match pid {
        Some(0) => Err("0 is no process id; leave it out for the vantage's own".to_owned()),
        pid => Ok(pid),
    }
}

pub(crate) fn texts(addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

impl From<core::Timing> for wit::Timing {
    fn from(timing: core::Timing) -> Self {
        Self { at_us: micros(timing.at), elapsed_us: micros(timing.elapsed) }
    }
}

impl From<core::Endpoint> for wit::Endpoint {
    fn from(endpoint: core::Endpoint) -> Self {
        Self { address: endpoint.address.to_string(), port: endpoint.port }
    }
}

impl From<core::Phase> for wit::Phase {
    fn from(phase: core::Phase) -> Self {
        match phase {
            core::Phase::Socket => Self::Socket,
            core::Phase::Connect => Self::Connect,
            core::Phase::Tls => Self::Tls,
            core::Phase::Send => Self::Send,
            core::Phase::Wait => Self::Wait,
            core::Phase::Receive => Self::Receive,
            core::Phase::Inspect => Self::Inspect,
        }
    }
}

impl From<core::Reason> for wit::Reason {
    fn from(reason: core::Reason) -> Self {
        use core::Reason as R;
        match reason {
            R::TimedOut => Self::TimedOut,
            R::Refused => Self::Refused,
            R::Reset => Self::Reset,
            R::Closed => Self::Closed,
            R::NetworkUnreachable => Self::NetworkUnreachable,
            R::HostUnreachable => Self::HostUnreachable,
            R::NotPermitted => Self::NotPermitted,
            R::AddressNotAvailable => Self::AddressNotAvailable,
            R::AddressInUse => Self::AddressInUse,
            R::InvalidArgument => Self::InvalidArgument,
            R::ProcessFileLimit => Self::ProcessFileLimit,
            R::SystemFileLimit => Self::SystemFileLimit,
            R::NoBufferSpace => Self::NoBufferSpace,
            R::MessageTooBig => Self::MessageTooBig,
            R::Malformed(text) => Self::Malformed(text),
            R::TlsAlert(alert) => Self::TlsAlert(alert),
            R::Denied(text) => Self::Denied(text),
            R::Unavailable(text) => Self::Unavailable(text),
            R::InvalidRequest(text) => Self::InvalidRequest(text),
            R::BudgetExhausted(text) => Self::BudgetExhausted(text),
            R::Other(text) => Self::Other(text),
        }
    }
}

impl From<core::IcmpError> for wit::IcmpError {
    fn from(icmp: core::IcmpError) -> Self {
        Self {
            sender: icmp.sender.map(|sender| sender.to_string()),
            icmp_type: icmp.icmp_type,
            code: icmp.code,
            mtu: icmp.mtu,
        }
    }
}

impl From<core::Failure> for wit::Failure {
    fn from(failure: core::Failure) -> Self {
        Self {
            phase: failure.phase.into(),
            reason: failure.reason.into(),
            errno: failure.errno,
            errno_name: failure.errno.and_then(errno_name).map(str::to_owned),
            icmp: failure.icmp.map(Into::into),
            elapsed_us: micros(failure.elapsed),
            detail: failure.detail,
        }
    }
}

impl From<core::RoundTrips> for wit::RoundTrips {
    fn from(trips: core::RoundTrips) -> Self {
        Self {
            min_us: micros(trips.min),
            median_us: micros(trips.median),
            max_us: micros(trips.max),
            jitter_us: micros(trips.jitter),
        }
    }
}

impl From<core::Reply> for wit::Reply {
    fn from(reply: core::Reply) -> Self {
        Self { sequence: reply.sequence, rtt_us: micros(reply.rtt) }
    }
}

impl From<core::Counter> for wit::Counter {
    fn from(counter: core::Counter) -> Self {
        Self { name: counter.name, value: counter.value }
    }
}

impl From<core::CounterDeltas> for wit::CounterDeltas {
    fn from(deltas: core::CounterDeltas) -> Self {
        Self {
            window: deltas.window.into(),
            quiet: deltas.quiet,
            moved: deltas.moved.into_iter().map(Into::into).collect(),
        }
    }
}

/// The names of the errors that socket and file calls end in (errno(3)).
fn errno_name(errno: i32) -> Option<&'static str> {
    use rustix::io::Errno as E;
    const NAMES: [(E, &str); 33] = [
        (E::PERM, "EPERM"),
        (E::NOENT, "ENOENT"),
        (E::INTR, "EINTR"),
        (E::IO, "EIO"),
        (E::BADF, "EBADF"),
        (E::AGAIN, "EAGAIN"),
        (E::NOMEM, "ENOMEM"),
        (E::ACCESS, "EACCES"),
        (E::BUSY, "EBUSY"),
        (E::EXIST, "EEXIST"),
        (E::NODEV, "ENODEV"),
        (E::INVAL, "EINVAL"),
        (E::NFILE, "ENFILE"),
        (E::MFILE, "EMFILE"),
        (E::PIPE, "EPIPE"),
        (E::PROTO, "EPROTO"),
        (E::MSGSIZE, "EMSGSIZE"),
        (E::NOPROTOOPT, "ENOPROTOOPT"),
        (E::PROTONOSUPPORT, "EPROTONOSUPPORT"),
        (E::OPNOTSUPP, "EOPNOTSUPP"),
        (E::AFNOSUPPORT, "EAFNOSUPPORT"),
        (E::ADDRINUSE, "EADDRINUSE"),
        (E::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (E::NETDOWN, "ENETDOWN"),
        (E::NETUNREACH, "ENETUNREACH"),
        (E::CONNABORTED, "ECONNABORTED"),
        (E::CONNRESET, "ECONNRESET"),
        (E::NOBUFS, "ENOBUFS"),
        (E::NOTCONN, "ENOTCONN"),
        (E::TIMEDOUT, "ETIMEDOUT"),
        (E::CONNREFUSED, "ECONNREFUSED"),
        (E::HOSTDOWN, "EHOSTDOWN"),
        (E::HOSTUNREACH, "EHOSTUNREACH"),
    ];
    NAMES.iter().find(|(known, _)| known.raw_os_error() == errno).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_unmapped() {
        assert_eq!(address("::ffff:10.0.0.1"), Ok(IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn a_bad_address_is_quoted_without_its_escapes() {
        let message = address("10.0.0\u{1b}[2J").expect_err("is no address");
        assert!(message.starts_with("\"10.0.0[2J\" is not an address"), "{message}");
    }

    #[test]
    fn nothing_is_dialled_at_port_0_or_within_no_time() {
        assert!(remote(&wit::Endpoint { address: "10.0.0.1".to_owned(), port: 0 }).is_err());
        assert!(timeout(0, Duration::from_secs(1)).is_err());
        assert_eq!(timeout(u64::MAX, Duration::from_secs(1)), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn an_errno_has_its_name() {
        assert_eq!(errno_name(111), Some("ECONNREFUSED"));
        assert_eq!(errno_name(-1), None);
    }
}
