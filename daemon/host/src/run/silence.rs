//! When an endpoint counts as silent: nobody needs to wait for it again. Pure.

use std::time::Duration;

use sonde_core::observation::{Failure, Phase, Reason};

/// Dials without an answer, from which on an endpoint is silent.
const DIALS: usize = 2;
/// So many in a row without an answer, after some that had one: a queue that has filled up, a filter that counts.
const SINCE: usize = 8;
/// An error of the kernel or of the last router that took longer came from waiting in vain for the host: one dial tells.
const WAITED: Duration = Duration::from_secs(1);

/// What one dial tells.
enum Told {
    Answer,
    /// Its patience ended.
    Nothing,
    /// Somebody on the way waited for the host and gave up.
    GivenUp,
    /// The host is unreachable, at once: beside dials that waited, the last of what somebody waited for.
    Unreachable,
}

/// All that these dials of one endpoint tell, in the order of their ends, is silence, at least of late.
pub(super) fn is_silent<'a>(outcomes: impl Iterator<Item = &'a Result<(), Failure>>) -> bool {
    let told: Vec<Told> = outcomes.filter_map(told).collect();
    let given_up = told.iter().any(|one| matches!(one, Told::GivenUp));
    let waited = told.iter().any(|one| matches!(one, Told::Nothing));
    let since = told.iter().rev().take_while(|one| matches!(one, Told::Nothing)).count();
    if since >= SINCE {
        return true;
    }
    (given_up || (waited && told.len() >= DIALS)) && !told.iter().any(|one| matches!(one, Told::Answer))
}

/// None where the dial was not made, or not waited for.
fn told(outcome: &Result<(), Failure>) -> Option<Told> {
    let Err(failure) = outcome else { return Some(Told::Answer) };
    match failure.reason {
        Reason::Denied(_)
        | Reason::Unavailable(_)
        | Reason::InvalidRequest(_)
        | Reason::BudgetExhausted(_)
        | Reason::Other(_) => None,
        _ if failure.phase != Phase::Connect => Some(Told::Answer),
        Reason::TimedOut => Some(Told::Nothing),
        Reason::HostUnreachable if failure.elapsed >= WAITED => Some(Told::GivenUp),
        Reason::HostUnreachable => Some(Told::Unreachable),
        _ => Some(Told::Answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: Reason, millis: u64) -> Result<(), Failure> {
        let elapsed = Duration::from_millis(millis);
        Err(Failure { phase: Phase::Connect, reason, errno: None, icmp: None, elapsed, detail: String::new() })
    }

    #[test]
    fn two_dials_without_an_answer_are_silence_and_one_is_not() {
        let timed_out = failed(Reason::TimedOut, 1300);
        assert!(!is_silent([&timed_out].into_iter()));
        assert!(is_silent([&timed_out, &timed_out].into_iter()));
        assert!(!is_silent([&timed_out, &timed_out, &Ok(())].into_iter()));
    }

    #[test]
    fn an_error_after_waiting_for_the_host_is_silence_by_itself_and_one_at_once_is_none() {
        assert!(is_silent([&failed(Reason::HostUnreachable, 3050)].into_iter()));
        assert!(is_silent([&failed(Reason::TimedOut, 1300), &failed(Reason::HostUnreachable, 400)].into_iter()));
        assert!(!is_silent([&failed(Reason::HostUnreachable, 1), &failed(Reason::HostUnreachable, 1)].into_iter()));
    }

    #[test]
    fn what_has_accepted_is_silent_only_once_many_in_a_row_got_no_answer() {
        let timed_out = failed(Reason::TimedOut, 1300);
        let after = |silent: usize| {
            std::iter::once(Ok(())).chain(std::iter::repeat_n(timed_out.clone(), silent)).collect::<Vec<_>>()
        };
        assert!(!is_silent(after(7).iter()));
        assert!(is_silent(after(8).iter()));
        let mut again = after(8);
        again.push(Ok(()));
        assert!(!is_silent(again.iter()));
    }

    #[test]
    fn a_dial_that_was_not_waited_for_tells_nothing() {
        let cut = failed(Reason::Other("cut short".to_owned()), 260);
        assert!(!is_silent([&cut, &cut].into_iter()));
        assert!(is_silent([&cut, &failed(Reason::HostUnreachable, 2800)].into_iter()));
    }
}
