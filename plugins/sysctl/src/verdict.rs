//! Compares what is wanted with what is set. Pure.

use sonde_sdk::check::Outcome;
use sonde_sdk::system::{Sysctl, SysctlsAnswer};

use crate::baseline::{SERVED, Wanted, is_same};

/// Of an outcome's notes the host keeps 64.
const LISTED: usize = 63;

/// Judges; the answers hold the settings that are served in the order in which they are wanted.
pub(crate) fn judge(wanted: &[Wanted], answers: &[SysctlsAnswer]) -> Outcome {
    let mut found: Vec<&Sysctl> = vec![];
    for answer in answers {
        match &answer.outcome {
            Ok(settings) => found.extend(settings),
            Err(failure) => return Outcome::unclear(format!("the settings cannot be read: {}", failure.detail)),
        }
    }
    let mut drifts = vec![];
    let (served, aside): (Vec<&Wanted>, Vec<&Wanted>) = wanted.iter().partition(|wanted| wanted.is_served());
    let mut unread: Vec<(&String, String)> =
        aside.into_iter().map(|wanted| (&wanted.name, not_served(wanted))).collect();
    for (wanted, found) in served.into_iter().zip(found) {
        match (&found.value, &found.needs) {
            (Some(value), _) if is_same(&wanted.value, value) => {}
            (Some(value), _) => drifts.push((&wanted.name, format!("wanted {}, found {value}", wanted.value))),
            (None, Some(needs)) => {
                unread.push((&wanted.name, format!("wanted {}, reading it needs {needs}", wanted.value)));
            }
            (None, None) if wanted.may_be_absent => {}
            (None, None) => {
                drifts.push((&wanted.name, format!("wanted {}, but there is no such setting here", wanted.value)));
            }
        }
    }
    let total = wanted.len();
    let outcome = if let [(name, first), ..] = drifts.as_slice() {
        Outcome::broken(format!("{} of {total} settings drift from the baseline; {name}: {first}", drifts.len()))
    } else if unread.is_empty() {
        Outcome::works(format!("all {total} settings are as the baseline wants them"))
    } else {
        Outcome::unclear(format!("{} of {total} settings cannot be read, the others are as wanted", unread.len()))
    };
    noted(outcome, drifts.into_iter().chain(unread).collect())
}

fn not_served(wanted: &Wanted) -> String {
    format!("wanted {}, but it is not served: settings are read below {}", wanted.value, SERVED.join(", "))
}

fn noted(outcome: Outcome, notes: Vec<(&String, String)>) -> Outcome {
    let more = notes.len().saturating_sub(LISTED);
    let outcome = notes.into_iter().take(LISTED).fold(outcome, |outcome, (name, text)| outcome.noting(name, text));
    if more == 0 { outcome } else { outcome.noting("not listed", format!("{more} more")) }
}

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Conclusion;
    use sonde_sdk::testkit;
    use sonde_sdk::types::{Phase, Reason};

    use super::*;
    use crate::baseline::parse;

    const BASELINE: &str = "net.ipv4.ip_forward = 0\n-net.ipv4.gone = 1\nvm.swappiness = 10";

    fn judged(found: &[(&str, Option<&str>)]) -> Outcome {
        judge(&parse(BASELINE).expect("a baseline"), &[testkit::sysctls_answer(1, found)])
    }

    fn notes(outcome: &Outcome) -> Vec<(&str, &str)> {
        outcome.notes.iter().map(|note| (note.name.as_str(), note.value.as_str())).collect()
    }

    #[test]
    fn settings_as_wanted_are_in_order_and_an_optional_one_may_be_absent() {
        let outcome =
            judged(&[("net.ipv4.ip_forward", Some("0")), ("net.ipv4.gone", None), ("vm.swappiness", Some("10"))]);
        assert_eq!((outcome.conclusion, notes(&outcome)), (Conclusion::Works, vec![]));
    }

    #[test]
    fn each_drift_is_noted_with_what_is_wanted_and_what_is_there() {
        let outcome =
            judged(&[("net.ipv4.ip_forward", Some("1")), ("net.ipv4.gone", Some("0")), ("vm.swappiness", None)]);
        assert_eq!(outcome.conclusion, Conclusion::Broken);
        let expected = vec![
            ("net.ipv4.ip_forward", "wanted 0, found 1"),
            ("net.ipv4.gone", "wanted 1, found 0"),
            ("vm.swappiness", "wanted 10, but there is no such setting here"),
        ];
        assert_eq!(notes(&outcome), expected);
    }

    #[test]
    fn what_cannot_be_read_is_not_in_order() {
        let mut answer = testkit::sysctls_answer(1, &[("a", Some("0")), ("b", None), ("vm.swappiness", None)]);
        answer.outcome.as_mut().expect("settings")[2].needs = Some("root".to_owned());
        let outcome = judge(&parse(BASELINE).expect("a baseline"), &[answer]);
        assert_eq!(outcome.conclusion, Conclusion::Unclear);
        assert_eq!(notes(&outcome), [("vm.swappiness", "wanted 10, reading it needs root")]);
    }

    #[test]
    fn what_is_not_served_is_noted_and_the_others_are_compared() {
        let wanted =
            parse("dev.raid.speed_limit_max = 5\nvm.swappiness = 10\nnet.ipv4.ip_forward = 0").expect("a baseline");
        let found = |forward| [("vm.swappiness", Some("10")), ("net.ipv4.ip_forward", Some(forward))];
        let outcome = judge(&wanted, &[testkit::sysctls_answer(1, &found("0"))]);
        assert_eq!(outcome.conclusion, Conclusion::Unclear);
        assert!(
            matches!(notes(&outcome)[..], [("dev.raid.speed_limit_max", why)] if why.contains("not served")),
            "{outcome:?}"
        );
        let outcome = judge(&wanted, &[testkit::sysctls_answer(1, &found("1"))]);
        assert_eq!((outcome.conclusion, outcome.notes.len()), (Conclusion::Broken, 2));
        assert_eq!(notes(&outcome)[0], ("net.ipv4.ip_forward", "wanted 0, found 1"));
    }

    #[test]
    fn a_failed_reading_decides_nothing() {
        let mut answer = testkit::sysctls_answer(1, &[]);
        answer.outcome = Err(testkit::failure(Phase::Inspect, Reason::TimedOut, 1));
        let outcome = judge(&parse(BASELINE).expect("a baseline"), &[answer]);
        assert_eq!(outcome.conclusion, Conclusion::Unclear);
    }

    #[test]
    fn many_drifts_are_counted_and_some_are_listed() {
        let names: Vec<String> = (0..100).map(|n| format!("net.x{n}")).collect();
        let baseline: Vec<String> = names.iter().map(|name| format!("{name}=1")).collect();
        let found: Vec<(&str, Option<&str>)> = names.iter().map(|name| (name.as_str(), Some("0"))).collect();
        let outcome = judge(&parse(&baseline.join("\n")).expect("a baseline"), &[testkit::sysctls_answer(1, &found)]);
        assert!(outcome.summary.starts_with("100 of 100"), "{}", outcome.summary);
        assert_eq!((outcome.notes.len(), outcome.notes[63].value.as_str()), (64, "37 more"));
    }
}
