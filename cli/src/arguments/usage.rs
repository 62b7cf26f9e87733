//! Turns what clap found wrong into one line that quotes the value and says what would be right.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use crate::render::text::clean;

/// One line for a usage error, without a final newline.
pub(crate) fn line(error: &Error) -> String {
    let argument = option_name(&text(error, ContextKind::InvalidArg));
    let value = text(error, ContextKind::InvalidValue);
    let problem = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} needs a value{}", possible(error)),
        ErrorKind::InvalidValue => {
            format!("{value:?} is no value of {argument}{}{}", possible(error), suggestion(error))
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("{value:?} is no value of {argument}: {}", one_line(&reason))
        }
        ErrorKind::UnknownArgument => format!("there is no option or argument {argument:?} here{}", suggestion(error)),
        ErrorKind::InvalidSubcommand => {
            let name = text(error, ContextKind::InvalidSubcommand);
            format!("there is no command {name:?} here{}{}", possible(error), suggestion(error))
        }
        ErrorKind::MissingSubcommand => format!("a command is missing{}", possible(error)),
        ErrorKind::MissingRequiredArgument => format!("{argument} is missing"),
        ErrorKind::ArgumentConflict => match text(error, ContextKind::PriorArg) {
            prior if prior.is_empty() || option_name(&prior) == argument => {
                format!("{argument} can be given only once")
            }
            prior => format!("{argument} cannot be given together with {}", option_name(&prior)),
        },
        ErrorKind::NoEquals => format!("{argument} needs its value after \"=\""),
        ErrorKind::TooManyValues => format!("{value:?} is one value too many for {argument}"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{argument} needs another number of values")
        }
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8".to_owned(),
        _ => one_line(&error.to_string()),
    };
    clean(&problem)
}

fn text(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(value)) => value.clone(),
        Some(ContextValue::Strings(values)) => values.join(", "),
        Some(ContextValue::StyledStr(value)) => value.to_string(),
        Some(ContextValue::StyledStrs(values)) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// `--output <FORMAT>` is shown as `--output`.
fn option_name(shown: &str) -> String {
    let first = shown.split(" <").next().unwrap_or(shown);
    if first.starts_with('-') { first.to_owned() } else { shown.to_owned() }
}

fn possible(error: &Error) -> String {
    let values = match error.get(ContextKind::ValidValue).or_else(|| error.get(ContextKind::ValidSubcommand)) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => values,
        _ => return String::new(),
    };
    format!(": it is one of {}", values.join(", "))
}

fn suggestion(error: &Error) -> String {
    let kinds = [ContextKind::SuggestedValue, ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    let near = kinds.into_iter().map(|kind| text(error, kind)).find(|near| !near.is_empty());
    near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;

    fn line_of(arguments: &[&str]) -> String {
        line(&Arguments::try_parse_from(arguments).expect_err("it is wrong"))
    }

    #[test]
    fn an_unknown_format_is_quoted_with_the_known_ones() {
        let line = line_of(&["sonde", "diagnose", "--output", "jsom"]);

        assert_eq!(
            line,
            "\"jsom\" is no value of --output: it is one of table, wide, json, jsonl, yaml; did you mean json?"
        );
    }

    #[test]
    fn an_unknown_command_is_quoted_with_the_known_ones() {
        let line = line_of(&["sonde", "diagnoze"]);

        assert!(line.starts_with("there is no command \"diagnoze\" here"), "{line}");
        assert!(line.ends_with("did you mean diagnose?"), "{line}");
    }

    #[test]
    fn an_unknown_option_is_quoted() {
        let line = line_of(&["sonde", "diagnose", "--timeoute", "3s"]);

        assert_eq!(line, "there is no option or argument \"--timeoute\" here; did you mean --timeout?");
    }

    #[test]
    fn a_value_that_does_not_parse_is_quoted_with_what_would_be_right() {
        let line = line_of(&["sonde", "diagnose", "--timeout", "soon"]);

        assert_eq!(line, "\"soon\" is no value of --timeout: write a number and a unit, such as 15s, 250ms or 2m");
    }

    #[test]
    fn a_missing_command_lists_the_commands() {
        let line = line_of(&["sonde"]);

        assert!(line.contains("a command is missing: it is one of diagnose, check, cause, daemon"), "{line}");
    }

    #[test]
    fn a_missing_subcommand_lists_the_subcommands() {
        for (command, those) in
            [("daemon", "run, status"), ("check", "list, describe, run"), ("cause", "list, explain")]
        {
            assert_eq!(line_of(&["sonde", command]), format!("a command is missing: it is one of {those}"));
        }
    }

    #[test]
    fn a_control_character_in_a_value_does_not_reach_the_terminal() {
        let line = line_of(&["sonde", "diagnose", "-o", "\u{1b}[31mred\nblue"]);

        assert!(!line.contains(['\u{1b}', '\n']), "{line:?}");
    }
}
