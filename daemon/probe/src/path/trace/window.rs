//! Which TTLs are probed at one time.

use std::ops::RangeInclusive;

use sonde_core::observation::path::{Hop, ProbeAnswer};

/// Most paths inside one network are no longer.
const AT_ONE_TIME: usize = 6;

/// The next ones: a few, or all that are left where nothing came back of the last few, for then nobody is knocked at.
pub(super) fn next(tried: &[Hop], max_hops: u8) -> Option<RangeInclusive<u8>> {
    let first = tried.last().map_or(Some(1), |hop| hop.ttl.checked_add(1)).filter(|first| *first <= max_hops)?;
    let is_silent = |hop: &Hop| hop.probes.iter().all(|probe| probe.answer == ProbeAnswer::Silent);
    let silent = tried.len() >= AT_ONE_TIME && tried.iter().rev().take(AT_ONE_TIME).all(is_silent);
    let few = u8::try_from(AT_ONE_TIME).unwrap_or(u8::MAX);
    let last = if silent { max_hops } else { max_hops.min(first.saturating_add(few - 1)) };
    Some(first..=last)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sonde_core::observation::path::HopProbe;

    use super::*;

    fn hops(count: u8, answer: &ProbeAnswer) -> Vec<Hop> {
        let probe = HopProbe { at: Duration::ZERO, rtt: None, answer: answer.clone() };
        (1..=count).map(|ttl| Hop { ttl, probes: vec![probe.clone()] }).collect()
    }

    #[test]
    fn a_few_at_a_time_until_the_last() {
        assert_eq!(next(&[], 30), Some(1..=6));
        assert_eq!(next(&[], 4), Some(1..=4));
        assert_eq!(next(&hops(6, &ProbeAnswer::Reset), 30), Some(7..=12));
        assert_eq!(next(&hops(6, &ProbeAnswer::Reset), 7), Some(7..=7));
        assert_eq!(next(&hops(6, &ProbeAnswer::Reset), 6), None);
    }

    #[test]
    fn beyond_silence_all_at_once() {
        assert_eq!(next(&hops(6, &ProbeAnswer::Silent), 30), Some(7..=30));
        assert_eq!(next(&hops(255, &ProbeAnswer::Silent), 255), None);
    }
}
