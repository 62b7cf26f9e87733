//! The built-in check `history`: what went wrong in a recorded time, and when did it begin?
//!
//! It asks the recorder alone: each group of counters in a question of its own, so that what refutes rests on other evidence than
//! what proves. `verdict` judges, and is pure.

mod moment;
mod past;
mod verdict;

use sonde_sdk::history::{GroupFilter, GroupKey};
use sonde_sdk::prelude::*;

use past::Past;

/// The check.
struct HistoryCheck;

impl Check for HistoryCheck {
    fn describe() -> Manifest {
        Manifest::new(
            "history",
            env!("CARGO_PKG_VERSION"),
            "Judges what the daemon's recorder kept of the last ten minutes, or of the time that is asked for.",
        )
        .serving([TargetKind::Host, TargetKind::Listener])
        .calling(["history"])
        .deciding(verdict::CAUSES.iter().copied())
        .judging_the_past()
    }

    async fn run(target: Target, _: Arguments, _: Budget) -> Result<Outcome, String> {
        let live = target.period.is_none();
        let period = target.period.unwrap_or(LATELY);
        let accepts = history::counters(period, names(past::ACCEPT), POINTS).await;
        if let Err(failure) = &accepts.outcome {
            let said = failure.detail.clone();
            return Ok(if live && failure.is_our_own() { Outcome::skipped(said) } else { Outcome::unclear(said) });
        }
        let (syns, traffic, limits, datagrams) = wait::join4(
            history::counters(period, names(past::SYN), POINTS),
            history::counters(period, names(past::TRAFFIC), POINTS),
            history::counters(period, names(past::LIMITS), POINTS),
            history::counters(period, names(past::DATAGRAMS), POINTS),
        )
        .await;
        let (listeners, states, peers, sources) = wait::join4(
            history::listeners(period, target.port, POINTS),
            history::sockets(period, vec![GroupKey::State], GroupFilter::all(), POINTS),
            history::sockets(
                period,
                vec![GroupKey::PeerAddress, GroupKey::PeerPort],
                GroupFilter::all().in_states(["TIME-WAIT"]),
                POINTS,
            ),
            history::sockets(period, vec![GroupKey::PeerAddress], GroupFilter::all().in_states(["SYN-RECV"]), POINTS),
        )
        .await;
        let closing = GroupFilter::all().in_states(["CLOSE-WAIT"]);
        let closing = match target.port {
            None => history::sockets(period, vec![GroupKey::State], closing, POINTS).await,
            Some(port) => history::sockets(period, vec![GroupKey::LocalPort], closing.local_port(port), POINTS).await,
        };
        let past = Past {
            live,
            port: target.port,
            accepts,
            syns,
            traffic,
            limits,
            datagrams,
            listeners,
            states,
            peers,
            sources,
            closing,
        };
        let judgement = verdict::judge(&past);
        report::all(&judgement.findings);
        Ok(judgement.outcome)
    }
}

sonde_sdk::export!(HistoryCheck);

/// With the gauge that tells what each point spans.
fn names(names: &[&str]) -> Vec<String> {
    names.iter().chain([&past::EVERY_POINT]).map(|name| (*name).to_owned()).collect()
}

/// The last ten minutes.
const LATELY: Period = Period { from_us: -600_000_000, to_us: 0 };

/// A point for each second of ten minutes.
const POINTS: u32 = 600;
