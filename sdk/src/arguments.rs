//! The run's arguments, typed by the manifest's parameters.
//!
//! Every message quotes the value and ends with what would be right.

use std::net::IpAddr;
use std::time::Duration;

use crate::check::{Argument, Parameter, ParameterType};

/// The arguments of one run.
///
/// Invariant: every argument names a declared parameter and has its type.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    parameters: Vec<Parameter>,
    given: Vec<Argument>,
}

impl Arguments {
    /// Checks the given arguments against the declared parameters.
    ///
    /// # Errors
    /// A name that is not declared or is given twice, or a text that is not of the declared type.
    pub fn of(parameters: Vec<Parameter>, given: Vec<Argument>) -> Result<Self, String> {
        for (position, argument) in given.iter().enumerate() {
            let Some(parameter) = parameters.iter().find(|p| p.name == argument.name) else {
                return Err(match parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().as_slice() {
                    [] => format!("argument {:?} is not known: this check takes none", argument.name),
                    names => {
                        format!("argument {:?} is not known: this check takes {}", argument.name, names.join(", "))
                    }
                });
            };
            if given.iter().take(position).any(|earlier| earlier.name == argument.name) {
                return Err(format!("argument {:?} is given twice: give it once", argument.name));
            }
            check_type(parameter, &argument.value)?;
        }
        Ok(Self { parameters, given })
    }

    /// Whether the caller gave it, be it the default's value.
    pub fn given(&self, name: &str) -> bool {
        self.given.iter().any(|argument| argument.name == name)
    }

    /// The given value, else the parameter's default, else none.
    ///
    /// # Errors
    /// The text is not a `T`.
    pub fn optional<T: FromArgument>(&self, name: &str) -> Result<Option<T>, String> {
        let given = self.given.iter().find(|a| a.name == name).map(|a| a.value.as_str());
        let text = given.or_else(|| self.parameters.iter().find(|p| p.name == name).and_then(|p| p.default.as_deref()));
        text.map(|text| T::from_argument(text).map_err(|right| wrong(name, text, right))).transpose()
    }

    /// The given value or the parameter's default.
    ///
    /// # Errors
    /// Neither exists, or the text is not a `T`.
    pub fn required<T: FromArgument>(&self, name: &str) -> Result<T, String> {
        self.optional(name)?.ok_or_else(|| format!("argument {name:?} is missing: give {name}={}", T::RIGHT))
    }
}

/// A type that an argument's text can be read as.
pub trait FromArgument: Sized {
    /// What would be right, for messages.
    const RIGHT: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// What would be right.
    fn from_argument(text: &str) -> Result<Self, &'static str>;
}

impl FromArgument for String {
    const RIGHT: &'static str = "a text";
    fn from_argument(text: &str) -> Result<Self, &'static str> {
        Ok(text.to_owned())
    }
}

macro_rules! parsed {
    ($($type:ty: $right:literal),+ $(,)?) => {$(
        impl FromArgument for $type {
            const RIGHT: &'static str = $right;
            fn from_argument(text: &str) -> Result<Self, &'static str> {
                text.parse().map_err(|_| Self::RIGHT)
            }
        }
    )+};
}

parsed! {
    i64: "an integer",
    u64: "an integer of 0 or more",
    u32: "an integer from 0 to 4294967295",
    u16: "an integer from 0 to 65535",
    bool: "true or false",
    IpAddr: "an IPv4 or IPv6 address",
}

impl FromArgument for f64 {
    const RIGHT: &'static str = "a finite number";
    fn from_argument(text: &str) -> Result<Self, &'static str> {
        text.parse().ok().filter(|n: &Self| n.is_finite()).ok_or(Self::RIGHT)
    }
}

impl FromArgument for Duration {
    const RIGHT: &'static str = "a duration such as 250ms, 3s or 1m30s";
    fn from_argument(text: &str) -> Result<Self, &'static str> {
        duration(text).ok_or(Self::RIGHT)
    }
}

/// `1h`, `1m30s`, `250ms`, `1.5s`, `20us`: numbers with units, largest first by convention, at least one.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
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

fn check_type(parameter: &Parameter, text: &str) -> Result<(), String> {
    let result = match parameter.kind {
        ParameterType::Text => Ok(()),
        ParameterType::Integer => i64::from_argument(text).map(drop),
        ParameterType::Number => f64::from_argument(text).map(drop),
        ParameterType::Boolean => bool::from_argument(text).map(drop),
        ParameterType::Duration => Duration::from_argument(text).map(drop),
        ParameterType::Address => IpAddr::from_argument(text).map(drop),
    };
    result.map_err(|right| wrong(&parameter.name, text, right))
}

fn wrong(name: &str, text: &str, right: &str) -> String {
    let mut shown: String = text.chars().take(80).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("argument {name} is {shown:?}: it must be {right}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Vec<Parameter> {
        vec![Parameter::new("window", ParameterType::Duration, "How long to watch.").with_default("500ms")]
    }

    fn given(name: &str, value: &str) -> Vec<Argument> {
        vec![Argument { name: name.into(), value: value.into() }]
    }

    #[test]
    fn a_default_stands_in_for_a_missing_argument() {
        let arguments = Arguments::of(window(), vec![]).expect("no argument is fine");
        assert_eq!(arguments.required("window"), Ok(Duration::from_millis(500)));
    }

    #[test]
    fn a_given_value_beats_the_default() {
        let arguments = Arguments::of(window(), given("window", "1m1.5s")).expect("valid");
        assert_eq!(arguments.required("window"), Ok(Duration::from_millis(61_500)));
    }

    #[test]
    fn a_default_that_the_caller_writes_out_is_given() {
        let arguments = |given| Arguments::of(window(), given).expect("valid");
        assert!(arguments(given("window", "500ms")).given("window"));
        assert!(!arguments(vec![]).given("window"));
    }

    #[test]
    fn an_unknown_name_is_quoted_with_the_known_ones() {
        let error = Arguments::of(window(), given("windw", "1s")).expect_err("unknown");
        assert_eq!(error, "argument \"windw\" is not known: this check takes window");
    }

    #[test]
    fn a_wrong_value_is_quoted_with_what_would_be_right() {
        let error = Arguments::of(window(), given("window", "fast")).expect_err("no duration");
        assert_eq!(error, "argument window is \"fast\": it must be a duration such as 250ms, 3s or 1m30s");
    }

    #[test]
    fn a_repeated_argument_is_an_error() {
        let twice = [given("window", "1s"), given("window", "2s")].concat();
        assert!(Arguments::of(window(), twice).is_err_and(|e| e.contains("twice")));
    }

    #[test]
    fn durations_without_unit_or_number_or_beyond_all_bounds_are_refused() {
        for text in ["", "5", "s", "5 s", "-5s", "1e400s", "9999999999999999999999h", "5d", "..s", "1ms2"] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_missing_argument_without_default_says_what_to_give() {
        let parameters = vec![Parameter::new("peer", ParameterType::Address, "Whom to ask.")];
        let arguments = Arguments::of(parameters, vec![]).expect("none given");
        let error = arguments.required::<IpAddr>("peer").expect_err("missing");
        assert_eq!(error, "argument \"peer\" is missing: give peer=an IPv4 or IPv6 address");
    }
}
