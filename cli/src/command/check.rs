//! `sonde check list|describe|run`: the checks by themselves.

use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use sonde_proto::json;
use sonde_proto::v1::check_service_client::CheckServiceClient;
use sonde_proto::v1::{
    CheckArgument, Diagnosis, GetCheckRequest, ListChecksRequest, ListChecksResponse, OnDisconnect, RunCheckRequest,
    run_check_request,
};

use crate::arguments::{Format, Global, target};
use crate::command::parameter::parameter;
use crate::command::{LARGEST_MESSAGE_BYTES, MOST_PAGES, PAGE_SIZE, answer, deadline, vantage};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::follow::{self, budget};
use crate::render::catalogue;
use crate::render::out::Output;

/// List, describe and run checks.
#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// List the checks
    List,
    /// Show what a check says of itself: parameters, causes, needs
    Describe {
        /// The check
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Run one check, with those that it builds on
    Run(Run),
}

/// Run one check, with those that it builds on.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The name of a check, or the path of a WebAssembly component such as ./mine.wasm
    #[arg(value_name = "NAME|FILE", value_parser = NonEmptyStringValueParser::new())]
    check: String,
    /// What to run it on, as for `sonde diagnose`
    #[arg(value_name = "TARGET", default_value = "host", value_parser = target)]
    target: String,
    /// An argument of the check, `NAME=@FILE` to read it from a file (`@@` begins a value with an @); can be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<CheckArgument>,
    /// A further destination that the run may touch; can be repeated
    #[arg(long = "allow", value_name = "ADDRESS:PORT")]
    endpoints: Vec<String>,
}

impl Check {
    /// Asks the daemon and prints the answer.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        match self {
            Self::List => list(session, global, output).await,
            Self::Describe { name } => describe(session, global, output, name).await,
            Self::Run(run) => run.run(session, global, output).await,
        }
    }
}

impl Run {
    async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let budget = budget(global);
        let file = is_path(&self.check).then(|| PathBuf::from(&self.check));
        // Only the daemon knows how the check of a file calls itself.
        let name = file.is_none().then(|| self.check.clone());
        let accepted = move |diagnosis: &Diagnosis| follow::arguments_taken(diagnosis, name.as_deref());
        let request = RunCheckRequest {
            check: Some(match &file {
                Some(file) => run_check_request::Check::Component(component(file)?),
                None => run_check_request::Check::Name(self.check),
            }),
            target: self.target,
            arguments: self.parameters,
            vantage: vantage(global)?,
            budget: Some(follow::wire(budget)),
            on_disconnect: OnDisconnect::Cancel.into(),
            endpoints: self.endpoints,
            omit_evidence: false,
            period: None,
        };
        let mut client = CheckServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let call = client.run_check(session.request(request, follow::deadline(budget)));
        match (follow::run(session, call, budget, global.verbose, output, accepted).await, file) {
            (Err(CommandError::Status(refusal)), Some(file)) => Err(refusal.of_file("component", &file).into()),
            (result, _) => result,
        }
    }
}

async fn list(session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
    let mut client = CheckServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
    let mut all = ListChecksResponse::default();
    for _ in 0..MOST_PAGES {
        let request = ListChecksRequest { page_size: PAGE_SIZE, page_token: all.next_page_token };
        let page = answer(deadline(global), client.list_checks(session.request(request, deadline(global)))).await?;
        all.checks.extend(page.checks);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            break;
        }
    }
    let wide = output.format() == Format::Wide;
    output.message(
        &all,
        |all| all.checks.iter().map(json::to_string).collect(),
        |all, width| catalogue::checks(&all.checks, wide, width),
    )?;
    Ok(exit::HEALTHY)
}

async fn describe(session: &Session, global: &Global, output: &Output, name: String) -> Result<u8, CommandError> {
    let mut client = CheckServiceClient::new(session.channel());
    let call = client.get_check(session.request(GetCheckRequest { name }, deadline(global)));
    let response = answer(deadline(global), call).await?;
    output.message(
        &response,
        |response| Ok(vec![json::to_string(response)?]),
        |response, width| response.check.as_ref().map(|check| catalogue::check(check, width)).unwrap_or_default(),
    )?;
    Ok(exit::HEALTHY)
}

/// A name holds neither slash nor dot.
fn is_path(check: &str) -> bool {
    check.contains('/') || Path::new(check).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"))
}

fn component(path: &Path) -> Result<Vec<u8>, CommandError> {
    let unreadable = |problem: String| CommandError::Unreadable { path: PathBuf::from(path), problem };
    let metadata = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is no file; name a WebAssembly component".into()));
    }
    if metadata.len() > LARGEST_COMPONENT_BYTES {
        return Err(unreadable(format!("it has {} bytes; a component has at most 32 MiB", metadata.len())));
    }
    let component = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    if component.starts_with(b"\0asm") {
        Ok(component)
    } else {
        Err(unreadable("it is no WebAssembly component".into()))
    }
}

/// As in the contract.
const LARGEST_COMPONENT_BYTES: u64 = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_told_from_a_name_by_its_spelling() {
        assert!(is_path("./mine.wasm"));
        assert!(is_path("mine.wasm"));
        assert!(is_path("/tmp/mine"));
        assert!(!is_path("connect"));
    }

    #[test]
    fn a_folder_is_no_component() {
        let line = component(Path::new("/")).expect_err("a folder").to_string();

        assert!(line.contains("\"/\"") && line.contains("WebAssembly"), "{line}");
    }
}
