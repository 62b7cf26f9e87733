//! A guest's CPU time: what its thread spent inside its polls.
//!
//! Ticks alone cannot tell a guest that computes from one that waits: the epoch moves on for both. So the ticks only say
//! when to look, and the thread's CPU clock says how much was used. It counts the host functions that run inside a poll,
//! too: a flood of calls is paid for by the guest that makes it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Shared by the polled future and the epoch callback inside it, which run on one thread at any time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    spent_ns: AtomicU64,
    /// The thread's clock when the poll began, which is running.
    entered_ns: AtomicU64,
}

impl Meter {
    /// CPU time used until now. To be called inside a poll of the metered future.
    pub(crate) fn used(&self) -> Duration {
        let running = thread_ns().saturating_sub(self.entered_ns.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed) + running)
    }
}

/// A future whose polls are metered.
pub(crate) struct Metered<F> {
    meter: Arc<Meter>,
    inner: Pin<Box<F>>,
}

impl<F: Future> Metered<F> {
    pub(crate) fn new(meter: Arc<Meter>, inner: F) -> Self {
        Self { meter, inner: Box::pin(inner) }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let entered = thread_ns();
        self.meter.entered_ns.store(entered, Ordering::Relaxed);
        let polled = self.inner.as_mut().poll(context);
        self.meter.spent_ns.fetch_add(thread_ns().saturating_sub(entered), Ordering::Relaxed);
        polled
    }
}

/// CPU time of this thread since it began.
fn thread_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_costs_nothing_and_computing_does() {
        let meter = Arc::new(Meter::default());
        let inside = Arc::clone(&meter);
        let (waited, computed) = Metered::new(Arc::clone(&meter), async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            let waited = inside.used();
            while inside.used() < Duration::from_millis(20) {
                std::hint::spin_loop();
            }
            (waited, inside.used())
        })
        .await;
        assert!(waited < Duration::from_millis(15), "{waited:?}");
        assert!(computed >= Duration::from_millis(20), "{computed:?}");
    }
}
