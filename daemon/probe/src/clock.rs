//! The measuring clock: the only place that reads it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sonde_core::observation::Timing;

/// Instants of one run, as offsets from its begin.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    began: Instant,
    began_wall: Duration,
}

#[expect(clippy::disallowed_methods, reason = "this is the one module that reads clocks")]
impl RunClock {
    /// Begins now.
    pub fn start() -> Self {
        Self { began: Instant::now(), began_wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// Since the run began, on the monotonic clock.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// From `at` until now.
    pub fn since(&self, at: Duration) -> Timing {
        Timing { at, elapsed: self.now().saturating_sub(at) }
    }

    /// The wall clock at an offset, since the Unix epoch. It is read once, at the run's begin, so spans cannot overlap falsely
    /// when the wall clock is stepped.
    pub fn wall(&self, at: Duration) -> Duration {
        self.began_wall + at
    }

    /// The wall clock as it is now, since the Unix epoch: for certificates, not for measuring.
    pub fn wall_now() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// An instant as an offset from the run's begin.
    pub(crate) fn offset(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.began)
    }

    /// The deadline `offset` after the run's begin, for timers.
    pub fn instant(&self, offset: Duration) -> Instant {
        self.began + offset
    }
}

/// Now, for what outlives a run.
#[expect(clippy::disallowed_methods, reason = "this is the one module that reads clocks")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// The time that the calling thread has been on a processor.
pub(crate) fn on_processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
