//! The addresses accept connections: but at once, and over a path of reasonable length?

use std::time::Duration;

use sonde_sdk::check::Outcome;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{EvidenceId, Measure, Reason};

use crate::observe::{Judgement, Observations, Path};

/// Handshakes that differ by more than this share of the smallest meet a queue, not a length.
const SPREAD: f64 = 0.5;
/// Below, two measurements cannot agree.
const ROUNDS: usize = 2;

/// Judges the open addresses.
pub(super) fn judge(observed: &Observations, open: &[&Path]) -> Judgement {
    let mut findings = vec![];
    let mut remarks = vec![];
    for path in open {
        if let Some(remark) = long(observed.latency, path, &mut findings).or_else(|| lossy(path, &mut findings)) {
            remarks.push(remark);
        }
    }
    let summary = match remarks.as_slice() {
        [] => accepting(open),
        remarks => format!("{}; {}", accepting(open), remarks.join("; ")),
    };
    Judgement { findings, outcome: Outcome::works(summary) }
}

fn accepting(open: &[&Path]) -> String {
    match open {
        [] => "nothing was dialled".to_owned(),
        [path] => {
            let rtt = path.dials.iter().filter_map(|d| d.connection.rtt()).min();
            let shown = rtt.map(|rtt| format!(" in {} ms", milliseconds(rtt))).unwrap_or_default();
            format!("{} accepts connections{shown}", path.endpoint)
        }
        paths => format!("{} addresses accept connections", paths.len()),
    }
}

/// Smoothed and smallest round trip are both over the threshold, each time.
fn long(limit: Duration, path: &Path, findings: &mut Vec<sonde_sdk::report::Finding>) -> Option<String> {
    let trips: Vec<(EvidenceId, Duration)> = path
        .dials
        .iter()
        .filter_map(|d| Some((d.evidence, d.connection.rtt()?, d.connection.min_rtt()?)))
        .map(|(id, rtt, min)| (id, rtt.min(min)))
        .collect();
    let (first, rest) = trips.split_first()?;
    let shortest = trips.iter().map(|(_, t)| *t).min()?;
    let longest = trips.iter().map(|(_, t)| *t).max()?;
    if shortest <= limit {
        return None;
    }
    let sentence = format!("a round trip to {} takes {} ms", path.endpoint.address, milliseconds(shortest));
    let finding = supports("l3.high_latency")
        .about(&path.endpoint)
        .because(&sentence)
        .citing([first.0])
        .measuring(Measure::duration("rtt", shortest));
    let steady = longest.as_secs_f64() <= shortest.as_secs_f64() * (1.0 + SPREAD);
    if trips.len() >= ROUNDS && steady {
        findings.push(finding.proof().build());
        findings.push(
            refutes("l3.bufferbloat")
                .strong()
                .about(&path.endpoint)
                .because(format!(
                    "repeated, the kernel's own figure is the same ({} to {} ms): a length, not a queue that fills",
                    milliseconds(shortest),
                    milliseconds(longest)
                ))
                .citing(rest.iter().map(|(id, _)| *id))
                .build(),
        );
    } else {
        findings.push(finding.strong().build());
        findings.push(
            supports("l3.bufferbloat")
                .about(&path.endpoint)
                .because("the round trips differ from one another")
                .citing(trips.iter().map(|(id, _)| *id))
                .build(),
        );
    }
    Some(sentence)
}

/// A SYN had to be repeated, or a dial got no answer, while others did.
fn lossy(path: &Path, findings: &mut Vec<sonde_sdk::report::Finding>) -> Option<String> {
    let lost: Vec<EvidenceId> = path
        .dials
        .iter()
        .filter(|d| d.connection.syn_retransmits > 0 || d.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut))
        .map(|d| d.evidence)
        .collect();
    if lost.is_empty() {
        return None;
    }
    let sentence = format!("{} of {} handshakes with {} lost a packet", lost.len(), path.dials.len(), path.endpoint);
    let finding = supports("l3.packet_loss").about(&path.endpoint).because(&sentence).citing(lost.iter().copied());
    findings.push(if lost.len() >= 2 { finding.strong() } else { finding }.build());
    Some(sentence)
}

#[expect(clippy::cast_precision_loss, reason = "tenths of milliseconds, for people")]
fn milliseconds(duration: Duration) -> String {
    let tenths = (duration.as_micros() / 100) as f64;
    format!("{}", tenths / 10.0)
}
