//! Vocabulary that every interface shares, with the readings of it that checks need.

use std::fmt;
use std::time::Duration;

pub use crate::bindings::sonde::check::types::{
    Counter, CounterDeltas, Endpoint, EvidenceId, Failure, IcmpError, Measure, Period, Phase, Property, Reason, Reply,
    RoundTrips, Timing,
};

impl Endpoint {
    /// An address without brackets, and a port.
    pub fn new(address: &str, port: u16) -> Self {
        Self { address: address.to_owned(), port }
    }

    /// It is an IPv6 address.
    pub fn is_ipv6(&self) -> bool {
        self.address.contains(':')
    }
}

// `Display` of a `Failure` (and of no other record) is generated; people are shown its `detail`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ipv6() {
            write!(f, "[{}]:{}", self.address, self.port)
        } else {
            write!(f, "{}:{}", self.address, self.port)
        }
    }
}

impl Timing {
    /// Since the run began.
    pub fn at(&self) -> Duration {
        Duration::from_micros(self.at_us)
    }

    /// How long it took.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed_us)
    }
}

impl Failure {
    /// Since the call began.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed_us)
    }

    /// It says nothing about the network: the call was not granted, not possible here, wrong, or out of budget.
    pub fn is_our_own(&self) -> bool {
        matches!(
            self.reason,
            Reason::Denied(_) | Reason::Unavailable(_) | Reason::InvalidRequest(_) | Reason::BudgetExhausted(_)
        )
    }
}

impl CounterDeltas {
    /// By how much a counter moved, 0 for one that did not; none where another probe of ours shared the window.
    pub fn moved(&self, name: &str) -> Option<i64> {
        self.quiet.then(|| value_of(&self.moved, name).unwrap_or(0))
    }
}

/// The share of messages that were not answered.
pub(crate) fn loss(sent: u32, received: u32) -> Option<f64> {
    (sent > 0).then(|| f64::from(sent.saturating_sub(received)) / f64::from(sent))
}

/// The value of the counter with this name.
pub fn value_of(counters: &[Counter], name: &str) -> Option<i64> {
    counters.iter().find(|c| c.name == name).map(|c| c.value)
}

impl Measure {
    /// A number with its UCUM unit. What is not finite becomes 0: JSON has no word for it.
    pub fn new(name: &str, value: f64, unit: &str) -> Self {
        Self { name: name.to_owned(), value: if value.is_finite() { value } else { 0.0 }, unit: unit.to_owned() }
    }

    /// A duration, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 ns, a hundred days")]
    pub fn duration(name: &str, value: Duration) -> Self {
        Self::new(name, value.as_nanos() as f64 / 1e3, "us")
    }

    /// A plain count.
    #[expect(clippy::cast_precision_loss, reason = "shown to people; counts beyond 2^53 do not occur")]
    pub fn count(name: &str, value: i64) -> Self {
        Self::new(name, value as f64, "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{deltas, failure};

    #[test]
    fn an_endpoint_is_written_as_people_write_it() {
        assert_eq!(Endpoint::new("192.0.2.1", 80).to_string(), "192.0.2.1:80");
        assert_eq!(Endpoint::new("2001:db8::1", 80).to_string(), "[2001:db8::1]:80");
    }

    #[test]
    fn deltas_of_a_shared_window_say_nothing() {
        let quiet = deltas(&[("Tcp.AttemptFails", 1)]);
        assert_eq!((quiet.moved("Tcp.AttemptFails"), quiet.moved("Tcp.OutRsts")), (Some(1), Some(0)));
        let shared = CounterDeltas { quiet: false, ..quiet };
        assert_eq!(shared.moved("Tcp.AttemptFails"), None);
    }

    #[test]
    fn a_denial_is_our_own_and_a_refusal_is_the_networks() {
        assert!(failure(Phase::Connect, Reason::Denied("no".into()), 0).is_our_own());
        assert!(!failure(Phase::Connect, Reason::Refused, 0).is_our_own());
    }

    #[test]
    fn a_duration_of_whole_microseconds_stays_whole() {
        let whole = |us| Measure::duration("connect", Duration::from_micros(us)).value.to_string();
        assert_eq!([255, 1_300_007].map(whole), ["255", "1300007"]);
    }

    #[test]
    fn a_measure_is_always_a_number() {
        assert!(Measure::new("ratio", f64::NAN, "1").value.abs() < f64::EPSILON);
    }
}
