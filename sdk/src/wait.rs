//! Waiting for several host calls: all of them, the first, or not too long.
//!
//! A future that is dropped, such as the loser of a race, cancels its host call at once.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

pub use futures_util::future::{Either, select};
pub use futures_util::future::{join, join3, join4, join5, select_all};
pub use futures_util::stream::FuturesUnordered;

use crate::timer;

/// All of them, concurrently; answers in the order of the calls.
pub async fn all<F: Future>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(calls).await
}

/// The first to end; the others are cancelled. None where there was none.
pub async fn first<F: Future>(calls: impl IntoIterator<Item = F>) -> Option<F::Output> {
    let calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    if calls.is_empty() {
        return None;
    }
    Some(select_all(calls).await.0)
}

/// The call's answer, or none where it takes longer; then it is cancelled.
pub async fn at_most<F: Future>(limit: Duration, call: F) -> Option<F::Output> {
    match select(pin!(call), pin!(timer::sleep(limit))).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => None,
    }
}

/// For the contract's `-us` fields; beyond 584,000 years it saturates.
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
