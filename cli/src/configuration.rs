//! The client's configuration file: named contexts. It is read once and never written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::Deserialize;

/// The whole file. An unknown key is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Configuration {
    /// The context used when none is named.
    pub(crate) current_context: Option<String>,
    /// Contexts by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// One daemon to talk to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Context {
    /// As `--endpoint`.
    pub(crate) endpoint: String,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// The file is there, or was named, and cannot be read.
    #[error("failed to read the configuration file {path:?}: {problem}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why, in the words of the system.
        problem: String,
    },
    /// It is not the TOML that is expected.
    #[error("failed to understand line {line} of the configuration file {path:?}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A context is named that is not there.
    #[error("there is no context {name:?} in {file}: {known}")]
    UnknownContext {
        /// As given.
        name: String,
        /// Where it was looked for.
        file: String,
        /// Which are there, as a clause.
        known: String,
    },
}

impl Configuration {
    /// Reads `$SONDECONFIG`, or else `sonde/config.toml` below the XDG configuration directory where there is one.
    pub(crate) fn load() -> Result<Self, ConfigurationError> {
        match (env::var_os("SONDECONFIG").filter(|path| !path.is_empty()), default_path()) {
            (Some(named), _) => Self::read(Path::new(&named), true),
            (None, Some(path)) => Self::read(&path, false),
            (None, None) => Ok(Self::default()),
        }
    }

    fn read(path: &Path, required: bool) -> Result<Self, ConfigurationError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if !required && is_absent(&error) => return Ok(Self::default()),
            Err(error) => {
                return Err(ConfigurationError::Unreadable { path: path.to_owned(), problem: error.to_string() });
            }
        };
        toml::from_str(&text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            ConfigurationError::Malformed {
                path: path.to_owned(),
                line: 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count(),
                problem: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
            }
        })
    }

    /// The endpoint of the context `name`.
    pub(crate) fn endpoint(&self, name: &str) -> Result<&str, ConfigurationError> {
        match self.contexts.get(name) {
            Some(context) => Ok(&context.endpoint),
            None => Err(ConfigurationError::UnknownContext {
                name: name.to_owned(),
                file: match (env::var_os("SONDECONFIG"), default_path()) {
                    (Some(path), _) => format!("{}", Path::new(&path).display()),
                    (None, Some(path)) => format!("{}", path.display()),
                    (None, None) => "the configuration file".to_owned(),
                },
                known: match self.contexts.keys().map(String::as_str).collect::<Vec<_>>().join(", ") {
                    none if none.is_empty() => "the file names no contexts".to_owned(),
                    known => format!("it is one of {known}"),
                },
            }),
        }
    }
}

/// A directory that is not there, or a home that is a file, is no configuration; a file that may not be read is an error.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The XDG base directory specification: a relative or empty `XDG_CONFIG_HOME` is as none.
fn default_path() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(base.join("sonde").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Configuration, ConfigurationError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("config.toml");
        fs::write(&path, text).expect("it is ours");
        Configuration::read(&path, true)
    }

    #[test]
    fn a_context_gives_its_endpoint() {
        let configuration = read("current-context = \"lab\"\n[contexts.lab]\nendpoint = \"unix:/run/lab.sock\"\n");

        let configuration = configuration.expect("it is right");
        assert_eq!(configuration.current_context.as_deref(), Some("lab"));
        assert_eq!(configuration.endpoint("lab").expect("it is there"), "unix:/run/lab.sock");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = read("current-context = \"lab\"\n\n[contexts.lab]\nendpiont = \"unix:/x\"\n").expect_err("a typo");

        let line = error.to_string();
        assert!(line.contains("line 4") && line.contains("endpiont") && line.contains("endpoint"), "{line}");
    }

    #[test]
    fn an_unknown_context_is_quoted_with_the_known_ones() {
        let configuration = read("[contexts.lab]\nendpoint = \"unix:/x\"\n").expect("it is right");

        let line = configuration.endpoint("live").expect_err("not there").to_string();
        assert!(line.contains("\"live\"") && line.ends_with("it is one of lab"), "{line}");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_only_when_it_was_named() {
        let path = Path::new("/nonexistent/sonde/config.toml");

        assert!(Configuration::read(path, false).is_ok());
        assert!(Configuration::read(path, true).is_err());
    }
}
