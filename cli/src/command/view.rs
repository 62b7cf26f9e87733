//! A command that shows what one check saw: it runs the check over the API and takes its evidence. Nothing here measures.

use std::time::Duration;

use sonde_proto::v1::check_service_client::CheckServiceClient;
use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{
    CheckArgument, CheckState, Diagnosis, Evidence, OnDisconnect, RejectedCall, RunCheckRequest, run_check_request,
};

use crate::arguments::Global;
use crate::command::{LARGEST_MESSAGE_BYTES, vantage};
use crate::connection::Session;
use crate::error::CommandError;
use crate::follow;

/// A check to run for its evidence.
pub(crate) struct View {
    /// Its name.
    pub(crate) check: &'static str,
    /// What to run it on.
    pub(crate) target: String,
    /// Its arguments.
    pub(crate) arguments: Vec<CheckArgument>,
    /// Further destinations that the run may touch.
    pub(crate) endpoints: Vec<String>,
    /// Where the caller names none.
    pub(crate) budget: Duration,
}

impl View {
    /// Runs it. A check that could not even begin its host calls is an error of the tool, in the check's own words.
    pub(crate) async fn run(self, session: &Session, global: &Global) -> Result<Diagnosis, CommandError> {
        let budget = global.timeout.unwrap_or(self.budget);
        let check = self.check;
        let request = RunCheckRequest {
            check: Some(run_check_request::Check::Name(check.to_owned())),
            target: self.target,
            arguments: self.arguments,
            vantage: vantage(global)?,
            budget: Some(follow::wire(budget)),
            on_disconnect: OnDisconnect::Cancel.into(),
            omit_evidence: false,
            endpoints: self.endpoints,
        };
        let mut client = CheckServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let call = client.run_check(session.request(request, follow::deadline(budget)));
        let diagnosis = follow::collect(session, call, budget, global.verbose).await?;
        let run = diagnosis.checks.iter().find(|run| run.check == check);
        let began = diagnosis.evidence.iter().any(|evidence| evidence.check == check);
        if let Some(run) = run.filter(|run| run.state() == CheckState::Stopped && !began) {
            return Err(CommandError::Usage(run.summary.clone()));
        }
        Ok(diagnosis)
    }
}

/// The host calls of one kind. One that was refused for its arguments is an error of the tool.
pub(crate) fn evidence(diagnosis: &Diagnosis, wanted: impl Fn(&Call) -> bool) -> Result<Vec<&Evidence>, CommandError> {
    let found = some_evidence(diagnosis, wanted)?;
    if found.is_empty() {
        let said = diagnosis.checks.iter().map(|run| run.summary.as_str()).find(|summary| !summary.is_empty());
        return Err(CommandError::Usage(said.unwrap_or("nothing was asked").to_owned()));
    }
    Ok(found)
}

/// The same, where there may be none.
pub(crate) fn some_evidence(
    diagnosis: &Diagnosis,
    wanted: impl Fn(&Call) -> bool,
) -> Result<Vec<&Evidence>, CommandError> {
    let refused =
        diagnosis.evidence.iter().find(|evidence| matches!(evidence.call, Some(Call::Rejected(RejectedCall { .. }))));
    if let Some(failure) = refused.and_then(|evidence| evidence.failure.as_ref()) {
        return Err(CommandError::Usage(failure.detail.clone()));
    }
    Ok(diagnosis.evidence.iter().filter(|evidence| evidence.call.as_ref().is_some_and(&wanted)).collect())
}

/// An argument of the check.
pub(crate) fn argument(name: &str, value: impl Into<String>) -> CheckArgument {
    CheckArgument { name: name.to_owned(), value: value.into() }
}
