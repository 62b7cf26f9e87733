//! Connections to one destination, as they were counted: which there were, and whether any was answered.

use sonde_sdk::check::Outcome;
use sonde_sdk::history::{Point, Series};
use sonde_sdk::report::Strength;
use sonde_sdk::types::Measure;

use super::Trouble;
use crate::moment::clock;
use crate::past::{Past, evidence, sum};
use crate::whose::Peer;

/// Connections that wait for an answer to their SYN.
const OPENING: &str = "SYN-SENT";

/// An answer that takes so long is none.
const UNANSWERED_US: i64 = 10_000_000;

/// Counts in which they were seen waiting, at least.
const COUNTS: usize = 3;

/// Judges them.
pub(super) fn judge(past: &Past, peer: &Peer) -> Vec<Trouble> {
    unanswered(past, peer).into_iter().collect()
}

/// Some connection was always being opened, and none came to be meanwhile.
fn unanswered(past: &Past, peer: &Peer) -> Option<Trouble> {
    let waiting = longest_run(peer.states.series(&[OPENING])?);
    let (first, last) = (waiting.first()?, waiting.last()?);
    let again = sum(&past.traffic, "TcpExt.TCPSynRetrans");
    let lasted = last.at_us - first.at_us >= UNANSWERED_US && waiting.len() >= COUNTS;
    if !lasted || again < 1.0 || grew(peer, first.at_us, last.at_us) {
        return None;
    }
    let most = waiting.iter().map(|point| point.value).fold(0.0, f64::max);
    let endpoint = &peer.endpoint;
    Some(Trouble {
        cause: "fw.drop_remote",
        // A host that is down and a lost route looked the same.
        strength: Strength::Weak,
        subject: endpoint.to_string(),
        sentence: format!(
            "SYNs to {endpoint} were not answered: up to {most:.0} connections at once waited from {} to {}, none came to be, and \
             SYNs were sent again {again:.0} times from this namespace",
            clock(first.at_us),
            clock(last.at_us)
        ),
        evidence: evidence(&[&peer.states, &past.traffic]),
        ruled_out: vec![],
        measures: vec![Measure::new(OPENING, most, "1")],
        last_us: last.at_us,
    })
}

/// In some other state there were more than at the begin.
fn grew(peer: &Peer, from_us: i64, to_us: i64) -> bool {
    let all = peer.states.recording().map_or(&[][..], |recording| recording.series.as_slice());
    all.iter().filter(|series| series.key != [OPENING]).any(|series| {
        let mut within = series.points.iter().filter(|point| (from_us..=to_us).contains(&point.at_us));
        let begin = within.next().map_or(0.0, |point| point.value);
        within.any(|point| point.value > begin)
    })
}

/// The longest time in which every count found some.
fn longest_run(series: &Series) -> &[Point] {
    let runs = series.points.split(|point| point.value < 1.0);
    let length = |run: &&[Point]| run.last().zip(run.first()).map_or(-1, |(last, first)| last.at_us - first.at_us);
    runs.max_by_key(length).unwrap_or_default()
}

/// What was seen, where nothing went wrong.
pub(super) fn seen(peer: &Peer) -> Outcome {
    let endpoint = &peer.endpoint;
    let Some(recording) = peer.states.recording() else {
        return Outcome::unclear(format!("what was recorded of {endpoint} cannot be read"));
    };
    let there: Vec<Seen> = recording.series.iter().filter_map(Seen::of).collect();
    if there.is_empty() {
        return Outcome::unclear(absent(peer));
    }
    let told: Vec<String> = there.iter().map(|seen| format!("{:.0} in {}", seen.most, seen.state)).collect();
    let told = told.join(", ");
    let outcome = if there.iter().any(|seen| seen.state != OPENING) {
        Outcome::works(format!(
            "there were connections to {endpoint}, at most {told}, and nothing went wrong that is recorded"
        ))
    } else {
        Outcome::unclear(format!(
            "connections to {endpoint} were seen only while they were being opened, at most {told}"
        ))
    };
    there.into_iter().fold(outcome, |outcome, seen| {
        let text = format!("at most {:.0}, from {} to {}", seen.most, clock(seen.first_us), clock(seen.last_us));
        outcome.noting(seen.state, text)
    })
}

/// Why none was seen.
fn absent(peer: &Peer) -> String {
    let endpoint = &peer.endpoint;
    let largest =
        format!("of each count only the largest groups of sockets keep their peer, and {endpoint} is not among them");
    match peer.untold() {
        Some(untold) if untold < 1.0 => {
            format!("no TCP connection to {endpoint} was there when sockets were counted; a short one leaves no trace")
        }
        Some(untold) => format!("{largest}: up to {untold:.0} sockets were counted for their state alone"),
        None => largest,
    }
}

/// A state in which there were some.
struct Seen<'a> {
    state: &'a str,
    most: f64,
    first_us: i64,
    last_us: i64,
}

impl<'a> Seen<'a> {
    fn of(series: &'a Series) -> Option<Self> {
        let mut some = series.points.iter().filter(|point| point.value >= 1.0);
        let first = some.next()?;
        Some(Self {
            state: series.key.first()?,
            most: series.peak()?.value,
            first_us: first.at_us,
            last_us: some.next_back().unwrap_or(first).at_us,
        })
    }
}
