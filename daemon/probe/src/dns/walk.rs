//! What the delegation says of a name, from the roots down, and whether its signatures hold.

use sonde_core::observation::dns::{WalkRequest, WalkResult};
use sonde_core::observation::{Failure, Phase, Reason};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// Follows the delegation from the roots, asking every server of every zone, and validates the chain.
#[expect(clippy::unused_async, reason = "a walk waits")]
pub async fn walk(_vantage: &Vantage, clock: &RunClock, request: &WalkRequest) -> WalkResult {
    let timing = clock.since(clock.now());
    let failure = Failure {
        phase: Phase::Inspect,
        reason: Reason::Unavailable("a walk".to_owned()),
        errno: None,
        icmp: None,
        elapsed: timing.elapsed,
        detail: format!("no walk of {:?} yet", request.name),
    };
    WalkResult::failed(timing, failure)
}
