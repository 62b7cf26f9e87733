//! When the kernel received something (`SO_TIMESTAMPNS`, socket(7)): round trips without the delay of whoever waits for it.
//!
//! The stamp is of the wall clock, so a round trip is taken on that clock, from one reading to the next. Where it was stepped
//! meanwhile, or there is no stamp, the measuring clock serves.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::clock::RunClock;
use crate::{message, options};

/// Asks for stamps. To be called before the first packet.
pub(crate) fn enable(socket: &impl AsFd) -> io::Result<()> {
    options::set(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)
}

/// The stamp among control messages, since the Unix epoch.
pub(crate) fn of(control: &[u8]) -> Option<Duration> {
    let is_stamp = |level, kind| (level, kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS);
    let (_, _, data) = message::parts(control).find(|(level, kind, _)| is_stamp(*level, *kind))?;
    let seconds = i64::from_ne_bytes(*data.first_chunk()?);
    let nanos = i64::from_ne_bytes(*data.get(8..)?.first_chunk()?);
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanos))
}

/// A moment on both clocks: just before something was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// On the measuring clock.
    pub(crate) at: Duration,
    wall: Duration,
}

impl Sent {
    /// Now.
    pub(crate) fn now(clock: &RunClock) -> Self {
        Self { wall: RunClock::wall_now(), at: clock.now() }
    }

    /// Until `stamp`, where that makes sense; else until now.
    pub(crate) fn until(&self, clock: &RunClock, stamp: Option<Duration>) -> Duration {
        let elapsed = clock.since(self.at).elapsed;
        let stamped = stamp.and_then(|stamp| stamp.checked_sub(self.wall));
        stamped.filter(|trip| *trip <= elapsed + SLACK).unwrap_or(elapsed)
    }
}

/// Between the readings of the two clocks.
const SLACK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn control(seconds: i64, nanos: i64) -> Vec<u8> {
        let mut bytes = (size_of::<usize>() + 24).to_ne_bytes().to_vec();
        bytes.extend(libc::SOL_SOCKET.to_ne_bytes());
        bytes.extend(libc::SCM_TIMESTAMPNS.to_ne_bytes());
        bytes.extend(seconds.to_ne_bytes());
        bytes.extend(nanos.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_stamp_is_read_and_nonsense_is_none() {
        assert_eq!(of(&control(1_700_000_000, 17)), Some(Duration::new(1_700_000_000, 17)));
        assert_eq!(of(&control(-1, 0)), None);
        assert_eq!(of(&control(1, 1_000_000_000)), None);
        assert_eq!(of(&control(1, 1)[..30]), None);
    }

    #[test]
    fn a_stepped_wall_clock_leaves_the_measuring_clock() {
        let clock = RunClock::start();
        let sent = Sent::now(&clock);
        let hour = Duration::from_hours(1);
        assert!(sent.until(&clock, Some(sent.wall + hour)) < hour);
        assert!(sent.until(&clock, Some(sent.wall.saturating_sub(hour))) < hour);
        assert_eq!(sent.until(&clock, Some(sent.wall)), Duration::ZERO);
    }
}
