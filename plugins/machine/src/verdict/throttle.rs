//! A CPU quota that keeps a process from running. On a busy machine a quota runs out now and then: only one that does so again and
//! again is worth a word.
//!
//! Throttled time is summed over all processors: it is compared with what the cgroup used of them, never with the clock.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::system::pressure_of;
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::{Watched, name};

/// Judges one process.
pub(super) fn judge(watched: &Watched, verdict: &mut Verdict) {
    let (Some([before, after]), Some([first, second])) = (watched.facts(), watched.cgroups()) else { return };
    let Some((quota_us, period_us)) = second.quota_us.zip(second.period_us) else { return };
    let periods = second.periods.saturating_sub(first.periods);
    let throttled = second.throttled_periods.saturating_sub(first.throttled_periods);
    let kept_us = second.throttled_us.saturating_sub(first.throttled_us);
    let window_us = watched.cgroup[1].timing.at_us.saturating_sub(watched.cgroup[0].timing.at_us);
    let spent_us = second.usage_us.saturating_sub(first.usage_us);
    let is_starved = throttled >= PERIODS
        && throttled.saturating_mul(2) >= periods
        && kept_us.saturating_mul(SHARE) >= spent_us.saturating_add(kept_us);
    if !is_starved {
        return;
    }
    let waits = pressure_of(&second.pressure, "cpu")
        .filter(|pressure| pressure.some.avg10_percent >= 1.0)
        .map_or_else(String::new, |pressure| {
            format!("; its tasks waited {:.0} % of the time", pressure.some.avg10_percent)
        });
    let sentence = format!(
        "{} is starved of CPU by the quota of {} ({quota_us} us in {period_us} us): throttled in {throttled} of {periods} periods \
         within {} ms, which kept it from {} ms of processor time{waits}",
        name(after),
        second.path,
        window_us / 1000,
        kept_us / 1000
    );
    let finding = supports("host.cpu_throttle")
        .about(name(after))
        .because(&sentence)
        .citing(watched.cgroup_looks())
        .measuring(Measure::count("throttled periods", u32::try_from(throttled).unwrap_or(u32::MAX).into()));
    // Others of its cgroup may be the ones that use it up: then it is only in their way when it wants to run.
    let used_us = after.cpu_us.saturating_sub(before.cpu_us);
    if used_us > 0 || before.state == "R" || after.state == "R" || watched.is_waited_for {
        let against = ["http.server_slow", "l3.high_latency"].map(|cause| {
            refutes(cause)
                .strong()
                .about(name(after))
                .because(format!(
                    "it wants to run (state {}, {} ms of CPU in the window) and is not let: neither its work nor the way to it is what \
                     takes the time",
                    after.state,
                    used_us / 1000
                ))
                .citing(watched.looks())
        });
        verdict.prove(sentence, finding, against);
    } else {
        verdict.doubt(sentence, finding);
    }
}

/// Throttled periods in the window, below which it is a burst.
const PERIODS: u64 = 3;
/// Of the processor time that the cgroup used or was kept from, it was kept from at least one part in so many.
const SHARE: u64 = 5;
