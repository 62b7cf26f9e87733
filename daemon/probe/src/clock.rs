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

/// The calling thread on its processor, from one moment on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processor {
    time: Duration,
    /// Absent where the kernel does not tell.
    switches: Option<i64>,
}

impl Processor {
    /// From now on.
    pub(crate) fn since_now() -> Self {
        Self { switches: switches(), time: on_processor() }
    }

    /// How much of `elapsed`, which began with this and ends now, the thread was switched out. Its processor time alone would not
    /// tell: some kernels (`CONFIG_IRQ_TIME_ACCOUNTING`) leave out what interrupts took, in which packets are received.
    pub(crate) fn missed(&self, elapsed: Duration) -> Duration {
        if self.switches.is_some() && self.switches == switches() {
            return Duration::ZERO;
        }
        elapsed.saturating_sub(on_processor().saturating_sub(self.time))
    }
}

/// The time that the calling thread has been on a processor.
pub(crate) fn on_processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// How often the calling thread has left its processor, of its own will or not.
fn switches() -> Option<i64> {
    #[expect(unsafe_code, reason = "no safe wrapper has getrusage")]
    // SAFETY: all-zero bytes are a valid rusage, which is numbers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    #[expect(unsafe_code, reason = "no safe wrapper has getrusage")]
    // SAFETY: the pointer is to a live struct of the type that the call fills.
    let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    (result == 0).then_some(usage.ru_nvcsw + usage.ru_nivcsw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_misses_that_time_and_one_that_works_misses_none_that_it_had() {
        let clock = RunClock::start();
        let (at, processor) = (clock.now(), Processor::since_now());
        std::thread::sleep(Duration::from_millis(20));
        assert!(processor.missed(clock.since(at).elapsed) >= Duration::from_millis(15));
        let kept = (0..100).any(|_| {
            let (at, processor) = (clock.now(), Processor::since_now());
            while clock.since(at).elapsed < Duration::from_micros(50) {}
            processor.missed(clock.since(at).elapsed).is_zero()
        });
        assert!(kept, "of a hundred short spins, one at least is not interrupted");
    }
}
