//! `CheckService`: the checks of this daemon, and running one by itself, the client's own component included.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use sonde_core::nearest::nearest;
use sonde_core::plan::Selection;
use sonde_host::{Check, Origin};
use sonde_proto::v1;
use sonde_proto::v1::check_service_server::CheckService;
use sonde_proto::v1::run_check_request;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::page::{Listing, slice};
use super::request::{self, Asked};
use super::{Shared, quoted, refusal, stream};
use crate::{chain, convert};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Checks(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl CheckService for Checks {
    type RunCheckStream = Pin<Box<dyn Stream<Item = Result<v1::RunCheckResponse, Status>> + Send>>;

    async fn list_checks(
        &self,
        request: Request<v1::ListChecksRequest>,
    ) -> Result<Response<v1::ListChecksResponse>, Status> {
        let request = request.into_inner();
        let listing = Listing { name: "checks", filter: "", default_size: 100 };
        let page = listing.page(request.page_size, &request.page_token)?;
        let (checks, next_page_token) = slice(listing, page, &self.0.checks);
        let checks = checks.iter().map(|check| message(check)).collect();
        Ok(Response::new(v1::ListChecksResponse { checks, next_page_token }))
    }

    async fn get_check(&self, request: Request<v1::GetCheckRequest>) -> Result<Response<v1::GetCheckResponse>, Status> {
        let name = request.into_inner().name;
        let check = self.0.check(&name).ok_or_else(|| self.unknown(&name))?;
        Ok(Response::new(v1::GetCheckResponse { check: Some(message(check)) }))
    }

    async fn run_check(&self, request: Request<v1::RunCheckRequest>) -> Result<Response<Self::RunCheckStream>, Status> {
        let caller = request::Caller::of(request.metadata());
        let request = request.into_inner();
        let mut checks = self.0.checks.clone();
        let name = match request.check {
            Some(run_check_request::Check::Name(name)) => {
                self.0.check(&name).map(|check| check.manifest.name.clone()).ok_or_else(|| self.unknown(&name))?
            }
            Some(run_check_request::Check::Component(wasm)) => {
                let check = self.load(wasm).await?;
                // The client's own comes before ours of the same name.
                checks.retain(|other| other.manifest.name != check.manifest.name);
                let name = check.manifest.name.clone();
                checks.push(check);
                name
            }
            None => return Err(refusal::invalid("check", "no check is given; give name or component")),
        };
        let asked = Asked {
            target: request.target,
            selected: vec![Selection { name, arguments: request::arguments(request.arguments) }],
            vantage: request.vantage,
            budget: request.budget,
            endpoints: request.endpoints,
            carry_on: request::carry_on(request.on_disconnect)?,
            period: request.period,
            trigger: v1::Trigger::RunCheck,
        };
        let prepared = request::prepare(&self.0, &checks, asked, &caller).await?;
        let begun = self.0.dispatcher.begin(prepared).await?;
        let events = stream::events(begun, caller.deadline, request.omit_evidence);
        Ok(Response::new(Box::pin(events)))
    }
}

impl Checks {
    fn unknown(&self, name: &str) -> Status {
        let known: Vec<&str> = self.0.checks.iter().map(|check| check.manifest.name.as_str()).collect();
        let hint =
            nearest(name, known.iter().copied()).first().map(|near| format!("perhaps {near:?}; ")).unwrap_or_default();
        let problem = format!("there is no check {}; {hint}the checks here are {}", quoted(name), known.join(", "));
        refusal::not_found("check", name, problem)
    }

    async fn load(&self, wasm: Vec<u8>) -> Result<Arc<Check>, Status> {
        let origin = Origin::File(PathBuf::from(SENT));
        match timeout(COMPILE, self.0.host.load(wasm, origin)).await {
            Ok(Ok(check)) => Ok(check),
            Ok(Err(error)) => {
                Err(refusal::invalid("component", format!("failed to load the component: {}", chain(&error))))
            }
            Err(_) => {
                Err(refusal::invalid("component", format!("failed to load the component: it took over {COMPILE:?}")))
            }
        }
    }
}

fn message(check: &Check) -> v1::Check {
    let origin = match &check.origin {
        Origin::Builtin => "builtin".to_owned(),
        Origin::File(path) => path.display().to_string(),
    };
    convert::check(&check.manifest, check.digest.clone(), origin)
}

/// The origin of a component that came with a request.
const SENT: &str = "(sent by the client)";

/// Bound of compiling a component; the largest allowed takes a few seconds.
const COMPILE: Duration = Duration::from_mins(1);
