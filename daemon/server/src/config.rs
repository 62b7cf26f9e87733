//! The daemon's configuration: a TOML file, read once. An unknown key, a value out of range or of another type is an error that
//! names the place and says what would be right; nothing is guessed.

mod keys;
mod listen;
mod quantity;
mod recorder;

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use self::keys::{ENVIRONMENT, KEYS, help};
pub use self::listen::{Listen, ListenError, default_socket};
pub use self::recorder::Recorder;

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the API listens: `unix:PATH` or `ADDRESS:PORT` (loopback).
    pub listen: Vec<Listen>,
    /// A folder of components (`*.wasm`) to run beside the built-in checks.
    pub checks_directory: Option<PathBuf>,
    /// Where compiled components are kept. Absent: `$XDG_CACHE_HOME/sonde`, else `~/.cache/sonde`; without either, nothing is kept.
    pub cache_directory: Option<PathBuf>,
    /// How runs are bounded.
    pub runs: Runs,
    /// How guests are bounded.
    pub limits: Limits,
    /// The flight recorder.
    #[serde(deserialize_with = "recorder::consistent")]
    pub recorder: Recorder,
}

/// The bounds of runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runs {
    /// Of a run whose request names none; 100 ms to [`LONGEST_BUDGET`].
    #[serde(deserialize_with = "quantity::budget")]
    pub budget: Duration,
    /// The default timeout of a single probe; 10 ms to 1 min.
    #[serde(deserialize_with = "quantity::probe_timeout")]
    pub probe_timeout: Duration,
    /// How many may go on at once; 1 to 1,024.
    #[serde(deserialize_with = "quantity::concurrent")]
    pub concurrent: usize,
    /// How many finished ones are kept; 1 to 100,000.
    #[serde(deserialize_with = "quantity::history")]
    pub history: usize,
    /// How many bytes they may take together; the oldest lose their evidence first. 1 MiB to 1 TiB.
    #[serde(deserialize_with = "quantity::history_bytes")]
    pub history_bytes: u64,
}

/// The bounds of one check's run; absent for the built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Linear memory and tables of a guest, in bytes; 1 MiB to 1 GiB.
    #[serde(deserialize_with = "quantity::memory_bytes")]
    pub memory_bytes: Option<u64>,
    /// CPU time of a guest; 10 ms to 1 min.
    #[serde(deserialize_with = "quantity::cpu")]
    pub cpu: Option<Duration>,
    /// Host calls of a guest; 1 to 1,000,000.
    #[serde(deserialize_with = "quantity::host_calls")]
    pub host_calls: Option<u32>,
}

/// Why there is no configuration. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read the configuration {path:?}, which must be a readable TOML file")]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error(
        "read the configuration {path:?}: it is larger than {MAX_BYTES} bytes; a configuration is a short TOML file"
    )]
    TooLarge {
        /// As given.
        path: PathBuf,
    },
    /// It does not say what a configuration may say.
    #[error("read the configuration {path:?}: line {line}, column {column}: {problem} (in {excerpt:?})")]
    Invalid {
        /// As given.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong, and what would be right.
        problem: String,
        /// The line, shortened.
        excerpt: String,
    },
}

impl Config {
    /// Reads the file given, which must exist, or else [`DEFAULT_PATH`], which need not.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let (path, required) = path.map_or((Path::new(DEFAULT_PATH), false), |path| (path, true));
        match read_bounded(path) {
            Ok(Some(text)) => Self::parse(path, &text),
            Ok(None) => Err(ConfigError::TooLarge { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(Self::default()),
            Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..start).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let excerpt = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim();
            ConfigError::Invalid {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).map_or(0, |text| text.chars().count()) + 1,
                problem: error.message().lines().collect::<Vec<_>>().join("; "),
                excerpt: excerpt.chars().take(80).collect(),
            }
        })
    }

    /// The cache directory, configured or by the XDG rules; absent where there is no place.
    pub(crate) fn cache_directory(&self) -> Option<PathBuf> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        self.cache_directory
            .clone()
            .or_else(|| absolute("XDG_CACHE_HOME").map(|cache| cache.join("sonde")))
            .or_else(|| absolute("HOME").map(|home| home.join(".cache/sonde")))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Listen::Unix(default_socket())],
            checks_directory: None,
            cache_directory: None,
            runs: Runs::default(),
            limits: Limits::default(),
            recorder: Recorder::default(),
        }
    }
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            budget: Duration::from_secs(15),
            // A silent neighbour needs 3.05 s to become EHOSTUNREACH.
            probe_timeout: Duration::from_millis(3_500),
            concurrent: 16,
            history: 1_000,
            history_bytes: 256 << 20,
        }
    }
}

/// The file's text; `None` where it is too large. Read as a stream, so that a pipe or a device is bounded too.
fn read_bounded(path: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    Ok((text.len() as u64 <= MAX_BYTES).then_some(text))
}

/// Read when no other file is named, and it exists.
pub const DEFAULT_PATH: &str = "/etc/sonde/sonded.toml";

/// No run may ask for more.
pub const LONGEST_BUDGET: Duration = Duration::from_mins(10);

/// A configuration is a page, not a book.
const MAX_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Config::parse(Path::new("sonded.toml"), text).expect_err("it must not be accepted").to_string()
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Config::parse(Path::new("sonded.toml"), "").expect("nothing is required"), Config::default());
    }

    #[test]
    fn a_full_file_is_understood() {
        let text = r#"
            listen = ["unix:/tmp/sonde.sock", "[::1]:7667"]
            checks_directory = "/etc/sonde/checks"
            cache_directory = "/var/cache/sonde"
            [runs]
            budget = "30s"
            probe_timeout = "250ms"
            concurrent = 4
            history = 10
            history_bytes = 1048576
            [limits]
            memory_bytes = 67108864
            cpu = "2s"
            host_calls = 500
            [recorder]
            step = "2s"
            fine = "30m"
            bytes = 8388608
            namespaces = ["blue", "/run/netns/green"]
        "#;

        let config = Config::parse(Path::new("sonded.toml"), text).expect("every key is known");

        assert_eq!(config.listen[1].to_string(), "[::1]:7667");
        assert_eq!(config.runs.budget, Duration::from_secs(30));
        assert_eq!(config.limits.host_calls, Some(500));
        assert_eq!(config.recorder.step, Duration::from_secs(2));
        assert_eq!(config.recorder.namespaces.len(), 2);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_those_that_exist() {
        insta::assert_snapshot!(problem("\n[runs]\nbugdet = \"3s\"\n"), @r#"read the configuration "sonded.toml": line 3, column 1: unknown field `bugdet`, expected one of `budget`, `probe_timeout`, `concurrent`, `history`, `history_bytes` (in "bugdet = \"3s\"")"#);
    }

    #[test]
    fn a_value_of_another_type_is_quoted() {
        insta::assert_snapshot!(problem("[runs]\nbudget = 3"), @r#"read the configuration "sonded.toml": line 2, column 10: invalid type: integer `3`, expected a duration from 100ms to 10m, for example "15s" (in "budget = 3")"#);
    }

    #[test]
    fn a_value_out_of_range_is_quoted() {
        insta::assert_snapshot!(problem("runs.concurrent = 0"), @r#"read the configuration "sonded.toml": line 1, column 19: invalid value: integer `0`, expected a whole number from 1 to 1024 (in "runs.concurrent = 0")"#);
        insta::assert_snapshot!(problem("runs.budget = \"1h\""), @r#"read the configuration "sonded.toml": line 1, column 15: invalid value: string "1h", expected a duration from 100ms to 10m, for example "15s" (in "runs.budget = \"1h\"")"#);
    }

    #[test]
    fn an_address_for_everyone_is_refused_until_clients_can_be_told_apart() {
        insta::assert_snapshot!(problem("listen = [\"0.0.0.0:7667\"]"), @r#"read the configuration "sonded.toml": line 1, column 10: listen on "0.0.0.0:7667": it is not a loopback address, and clients cannot be authenticated there yet (mTLS); listen on unix:PATH or 127.0.0.1:PORT (in "listen = [\"0.0.0.0:7667\"]")"#);
    }

    #[test]
    fn broken_toml_is_placed() {
        let line = problem("listen = [\n\"unix:/a\"\n");

        assert!(line.starts_with("read the configuration \"sonded.toml\": line "), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn a_named_file_must_exist() {
        let error = Config::load(Some(Path::new("/nonexistent/sonded.toml"))).expect_err("there is none");

        insta::assert_snapshot!(crate::chain(&error), @r#"read the configuration "/nonexistent/sonded.toml", which must be a readable TOML file: No such file or directory (os error 2)"#);
    }

    #[test]
    fn an_endless_file_is_refused() {
        let error = Config::load(Some(Path::new("/dev/zero"))).expect_err("it has no end");

        assert!(matches!(error, ConfigError::TooLarge { .. }), "{error}");
    }
}
