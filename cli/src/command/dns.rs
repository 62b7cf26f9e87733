//! `sonde dns query|resolve|walk|config`: each runs one check and shows its evidence. Nothing here measures.

mod config;
mod query;
mod resolve;
mod walk;
mod words;

use std::time::Duration;

use clap::Subcommand;
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
use crate::render::out::Output;

/// Query name servers, look a name up as a program would, walk its delegation, read the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Dns {
    /// Send one query and show the answer, as dig does
    Query(query::Query),
    /// Look a name up as programs with glibc, musl or Go would, and show every step
    Resolve(resolve::Resolve),
    /// Follow the delegation of a name from the roots, and validate DNSSEC
    Walk(walk::Walk),
    /// Show how names are resolved here, and who manages that
    Config(config::Config),
}

impl Dns {
    /// Runs the check behind the command and prints what it saw.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        match self {
            Self::Query(query) => query.run(session, global, output).await,
            Self::Resolve(resolve) => resolve.run(session, global, output).await,
            Self::Walk(walk) => walk.run(session, global, output).await,
            Self::Config(config) => config.run(session, global, output).await,
        }
    }
}

/// A check to run for its evidence.
struct View {
    check: &'static str,
    target: String,
    arguments: Vec<CheckArgument>,
    endpoints: Vec<String>,
    /// Where the caller names none.
    budget: Duration,
}

impl View {
    /// Runs it. A check that could not even begin its host calls is an error of the tool, in the check's own words.
    async fn run(self, session: &Session, global: &Global) -> Result<Diagnosis, CommandError> {
        let budget = global.timeout.unwrap_or(self.budget);
        let check = self.check;
        let request = RunCheckRequest {
            check: Some(run_check_request::Check::Name(check.to_owned())),
            target: self.target,
            arguments: self.arguments,
            vantage: vantage(global)?,
            budget: Some(follow::wire(budget)),
            on_disconnect: OnDisconnect::Cancel.into(),
            endpoints: self.endpoints,
            omit_evidence: false,
        };
        let mut client = CheckServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let call = client.run_check(session.request(request, follow::deadline(budget)));
        let diagnosis = follow::collect(session, call, budget, global.verbose).await?;
        let run = diagnosis.checks.iter().find(|run| run.check == check);
        if let Some(run) = run.filter(|run| run.state() == CheckState::Stopped && diagnosis.evidence.is_empty()) {
            return Err(CommandError::Usage(run.summary.clone()));
        }
        Ok(diagnosis)
    }
}

/// The host calls of one kind. One that was refused for its arguments is an error of the tool.
fn evidence(diagnosis: &Diagnosis, wanted: impl Fn(&Call) -> bool) -> Result<Vec<&Evidence>, CommandError> {
    let refused =
        diagnosis.evidence.iter().find(|evidence| matches!(evidence.call, Some(Call::Rejected(RejectedCall { .. }))));
    if let Some(failure) = refused.and_then(|evidence| evidence.failure.as_ref()) {
        return Err(CommandError::Usage(failure.detail.clone()));
    }
    let found: Vec<&Evidence> =
        diagnosis.evidence.iter().filter(|evidence| evidence.call.as_ref().is_some_and(&wanted)).collect();
    if found.is_empty() {
        let said = diagnosis.checks.iter().map(|run| run.summary.as_str()).find(|summary| !summary.is_empty());
        return Err(CommandError::Usage(said.unwrap_or("nothing was asked").to_owned()));
    }
    Ok(found)
}

fn argument(name: &str, value: impl Into<String>) -> CheckArgument {
    CheckArgument { name: name.to_owned(), value: value.into() }
}
