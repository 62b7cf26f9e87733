//! The statistics of several dials of one address, in one line.

use std::time::Duration;

use crate::attempt::{Attempt, Series};

/// Of the durations that were measured. Percentiles are by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) min: Duration,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
    /// The mean absolute difference between one and the next (the figure that RFC 3550 section 6.4.1 smooths).
    pub(crate) jitter: Duration,
}

impl Spread {
    /// None of nothing.
    pub(crate) fn of(measured: &[Duration]) -> Option<Self> {
        let mut sorted = measured.to_vec();
        sorted.sort_unstable();
        let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied();
        let steps = measured.windows(2).map(|pair| pair[0].abs_diff(pair[1])).sum::<Duration>();
        Some(Self {
            min: *sorted.first()?,
            median: rank(50)?,
            p99: rank(99)?,
            max: *sorted.last()?,
            jitter: steps / u32::try_from(measured.len() - 1).unwrap_or(u32::MAX).max(1),
        })
    }

    fn words(self) -> String {
        let Self { min, median, p99, max, jitter } = self;
        format!("min {min:.1?}, median {median:.1?}, p99 {p99:.1?}, max {max:.1?}, jitter {jitter:.1?}")
    }
}

/// How many of the wished dials were made, how many of these failed, and how long the others took; none where that says nothing
/// beyond `recorded` statistics.
pub(crate) fn sentence(series: &Series, wished: u32, recorded: bool) -> Option<String> {
    let made = series.attempts.len();
    let mut parts = Vec::new();
    if (1..usize::try_from(wished).unwrap_or(usize::MAX)).contains(&made) {
        parts.push(format!("{made} of {wished} were made; the time was up"));
    }
    if made > 1 && !recorded {
        parts.extend(statistics(&series.attempts));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Our own refusals are no losses of the network.
fn statistics(all: &[Attempt]) -> Vec<String> {
    let (own, dialled): (Vec<_>, Vec<_>) = all.iter().partition(|attempt| attempt.is_our_own());
    let lost = dialled.iter().filter(|attempt| attempt.whole.is_none()).count();
    let connects: Vec<Duration> = dialled.iter().filter_map(|attempt| attempt.connect()).collect();
    let wholes: Vec<Duration> = dialled.iter().filter_map(|attempt| attempt.whole).collect();
    let mut parts = vec![format!("{lost} of {} failed", dialled.len())];
    if !own.is_empty() {
        parts.push(format!("{} say nothing of the network", own.len()));
    }
    parts.extend(Spread::of(&connects).map(|spread| format!("connect {}", spread.words())));
    parts.extend(Spread::of(&wholes).map(|spread| format!("whole {}", spread.words())));
    parts
}

#[cfg(test)]
mod tests {
    use sonde_sdk::dial::experience::Fate;
    use sonde_sdk::types::Endpoint;

    use super::*;

    fn ms(measured: &[u64]) -> Vec<Duration> {
        measured.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn percentiles_are_measured_values_and_jitter_is_the_mean_step() {
        let spread = Spread::of(&ms(&[10, 30, 20, 40])).expect("four were measured");

        assert_eq!([spread.min, spread.median, spread.p99, spread.max].to_vec(), ms(&[10, 20, 40, 40]));
        assert_eq!(spread.jitter, Duration::from_millis(50) / 3);
    }

    #[test]
    fn one_measurement_has_no_jitter_and_none_has_no_spread() {
        assert_eq!(Spread::of(&ms(&[7])).map(|spread| spread.jitter), Some(Duration::ZERO));
        assert_eq!(Spread::of(&[]), None);
    }

    fn series(attempts: Vec<Attempt>) -> Series {
        Series { endpoint: Endpoint::new("192.0.2.1", 80), attempts, exchange: None }
    }

    fn connected(ms: u64) -> Attempt {
        let took = Duration::from_millis(ms);
        Attempt { fate: Some(Fate::Connected(took)), whole: Some(took), trouble: None }
    }

    fn failed(fate: Option<Fate>) -> Attempt {
        Attempt { fate, whole: None, trouble: Some("no".to_owned()) }
    }

    #[test]
    fn losses_are_counted_and_take_no_part_in_the_times() {
        let series = series(vec![connected(2), failed(Some(Fate::Silent)), connected(4)]);

        let text = sentence(&series, 3, false).expect("three were made");

        assert!(text.starts_with("1 of 3 failed; connect min 2.0ms, median 2.0ms, p99 4.0ms, max 4.0ms, jitter 2.0ms"));
    }

    #[test]
    fn our_own_refusals_are_no_losses() {
        let text = sentence(&series(vec![connected(2), failed(None)]), 2, false).expect("two were made");
        assert!(text.starts_with("0 of 1 failed; 1 say nothing of the network; connect min 2.0ms"), "{text}");
    }

    #[test]
    fn dials_that_time_did_not_allow_are_told() {
        let two = || series(vec![connected(2), connected(2)]);
        assert_eq!(sentence(&two(), 5, true).as_deref(), Some("2 of 5 were made; the time was up"));
        assert_eq!(sentence(&two(), 2, true), None);
        assert_eq!(sentence(&series(vec![]), 5, false), None);
    }
}
