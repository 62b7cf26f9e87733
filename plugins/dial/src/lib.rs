//! The built-in check `dial`: every address of the target, side by side, exactly as asked for. It judges nothing; its evidence and
//! notes are what `sonde dial` shows.

mod attempt;
mod experience;
mod follow;
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
        let time = budget.remaining().saturating_sub(RESERVE);
        let deadline = timer::now() + time;
        let wish = request::wish(&target, &arguments, budget.probe_timeout(), time)?;
        let all: Vec<Endpoint> = target.endpoints().collect();
        let chosen: Vec<Endpoint> = all.iter().filter(|endpoint| wish.family.takes(endpoint)).cloned().collect();
        if chosen.is_empty() {
            return Ok(Outcome::unclear(nothing_to_dial(&target, &wish, all.len())));
        }
        wish.afford(chosen.len())?;
        let mut series = wait::all(chosen.into_iter().map(|endpoint| attempt::repeat(endpoint, &wish, deadline))).await;
        let ended = match &wish.speak {
            Speak::Http(wanted) => follow::redirects(&target, &wish, wanted, &mut series, deadline).await,
            Speak::Tcp | Speak::Tls(_) => None,
        };
        let outcome = conclude(&target, &series);
        let outcome = series.iter().fold(outcome, |outcome, series| {
            match spread::sentence(series, wish.count, wish.is_one_call()) {
                Some(said) => outcome.noting(series.endpoint.to_string(), said),
                None => outcome,
            }
        });
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
    let from = wish.bind.as_ref().map_or_else(String::new, |address| format!(" from {address}"));
    match (known, wish.family.word()) {
        (0, _) | (_, None) => format!("{host} has no address to dial"),
        (_, Some(family)) => format!("{host} has no {family} address to dial{from}"),
    }
}

fn conclude(target: &Target, series: &[Series]) -> Outcome {
    let good = |series: &&Series| !series.attempts.is_empty() && series.attempts.iter().all(Attempt::is_good);
    let (good, all) = (series.iter().filter(good).count(), series.len());
    let text = &target.text;
    let attempts = || series.iter().flat_map(|series| &series.attempts);
    let trouble = attempts().find_map(|attempt| attempt.trouble.as_deref());
    match (trouble, all) {
        (Some(trouble), _) if attempts().all(Attempt::is_our_own) => Outcome::unclear(trouble),
        (Some(trouble), 1) => Outcome::broken(trouble),
        (Some(trouble), _) => Outcome::broken(format!("{good} of {all} addresses of {text} answer: {trouble}")),
        (None, _) if good < all => Outcome::unclear(format!("no time was left to dial {text}"))
            .next("give the run more time: looking the name up and reporting take some of it"),
        (None, 1) => Outcome::works(format!("the address of {text} answers")),
        (None, _) => Outcome::works(format!("all {all} addresses of {text} answer")),
    }
}

/// Kept back to report.
const RESERVE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Conclusion;
    use sonde_sdk::dial::experience::Fate;
    use sonde_sdk::testkit;

    use super::*;

    const CONNECTED: Attempt =
        Attempt { fate: Some(Fate::Connected(Duration::ZERO)), whole: Some(Duration::ZERO), trouble: None };

    fn concluded(attempts: &[&[Attempt]]) -> Outcome {
        let target = testkit::target(TargetKind::Tcp, "shop.example", 80, &["192.0.2.1"]);
        let series = |attempts: &&[Attempt]| Series {
            endpoint: Endpoint::new("192.0.2.1", 80),
            attempts: attempts.to_vec(),
            exchange: None,
        };
        conclude(&target, &attempts.iter().map(series).collect::<Vec<_>>())
    }

    fn failed(fate: Option<Fate>) -> Attempt {
        Attempt { fate, whole: None, trouble: Some("no".to_owned()) }
    }

    #[test]
    fn what_was_not_dialled_does_not_answer() {
        for none in [&[&[][..]][..], &[&[CONNECTED][..], &[]]] {
            let outcome = concluded(none);
            assert_eq!(outcome.conclusion, Conclusion::Unclear);
            assert_eq!(outcome.summary, "no time was left to dial shop.example:80");
        }
    }

    #[test]
    fn one_that_fails_is_broken_and_our_own_refusal_is_not() {
        assert_eq!(concluded(&[&[CONNECTED], &[CONNECTED]]).conclusion, Conclusion::Works);
        assert_eq!(concluded(&[&[CONNECTED, failed(Some(Fate::Silent))]]).conclusion, Conclusion::Broken);
        assert_eq!(concluded(&[&[failed(None)]]).conclusion, Conclusion::Unclear);
    }
}
