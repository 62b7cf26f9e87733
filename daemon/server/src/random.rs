//! Random ids for runs, traces and spans. Never zero.

use std::hash::{BuildHasher as _, RandomState};

/// Of a run or span.
pub(crate) fn id_64() -> u64 {
    // Where the kernel has none to give, the process' own hash seeds are random, too.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(0_u8)).max(1)
}

/// Of a trace.
pub(crate) fn id_128() -> u128 {
    u128::from(id_64()) << 64 | u128::from(id_64())
}
