//! The queues of listeners: connections that nobody accepts, handshakes that nobody ends.

use std::collections::BTreeMap;

use sonde_sdk::report::Strength;
use sonde_sdk::types::{Endpoint, Measure};

use super::{FEW, Trouble, course, weight_of};
use crate::past::{Growth, Past, evidence, growth, sum};

/// Sources of half-open connections, from which on they are no single client's.
const SOURCES: usize = 32;

/// Judges the queues.
pub(super) fn judge(past: &Past) -> Vec<Trouble> {
    [accept_queue(past), syn_queue(past), flood(past)].into_iter().flatten().collect()
}

/// A listener at its fullest.
struct Full {
    name: String,
    queued: f64,
    backlog: f64,
}

fn accept_queue(past: &Past) -> Option<Trouble> {
    let grown = growth(&past.accepts, "TcpExt.ListenOverflows").filter(|grown| grown.sum >= FEW)?;
    let full = over_its_backlog(past);
    // The counter is of all listeners: of one alone only its own queue speaks.
    if full.is_none() && past.port.is_some() {
        return None;
    }
    // A call that failed rules nothing out.
    let proven = full.is_some() && past.syns.recording().is_some() && sum(&past.syns, "TcpExt.TCPReqQFullDrop") < 1.0;
    let (subject, queue) = full.map_or_else(
        || ("listeners".to_owned(), "no listener was seen above its backlog".to_owned()),
        |full| (full.name, format!("{:.0} connections waited, of a backlog of {:.0}", full.queued, full.backlog)),
    );
    let sentence =
        format!("the accept queue of {subject} overflowed {:.0} times: {}; {queue}", grown.sum, course(&grown));
    Some(Trouble {
        cause: "tcp.accept_queue_overflow",
        strength: if proven { weight_of(&grown) } else { Strength::Strong },
        subject,
        sentence,
        evidence: evidence(&[&past.accepts, &past.listeners]),
        ruled_out: if proven {
            let why = "no SYN was dropped for a full SYN queue meanwhile".to_owned();
            vec![("tcp.syn_queue_full", why, evidence(&[&past.syns]))]
        } else {
            vec![]
        },
        measures: measures(&grown),
        last_us: grown.last_us,
    })
}

/// The listener that was above its backlog with the most connections.
fn over_its_backlog(past: &Past) -> Option<Full> {
    let recording = past.listeners.recording()?;
    let mut fullest: Option<Full> = None;
    for series in &recording.series {
        let [address, port, what] = series.key.as_slice() else { continue };
        let Some(backlog) = past.listeners.series(&[address, port, "backlog"]).filter(|_| what == "queued") else {
            continue;
        };
        for point in &series.points {
            let limit = backlog.points.iter().find(|limit| limit.at_us == point.at_us).map(|limit| limit.value);
            let (Some(limit), Ok(port)) = (limit.filter(|limit| point.value > *limit), port.parse()) else { continue };
            if fullest.as_ref().is_none_or(|full| full.queued < point.value) {
                let name = Endpoint::new(address, port).to_string();
                fullest = Some(Full { name, queued: point.value, backlog: limit });
            }
        }
    }
    fullest
}

fn syn_queue(past: &Past) -> Option<Trouble> {
    let grown = growth(&past.syns, "TcpExt.TCPReqQFullDrop").filter(|grown| grown.sum >= FEW)?;
    let (subject, half_open) = most_half_open(past)?;
    let proven = sum(&past.accepts, "TcpExt.ListenOverflows") < 1.0;
    Some(Trouble {
        cause: "tcp.syn_queue_full",
        strength: if proven { weight_of(&grown) } else { Strength::Strong },
        sentence: format!(
            "{:.0} SYNs were dropped for a full SYN queue: {}; {subject} had up to {half_open:.0} half-open connections",
            grown.sum,
            course(&grown)
        ),
        subject,
        evidence: evidence(&[&past.syns, &past.listeners]),
        ruled_out: if proven {
            let why = "no accept queue overflowed meanwhile".to_owned();
            vec![("tcp.accept_queue_overflow", why, evidence(&[&past.accepts]))]
        } else {
            vec![]
        },
        measures: measures(&grown),
        last_us: grown.last_us,
    })
}

fn flood(past: &Past) -> Option<Trouble> {
    let grown = growth(&past.syns, "TcpExt.TCPReqQFullDoCookies").filter(|grown| grown.sum >= FEW)?;
    let (subject, half_open) = most_half_open(past)?;
    let sources = sources_at_once(past, &grown)?;
    // One client's burst has few sources, and is answered with cookies too.
    if sources < SOURCES {
        return None;
    }
    let why = format!("half-open connections came from at least {sources} addresses, {half_open:.0} at once");
    Some(Trouble {
        cause: "tcp.syn_flood",
        strength: weight_of(&grown),
        sentence: format!(
            "{:.0} SYNs were answered with cookies for a full SYN queue: {}; they came from {sources} addresses or more",
            grown.sum,
            course(&grown)
        ),
        subject,
        evidence: evidence(&[&past.syns, &past.sources]),
        ruled_out: vec![("tcp.syn_queue_full", why, evidence(&[&past.listeners, &past.sources]))],
        measures: measures(&grown),
        last_us: grown.last_us,
    })
}

/// Addresses with half-open connections at one time, the most while the counter grew: over a long period every slow client has some.
fn sources_at_once(past: &Past, grown: &Growth) -> Option<usize> {
    let mut at: BTreeMap<i64, usize> = BTreeMap::new();
    let named = past.sources.recording()?.series.iter().filter(|series| series.key.iter().any(|key| !key.is_empty()));
    for point in named.flat_map(|series| &series.points).filter(|point| point.value >= 1.0) {
        if (grown.first_us..=grown.last_us).contains(&point.at_us) {
            *at.entry(point.at_us).or_default() += 1;
        }
    }
    Some(at.into_values().max().unwrap_or(0))
}

/// The listener with the most half-open connections at one time.
fn most_half_open(past: &Past) -> Option<(String, f64)> {
    let recording = past.listeners.recording()?;
    let of = |key: &[String], most: f64| match key {
        [address, port, what] if what == "syn-received" => {
            Some((Endpoint::new(address, port.parse().ok()?).to_string(), most))
        }
        _ => None,
    };
    let listeners = recording.series.iter().filter_map(|series| of(&series.key, series.peak()?.value));
    listeners.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn measures(grown: &Growth) -> Vec<Measure> {
    vec![Measure::new("in all", grown.sum, "1"), Measure::new("in the busiest minute", grown.minute, "1")]
}
