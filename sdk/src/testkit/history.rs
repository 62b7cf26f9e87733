//! Recordings made by hand. Seconds count from [`BEGAN`].

use super::{evidence, timing};
use crate::history::{HistoryAnswer, Point, Recording, Series, SeriesKind};
use crate::types::Period;

/// When recordings of this kit begin, in Unix seconds.
pub const BEGAN: i64 = 1_795_000_000;

/// From one second to another.
pub fn period(from: i64, to: i64) -> Period {
    Period { from_us: (BEGAN + from) * 1_000_000, to_us: (BEGAN + to) * 1_000_000 }
}

/// These series, of ten minutes in steps of a second without a gap.
pub fn history_answer(n: u64, series: Vec<Series>) -> HistoryAnswer {
    let recording = Recording { covered: period(0, 600), step_us: 1_000_000, series, gaps: vec![] };
    HistoryAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(recording) }
}

/// A counter's growth, by second.
pub fn counted(name: &str, points: &[(i64, f64)]) -> Series {
    Series { key: vec![name.to_owned()], kind: SeriesKind::Counter, points: placed(points) }
}

/// A level, by second.
pub fn level(key: &[&str], points: &[(i64, f64)]) -> Series {
    let key = key.iter().map(|text| (*text).to_owned()).collect();
    Series { key, kind: SeriesKind::Gauge, points: placed(points) }
}

fn placed(points: &[(i64, f64)]) -> Vec<Point> {
    points.iter().map(|(second, value)| Point { at_us: (BEGAN + second) * 1_000_000, value: *value }).collect()
}
