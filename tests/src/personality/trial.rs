//! One case as one personality: the original, then sonde, then the comparison.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::case::Case;
use super::comparison::{differences, honesty};
use super::emulation;
use super::original::{self, Recording};
use super::report;

/// What both did.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The original.
    pub original: Recording,
    /// sonde; or the original once more.
    pub other: Recording,
    /// What differs, in sentences; empty: nothing.
    pub differences: Vec<String>,
}

impl Trial {
    /// The differences with both recordings, one line each.
    pub fn complaint(&self) -> String {
        let line = |recording: &Recording| {
            let (runtime, elapsed) = (&recording.runtime, recording.elapsed.as_millis());
            format!("{runtime}: {elapsed} ms: {}; {}", report::outcome(&recording.result), report::queries(recording))
        };
        let both = [line(&self.original), line(&self.other)];
        let lines: Vec<_> = both.iter().chain(&self.differences).map(|text| format!("    {text}")).collect();
        lines.join("\n")
    }
}

/// Runs a case twice and compares.
pub fn compare(case: &Case, personality: &str) -> Result<Trial> {
    let original = original::record(case, personality).context("the original")?;
    let sonde = emulation::resolve(case, personality).context("sonde")?;
    let mut all = differences(case, personality, &original, &sonde.recording);
    all.extend(honesty(case, &sonde));
    Ok(Trial { original, other: sonde.recording, differences: all })
}

/// Runs a case twice with the original: what differs now is the comparison's own noise.
pub fn twice(case: &Case, personality: &str) -> Result<Trial> {
    let original = original::record(case, personality)?;
    let other = original::record(case, personality)?;
    let differences = differences(case, personality, &original, &other);
    Ok(Trial { original, other, differences })
}

/// Does something with every item, several at once; the results in the order of the items.
pub fn over_all<T: Copy + Sync, R: Send>(items: &[T], jobs: usize, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let queue: Mutex<VecDeque<usize>> = Mutex::new((0..items.len()).collect());
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(i) = next else { break };
                    let result = each(items[i]);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}
