//! Times that are over, as people write them: a time of day, a moment, so long ago. By the local clock and zone.

use clap::Args;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use sonde_proto::v1::Period;

/// Which time. The present where none is given.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Past {
    /// The time around this moment, by the daemon's recorder: 14:03 or 14:03:12 (the last such, in the local zone), or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<At>,
    /// The time from so long ago until now, by the daemon's recorder, for example 10m
    #[arg(long, value_name = "DURATION", value_parser = since, allow_hyphen_values = true)]
    since: Option<SignedDuration>,
}

/// A moment with what is looked at before and behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    from: Timestamp,
    to: Timestamp,
}

impl Past {
    /// As the daemon wants it.
    pub(crate) fn period(&self) -> Option<Period> {
        let now = Timestamp::now();
        let (from, to) = match (self.at, self.since) {
            (Some(at), _) => (at.from, at.to),
            (None, Some(since)) => (now.checked_sub(since).unwrap_or(Timestamp::UNIX_EPOCH), now),
            (None, None) => return None,
        };
        Some(Period { from: Some(wire(from)), to: Some(wire(to)) })
    }
}

fn at(text: &str) -> Result<At, String> {
    moment(text, &Zoned::now())
}

/// A minute before and behind; of a time without seconds its whole minute too.
fn moment(text: &str, now: &Zoned) -> Result<At, String> {
    let right = || "write a time such as 14:03, 14:03:12 or 2026-11-27T14:03:12Z".to_owned();
    let zone = now.time_zone();
    let moment = match (text.parse::<Timestamp>(), text.parse::<Time>(), text.parse::<DateTime>()) {
        (Ok(moment), _, _) => moment,
        (_, Ok(time), _) => of_day(time, now).ok_or_else(right)?,
        (_, _, Ok(civil)) => zoned(civil, zone).ok_or_else(right)?,
        _ => return Err(right()),
    };
    let whole_minute = text.matches(':').count() == 1 && !text.contains(['Z', 'z', '+']);
    let behind = if whole_minute { 2 * MARGIN } else { MARGIN };
    let from = moment.checked_sub(MARGIN).map_err(|_| right())?;
    let to = moment.checked_add(behind).map_err(|_| right())?;
    Ok(At { from, to })
}

/// The last such time of day: that of yesterday where today's is still to come.
fn of_day(time: Time, now: &Zoned) -> Option<Timestamp> {
    let today = zoned(now.date().to_datetime(time), now.time_zone())?;
    if today <= now.timestamp() {
        return Some(today);
    }
    zoned(now.date().yesterday().ok()?.to_datetime(time), now.time_zone())
}

fn zoned(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    Some(zone.to_zoned(civil).ok()?.timestamp())
}

fn since(text: &str) -> Result<SignedDuration, String> {
    let right = "write a number and a unit, from 1s to 30days, such as 10m";
    let duration = humantime::parse_duration(text).map_err(|_| right.to_owned())?;
    let duration = SignedDuration::try_from(duration).map_err(|_| right.to_owned())?;
    if (SHORTEST..=LONGEST).contains(&duration) { Ok(duration) } else { Err(right.to_owned()) }
}

fn wire(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// Before a moment, and behind it.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// Longer than anything is kept unless it is configured so.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        "2026-11-27T15:00:00Z".parse::<Timestamp>().expect("a time").to_zoned(zone)
    }

    fn period(text: &str) -> (String, String) {
        let at = moment(text, &now()).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        (at.from.to_string(), at.to.to_string())
    }

    #[test]
    fn a_time_of_day_is_the_last_such_in_the_local_zone() {
        assert_eq!(period("14:03:12"), ("2026-11-27T13:02:12Z".into(), "2026-11-27T13:04:12Z".into()));
        assert_eq!(period("23:50:00"), ("2026-11-26T22:49:00Z".into(), "2026-11-26T22:51:00Z".into()));
    }

    #[test]
    fn a_minute_is_looked_at_whole() {
        assert_eq!(period("14:03"), ("2026-11-27T13:02:00Z".into(), "2026-11-27T13:05:00Z".into()));
    }

    #[test]
    fn a_moment_may_name_its_day_and_zone() {
        assert_eq!(period("2026-11-27T14:03:12Z").0, "2026-11-27T14:02:12Z");
        assert_eq!(period("2026-11-27T14:03:12+02:00").0, "2026-11-27T12:02:12Z");
        assert_eq!(period("2026-11-27T14:03:12").0, "2026-11-27T13:02:12Z");
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_would_be() {
        for text in ["", "soon", "25:00", "2026-13-01T00:00:00Z"] {
            let problem = moment(text, &now()).expect_err("it is no time");
            assert!(problem.contains("14:03:12"), "{problem}");
        }
        assert!(since("0s").is_err() && since("-5m").is_err() && since("40days").is_err());
        assert_eq!(since("10m"), Ok(SignedDuration::from_mins(10)));
    }
}
