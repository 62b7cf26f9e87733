//! Errors of the API: google.rpc.Status with details. Every message quotes the value and ends with what would be right.

use std::time::Duration;

use sonde_core::observation::{Failure, Reason};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// `INVALID_ARGUMENT`: a field of the request makes no sense.
pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = ErrorDetails::with_bad_request_violation(field, problem.clone());
    refuse(Code::InvalidArgument, "INVALID_ARGUMENT", problem, &mut details)
}

/// `NOT_FOUND`: there is no such thing.
pub(crate) fn not_found(kind: &str, name: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = ErrorDetails::with_resource_info(kind, name, "", problem.clone());
    refuse(Code::NotFound, "NOT_FOUND", problem, &mut details)
}

/// `FAILED_PRECONDITION`: the request makes sense, but not here.
pub(crate) fn precondition(kind: &str, subject: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = ErrorDetails::with_precondition_failure_violation(kind, subject, problem.clone());
    refuse(Code::FailedPrecondition, kind, problem, &mut details)
}

/// `PERMISSION_DENIED`: the daemon lacks a privilege that the request needs.
pub(crate) fn permission(subject: &str, problem: impl Into<String>) -> Status {
    let problem = problem.into();
    let mut details = ErrorDetails::with_precondition_failure_violation("PRIVILEGE", subject, problem.clone());
    refuse(Code::PermissionDenied, "PRIVILEGE", problem, &mut details)
}

/// `RESOURCE_EXHAUSTED`: as many runs go on as may.
pub(crate) fn busy(running: usize) -> Status {
    let problem = format!("{running} diagnoses are running, which is as many as may; try again when one has ended");
    let mut details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
    refuse(Code::ResourceExhausted, "TOO_MANY_RUNS", problem, &mut details)
}

/// `UNAVAILABLE`: the daemon is ending.
pub(crate) fn ending() -> Status {
    let problem = "the daemon is shutting down; try again when it is back".to_owned();
    let mut details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
    refuse(Code::Unavailable, "SHUTTING_DOWN", problem, &mut details)
}

/// `DEADLINE_EXCEEDED`: the client's deadline has passed.
pub(crate) fn deadline() -> Status {
    let problem = "the deadline of the call has passed; allow more time, or a smaller budget to get the verdict so far"
        .to_owned();
    refuse(Code::DeadlineExceeded, "CLIENT_DEADLINE", problem, &mut ErrorDetails::new())
}

/// What a reading of the kernel's tables that failed is to a client.
pub(crate) fn failure(failure: &Failure) -> Status {
    let problem = format!("failed to {}", failure.detail);
    match &failure.reason {
        Reason::InvalidRequest(_) => invalid("filter", failure.detail.clone()),
        Reason::Unavailable(needs) if matches!(failure.errno, Some(EPERM | EACCES)) => permission(needs, problem),
        Reason::Unavailable(needs) => precondition("KERNEL", needs, problem),
        Reason::TimedOut => refuse(Code::DeadlineExceeded, "READING", problem, &mut ErrorDetails::new()),
        Reason::NoBufferSpace => {
            let mut details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
            refuse(Code::Unavailable, "LOST_RECORDS", problem, &mut details)
        }
        _ => {
            tracing::warn!(detail = failure.detail, "a table of the kernel cannot be read");
            refuse(Code::Internal, "READING", problem, &mut ErrorDetails::new())
        }
    }
}

/// `INTERNAL`: a bug of ours, already logged where it was noticed.
pub(crate) fn internal(problem: &str) -> Status {
    refuse(Code::Internal, "INTERNAL", problem.to_owned(), &mut ErrorDetails::new())
}

fn refuse(code: Code, reason: &str, message: String, details: &mut ErrorDetails) -> Status {
    details.set_error_info(reason, DOMAIN, std::collections::HashMap::new());
    Status::with_error_details(code, message, details.clone())
}

/// Linux, errno(3).
const EPERM: i32 = 1;
const EACCES: i32 = 13;

/// Of `google.rpc.ErrorInfo`: whose reasons these are.
const DOMAIN: &str = "sonde";
