//! The built-in check `history`: what went wrong in a recorded time, and when did it begin?
//!
//! It asks the recorder alone: `gather` each group of counters in a question of its own, so that what refutes rests on other
//! evidence than what proves. `verdict` judges, and is pure.

mod gather;
mod moment;
mod past;
mod verdict;
mod whose;

use sonde_sdk::prelude::*;

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
        .of_the_past_alone(["pid", "tcp", "tls", "http", "https", "grpc", "grpcs", "udp", "dns"])
    }

    async fn run(target: Target, _: Arguments, _: Budget) -> Result<Outcome, String> {
        let past = match gather::past(&target).await {
            Ok(past) => past,
            Err(outcome) => return Ok(outcome),
        };
        Ok(verdict::judge(&past).report())
    }
}

sonde_sdk::export!(HistoryCheck);
