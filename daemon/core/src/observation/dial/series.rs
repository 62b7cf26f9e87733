//! Many TCP dials of one endpoint in one call, and what they come to together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TcpRequest;
use crate::observation::{CounterDeltas, Failure, Timing};

/// Reasons told apart in one series; the last group takes what is beyond.
pub const MOST_FAILURE_GROUPS: usize = 32;

/// `dial.tcp-repeat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesRequest {
    /// What each attempt asks for; its timeout bounds one attempt, its deltas are the whole series'.
    pub each: TcpRequest,
    /// Attempts.
    pub count: u32,
    /// From begin to begin; zero begins as soon as another has ended.
    pub interval: Duration,
    /// In flight at once.
    pub at_once: u32,
    /// Bound of the whole call.
    pub timeout: Duration,
}

/// One attempt of a series, kept small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpAttempt {
    /// Since the run began.
    pub at: Duration,
    /// The handshake itself, or how long it took to fail.
    pub connect: Duration,
    /// The kernel's round trip; zero where there is none or the SYN was retransmitted.
    pub rtt: Duration,
    /// The port that it came from; 0 where none was bound.
    pub local_port: u16,
    /// SYNs beyond the first.
    pub syn_retransmits: u8,
    /// Index into the series' failures; absent: connected.
    pub failure: Option<u16>,
}

/// The attempts that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpFailureGroup {
    /// The first of them.
    pub first: Failure,
    /// How many.
    pub count: u32,
}

/// The handshakes that connected, as a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The shortest.
    pub min: Duration,
    /// By nearest rank.
    pub median: Duration,
    /// By nearest rank.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
    /// The arithmetic mean.
    pub mean: Duration,
    /// Mean absolute difference between one and the next, in order of begin; zero of fewer than two.
    pub jitter: Duration,
}

impl Spread {
    /// Of handshakes in order of begin; absent where there are none.
    pub fn of(handshakes: &[Duration]) -> Option<Self> {
        let mut sorted = handshakes.to_vec();
        sorted.sort_unstable();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let differences = handshakes.windows(2).map(|pair| match pair {
            [one, next] => one.abs_diff(*next),
            _ => Duration::ZERO,
        });
        Some(Self {
            min,
            median: rank(&sorted, 50),
            p99: rank(&sorted, 99),
            max,
            mean: mean(sorted.iter().copied(), sorted.len()),
            jitter: mean(differences, sorted.len() - 1),
        })
    }
}

/// What came of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpSeries {
    /// The whole call.
    pub timing: Timing,
    /// In order of begin.
    pub attempts: Vec<TcpAttempt>,
    /// Of the attempts.
    pub connected: u32,
    /// SYNs beyond the first of each attempt.
    pub syn_retransmits: u32,
    /// Absent where nothing connected.
    pub spread: Option<Spread>,
    /// In order of their first appearance.
    pub failures: Vec<TcpFailureGroup>,
    /// Whether it was run at all.
    pub outcome: Result<(), Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}

impl TcpSeries {
    /// A series that was not run.
    pub fn failed(timing: Timing, failure: Failure) -> Self {
        Self { outcome: Err(failure), ..Self::of(timing, Vec::new(), Vec::new()) }
    }

    /// What attempts, in order of begin, come to; each names its place in `failures`.
    pub fn of(timing: Timing, attempts: Vec<TcpAttempt>, failures: Vec<TcpFailureGroup>) -> Self {
        let handshakes: Vec<_> =
            attempts.iter().filter(|attempt| attempt.failure.is_none()).map(|attempt| attempt.connect).collect();
        Self {
            timing,
            connected: u32::try_from(handshakes.len()).unwrap_or(u32::MAX),
            syn_retransmits: attempts.iter().map(|attempt| u32::from(attempt.syn_retransmits)).sum(),
            spread: Spread::of(&handshakes),
            attempts,
            failures,
            outcome: Ok(()),
            deltas: None,
        }
    }
}

/// The smallest value that at least `percent` of all do not exceed. `sorted` is not empty.
fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or_default()
}

fn mean(values: impl Iterator<Item = Duration>, count: usize) -> Duration {
    let total: u128 = values.map(|value| value.as_nanos()).sum();
    let mean = total.checked_div(count as u128).unwrap_or_default();
    Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn attempt(connect: Duration, failure: Option<u16>) -> TcpAttempt {
        TcpAttempt { at: ms(1), connect, rtt: Duration::ZERO, local_port: 40_000, syn_retransmits: 1, failure }
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<_> = (1..=100).map(ms).collect();
        let spread = Spread::of(&hundred).expect("some");
        assert_eq!((spread.min, spread.median, spread.p99, spread.max), (ms(1), ms(50), ms(99), ms(100)));
        assert_eq!(spread.mean, Duration::from_micros(50_500));
        let three = Spread::of(&[ms(3), ms(1), ms(2)]).expect("some");
        assert_eq!((three.median, three.p99), (ms(2), ms(3)));
    }

    #[test]
    fn jitter_is_between_neighbours_in_order_of_begin() {
        let spread = Spread::of(&[ms(10), ms(14), ms(10), ms(12)]).expect("some");
        assert_eq!(spread.jitter, Duration::from_nanos(3_333_333));
        assert_eq!(Spread::of(&[ms(10)]).expect("one").jitter, Duration::ZERO);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_failed_attempt_is_in_no_percentile() {
        let timing = Timing::default();
        let series = TcpSeries::of(timing, vec![attempt(ms(2), None), attempt(ms(900), Some(0))], Vec::new());
        assert_eq!((series.connected, series.syn_retransmits), (1, 2));
        assert_eq!(series.spread.expect("one connected").max, ms(2));
    }
}
