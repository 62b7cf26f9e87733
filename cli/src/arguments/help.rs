//! The ends of `--help`: exit codes, environment, files and examples. The long form is also what the manual ends with.

use std::fmt::Write as _;

use crate::exit;

/// Below `-h`.
pub(crate) fn short() -> String {
    format!("Exit codes: {}\nMore, with the environment and examples: sonde --help", exit_codes("; ", ""))
}

/// Below `--help`.
pub(crate) fn long() -> String {
    let mut text = String::from("Exit codes:\n");
    text.push_str(&exit_codes("\n", "  "));
    text.push_str("\n\nEnvironment:\n");
    for (name, meaning) in VARIABLES.iter().copied().chain(daemon_variables()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name}\n          {meaning}");
    }
    text.push_str("\nFiles:\n");
    text.push_str(FILES);
    text.push_str("\nExamples:\n");
    text.push_str(EXAMPLES);
    text
}

fn exit_codes(separator: &str, indent: &str) -> String {
    let lines: Vec<String> = CODES.iter().map(|(code, meaning)| format!("{indent}{code} {meaning}")).collect();
    lines.join(separator)
}

#[cfg(feature = "embedded")]
fn daemon_variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    let log = (
        "RUST_LOG",
        "what the daemon logs to stderr: from info on, only errors when it runs inside the command, unless given",
    );
    let own = sonded::config::ENVIRONMENT.iter().copied();
    [log].into_iter().chain(own).chain(sonded::ENVIRONMENT.iter().copied())
}

#[cfg(not(feature = "embedded"))]
fn daemon_variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::empty()
}

const CODES: [(u8, &str); 5] = [
    (exit::HEALTHY, "healthy, or done"),
    (exit::FAULT, "a fault, or undecided"),
    (exit::TOOL_ERROR, "the tool could not do what was asked"),
    (exit::INTERRUPTED, "interrupted by Ctrl-C"),
    (exit::PIPE_CLOSED, "the reader of stdout went away"),
];

const VARIABLES: [(&str, &str); 7] = [
    ("SONDE_ENDPOINT", "the daemon to ask, as --endpoint, which comes before it"),
    ("SONDECONFIG", "the configuration file, in place of the one below"),
    ("XDG_CONFIG_HOME, HOME", "where the configuration file is looked for"),
    ("XDG_RUNTIME_DIR", "where the socket of a user's daemon is looked for"),
    ("NO_COLOR", "when not empty, no colour unless --color=always"),
    ("COLUMNS", "the width to print for where stdout is no terminal"),
    ("TRACEPARENT, TRACESTATE", "the trace that a diagnosis joins (W3C trace context)"),
];

const FILES: &str = "  $XDG_CONFIG_HOME/sonde/config.toml
          named contexts: current-context = \"lab\" and [contexts.lab] endpoint = \"unix:/run/lab.sock\"
  $XDG_RUNTIME_DIR/sonde/sonde.sock, /run/sonde/sonde.sock
          where a daemon is looked for when none is named
";

const EXAMPLES: &str = "  sonde diagnose https://orders.lab:8443/health
  sonde diagnose 10.0.0.5:5432 --timeout 5s
  sonde diagnose :8080 -o wide
  sonde diagnose dns://orders.lab --netns /run/netns/blue
  sonde diagnose https://orders.lab -o json | jq .verdict
  sonde sockets --state established --port 5432 -i
  sonde counters --watch=2s retrans
  sonde check run ./mine.wasm tcp://10.0.0.5:5432 --param attempts=3
  sonde cause explain fw.drop_remote
  sonde daemon run --listen 127.0.0.1:7667
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_help_lists_exit_codes_environment_files_and_examples() {
        let text = long();

        for part in ["2 the tool could not", "SONDE_ENDPOINT", "NO_COLOR", "config.toml", "sonde diagnose :8080"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
