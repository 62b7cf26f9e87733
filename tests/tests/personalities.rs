//! sonde's resolver personalities against the originals: the short cases of `tests/personality`, in parallel namespaces.
//!
//! All cases, and drawn ones: `cargo run -p sonde-tests --bin personalities -- --generated 200`.

use std::path::Path;

use sonde_tests::binaries::can_make_namespaces;
use sonde_tests::personality::case::{self, Case};
use sonde_tests::personality::original::program;
use sonde_tests::personality::trial::{compare, over_all};

/// Look-ups mostly wait, so more of them than cores run at once.
const AT_ONCE: usize = 4;

/// Both of the resolvers that musl has had.
const PERSONALITIES: [&str; 4] = ["glibc", "musl", "musl-1.2.3", "go"];

#[test]
fn every_personality_asks_waits_and_fails_as_its_original_does() {
    if !can_make_namespaces() {
        return;
    }
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.short).collect();
    // An original that is not built says so, once.
    let built: Vec<_> = PERSONALITIES.into_iter().filter(|personality| program(personality).is_some()).collect();
    let runs: Vec<(&Case, &str)> = cases.iter().flat_map(|case| built.iter().map(move |p| (case, *p))).collect();
    let trials = over_all(&runs, AT_ONCE, |(case, personality)| compare(case, personality));
    let complaints: Vec<_> = runs
        .iter()
        .zip(trials)
        .filter_map(|((case, personality), trial)| {
            let text = match trial {
                Ok(trial) if trial.differences.is_empty() => return None,
                Ok(trial) => trial.complaint(),
                Err(error) => format!("    {error:#}"),
            };
            Some(format!("{} as {personality}\n{text}", case.name))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_names_of_the_cases_are_sentences_and_a_dozen_are_short() {
    let cases = cases();
    let terse: Vec<_> = cases.iter().map(|case| &case.name).filter(|name| !name.contains(' ')).collect();
    assert!(terse.is_empty(), "{terse:?}");
    assert!(cases.len() >= 150, "{}", cases.len());
    assert!(cases.iter().filter(|case| case.short).count() >= 12);
}

fn cases() -> Vec<Case> {
    case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("personality")).expect("the cases parse")
}
