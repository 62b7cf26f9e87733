//! Everything that ends a command early, and the one line that the user reads about it.

use std::io;
use std::path::PathBuf;

use sonde_proto::json::JsonError;

use crate::configuration::ConfigurationError;
use crate::connection::ConnectionError;
use crate::exit;
use crate::render::text::clean;
use crate::status::StatusError;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The words of the command line do not go together.
    #[error("{0}")]
    Usage(String),
    /// The configuration file.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// No daemon to ask.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The daemon refused.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The daemon broke the contract of its stream.
    #[error("the daemon ended the stream without a diagnosis; its log says why")]
    NoDiagnosis,
    /// The same of a listing.
    #[error("the daemon ended the listing before its end; its log says why")]
    Cut,
    /// The client's own deadline.
    #[error("the daemon gave no answer within {0}; --timeout sets the bound")]
    NoAnswer(humantime::FormattedDuration),
    /// The user ended it before there was anything to show.
    #[error("interrupted")]
    Interrupted,
    /// A file that was named cannot be read.
    #[error("failed to read {path:?}: {problem}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A file cannot be written.
    #[error("failed to write {path:?}: {problem}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Stdout cannot be written.
    #[error("failed to write to stdout: {0}")]
    Stdout(io::Error),
    /// A message does not fit its JSON form.
    #[error("failed to print the answer")]
    Json(#[from] JsonError),
    /// A document does not fit its JSON form.
    #[error("failed to print the answer")]
    Document(#[source] serde_json::Error),
    /// The JSON does not fit YAML.
    #[error("failed to print the answer as YAML")]
    Yaml(#[source] serde_json::Error),
    /// The runtime does not start.
    #[error("failed to start the threads of the client")]
    Runtime(#[source] io::Error),
    /// `sonde daemon run` failed.
    #[cfg(feature = "embedded")]
    #[error("failed to {0}")]
    Daemon(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl CommandError {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted => exit::INTERRUPTED,
            Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::PIPE_CLOSED,
            _ => exit::TOOL_ERROR,
        }
    }

    /// The line for the user, with every cause behind it; none where there is nobody to tell.
    pub(crate) fn line(&self) -> Option<String> {
        if self.exit_code() == exit::PIPE_CLOSED {
            return None;
        }
        let mut line = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !line.contains(&cause_text) {
                line.push_str(": ");
                line.push_str(&cause_text);
            }
            source = cause.source();
        }
        Some(clean(&line.split_whitespace().collect::<Vec<_>>().join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_nothing_to_talk_about() {
        let error = CommandError::Stdout(io::ErrorKind::BrokenPipe.into());

        assert_eq!(error.line(), None);
        assert_eq!(error.exit_code(), exit::PIPE_CLOSED);
    }

    #[test]
    fn every_cause_is_in_the_one_line() {
        let error = CommandError::Runtime(io::Error::other("too many\nthreads"));

        assert_eq!(error.line().as_deref(), Some("failed to start the threads of the client: too many threads"));
        assert_eq!(error.exit_code(), exit::TOOL_ERROR);
    }
}
