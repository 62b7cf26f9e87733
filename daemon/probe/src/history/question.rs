//! Answers of what is kept: which numbers, thinned to so many points, with what is covered and what is missing.
//!
//! Growth is summed within a point, of levels the largest counts. Sockets that have no group of their own count for their state,
//! under empty texts. Pure: it reads an excerpt, apart from the ring, and may be told to stop at every chunk.

mod chosen;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::history::{Period, Recording, Request};

use self::chosen::Chosen;
use self::table::Table;
use super::ring::{Excerpt, micros};
use crate::inspection::Problem;

/// Answers it, or says that nothing is kept of that time. `stop` is asked before every chunk for a reason to stop.
pub(super) fn answer(
    excerpt: &Excerpt,
    request: &Request,
    stop: impl Fn() -> Option<Problem>,
) -> Result<Recording, Problem> {
    let chosen = Chosen::of(&request.of)?;
    let (from, to) = (micros(request.period.from), micros(request.period.to));
    if to <= from {
        return Err(Problem::invalid("the period ends before it begins".to_owned()));
    }
    let points = u64::from(request.points.clamp(2, MOST_POINTS)).min(chosen.most_points());
    let mut table = Table::new(from, (to - from).div_ceil(points), micros(excerpt.step) / 2);
    for (chunk, until) in &excerpt.chunks {
        if let Some(problem) = stop() {
            return Err(problem);
        }
        let mut reader = chunk.reader();
        let mut places = Vec::new();
        while let Some(head) = reader.step() {
            if head.end <= from {
                continue;
            }
            if head.end > to || head.end.saturating_sub(head.span) >= *until {
                break;
            }
            table.add(&chosen, head, &reader, &mut places);
        }
    }
    let covered = table.covered.ok_or_else(|| nothing(excerpt, request.period))?;
    Ok(Recording {
        covered: Period { from: wall(covered.0.max(from)), to: wall(covered.1) },
        step: Duration::from_micros(table.finest.unwrap_or_default()),
        gaps: table.gaps.iter().map(|(from, to)| Period { from: wall(*from), to: wall(*to) }).collect(),
        series: table.into_series(&chosen),
    })
}

fn nothing(excerpt: &Excerpt, period: Period) -> Problem {
    let told = match excerpt.kept {
        Some((begin, last)) => {
            format!("the recorder keeps Unix seconds {} to {} of this namespace", begin / SECOND, last / SECOND)
        }
        None => "the recorder has nothing of this namespace yet".to_owned(),
    };
    let (from, to) = (period.from.as_secs(), period.to.as_secs());
    Problem {
        reason: Reason::Unavailable("a recording of that time".to_owned()),
        errno: None,
        detail: format!("read what was recorded from {from} to {to}: {told}"),
    }
}

fn wall(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

const SECOND: u64 = 1_000_000;

/// Of one series.
const MOST_POINTS: u32 = 3_600;
