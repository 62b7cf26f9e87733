//! The addresses accept connections: but each time, at once, and over a path of reasonable and steady length?

use std::time::Duration;

use sonde_sdk::check::Outcome;
use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::Finding;
use sonde_sdk::types::{EvidenceId, Measure, Reason};

use super::{conflict, shares};
use crate::observe::{Observations, Path, is_loaded, is_steady};

/// Below, measurements cannot agree.
const ROUNDS: usize = 2;
/// Failures among many, from which on they are no accident.
const REPEATED: usize = 2;

/// Judges the open addresses.
pub(super) fn judge(observed: &Observations, open: &[&Path]) -> Judgement {
    let mut notes = Notes::default();
    for path in open {
        notes.path(observed.latency, path);
    }
    let summary = [accepting(open)].into_iter().chain(notes.remarks).collect::<Vec<_>>().join("; ");
    let outcome = match (notes.broken, notes.unclear) {
        (true, _) => Outcome::broken(summary),
        (false, true) => Outcome::unclear(summary),
        (false, false) => Outcome::works(summary),
    };
    Judgement { findings: notes.findings, outcome }
}

fn accepting(open: &[&Path]) -> String {
    match open {
        [] => "nothing was dialled".to_owned(),
        [path] => {
            let rtt = path.dials.iter().filter_map(|d| d.connection.rtt()).min();
            let shown = match rtt {
                Some(rtt) if rtt < Duration::from_millis(1) => format!(" in {} µs", rtt.as_micros()),
                Some(rtt) => format!(" in {} ms", milliseconds(rtt)),
                None => String::new(),
            };
            format!("{} accepts connections{shown}", path.endpoint)
        }
        paths => format!("{} addresses accept connections", paths.len()),
    }
}

/// What is said of the open addresses.
#[derive(Debug, Default)]
struct Notes {
    findings: Vec<Finding>,
    remarks: Vec<String>,
    broken: bool,
    unclear: bool,
}

impl Notes {
    fn path(&mut self, limit: Duration, path: &Path) {
        if !self.flapping(path) && !self.lossy(path) {
            self.long(limit, path);
            self.ended(path);
        }
    }

    /// A connection that was accepted and says nothing is ended by the peer at once, each time.
    fn ended(&mut self, path: &Path) {
        let ended = |reason: &Reason| {
            path.held.len() >= ROUNDS
                && path.held.iter().all(|d| d.outcome.as_ref().is_err_and(|f| f.reason == *reason))
        };
        if ended(&Reason::Reset) {
            let sentence =
                format!("{} resets each connection right after accepting it, before anything is sent", path.endpoint);
            let held = || path.held.iter().map(|d| d.evidence);
            self.add(path, supports("tcp.rst_linger0").strong().because(&sentence).citing(held()));
            self.add(
                path,
                refutes("tcp.rst_unread_data").strong().because("nothing was sent that could be unread").citing(held()),
            );
            self.remarks.push(sentence);
            self.unclear = true;
        } else if ended(&Reason::Closed) {
            self.remarks.push("it closes each connection at once when nothing is sent".to_owned());
        }
    }

    fn add(&mut self, path: &Path, draft: Draft) {
        self.findings.push(draft.about(&path.endpoint).build());
    }

    /// Some dials are refused and some accepted.
    fn flapping(&mut self, path: &Path) -> bool {
        let refused = |d: &TcpDial| d.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused && f.icmp.is_none());
        let refusals: Vec<EvidenceId> = path.dials.iter().filter(|d| refused(d)).map(|d| d.evidence).collect();
        if refusals.is_empty() {
            return false;
        }
        let accepted: Vec<EvidenceId> = path.dials.iter().filter(|d| d.outcome.is_ok()).map(|d| d.evidence).collect();
        // Refused, accepted, refused: neither a service that has just started nor one that has just ended.
        let first = path.dials.iter().position(|d| d.outcome.is_ok());
        let again = first.is_some_and(|first| path.dials[first..].iter().any(refused));
        let last = path.dials.iter().rposition(|d| d.outcome.is_ok());
        let before = last.is_some_and(|last| path.dials[..last].iter().any(refused));
        if let Some((drafts, sentence)) = conflict::flapping(path, &refusals, &accepted) {
            for draft in drafts {
                self.add(path, draft);
            }
            self.remarks.push(sentence);
            self.broken = true;
            return true;
        }
        let sentence = format!(
            "{} refuses {} of {} connections and accepts the others",
            path.endpoint,
            refusals.len(),
            path.dials.len()
        );
        let finding = supports("lb.backend_refused").because(&sentence).citing(refusals.iter().copied());
        self.remarks.push(sentence);
        if refusals.len() < REPEATED || accepted.len() < REPEATED || !again || !before {
            self.add(path, finding.strong());
            self.unclear = true;
            return true;
        }
        self.add(path, finding.proof());
        self.add(
            path,
            refutes("tcp.port_closed")
                .proof()
                .because("a closed port refuses every connection; these were accepted in between")
                .citing(accepted),
        );
        self.broken = true;
        true
    }

    /// A SYN had to be repeated, or a dial got no answer, while others did.
    fn lossy(&mut self, path: &Path) -> bool {
        let Some(share) = shares::judge(path) else { return false };
        for draft in share.drafts {
            self.add(path, draft);
        }
        self.remarks.push(share.remark);
        self.broken |= share.broken;
        self.unclear |= share.unclear;
        // A full queue drops now and then: a loss that is no share leaves the round trips to be judged.
        share.broken || share.unclear
    }

    /// The round trip is over the threshold.
    fn long(&mut self, limit: Duration, path: &Path) {
        let trips: Vec<(EvidenceId, Duration)> = path
            .dials
            .iter()
            .filter_map(|d| Some((d.evidence, d.connection.rtt()?, d.connection.min_rtt()?)))
            .map(|(id, rtt, min)| (id, rtt.min(min)))
            .collect();
        let Some(shortest) = trips.iter().map(|(_, t)| *t).min() else { return };
        let Some(longest) = trips.iter().map(|(_, t)| *t).max() else { return };
        if longest <= limit {
            return;
        }
        let range = format!("{} to {} ms", milliseconds(shortest), milliseconds(longest));
        if shortest > limit && is_steady(path) {
            self.steady(path, &trips, shortest, &range);
        } else {
            self.queueing(path, limit, &trips, &range);
        }
    }

    /// Long each time.
    fn steady(&mut self, path: &Path, trips: &[(EvidenceId, Duration)], shortest: Duration, range: &str) {
        let Some((first, rest)) = trips.split_first() else { return };
        let sentence = format!("a round trip to {} takes {} ms", path.endpoint.address, milliseconds(shortest));
        let finding = supports("l3.high_latency")
            .because(&sentence)
            .citing([first.0])
            .measuring(Measure::duration("rtt", shortest));
        self.remarks.push(sentence);
        if trips.len() < ROUNDS {
            return self.add(path, finding.strong());
        }
        self.add(path, finding.proof());
        let same = format!("repeated, the kernel's own figure is the same ({range}): a length, not a queue that fills");
        let draft = refutes("l3.bufferbloat").because(same).citing(rest.iter().map(|(id, _)| *id));
        // A queue that others keep full is as steady as a length.
        let draft = if path.dials.iter().any(is_loaded) { draft } else { draft.strong() };
        self.add(path, draft);
    }

    /// Long at times, and much shorter at others: a queue, if somebody fills it.
    fn queueing(&mut self, path: &Path, limit: Duration, trips: &[(EvidenceId, Duration)], range: &str) {
        let long: Vec<EvidenceId> = trips.iter().filter(|(_, t)| *t > limit).map(|(id, _)| *id).collect();
        let shortest = trips.iter().map(|(_, t)| *t).min().unwrap_or_default();
        let short: Vec<EvidenceId> = trips.iter().filter(|(_, t)| *t <= limit).map(|(id, _)| *id).collect();
        let far_apart = trips.iter().any(|(_, t)| *t >= shortest * 2);
        let loaded = path.dials.iter().any(is_loaded);
        let finding = supports("l3.bufferbloat")
            .because(format!("the round trip to {} varies with the load: {range}", path.endpoint.address))
            .citing(long.iter().copied());
        if long.len() < REPEATED || short.is_empty() || !far_apart || !loaded {
            return self.add(path, finding);
        }
        self.remarks.push(format!("the round trip to {} varies with the load: {range}", path.endpoint.address));
        self.add(path, finding.proof());
        self.add(
            path,
            refutes("l3.high_latency")
                .proof()
                .because(format!("the path itself is short: {} ms at best", milliseconds(shortest)))
                .citing(short),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "tenths of milliseconds, for people")]
fn milliseconds(duration: Duration) -> String {
    let tenths = (duration.as_micros() / 100) as f64;
    format!("{}", tenths / 10.0)
}
