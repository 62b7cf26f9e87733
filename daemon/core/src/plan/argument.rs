//! The form of a check's arguments, verified before the check is started.

use std::net::IpAddr;
use std::time::Duration;

use crate::manifest::{Manifest, ParameterKind};
use crate::nearest::nearest;

use super::PlanError;

/// What a text may hold, for it may be a file; bytes.
const TEXT_LIMIT: usize = 64 << 10;
/// What any other argument may hold; bytes.
const VALUE_LIMIT: usize = 4096;

/// Whether every argument names a parameter of the check, once, and is of its kind.
pub(super) fn verify(manifest: &Manifest, arguments: &[(String, String)]) -> Result<(), PlanError> {
    for (position, (name, value)) in arguments.iter().enumerate() {
        let check = manifest.name.clone();
        let Some(parameter) = manifest.parameters.iter().find(|parameter| parameter.name == *name) else {
            let known = || manifest.parameters.iter().map(|parameter| parameter.name.as_str());
            return Err(PlanError::UnknownParameter {
                check,
                name: name.clone(),
                nearest: nearest(name, known()).into_iter().map(str::to_owned).collect(),
                known: known().map(str::to_owned).collect(),
            });
        };
        if arguments[..position].iter().any(|(earlier, _)| earlier == name) {
            return Err(PlanError::GivenTwice { check, name: name.clone() });
        }
        if !fits(parameter.kind, value) {
            let right = right(parameter.kind).to_owned();
            return Err(PlanError::WrongValue { check, name: name.clone(), value: shorten(value), right });
        }
    }
    Ok(())
}

fn fits(kind: ParameterKind, value: &str) -> bool {
    let limit = if kind == ParameterKind::Text { TEXT_LIMIT } else { VALUE_LIMIT };
    value.len() <= limit
        && match kind {
            ParameterKind::Text => !value.contains('\0'),
            ParameterKind::Integer => value.parse::<i64>().is_ok(),
            ParameterKind::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
            ParameterKind::Boolean => value.parse::<bool>().is_ok(),
            ParameterKind::Duration => duration(value).is_some(),
            ParameterKind::Address => value.parse::<IpAddr>().is_ok(),
        }
}

fn right(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Text => "a text of at most 64 KiB",
        ParameterKind::Integer => "an integer such as 42",
        ParameterKind::Number => "a number such as 0.5",
        ParameterKind::Boolean => "true or false",
        ParameterKind::Duration => "a duration such as 250ms, 3s or 1m30s",
        ParameterKind::Address => "an IP address such as 10.0.0.5 or 2001:db8::1",
    }
}

/// The form that the SDK reads: `1h`, `1m30s`, `250ms`, `1.5s`, `20us`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, next) = after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" => 1e-6,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

/// A value as an error quotes it.
fn shorten(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1500)));
        for bad in ["", "3", "s", "-1s", "1y", "1..5s", "1e400h", &"9".repeat(400)] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn each_kind_takes_its_own_and_refuses_another() {
        for (kind, good, bad) in [
            (ParameterKind::Text, "", "\0"),
            (ParameterKind::Integer, "-3", "3.0"),
            (ParameterKind::Number, "1e3", "inf"),
            (ParameterKind::Boolean, "true", "yes"),
            (ParameterKind::Duration, "3s", "3"),
            (ParameterKind::Address, "::1", "localhost"),
        ] {
            assert!(fits(kind, good), "{kind:?} {good:?}");
            assert!(!fits(kind, bad), "{kind:?} {bad:?}");
        }
    }

    #[test]
    fn a_text_may_be_as_long_as_a_file_and_nothing_else_may() {
        assert!(fits(ParameterKind::Text, &"x".repeat(64 << 10)));
        assert!(!fits(ParameterKind::Text, &"x".repeat((64 << 10) + 1)));
        assert!(!fits(ParameterKind::Integer, &"0".repeat(5000)));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>()) {
            let _ = duration(&text);
            prop_assert!(shorten(&text).chars().count() <= 83);
        }
    }
}
