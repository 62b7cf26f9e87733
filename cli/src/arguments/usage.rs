//! Turns what clap found wrong into one line that quotes the value and says what would be right.

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use crate::arguments::Arguments;
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
        ErrorKind::UnknownArgument => {
            let hint = match suggestion(error) {
                none if none.is_empty() => format!("; {} --help lists them", command_path(error).join(" ")),
                near => near,
            };
            format!("there is no option or argument {argument:?} here{hint}")
        }
        ErrorKind::InvalidSubcommand => {
            let name = text(error, ContextKind::InvalidSubcommand);
            format!("there is no command {name:?} here{}{}", commands(error), suggestion(error))
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
        ErrorKind::InvalidUtf8 => {
            // clap does not say which.
            let wrong = std::env::args_os().find(|argument| argument.to_str().is_none());
            let wrong = wrong.map_or_else(|| "an argument".to_owned(), |it| format!("{:?}", it.to_string_lossy()));
            format!("{wrong} is not valid UTF-8; write it in UTF-8")
        }
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

/// The commands that could have stood where an unknown one does.
fn commands(error: &Error) -> String {
    let mut command = Arguments::command();
    for name in command_path(error).iter().skip(1) {
        match command.find_subcommand(name) {
            Some(inner) => command = inner.clone(),
            None => break,
        }
    }
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    if names.is_empty() { String::new() } else { format!(": it is one of {}", names.join(", ")) }
}

/// `sonde check run`, from the usage line of the error.
fn command_path(error: &Error) -> Vec<String> {
    let usage = text(error, ContextKind::Usage);
    let words = usage.split_whitespace().skip_while(|word| *word != "sonde");
    let path: Vec<String> = words.take_while(|word| !word.starts_with(['[', '<', '-'])).map(str::to_owned).collect();
    if path.is_empty() { vec!["sonde".to_owned()] } else { path }
}

/// The nearest of what clap suggests, which it puts last.
fn suggestion(error: &Error) -> String {
    let kinds = [ContextKind::SuggestedValue, ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    let near = kinds.into_iter().find_map(|kind| match error.get(kind) {
        Some(ContextValue::Strings(values)) => values.last().cloned(),
        _ => Some(text(error, kind)).filter(|near| !near.is_empty()),
    });
    near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn line_of(arguments: &[&str]) -> String {
        line(&Arguments::try_parse_from(arguments).expect_err("it is wrong"))
    }

    #[test]
    fn an_unknown_format_is_quoted_with_the_known_ones() {
        let line = line_of(&["sonde", "diagnose", "--output", "jsom"]);

        assert_eq!(
            line,
            "\"jsom\" is no value of --output: it is one of table, wide, json, jsonl, yaml, html, svg; did you mean json?"
        );
    }

    #[test]
    fn an_unknown_command_is_quoted_with_the_known_ones() {
        let line = line_of(&["sonde", "diagnoze"]);

        assert!(
            line.starts_with("there is no command \"diagnoze\" here: it is one of diagnose, dial, dns, path, sockets, listeners, counters, check,"),
            "{line}"
        );
        assert!(line.ends_with("did you mean diagnose?"), "{line}");
        assert!(
            line_of(&["sonde", "bogus"])
                .contains("it is one of diagnose, dial, dns, path, sockets, listeners, counters, check, cause, daemon")
        );
        assert_eq!(
            line_of(&["sonde", "daemon", "bogus"]),
            "there is no command \"bogus\" here: it is one of run, status"
        );
    }

    #[test]
    fn an_unknown_option_is_quoted() {
        let line = line_of(&["sonde", "diagnose", "--timeoute", "3s"]);

        assert_eq!(line, "there is no option or argument \"--timeoute\" here; did you mean --timeout?");
    }

    #[test]
    fn an_argument_that_resembles_nothing_is_answered_with_where_the_right_ones_are() {
        for (arguments, end) in [
            (&["sonde", "diagnose", "--bogus"] as &[&str], "\"--bogus\" here; sonde diagnose --help lists them"),
            (&["sonde", "diagnose", "host", "more"], "\"more\" here; sonde diagnose --help lists them"),
            (&["sonde", "check", "run", "a", "b", "c"], "\"c\" here; sonde check run --help lists them"),
            (&["sonde", "--bogus"], "\"--bogus\" here; sonde --help lists them"),
        ] {
            let line = line_of(arguments);
            assert!(line.ends_with(end), "{line}");
        }
    }

    #[test]
    fn an_empty_or_negative_value_is_quoted_with_what_would_be_right() {
        for (arguments, start, end) in [
            (&["sonde", "diagnose", ""] as &[&str], "\"\" is no value of", "HOST:PORT, :PORT or host"),
            (&["sonde", "diagnose", "--netns", ""], "\"\" is no value of --netns", "/run/netns/blue"),
            (&["sonde", "diagnose", "--timeout", "-1s"], "\"-1s\" is no value of --timeout", "250ms or 2m"),
            (&["sonde", "diagnose", "--pid", "-1"], "\"-1\" is no value of --pid", "1 to 4194304"),
            (
                &["sonde", "diagnose", "--pid", "abc"],
                "\"abc\" is no value of --pid",
                "write a process id, 1 to 4194304",
            ),
            (&["sonde", "diagnose", "--pid", "0"], "\"0\" is no value of --pid", "1 to 4194304"),
        ] {
            let line = line_of(arguments);
            assert!(line.starts_with(start) && line.ends_with(end), "{line}");
        }
    }

    #[test]
    fn a_value_that_does_not_parse_is_quoted_with_what_would_be_right() {
        let line = line_of(&["sonde", "diagnose", "--timeout", "soon"]);

        assert_eq!(line, "\"soon\" is no value of --timeout: write a number and a unit, such as 15s, 250ms or 2m");
    }

    #[test]
    fn a_missing_command_lists_the_commands() {
        let line = line_of(&["sonde"]);

        assert!(
            line.contains("a command is missing: it is one of diagnose, dial, dns, path, sockets, listeners, counters, check, cause, daemon"),
            "{line}"
        );
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
