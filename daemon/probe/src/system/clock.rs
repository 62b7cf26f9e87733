//! The state of the kernel's clock (adjtimex(2)), read only. It is the machine's, whatever the vantage.

use std::io;
use std::time::Duration;

use sonde_core::observation::system::ClockState;

use crate::inspection::Problem;

/// Asks adjtimex with no modification requested, which needs no privilege.
pub(super) fn read() -> Result<ClockState, Problem> {
    let (state, timex) = adjtimex().map_err(|error| Problem::os("read the clock's state", &error, "CAP_SYS_TIME"))?;
    Ok(interpret(state, &timex))
}

#[expect(clippy::useless_conversion, reason = "the width of timex's fields differs between architectures")]
fn interpret(state: i32, timex: &libc::timex) -> ClockState {
    let fraction = i64::from(timex.time.tv_usec);
    let nanoseconds = timex.status & libc::STA_NANO != 0;
    let micros = if nanoseconds { fraction / 1000 } else { fraction };
    let error = |value: i64| Duration::from_micros(u64::try_from(value).unwrap_or(0));
    ClockState {
        wall_us: i64::from(timex.time.tv_sec).saturating_mul(1_000_000).saturating_add(micros),
        synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        estimated_error: error(timex.esterror.into()),
        maximum_error: error(timex.maxerror.into()),
    }
}

#[expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper among our dependencies")]
fn adjtimex() -> io::Result<(i32, libc::timex)> {
    // SAFETY: timex is plain old data, for which all zeroes is valid; `modes: 0` asks for no change. The kernel writes within
    // the struct that the pointer, which is valid for the call, refers to.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok((state, timex)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::RunClock;

    fn timex(edit: impl FnOnce(&mut libc::timex)) -> libc::timex {
        let (_, mut timex) = adjtimex().expect("adjtimex");
        edit(&mut timex);
        timex
    }

    #[test]
    fn the_clock_is_read_without_changing_it() {
        let state = read().expect("a state");
        let now = i64::try_from(RunClock::wall_now().as_micros()).expect("a date");
        assert!((now - state.wall_us).abs() < 2_000_000, "{state:?} at {now}");
    }

    #[test]
    fn an_unsynchronised_clock_says_so() {
        let good = timex(|timex| timex.status = libc::STA_PLL);
        assert!(interpret(0, &good).synchronised);
        assert!(!interpret(libc::TIME_ERROR, &good).synchronised);
        assert!(!interpret(0, &timex(|timex| timex.status = libc::STA_UNSYNC)).synchronised);
    }

    #[test]
    fn nanoseconds_and_negative_errors_are_understood() {
        let odd = timex(|timex| {
            timex.status = libc::STA_NANO;
            timex.time.tv_sec = 3;
            timex.time.tv_usec = 4000;
            timex.esterror = -1;
            timex.maxerror = 7;
        });
        let state = interpret(0, &odd);
        assert_eq!((state.wall_us, state.estimated_error), (3_000_004, Duration::ZERO));
        assert_eq!(state.maximum_error, Duration::from_micros(7));
    }
}
