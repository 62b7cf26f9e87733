//! What programs would have experienced, computed from one dial of each address: Happy Eyeballs, Go's dialer, and plain order.
//!
//! A check dials all addresses side by side and so knows how each answers; a program tries them by rules of its own, and which
//! one it ends on, or how long it hangs, follows. Nothing is dialled here. Addresses are in the order the resolver gave.

use std::time::Duration;

use super::TcpDial;
use crate::connection::Connection;
use crate::types::{Failure, Phase, Reason};

/// Between two attempts of Happy Eyeballs (RFC 8305 section 5, "Connection Attempt Delay").
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Go's `net.Dialer.FallbackDelay`, where it is zero.
pub const FALLBACK_DELAY: Duration = Duration::from_millis(300);
/// When Linux gives a silent peer up with its default of 6 SYN retries: since 6.5, whose first four are a second apart. Before,
/// 127 seconds (Documentation/networking/ip-sysctl.rst, `tcp_syn_retries`).
pub const KERNEL_PATIENCE: Duration = Duration::from_secs(131);
/// The least that Go gives an address while more time is left (`partialDeadline` of net/dial.go).
const SANE_MINIMUM: Duration = Duration::from_secs(2);

/// How one address answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Without brackets.
    pub address: String,
    /// What became of its dial.
    pub fate: Fate,
}

/// What becomes of a dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// After so long.
    Connected(Duration),
    /// With an error, after so long.
    Failed(Duration, String),
    /// Nothing came for as long as anybody waited.
    Silent,
}

/// One try of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Whom.
    pub address: String,
    /// Since the program began.
    pub begins: Duration,
}

/// What a program would have seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experience {
    /// The addresses it would have tried, in order of begin.
    pub tries: Vec<Try>,
    /// The address it ends on, or the error it reports.
    pub outcome: Result<String, String>,
    /// Since it began.
    pub after: Duration,
}

impl Candidate {
    /// Of a dial of this address. A dial that is our own refusal (not granted, out of budget) says nothing of the address: none.
    pub fn of(address: &str, dial: &TcpDial) -> Option<Self> {
        Some(Self { address: address.to_owned(), fate: Fate::of(&dial.connection, &dial.outcome)? })
    }

    /// Of which family its address is.
    pub fn is_ipv6(&self) -> bool {
        self.address.contains(':')
    }
}

impl Fate {
    /// Of the TCP handshake of any dial, whatever came after it. None of a dial that is our own refusal.
    pub fn of(connection: &Connection, outcome: &Result<(), Failure>) -> Option<Self> {
        match outcome {
            Err(failure) if failure.is_our_own() => None,
            Err(failure) if matches!(failure.phase, Phase::Socket | Phase::Connect) => Some(Self::failed(failure)),
            _ => Some(Self::Connected(connection.connect.elapsed())),
        }
    }

    /// Of a handshake that failed so.
    pub fn failed(failure: &Failure) -> Self {
        // Our own deadline, not the kernel's: a program may wait longer.
        if failure.reason == Reason::TimedOut && failure.errno.is_none() {
            return Self::Silent;
        }
        Self::Failed(failure.elapsed(), failure.errno_name.clone().unwrap_or_else(|| failure.detail.clone()))
    }
}

/// Happy Eyeballs version 2 (RFC 8305): families interleaved, the first address's first, a new attempt every 250 ms or as soon as
/// the newest has failed; the first to connect wins. None without an address.
pub fn happy_eyeballs(candidates: &[Candidate]) -> Option<Experience> {
    racing(candidates, ATTEMPT_DELAY)
}

/// As [`happy_eyeballs`], with another delay between two attempts.
pub fn racing(candidates: &[Candidate], delay: Duration) -> Option<Experience> {
    let order = interleaved(candidates);
    let (mut tries, mut winner, mut last_failure) = (Vec::new(), None::<(Duration, &str)>, None);
    let mut begins = Duration::ZERO;
    for candidate in order {
        if winner.is_some_and(|(at, _)| at <= begins) {
            break;
        }
        tries.push(Try { address: candidate.address.clone(), begins });
        let (ends, error) = end(&candidate.fate, KERNEL_PATIENCE);
        let ends = begins + ends;
        match error {
            None if winner.is_none_or(|(at, _)| ends < at) => winner = Some((ends, &candidate.address)),
            None => {}
            Some(error) => last_failure = last_failure.max(Some((ends, error))),
        }
        begins = match &candidate.fate {
            Fate::Failed(..) => ends.min(begins + delay),
            Fate::Connected(_) | Fate::Silent => begins + delay,
        };
    }
    match (winner, last_failure) {
        (Some((after, address)), _) => Some(Experience { tries, outcome: Ok(address.to_owned()), after }),
        (None, Some((after, error))) => Some(Experience { tries, outcome: Err(error), after }),
        (None, None) => None,
    }
}

/// Go's `net.Dialer` with this `Timeout` (none: as long as the kernel waits). The addresses of the first one's family are tried
/// one after the other, sharing the deadline; those of the other family begin 300 ms later, or when all of the first have failed.
/// None without an address.
pub fn go(candidates: &[Candidate], timeout: Option<Duration>) -> Option<Experience> {
    let first = candidates.first()?.is_ipv6();
    let (primaries, fallbacks): (Vec<_>, Vec<_>) =
        candidates.iter().partition(|candidate| candidate.is_ipv6() == first);
    let primary = serial(&primaries, Duration::ZERO, timeout);
    let begins = match &primary.outcome {
        Err(_) => primary.after.min(FALLBACK_DELAY),
        Ok(_) => FALLBACK_DELAY,
    };
    if fallbacks.is_empty() || (primary.outcome.is_ok() && primary.after <= begins) {
        return Some(primary);
    }
    let fallback = serial(&fallbacks, begins, timeout);
    let first_wins = match (&primary.outcome, &fallback.outcome) {
        (Ok(_), Ok(_)) => primary.after <= fallback.after,
        // It reports the error of the first family, once both have failed.
        (_, Err(_)) => true,
        (Err(_), Ok(_)) => false,
    };
    let both_failed = primary.outcome.is_err() && fallback.outcome.is_err();
    let after = if both_failed { primary.after.max(fallback.after) } else { Duration::ZERO };
    let (mut told, other) = if first_wins { (primary, fallback) } else { (fallback, primary) };
    if both_failed {
        told.after = after;
    }
    told.tries.extend(other.tries.into_iter().filter(|attempt| attempt.begins < told.after));
    told.tries.sort_by_key(|attempt| attempt.begins);
    Some(told)
}

/// One address after the other in the resolver's order, each for as long as the kernel tries: what a loop over `getaddrinfo` does.
/// It reports the last error. None without an address.
pub fn one_after_the_other(candidates: &[Candidate]) -> Option<Experience> {
    in_order(candidates, KERNEL_PATIENCE)
}

/// As [`one_after_the_other`], each address for no longer than `patience`.
pub fn in_order(candidates: &[Candidate], patience: Duration) -> Option<Experience> {
    let (mut tries, mut now, mut outcome) = (Vec::new(), Duration::ZERO, None);
    for candidate in candidates {
        tries.push(Try { address: candidate.address.clone(), begins: now });
        let (took, error) = match end(&candidate.fate, patience) {
            (took, _) if took > patience => (patience, Some("ETIMEDOUT".to_owned())),
            ended => ended,
        };
        now += took;
        let Some(error) = error else {
            return Some(Experience { tries, outcome: Ok(candidate.address.clone()), after: now });
        };
        outcome = Some(Err(error));
    }
    Some(Experience { tries, outcome: outcome?, after: now })
}

/// Go's `dialSerial`: the deadline is shared by the addresses that are left; it reports the first error.
fn serial(candidates: &[&Candidate], begins: Duration, timeout: Option<Duration>) -> Experience {
    let (mut tries, mut now, mut first_error) = (Vec::new(), begins, None::<String>);
    for (index, candidate) in candidates.iter().enumerate() {
        let left = timeout.map(|timeout| timeout.saturating_sub(now));
        if left.is_some_and(|left| left.is_zero()) {
            first_error.get_or_insert_with(|| TIMEOUT.to_owned());
            break;
        }
        let share = left.map(|left| share(left, candidates.len() - index));
        tries.push(Try { address: candidate.address.clone(), begins: now });
        let (took, error) = end(&candidate.fate, KERNEL_PATIENCE);
        let (took, error) = match share {
            Some(share) if took > share => (share, Some(TIMEOUT.to_owned())),
            _ => (took, error),
        };
        now += took;
        match error {
            None => return Experience { tries, outcome: Ok(candidate.address.clone()), after: now },
            Some(error) => _ = first_error.get_or_insert(error),
        }
    }
    Experience { tries, outcome: Err(first_error.unwrap_or_else(|| TIMEOUT.to_owned())), after: now }
}

/// Go's `partialDeadline`: an equal part for each address that is left, but two seconds where there are so many.
fn share(left: Duration, addresses: usize) -> Duration {
    let equal = left / u32::try_from(addresses).unwrap_or(u32::MAX).max(1);
    if equal < SANE_MINIMUM { left.min(SANE_MINIMUM) } else { equal }
}

/// How long a dial takes, and its error where it fails.
fn end(fate: &Fate, patience: Duration) -> (Duration, Option<String>) {
    match fate {
        Fate::Connected(after) => (*after, None),
        Fate::Failed(after, error) => (*after, Some(error.clone())),
        Fate::Silent => (patience, Some("ETIMEDOUT".to_owned())),
    }
}

/// RFC 8305 section 4, with a "First Address Family Count" of one.
fn interleaved(candidates: &[Candidate]) -> Vec<&Candidate> {
    let Some(first) = candidates.first().map(Candidate::is_ipv6) else { return vec![] };
    let mut own = candidates.iter().filter(|candidate| candidate.is_ipv6() == first);
    let mut other = candidates.iter().filter(|candidate| candidate.is_ipv6() != first);
    let mut order = Vec::with_capacity(candidates.len());
    loop {
        let pair = [own.next(), other.next()];
        if pair == [None, None] {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

/// As Go says it.
const TIMEOUT: &str = "i/o timeout";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use crate::types::Endpoint;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn connects(address: &str, after: u64) -> Candidate {
        Candidate { address: address.to_owned(), fate: Fate::Connected(ms(after)) }
    }

    fn refuses(address: &str, after: u64) -> Candidate {
        Candidate { address: address.to_owned(), fate: Fate::Failed(ms(after), "ECONNREFUSED".to_owned()) }
    }

    fn silent(address: &str) -> Candidate {
        Candidate { address: address.to_owned(), fate: Fate::Silent }
    }

    fn outcome(experience: Option<Experience>) -> (Result<String, String>, Duration) {
        let experience = experience.expect("there are addresses");
        (experience.outcome, experience.after)
    }

    fn ok(address: &str, after: u64) -> (Result<String, String>, Duration) {
        (Ok(address.to_owned()), ms(after))
    }

    fn error(text: &str, after: u64) -> (Result<String, String>, Duration) {
        (Err(text.to_owned()), ms(after))
    }

    #[test]
    fn a_silent_ipv6_costs_happy_eyeballs_250_go_300_and_plain_order_two_minutes() {
        let addresses = [silent("fd00::1"), connects("10.0.0.1", 20)];
        assert_eq!(outcome(happy_eyeballs(&addresses)), ok("10.0.0.1", 270));
        assert_eq!(outcome(go(&addresses, None)), ok("10.0.0.1", 320));
        assert_eq!(outcome(one_after_the_other(&addresses)), ok("10.0.0.1", 131_020));
    }

    #[test]
    fn an_ipv6_that_is_refused_costs_nobody_more_than_its_refusal() {
        let addresses = [refuses("fd00::1", 2), connects("10.0.0.1", 20)];
        for experience in [happy_eyeballs(&addresses), go(&addresses, None), one_after_the_other(&addresses)] {
            assert_eq!(outcome(experience), ok("10.0.0.1", 22));
        }
    }

    #[test]
    fn happy_eyeballs_interleaves_the_families() {
        let addresses = [silent("fd00::1"), silent("fd00::2"), connects("10.0.0.1", 5), connects("10.0.0.2", 5)];
        let experience = happy_eyeballs(&addresses).expect("there are addresses");
        let tried: Vec<_> = experience.tries.iter().map(|attempt| attempt.address.as_str()).collect();
        assert_eq!(tried, ["fd00::1", "10.0.0.1"]);
        assert_eq!((experience.outcome.as_deref(), experience.after), (Ok("10.0.0.1"), ms(255)));
    }

    #[test]
    fn a_slow_first_address_still_wins_when_the_second_is_slower() {
        let addresses = [connects("fd00::1", 400), connects("10.0.0.1", 400)];
        assert_eq!(outcome(happy_eyeballs(&addresses)), ok("fd00::1", 400));
        assert_eq!(outcome(go(&addresses, None)), ok("fd00::1", 400));
    }

    #[test]
    fn go_shares_its_deadline_among_the_addresses_of_a_family() {
        // Two silent ones and one that answers: 30 s / 3, then 20 s / 2, then the rest.
        let addresses = [silent("10.0.0.1"), silent("10.0.0.2"), connects("10.0.0.3", 20)];
        assert_eq!(outcome(go(&addresses, Some(ms(30_000)))), ok("10.0.0.3", 20_020));
        // 3 s / 3 is under two seconds: the first takes two, the second the one that is left, the third has none.
        assert_eq!(outcome(go(&addresses, Some(ms(3_000)))), error("i/o timeout", 3_000));
    }

    #[test]
    fn go_reports_the_first_error_of_the_first_family_when_all_have_failed() {
        let addresses = [refuses("fd00::1", 1), silent("10.0.0.1")];
        assert_eq!(outcome(go(&addresses, Some(ms(5_000)))), error("ECONNREFUSED", 5_000));
    }

    #[test]
    fn plain_order_reports_its_last_error() {
        let addresses = [silent("10.0.0.1"), refuses("10.0.0.2", 1)];
        assert_eq!(outcome(one_after_the_other(&addresses)), error("ECONNREFUSED", 131_001));
    }

    #[test]
    fn plain_order_gives_an_address_no_more_time_than_a_program_allows() {
        let addresses = [silent("fd00::1"), connects("10.0.0.1", 1500), connects("10.0.0.2", 20)];
        assert_eq!(outcome(in_order(&addresses, ms(1000))), ok("10.0.0.2", 2020));
    }

    #[test]
    fn the_delay_between_two_attempts_is_the_programs() {
        let addresses = [silent("fd00::1"), connects("10.0.0.1", 20)];
        assert_eq!(outcome(racing(&addresses, ms(200))), ok("10.0.0.1", 220));
    }

    #[test]
    fn without_an_address_there_is_nothing_to_experience() {
        assert_eq!((happy_eyeballs(&[]), go(&[], None), one_after_the_other(&[])), (None, None, None));
    }

    #[test]
    fn a_dial_is_read_as_the_fate_of_its_address() {
        let remote = Endpoint::new("10.0.0.1", 80);
        let fate = |dial: &TcpDial| Candidate::of("10.0.0.1", dial).map(|candidate| candidate.fate);
        assert_eq!(fate(&testkit::dial(1, &remote, 500)), Some(Fate::Connected(Duration::from_micros(500))));
        assert_eq!(fate(&testkit::failed_dial(1, &remote, Reason::TimedOut)), Some(Fate::Silent));
        let refused = fate(&testkit::failed_dial(1, &remote, Reason::Refused));
        assert_eq!(refused, Some(Fate::Failed(Duration::ZERO, "ECONNREFUSED".to_owned())));
        assert_eq!(fate(&testkit::failed_dial(1, &remote, Reason::Denied("no".to_owned()))), None);
    }

    #[test]
    fn what_fails_after_the_handshake_did_connect() {
        let alert = testkit::failure(Phase::Tls, Reason::Closed, 9);
        assert_eq!(Fate::of(&testkit::connection(500), &Err(alert)), Some(Fate::Connected(Duration::from_micros(500))));
    }
}
