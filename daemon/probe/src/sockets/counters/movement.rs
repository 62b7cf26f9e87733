//! What counters did between two looks: deltas, rates, and which of them are gauges.

use std::collections::HashMap;
use std::time::Duration;

use sonde_core::observation::Counter;

/// One counter, beside what it was a look before.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// `TcpExt.ListenOverflows`.
    pub name: String,
    /// As read.
    pub value: i64,
    /// By how much it moved; 0 without a look before.
    pub delta: i64,
    /// The same per second.
    pub rate: f64,
    /// It goes down as well.
    pub gauge: bool,
}

/// All of `after` where there is no look before, else what moved. Counters that went down have begun anew (a device that was made
/// again), and count from zero, as new ones do.
pub fn readings(before: Option<&[Counter]>, after: &[Counter], elapsed: Duration) -> Vec<Reading> {
    let Some(before) = before else {
        return after.iter().map(|counter| reading(counter, 0, Duration::ZERO)).collect();
    };
    let old: HashMap<&str, i64> = before.iter().map(|counter| (counter.name.as_str(), counter.value)).collect();
    let moved = |counter: &Counter| {
        let was = old.get(counter.name.as_str()).copied().unwrap_or(0);
        let delta = if counter.value < was && !is_gauge(&counter.name) {
            counter.value
        } else {
            counter.value.saturating_sub(was)
        };
        (counter.value != was).then(|| reading(counter, delta, elapsed))
    };
    after.iter().filter_map(moved).collect()
}

fn reading(counter: &Counter, delta: i64, elapsed: Duration) -> Reading {
    let seconds = elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
    let rate = if seconds > 0.0 { delta as f64 / seconds } else { 0.0 };
    Reading { name: counter.name.clone(), value: counter.value, delta, rate, gauge: is_gauge(&counter.name) }
}

/// Whether a name is that of a number in use or of a setting, which goes down as well, and not of a count of events.
pub fn is_gauge(name: &str) -> bool {
    name.starts_with("sockstat.") || GAUGES.contains(&name)
}

/// By RFC 4022, RFC 4293 and the kernel's sources.
const GAUGES: [&str; 11] = [
    "Ip.Forwarding",
    "Ip.DefaultTTL",
    "Tcp.RtoAlgorithm",
    "Tcp.RtoMin",
    "Tcp.RtoMax",
    "Tcp.MaxConn",
    "Tcp.CurrEstab",
    "MPTcpExt.MPCurrEstab",
    "conntrack.entries",
    "conntrack.max",
    "softnet.backlog",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &str, value: i64) -> Counter {
        Counter { name: name.to_owned(), value }
    }

    #[test]
    fn the_first_look_has_all_and_no_deltas() {
        let found = readings(None, &[counter("Tcp.CurrEstab", 3), counter("Tcp.OutRsts", 0)], Duration::ZERO);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|reading| reading.delta == 0 && reading.rate == 0.0), "{found:?}");
        assert!(found[0].gauge && !found[1].gauge);
    }

    #[test]
    fn later_looks_have_what_moved_with_its_rate() {
        let before = [counter("a", 1), counter("b", 5), counter("Tcp.CurrEstab", 9)];
        let after = [counter("a", 11), counter("b", 5), counter("Tcp.CurrEstab", 4), counter("new", 2)];
        let found = readings(Some(&before), &after, Duration::from_secs(2));
        let told: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.delta, one.rate)).collect();
        assert_eq!(told, [("a", 10, 5.0), ("Tcp.CurrEstab", -5, -2.5), ("new", 2, 1.0)]);
    }

    #[test]
    fn a_counter_that_went_down_has_begun_anew() {
        let found = readings(
            Some(&[counter("device.v.rx_bytes", 900)]),
            &[counter("device.v.rx_bytes", 20)],
            Duration::from_secs(1),
        );
        assert_eq!((found[0].delta, found[0].rate), (20, 20.0));
    }
}
