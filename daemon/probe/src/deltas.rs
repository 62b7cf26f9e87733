//! The counters around one probe: every probe announces itself, one that asks for deltas has the vantage for itself.

use std::time::Duration;

use sonde_core::observation::{Counter, CounterDeltas};

use crate::clock::RunClock;
use crate::sockets::{diff, snapshot};
use crate::vantage::{ProbeGuard, QuietGuard, Vantage};

/// How long a probe with deltas waits for the probes in flight: the longest of a diagnosis takes 3.5 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// Open from before the first packet until after the last counter.
#[derive(Debug)]
pub(crate) struct Watch(Kind);

#[derive(Debug)]
enum Kind {
    Plain { _announced: ProbeGuard },
    Deltas { guard: QuietGuard, at: Duration, before: Option<Vec<Counter>> },
}

impl Watch {
    /// Waits (bounded) for the vantage, then reads the counters where `deltas` asks for it.
    pub(crate) async fn open(vantage: &Vantage, clock: &RunClock, deltas: bool) -> Self {
        if !deltas {
            return Self(Kind::Plain { _announced: vantage.probing().await });
        }
        let guard = vantage.quiet(PATIENCE).await;
        let at = clock.now();
        let before = snapshot(vantage).await.ok();
        Self(Kind::Deltas { guard, at, before })
    }

    /// What moved; absent when nobody asked or the counters cannot be read. Call it before the probe's socket is closed, so
    /// that the close is not among it.
    pub(crate) async fn close(self, vantage: &Vantage, clock: &RunClock) -> Option<CounterDeltas> {
        let Kind::Deltas { guard, at, before } = self.0 else { return None };
        let before = before?;
        let after = snapshot(vantage).await.ok()?;
        Some(CounterDeltas { window: clock.since(at), quiet: guard.quiet(), moved: diff(&before, &after) })
    }
}
