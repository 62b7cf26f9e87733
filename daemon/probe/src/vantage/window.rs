//! The quiet window: counters belong to a namespace, so a delta proves something only while no other probe of ours runs there.
//!
//! Probes share the window, a probe with deltas holds it alone. Every wait is bounded, and whoever stops waiting goes on as an
//! *intruder*, which voids every delta window that is open meanwhile. Absent: other processes' traffic, and other sonde
//! processes; both can only add to counters, and a check must allow for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::time::timeout;

/// Longer than the longest single probe of a diagnosis, 3.5 s.
const PROBE_PATIENCE: Duration = Duration::from_secs(4);

/// Process-wide, by the inode of the network namespace. Dead entries are swept when one is added.
static WINDOWS: LazyLock<Mutex<HashMap<u64, Weak<Window>>>> = LazyLock::new(Mutex::default);

#[derive(Debug)]
pub(super) struct Window {
    /// How long a probe waits for others' delta windows.
    probe_patience: Duration,
    /// Fair: a waiting delta window holds up later probes, so it cannot starve.
    lock: Arc<RwLock<()>>,
    /// How many intruders there have been, and how many have ended.
    intruders_begun: AtomicU64,
    intruders_ended: AtomicU64,
}

/// A probe in flight.
#[derive(Debug)]
#[must_use = "the probe is announced only while the guard lives"]
pub struct ProbeGuard {
    _hold: Hold,
}

/// A delta window.
#[derive(Debug)]
#[must_use = "the window is held only while the guard lives"]
pub struct QuietGuard {
    hold: Hold,
    /// Intruders that had begun when the window opened; absent when one of them was still running.
    begun: Option<u64>,
}

impl QuietGuard {
    /// Whether no other probe of ours has run since the window opened. Ask after the last counter was read.
    pub fn quiet(&self) -> bool {
        match &self.hold {
            Hold::Alone { window, .. } => self.begun == Some(window.intruders_begun.load(Ordering::SeqCst)),
            Hold::Shared { .. } | Hold::Intruder { .. } => false,
        }
    }
}

#[derive(Debug)]
enum Hold {
    Shared { _lock: OwnedRwLockReadGuard<()> },
    Alone { window: Arc<Window>, _lock: OwnedRwLockWriteGuard<()> },
    Intruder { _counted: Intrusion },
}

/// Counted from the moment somebody stops waiting until the guard is dropped.
#[derive(Debug)]
struct Intrusion(Arc<Window>);

impl Intrusion {
    fn begin(window: &Arc<Window>) -> Self {
        window.intruders_begun.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(window))
    }
}

impl Drop for Intrusion {
    fn drop(&mut self) {
        self.0.intruders_ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Window {
    /// The window of a network namespace.
    pub(super) fn of(namespace: u64) -> Arc<Self> {
        let mut windows = WINDOWS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get(&namespace).and_then(Weak::upgrade) {
            return window;
        }
        windows.retain(|_, window| window.strong_count() > 0);
        let window = Arc::new(Self::new(PROBE_PATIENCE));
        windows.insert(namespace, Arc::downgrade(&window));
        window
    }

    fn new(probe_patience: Duration) -> Self {
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { probe_patience, lock: Arc::default(), intruders_begun: begun, intruders_ended: ended }
    }

    pub(super) async fn probing(self: &Arc<Self>) -> ProbeGuard {
        let hold = match timeout(self.probe_patience, Arc::clone(&self.lock).read_owned()).await {
            Ok(guard) => Hold::Shared { _lock: guard },
            Err(_) => Hold::Intruder { _counted: Intrusion::begin(self) },
        };
        ProbeGuard { _hold: hold }
    }

    pub(super) async fn quiet(self: &Arc<Self>, patience: Duration) -> QuietGuard {
        match timeout(patience, Arc::clone(&self.lock).write_owned()).await {
            Ok(guard) => {
                // `ended` first: an intruder that begins between the two loads then only makes us more careful.
                let ended = self.intruders_ended.load(Ordering::SeqCst);
                let begun = self.intruders_begun.load(Ordering::SeqCst);
                QuietGuard {
                    hold: Hold::Alone { window: Arc::clone(self), _lock: guard },
                    begun: (begun == ended).then_some(begun),
                }
            }
            Err(_) => QuietGuard { hold: Hold::Intruder { _counted: Intrusion::begin(self) }, begun: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    fn window() -> Arc<Window> {
        Arc::new(Window::new(4 * SHORT))
    }

    #[tokio::test]
    async fn a_window_alone_is_quiet() {
        let window = window();
        let guard = window.quiet(SHORT).await;
        assert!(guard.quiet());
    }

    #[tokio::test]
    async fn a_window_that_did_not_get_rid_of_a_probe_is_not_quiet() {
        let window = window();
        let _probe = window.probing().await;
        let begun = tokio::time::Instant::now();
        let guard = window.quiet(SHORT).await;
        assert!(begun.elapsed() >= SHORT);
        assert!(!guard.quiet());
    }

    #[tokio::test]
    async fn a_window_waits_for_a_probe_that_ends_in_time() {
        let window = window();
        let probe = window.probing().await;
        let (guard, ()) = tokio::join!(window.quiet(SHORT), async {
            tokio::time::sleep(SHORT / 2).await;
            drop(probe);
        });
        assert!(guard.quiet());
    }

    #[tokio::test]
    async fn a_probe_waits_until_the_window_ends() {
        let window = window();
        let guard = window.quiet(SHORT).await;
        let begun = tokio::time::Instant::now();
        let (_probe, quiet) = tokio::join!(window.probing(), async {
            tokio::time::sleep(SHORT).await;
            let quiet = guard.quiet();
            drop(guard);
            quiet
        });
        assert!(quiet);
        assert!(begun.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn a_probe_that_lost_patience_voids_the_open_window_and_the_next() {
        let window = window();
        let first = window.quiet(SHORT).await;
        assert!(first.quiet());
        let probe = window.probing().await;
        assert!(!first.quiet());
        drop(first);
        let second = window.quiet(SHORT).await;
        assert!(!second.quiet(), "the intruder still runs");
        drop(second);
        drop(probe);
        assert!(window.quiet(SHORT).await.quiet());
    }

    #[tokio::test]
    async fn two_windows_that_overlap_are_both_void() {
        let window = window();
        let first = window.quiet(SHORT).await;
        let second = window.quiet(SHORT).await;
        assert!(!first.quiet());
        assert!(!second.quiet());
    }

    #[test]
    fn one_namespace_has_one_window_and_dead_ones_are_forgotten() {
        let first = Window::of(u64::MAX);
        assert!(Arc::ptr_eq(&first, &Window::of(u64::MAX)));
        assert!(!Arc::ptr_eq(&first, &Window::of(u64::MAX - 1)));
        drop(first);
        let _other = Window::of(u64::MAX - 2);
        let windows = WINDOWS.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!windows.contains_key(&u64::MAX));
    }
}
