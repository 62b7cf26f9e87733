//! Waiting and the measuring clock.

use std::time::Duration;

use crate::bindings::sonde::check::timer as contract;
use crate::wait::microseconds;

/// Waits; ends early only with the run.
pub async fn sleep(duration: Duration) {
    contract::sleep(microseconds(duration)).await;
}

/// The measuring clock, since the run began.
pub fn now() -> Duration {
    Duration::from_micros(contract::now())
}
