//! From the records of `core` to the messages of `sonde.v1`, one module for each interface of the guest contract.
//!
//! One way only, and total: the wire contract can say everything that the ledger holds. Reading requests is `rpc`'s.

mod check;
mod connection;
mod dial;
mod dns;
mod evidence;
mod failure;
mod history;
mod path;
mod sockets;
mod system;
mod verdict;

use std::net::IpAddr;
use std::time::Duration;

pub(crate) use self::check::{check, ended as check_ended, summary_of_stop};
pub(crate) use self::evidence::evidence;
pub(crate) use self::history::{period, recording};
pub(crate) use self::sockets::{group as census_group, listener};
pub(crate) use self::verdict::{finding, verdict};

/// A duration; what does not fit (292 billion years) is capped.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(999_999_999),
    }
}

/// A wall clock, given since the Unix epoch.
pub(crate) fn timestamp(since_epoch: Duration) -> prost_types::Timestamp {
    let duration = duration(since_epoch);
    prost_types::Timestamp { seconds: duration.seconds.min(LAST_SECOND), nanos: duration.nanos }
}

/// A wall clock in whole seconds. What JSON cannot say (before the year 1, after 9999: a certificate may) is capped.
fn timestamp_of_seconds(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: seconds.clamp(FIRST_SECOND, LAST_SECOND), nanos: 0 }
}

/// A wall clock in microseconds.
fn timestamp_of_micros(micros: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    prost_types::Timestamp { nanos, ..timestamp_of_seconds(micros.div_euclid(1_000_000)) }
}

/// An address that may be absent: empty then.
fn address(address: Option<IpAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

/// 0001-01-01T00:00:00Z, the first that google.protobuf.Timestamp allows.
const FIRST_SECOND: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59Z, the last that google.protobuf.Timestamp allows.
const LAST_SECOND: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_keeps_its_nanoseconds() {
        let converted = duration(Duration::new(3, 17));

        assert_eq!(converted, prost_types::Duration { seconds: 3, nanos: 17 });
    }

    #[test]
    fn a_certificate_beyond_the_year_9999_is_capped_to_what_json_can_say() {
        assert_eq!(timestamp_of_seconds(i64::MAX).seconds, LAST_SECOND);
        assert_eq!(timestamp_of_seconds(i64::MIN).seconds, FIRST_SECOND);
    }

    #[test]
    fn microseconds_before_the_epoch_have_positive_nanoseconds() {
        assert_eq!(timestamp_of_micros(-1), prost_types::Timestamp { seconds: -1, nanos: 999_999_000 });
    }
}
