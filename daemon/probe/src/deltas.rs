//! The counters around one probe: every probe announces itself, one that asks for deltas has the vantage for itself.

use std::time::Duration;

use sonde_core::observation::{Counter, CounterDeltas};
use tokio::time::timeout;

use crate::clock::RunClock;
use crate::sockets::{diff, snapshot};
use crate::vantage::{ProbeGuard, QuietGuard, Vantage};

/// How long a probe with deltas waits for the probes in flight: the longest of a diagnosis takes 3.5 s.
const PATIENCE: Duration = Duration::from_secs(4);
/// A snapshot takes under a millisecond. Nobody else may probe meanwhile, so one that hangs is given up.
const SNAPSHOT: Duration = Duration::from_secs(1);

/// Open from before the first packet until its [`Held`] is dropped.
#[derive(Debug)]
pub(crate) struct Watch(Kind);

#[derive(Debug)]
enum Kind {
    Plain { announced: ProbeGuard },
    Deltas { guard: QuietGuard, at: Duration, before: Option<Vec<Counter>> },
}

impl Watch {
    /// Waits (bounded) for the vantage, then reads the counters where `deltas` asks for it.
    pub(crate) async fn open(vantage: &Vantage, clock: &RunClock, deltas: bool) -> Self {
        if !deltas {
            return Self(Kind::Plain { announced: vantage.probing().await });
        }
        let guard = vantage.quiet(PATIENCE).await;
        let at = clock.now();
        let before = counters(vantage).await;
        Self(Kind::Deltas { guard, at, before })
    }

    /// What moved; absent when nobody asked or the counters cannot be read. Call it before the probe's socket is closed, so
    /// that the close is not among it, and drop the [`Held`] after: the close must not be in another probe's window either.
    pub(crate) async fn close(self, vantage: &Vantage, clock: &RunClock) -> (Option<CounterDeltas>, Held) {
        match self.0 {
            Kind::Plain { announced } => (None, Held::Plain { _announced: announced }),
            Kind::Deltas { guard, at, before } => {
                let after = if before.is_some() { counters(vantage).await } else { None };
                let deltas = before.zip(after).map(|(before, after)| CounterDeltas {
                    window: clock.since(at),
                    quiet: guard.quiet(),
                    moved: diff(&before, &after),
                });
                (deltas, Held::Deltas { _guard: guard })
            }
        }
    }
}

/// The probe's place in the vantage, until its socket is closed.
#[derive(Debug)]
#[must_use = "the segments that close the probe's socket are announced only while it lives"]
pub(crate) enum Held {
    Plain { _announced: ProbeGuard },
    Deltas { _guard: QuietGuard },
}

async fn counters(vantage: &Vantage) -> Option<Vec<Counter>> {
    timeout(SNAPSHOT, snapshot(vantage)).await.ok()?.ok()
}
