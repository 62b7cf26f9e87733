//! What the flight recorder watches, how far back, and what that costs, for people.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment};
use sonde_proto::v1::{ListWatchedResponse, Period, WatchedNamespace};

use crate::render::catalogue::table_of;
use crate::render::style::{FAINT, paint};
use crate::render::text::{elapsed, micros, moment};

/// A row for each namespace, and the bounds of them all.
pub(crate) fn table(watched: &ListWatchedResponse, width: usize) -> String {
    if watched.namespaces.is_empty() {
        return faint("nothing is recorded here: this daemon has no recorder, or has not begun");
    }
    let header = ["NAMESPACE", "SINCE", "FINE", "ALL", "STEPS", "MEMORY", "CPU", "COUNTED"];
    let text = table_of(&header, watched.namespaces.iter().map(row), width);
    let bounds = format!(
        "fine steps of {}, coarse ones of {}, at most {} of both",
        round(watched.step.as_ref()),
        round(watched.coarse_step.as_ref()),
        bytes(watched.limit_bytes)
    );
    text + &faint(&bounds)
}

fn row(namespace: &WatchedNamespace) -> Vec<Cell> {
    vec![
        Cell::new(namespace.network_namespace),
        Cell::new(namespace.since.as_ref().map(moment).unwrap_or_default()),
        right(reach(namespace.fine.as_ref())),
        right(reach(namespace.kept.as_ref())),
        right(format!("{} + {}", namespace.fine_steps, namespace.coarse_steps)),
        right(bytes(namespace.bytes)),
        right(elapsed(micros(namespace.cpu.as_ref()))),
        right(format!("every {}", round(namespace.count_every.as_ref()))),
    ]
}

/// As the configuration has it: `1s`, `1m`.
fn round(duration: Option<&prost_types::Duration>) -> String {
    humantime::format_duration(Duration::from_micros(micros(duration))).to_string()
}

/// From the begin of what is kept to its end, in whole seconds.
fn reach(period: Option<&Period>) -> String {
    let ends = period.and_then(|period| Some((period.from.as_ref()?.seconds, period.to.as_ref()?.seconds)));
    ends.map_or_else(
        || "-".to_owned(),
        |(from, to)| {
            let seconds = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
            humantime::format_duration(Duration::from_secs(seconds)).to_string()
        },
    )
}

/// `340 KiB`, `1.2 MiB`.
fn bytes(bytes: u64) -> String {
    const KIBIBYTE: u64 = 1 << 10;
    const MEBIBYTE: u64 = 1 << 20;
    if bytes < MEBIBYTE {
        return format!("{} KiB", bytes.div_ceil(KIBIBYTE));
    }
    format!("{}.{} MiB", bytes / MEBIBYTE, bytes % MEBIBYTE * 10 / MEBIBYTE)
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn faint(line: &str) -> String {
    format!("{}\n", paint(FAINT, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: i64) -> prost_types::Duration {
        prost_types::Duration { seconds, nanos: 0 }
    }

    const fn at(seconds: i64) -> prost_types::Timestamp {
        prost_types::Timestamp { seconds, nanos: 0 }
    }

    fn watched() -> ListWatchedResponse {
        let kept = |from| Some(Period { from: Some(at(from)), to: Some(at(1_795_086_400)) });
        let own = WatchedNamespace {
            network_namespace: 4_026_531_840,
            fine: kept(1_795_082_800),
            kept: kept(1_795_000_000),
            fine_steps: 3_600,
            coarse_steps: 1_380,
            bytes: 1_310_720,
            cpu: Some(prost_types::Duration { seconds: 12, nanos: 4_000_000 }),
            since: Some(at(1_795_000_000)),
            count_every: Some(seconds(5)),
        };
        let new = WatchedNamespace {
            network_namespace: 4_026_532_290,
            since: Some(at(1_795_086_390)),
            count_every: Some(seconds(1)),
            ..WatchedNamespace::default()
        };
        ListWatchedResponse {
            namespaces: vec![own, new],
            step: Some(seconds(1)),
            coarse_step: Some(seconds(60)),
            limit_bytes: 64 << 20,
        }
    }

    fn shown(watched: &ListWatchedResponse) -> String {
        anstream::adapter::strip_str(&table(watched, 100)).to_string()
    }

    #[test]
    fn namespaces_are_a_table_with_the_bounds_of_all() {
        insta::assert_snapshot!(shown(&watched()));
    }

    #[test]
    fn a_daemon_without_a_recorder_says_so() {
        let text = shown(&ListWatchedResponse::default());

        assert_eq!(text, "nothing is recorded here: this daemon has no recorder, or has not begun\n");
    }
}
