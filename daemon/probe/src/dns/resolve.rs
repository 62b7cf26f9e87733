//! What a runtime's resolver would do with a name here.

use sonde_core::observation::dns::{Resolution, ResolveRequest};
use sonde_core::observation::{Failure, Phase, Reason};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// Sends what the personality's resolver would send here, at its times.
#[expect(clippy::unused_async, reason = "every personality waits")]
pub async fn resolve(_vantage: &Vantage, clock: &RunClock, request: &ResolveRequest) -> Resolution {
    let timing = clock.since(clock.now());
    let failure = Failure {
        phase: Phase::Inspect,
        reason: Reason::Unavailable(request.personality.as_str().to_owned()),
        errno: None,
        icmp: None,
        elapsed: timing.elapsed,
        detail: "no such personality yet".to_owned(),
    };
    Resolution::failed(timing, failure)
}
