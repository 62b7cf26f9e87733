//! Numbers and durations of the configuration, each with its range: what is outside is an error that says the range.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::LONGEST_BUDGET;

pub(super) fn budget<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_millis(100), LONGEST_BUDGET, "15s"))
}

pub(super) fn probe_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_millis(10), Duration::from_mins(1), "3500ms"))
}

pub(super) fn cpu<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_millis(10), Duration::from_mins(1), "2s")).map(Some)
}

pub(super) fn concurrent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    count(deserializer, 1, 1_024)
}

pub(super) fn history<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    count(deserializer, 1, 100_000)
}

pub(super) fn history_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(NumberWithin(1 << 20, 1 << 40))
}

pub(super) fn memory_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_u64(NumberWithin(1 << 20, 1 << 30)).map(Some)
}

pub(super) fn host_calls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = deserializer.deserialize_u64(NumberWithin(1, 1_000_000))?;
    u32::try_from(number).map(Some).map_err(D::Error::custom)
}

pub(super) fn step<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_millis(100), Duration::from_mins(1), "1s"))
}

pub(super) fn fine<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_mins(1), Duration::from_hours(24), "1h"))
}

pub(super) fn coarse_step<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_secs(1), Duration::from_hours(1), "1m"))
}

pub(super) fn coarse<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_mins(1), Duration::from_hours(30 * 24), "1day"))
}

pub(super) fn recorder_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(NumberWithin(64 << 10, 16 << 30))
}

pub(super) fn recorder_cpu<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(DurationWithin(Duration::from_micros(100), Duration::from_millis(500), "4ms"))
}

pub(super) fn namespaces<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    count(deserializer, 1, 64)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D, least: u64, most: u64) -> Result<usize, D::Error> {
    let number = deserializer.deserialize_u64(NumberWithin(least, most))?;
    usize::try_from(number).map_err(D::Error::custom)
}

/// From, to, an example.
struct DurationWithin(Duration, Duration, &'static str);

impl Visitor<'_> for DurationWithin {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(least, most, example) = self;
        let (least, most) = (humantime::format_duration(*least), humantime::format_duration(*most));
        write!(f, "a duration from {least} to {most}, for example {example:?}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        match humantime::parse_duration(text) {
            Ok(duration) if (self.0..=self.1).contains(&duration) => Ok(duration),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// From, to.
struct NumberWithin(u64, u64);

impl Visitor<'_> for NumberWithin {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.0, self.1)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        if (self.0..=self.1).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number)
            .ok()
            .filter(|number| (self.0..=self.1).contains(number))
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}
