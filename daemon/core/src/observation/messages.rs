//! Numbered messages that came back, echo or datagram: each, and the spread of all.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The spread of the round trips of those that were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// The smallest.
    pub min: Duration,
    /// Of an even number, the mean of the middle two.
    pub median: Duration,
    /// The largest.
    pub max: Duration,
    /// Mean difference between one and the next that came.
    pub jitter: Duration,
}

impl RoundTrips {
    /// Of round trips in the order they came; none of none.
    pub fn of(trips: &[Duration]) -> Option<Self> {
        let mut sorted = trips.to_vec();
        sorted.sort_unstable();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (*sorted.get(middle - 1)? + *sorted.get(middle)?) / 2,
            _ => *sorted.get(middle)?,
        };
        let steps = u32::try_from(trips.len() - 1).unwrap_or(u32::MAX).max(1);
        let moved: Duration = trips.windows(2).map(|pair| pair[0].abs_diff(pair[1])).sum();
        Some(Self { min, median, max, jitter: moved / steps })
    }
}

/// One that came back: of an echo request, or of a datagram with a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// From 0.
    pub sequence: u16,
    /// Until the kernel received it.
    pub rtt: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: &[u64]) -> Option<[u128; 4]> {
        let trips: Vec<Duration> = millis.iter().copied().map(Duration::from_millis).collect();
        RoundTrips::of(&trips).map(|of| [of.min, of.median, of.max, of.jitter].map(|trip| trip.as_micros()))
    }

    #[test]
    fn the_spread_is_of_all_and_the_jitter_of_neighbours() {
        assert_eq!(of(&[10, 30, 20]), Some([10_000, 20_000, 30_000, 15_000]));
        assert_eq!(of(&[10, 40]), Some([10_000, 25_000, 40_000, 30_000]));
        assert_eq!(of(&[7]), Some([7_000, 7_000, 7_000, 0]));
        assert_eq!(of(&[]), None);
    }
}
