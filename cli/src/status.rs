//! A gRPC status with its details, as one line: what was refused, what would be right, and at most one hint.

use std::path::Path;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a daemon answered in place of an answer.
#[derive(Debug, thiserror::Error)]
#[error("{line}")]
pub(crate) struct StatusError {
    line: String,
    /// The first field of the request that was refused.
    field: Option<String>,
}

impl StatusError {
    /// With the file in front that a refused field was read from: the daemon does not know it.
    pub(crate) fn of_file(mut self, field: &str, path: &Path) -> Self {
        if self.field.as_deref() == Some(field) {
            self.line = format!("{:?}: {}", path.to_string_lossy(), self.line);
        }
        self
    }
}

impl From<Status> for StatusError {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let violation = details.bad_request().and_then(|bad| bad.field_violations.first());
        let mut line = match violation {
            Some(violation) if !violation.description.is_empty() => violation.description.clone(),
            _ if !status.message().is_empty() => status.message().to_owned(),
            _ => meaning(status.code()).to_owned(),
        };
        // The daemon's own refusals say of themselves why; a broken connection does not.
        if status.code() == Code::Unavailable && details.error_info().is_none() {
            line = format!("the daemon went away: {line}");
        }
        let hint = if let Some(link) = details.help().and_then(|help| help.links.first()) {
            Some(if link.url.is_empty() { link.description.clone() } else { format!("see {}", link.url) })
        } else if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
            Some(format!("try again in {}", humantime::format_duration(delay)))
        } else {
            match status.code() {
                Code::Unimplemented => Some("the daemon is of another version than this client".to_owned()),
                Code::DeadlineExceeded => Some("--timeout sets the bound".to_owned()),
                _ => None,
            }
        };
        if let Some(hint) = hint.filter(|hint| !hint.is_empty() && !line.contains("try again")) {
            line.push_str("; ");
            line.push_str(&hint);
        }
        Self { line, field: violation.map(|violation| violation.field.clone()) }
    }
}

fn meaning(code: Code) -> &'static str {
    match code {
        Code::Unavailable => "nobody answers",
        Code::DeadlineExceeded => "the daemon gave no answer in time",
        Code::PermissionDenied => "the daemon may not do this",
        Code::Unimplemented => "the daemon does not know this call",
        Code::NotFound => "the daemon does not know it",
        Code::ResourceExhausted => "the daemon is busy",
        _ => "the daemon failed",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_bad_request_is_the_description_of_its_field() {
        let details =
            ErrorDetails::with_bad_request_violation("target", "\"h:99999\" has a port out of range: 1 to 65535");
        let status = Status::with_error_details(Code::InvalidArgument, "invalid argument", details);

        assert_eq!(StatusError::from(status).to_string(), "\"h:99999\" has a port out of range: 1 to 65535");
    }

    #[test]
    fn a_refused_field_names_the_file_that_it_was_read_from() {
        let refused = |field: &str| {
            let details = ErrorDetails::with_bad_request_violation(field, "failed to load the component: no manifest");
            StatusError::from(Status::with_error_details(Code::InvalidArgument, "invalid argument", details))
        };
        let named = |field| refused(field).of_file("component", Path::new("./x.wasm")).to_string();

        assert_eq!(named("component"), "\"./x.wasm\": failed to load the component: no manifest");
        assert_eq!(named("target"), "failed to load the component: no manifest");
    }

    #[test]
    fn a_busy_daemon_says_when_to_come_again() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(2)));
        let status = Status::with_error_details(Code::ResourceExhausted, "32 runs are going on", details);

        assert_eq!(StatusError::from(status).to_string(), "32 runs are going on; try again in 2s");
    }

    #[test]
    fn a_status_without_words_still_says_something() {
        assert_eq!(StatusError::from(Status::unavailable("")).to_string(), "the daemon went away: nobody answers");
    }
}
