//! Not written yet.

use sonde_core::observation::{Phase, Reason};

use super::{Lookup, Outcome};
use crate::failure::Fault;

#[expect(clippy::unused_async, reason = "every personality waits")]
pub(super) async fn perform(lookup: &Lookup<'_>) -> Outcome {
    let reason = Reason::Unavailable(lookup.request.personality.as_str().to_owned());
    Err(Fault::new(Phase::Inspect, reason, "no such personality yet"))
}
