//! How many sockets there were over time: shades for a terminal, a picture, and a page around it.
//!
//! Shades differ in shape, so that nothing hangs on colour. Five of them stand for a logarithm of the count, up to the largest.

mod picture;

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sonde_proto::v1::{GetHeatmapResponse, HeatmapRow, HistoryKey};

use crate::render::style::{FAINT, paint};
use crate::render::text::{clean, columns, fit};

pub(crate) use picture::{page, picture};

/// A table of shades, one row for each group.
pub(crate) fn shades(map: &GetHeatmapResponse, zone: &TimeZone, width: usize) -> String {
    if map.rows.is_empty() {
        return faint("there were no such sockets");
    }
    let labels: Vec<String> = map.rows.iter().map(label).collect();
    let heading = headings(map);
    let widths = labels.iter().map(|label| columns(label));
    let wide = widths.chain([columns(&heading)]).max().unwrap_or(0).min(WIDEST_LABEL);
    let most = most(map);
    let room = width.saturating_sub(wide + NUMBERS + 2).max(1);
    let folded: Vec<Vec<i64>> = map.rows.iter().map(|row| fold(&row.counts, room)).collect();
    let drawn = folded.first().map_or(0, Vec::len);
    let mut text = paint(FAINT, &format!("{}{:drawn$}{:>9}{:>9}", fit(&heading, wide + 1), "", "LAST", "MOST"));
    text.push('\n');
    for ((row, label), counts) in map.rows.iter().zip(&labels).zip(&folded) {
        let cells: String = counts.iter().map(|count| shade(*count, most)).collect();
        let last = row.counts.iter().rev().find(|count| **count >= 0).copied().unwrap_or(0);
        let peak = row.counts.iter().copied().max().unwrap_or(0).max(0);
        // What cannot fail: a string takes all that is written to it.
        let _ = writeln!(text, "{} {cells}{last:>9}{peak:>9}", fit(label, wide));
    }
    text.push_str(&faint(&axis(map, zone, wide + 1, drawn)));
    text.push_str(&faint(&legend(map, most)));
    text
}

/// The times at both ends.
fn axis(map: &GetHeatmapResponse, zone: &TimeZone, indent: usize, drawn: usize) -> String {
    let (first, last) = (map.columns.first().map(|at| clock(at, zone)), map.columns.last().map(|at| clock(at, zone)));
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    if drawn < first.len() + last.len() + 1 {
        return format!("{:indent$}{last}", "");
    }
    let between = drawn - first.len() - last.len();
    format!("{:indent$}{first}{:between$}{last}", "", "")
}

fn legend(map: &GetHeatmapResponse, most: i64) -> String {
    if map.present_only.is_empty() {
        format!(
            "from 1 {SHADES:?} to {most}, · where they were not counted",
            SHADES = SHADES.iter().collect::<String>()
        )
    } else {
        format!("the present alone: {}", clean(&map.present_only))
    }
}

/// What makes a row, in the words of the option.
fn headings(map: &GetHeatmapResponse) -> String {
    let words: Vec<&str> = map
        .by
        .iter()
        .map(|key| match HistoryKey::try_from(*key) {
            Ok(HistoryKey::State) => "STATE",
            Ok(HistoryKey::PeerAddress) => "PEER",
            Ok(HistoryKey::PeerPort) => "PEER PORT",
            Ok(HistoryKey::LocalPort) => "PORT",
            Ok(HistoryKey::Unspecified) | Err(_) => "?",
        })
        .collect();
    words.join(" ")
}

fn label(row: &HeatmapRow) -> String {
    let words: Vec<String> =
        row.key.iter().map(|word| if word.is_empty() { "?".to_owned() } else { clean(word) }).collect();
    words.join(" ")
}

/// The largest count.
fn most(map: &GetHeatmapResponse) -> i64 {
    map.rows.iter().flat_map(|row| &row.counts).copied().max().unwrap_or(0).max(1)
}

/// As many columns as there is room for: neighbours share one, and the larger counts.
fn fold(counts: &[i64], room: usize) -> Vec<i64> {
    let together = counts.len().div_ceil(room).max(1);
    counts.chunks(together).map(|some| some.iter().copied().max().unwrap_or(-1)).collect()
}

fn shade(count: i64, most: i64) -> char {
    match count {
        ..0 => '·',
        0 => ' ',
        count => SHADES.get(step(count, most)).copied().unwrap_or('█'),
    }
}

/// Which of [`SHADES`].
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share between 0 and 1, of counts below 2^53"
)]
fn step(count: i64, most: i64) -> usize {
    let share = (count.max(0) as f64).ln_1p() / (most.max(1) as f64).ln_1p();
    ((share.clamp(0.0, 1.0) * SHADES.len() as f64).ceil() as usize).saturating_sub(1)
}

/// `14:03:12`.
fn clock(at: &prost_types::Timestamp, zone: &TimeZone) -> String {
    Timestamp::new(at.seconds, at.nanos).map_or_else(
        |_| String::new(),
        |at| {
            let time = at.to_zoned(zone.clone()).time();
            format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
        },
    )
}

fn faint(line: &str) -> String {
    format!("{}\n", paint(FAINT, line.trim_end()))
}

const SHADES: [char; 4] = ['░', '▒', '▓', '█'];

const WIDEST_LABEL: usize = 40;

/// The columns behind a row.
const NUMBERS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn map() -> GetHeatmapResponse {
        let row = |key: [&str; 2], counts: Vec<i64>| HeatmapRow { key: key.map(str::to_owned).into(), counts };
        GetHeatmapResponse {
            network_namespace: 1,
            by: vec![HistoryKey::State.into(), HistoryKey::PeerPort.into()],
            columns: (0..30).map(|n| prost_types::Timestamp { seconds: 1_795_000_000 + n * 20, nanos: 0 }).collect(),
            rows: vec![
                row(["TIME-WAIT", "5432"], (0..30).map(|n| n * n * 10).collect()),
                row(["ESTAB", ""], (0..30).map(|n| if n % 3 == 0 { -1 } else { 12 }).collect()),
                row(["CLOSE-WAIT", "443"], vec![0; 30]),
            ],
            covered: None,
            present_only: String::new(),
        }
    }

    fn drawn(map: &GetHeatmapResponse, width: usize) -> String {
        anstream::adapter::strip_str(&shades(map, &TimeZone::UTC, width)).to_string()
    }

    #[test]
    fn rows_are_shades_with_their_last_and_largest_count() {
        insta::assert_snapshot!(drawn(&map(), 100));
    }

    #[test]
    fn a_narrow_terminal_folds_columns() {
        insta::assert_snapshot!(drawn(&map(), 50));
    }

    #[test]
    fn the_present_alone_says_why() {
        let present = GetHeatmapResponse {
            columns: map().columns.into_iter().take(1).collect(),
            rows: map().rows.into_iter().map(|row| HeatmapRow { counts: vec![row.counts[29].max(0)], ..row }).collect(),
            present_only: "nothing is recorded here".to_owned(),
            ..map()
        };

        insta::assert_snapshot!(drawn(&present, 80));
    }

    #[test]
    fn no_socket_is_said() {
        assert_eq!(drawn(&GetHeatmapResponse::default(), 80), "there were no such sockets\n");
    }
}
