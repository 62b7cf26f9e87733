//! The built-in check `dial`: every address of the target, side by side, exactly as asked for. It judges nothing; its evidence and
//! notes are what `sonde dial` shows.

mod attempt;
mod experience;
mod follow;
mod place;
mod request;
mod spread;

use std::time::Duration;

use sonde_sdk::prelude::*;

use attempt::{Attempt, Series};
use request::{Speak, Wish};

/// The check.
struct Dial;

impl Check for Dial {
    fn describe() -> Manifest {
        let manifest = Manifest::new(
            "dial",
            env!("CARGO_PKG_VERSION"),
            "Dials every address of the target exactly as asked for, and follows redirects.",
        )
        .serving([TargetKind::Tcp, TargetKind::Tls, TargetKind::Http, TargetKind::Https])
        .calling(["dial", "dns"])
        .after(["resolve"])
        .costing(CostClass::Heavy);
        request::parameters().into_iter().fold(manifest, Manifest::taking)
    }

    async fn run(target: Target, arguments: Arguments, budget: Budget) -> Result<Outcome, String> {
        let deadline = timer::now() + budget.remaining().saturating_sub(RESERVE);
        let wish = request::wish(&target, &arguments, budget)?;
        let all: Vec<Endpoint> = target.endpoints().collect();
        let chosen: Vec<Endpoint> = all.iter().filter(|endpoint| wish.family.takes(endpoint)).cloned().collect();
        if chosen.is_empty() {
            return Ok(Outcome::unclear(nothing_to_dial(&target, &wish, all.len())));
        }
        let mut series = wait::all(chosen.into_iter().map(|endpoint| attempt::repeat(endpoint, &wish, deadline))).await;
        let ended = match &wish.speak {
            Speak::Http(wanted) => follow::redirects(&target, &wish, wanted, &mut series, deadline).await,
            Speak::Tcp | Speak::Tls(_) => None,
        };
        let outcome = conclude(&target, &series);
        let outcome = series
            .iter()
            .filter(|series| series.attempts.len() > 1)
            .fold(outcome, |outcome, series| outcome.noting(series.endpoint.to_string(), spread::sentence(series)));
        let outcome =
            experience::notes(&series).into_iter().fold(outcome, |outcome, (who, said)| outcome.noting(who, said));
        Ok(match ended {
            Some(why) => outcome.noting("redirects", why),
            None => outcome,
        })
    }
}

sonde_sdk::export!(Dial);

fn nothing_to_dial(target: &Target, wish: &Wish, known: usize) -> String {
    let host = target.host.as_deref().unwrap_or_default();
    match (known, wish.family.word()) {
        (0, _) | (_, None) => format!("{host} has no address to dial"),
        (_, Some(family)) => format!("{host} has no {family} address to dial"),
    }
}

fn conclude(target: &Target, series: &[Series]) -> Outcome {
    let good = series.iter().filter(|series| series.attempts.iter().all(Attempt::is_good)).count();
    let trouble = series.iter().flat_map(|series| &series.attempts).find_map(|attempt| attempt.trouble.as_deref());
    match (trouble, series.len()) {
        (None, 1) => Outcome::works(format!("the address of {} answers", target.text)),
        (None, all) => Outcome::works(format!("all {all} addresses of {} answer", target.text)),
        (Some(trouble), 1) => Outcome::broken(trouble),
        (Some(trouble), all) => {
            Outcome::broken(format!("{good} of {all} addresses of {} answer: {trouble}", target.text))
        }
    }
}

/// Kept back to report.
const RESERVE: Duration = Duration::from_millis(200);
