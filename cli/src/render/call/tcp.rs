//! A series of TCP dials in words.

use sonde_proto::v1::TcpSeries;

use super::endpoint;
use crate::render::text::{count, elapsed, micros};

pub(super) fn series(series: &TcpSeries) -> String {
    let remote = endpoint(series.each.as_ref().and_then(|each| each.remote.as_ref()));
    format!("{remote} x {}", series.count)
}

/// How many connected, how long that took, and why the others did not.
pub(super) fn spread(series: &TcpSeries) -> String {
    let mut parts = vec![format!("{} of {} connected", series.connected, series.attempts.len())];
    if let Some(spread) = &series.spread {
        let times = [&spread.min, &spread.median, &spread.p99, &spread.max];
        let times: Vec<_> = times.into_iter().map(|time| elapsed(micros(time.as_ref()))).collect();
        parts.push(format!("min {} median {} p99 {} max {}", times[0], times[1], times[2], times[3]));
        parts.push(format!("jitter {}", elapsed(micros(spread.jitter.as_ref()))));
    }
    if series.syn_retransmits > 0 {
        parts.push(count(series.syn_retransmits as usize, "SYN retransmit", "SYN retransmits"));
    }
    let failed = series.failures.iter().filter_map(|group| {
        let reason = group.first.as_ref()?.error_type.replace('_', " ");
        Some(format!("{} {reason}", group.count))
    });
    parts.extend(failed);
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use prost_types::Duration;
    use sonde_proto::v1::{Endpoint, Failure, Spread, TcpAttempt, TcpDial, TcpFailureGroup};

    use super::*;

    fn us(micros: i32) -> Duration {
        Duration { seconds: 0, nanos: micros * 1000 }
    }

    #[test]
    fn a_series_is_told_in_one_line() {
        let spread = Spread {
            min: Some(us(400)),
            median: Some(us(500)),
            p99: Some(us(2100)),
            max: Some(us(2200)),
            mean: Some(us(600)),
            jitter: Some(us(80)),
        };
        let first = Failure { error_type: "timed_out".to_owned(), ..Failure::default() };
        let remote = Endpoint { address: "10.0.0.5".to_owned(), port: 80 };
        let told = TcpSeries {
            each: Some(TcpDial { remote: Some(remote), ..TcpDial::default() }),
            count: 100,
            attempts: vec![TcpAttempt::default(); 100],
            connected: 96,
            syn_retransmits: 3,
            spread: Some(spread),
            failures: vec![TcpFailureGroup { first: Some(first), count: 4 }],
            ..TcpSeries::default()
        };
        assert_eq!(series(&told), "10.0.0.5:80 x 100");
        assert_eq!(
            super::spread(&told),
            "96 of 100 connected, min 400 µs median 500 µs p99 2.1 ms max 2.2 ms, jitter 80 µs, 3 SYN retransmits, 4 timed out"
        );
    }
}
