//! `DiagnosisService`: starting a diagnosis, reading the last ones, stopping one.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use prost::Message as _;
use sonde_core::plan::Selection;
use sonde_proto::v1;
use sonde_proto::v1::diagnosis_service_server::DiagnosisService;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::page::Listing;
use super::request::{self, Asked};
use super::{Shared, quoted, refusal, stream};
use crate::dispatcher::{Found, MOST_BYTES};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Diagnoses(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl DiagnosisService for Diagnoses {
    type DiagnoseStream = Pin<Box<dyn Stream<Item = Result<v1::DiagnoseResponse, Status>> + Send>>;

    async fn diagnose(&self, request: Request<v1::DiagnoseRequest>) -> Result<Response<Self::DiagnoseStream>, Status> {
        let caller = request::Caller::of(request.metadata());
        let request = request.into_inner();
        let selected = request
            .checks
            .into_iter()
            .map(|check| Selection { name: check.name, arguments: request::arguments(check.arguments) })
            .collect();
        let asked = Asked {
            target: request.target,
            selected,
            vantage: request.vantage,
            budget: request.budget,
            endpoints: request.endpoints,
            carry_on: request::carry_on(request.on_disconnect)?,
            period: request.period,
            trigger: v1::Trigger::Diagnose,
        };
        let prepared = request::prepare(&self.0, &self.0.checks, asked, &caller).await?;
        let begun = self.0.dispatcher.begin(prepared).await?;
        let events = stream::events(begun, caller.deadline, request.omit_evidence);
        Ok(Response::new(Box::pin(events)))
    }

    async fn get_diagnosis(
        &self,
        request: Request<v1::GetDiagnosisRequest>,
    ) -> Result<Response<v1::GetDiagnosisResponse>, Status> {
        let diagnosis = match self.find(&request.into_inner().run_id).await? {
            Found::Running(run) => run.so_far().whole(),
            Found::Finished(sum) => sum.whole(),
        };
        Ok(Response::new(v1::GetDiagnosisResponse { diagnosis: Some(diagnosis) }))
    }

    async fn list_diagnoses(
        &self,
        request: Request<v1::ListDiagnosesRequest>,
    ) -> Result<Response<v1::ListDiagnosesResponse>, Status> {
        let request = request.into_inner();
        let listing = Listing { name: "diagnoses", filter: "", default_size: 50 };
        let page = listing.page(request.page_size, &request.page_token)?;
        // One more than asked for tells whether there is a next page.
        let found = self.0.dispatcher.before(page.cursor, page.size + 1).await?;
        let mut listed = Vec::new();
        let mut bytes = 0;
        let mut last = None;
        let more = found.len() > page.size;
        let mut cut = false;
        for (place, run) in found.into_iter().take(page.size) {
            let diagnosis = match &run {
                Found::Running(run) => run.so_far().summary(),
                Found::Finished(sum) => sum.summary(),
            };
            bytes += diagnosis.encoded_len();
            // A page is a message, too: a smaller one is allowed, an empty one is not.
            if bytes > MOST_BYTES && last.is_some() {
                cut = true;
                break;
            }
            listed.push(diagnosis);
            last = Some(place);
        }
        let next_page_token = last.filter(|_| more || cut).map(|place| listing.token(place)).unwrap_or_default();
        Ok(Response::new(v1::ListDiagnosesResponse { diagnoses: listed, next_page_token }))
    }

    async fn cancel_diagnosis(
        &self,
        request: Request<v1::CancelDiagnosisRequest>,
    ) -> Result<Response<v1::CancelDiagnosisResponse>, Status> {
        let diagnosis = match self.find(&request.into_inner().run_id).await? {
            Found::Finished(sum) => sum.whole(),
            Found::Running(run) => {
                run.cancel.cancel();
                let mut reader = run.reader.clone();
                match timeout(CANCEL, reader.end()).await {
                    Ok(Some(sum)) => sum.whole(),
                    Ok(None) | Err(_) => run.so_far().whole(),
                }
            }
        };
        Ok(Response::new(v1::CancelDiagnosisResponse { diagnosis: Some(diagnosis) }))
    }
}

impl Diagnoses {
    async fn find(&self, run_id: &str) -> Result<Found, Status> {
        self.0.dispatcher.find(run_id).await?.ok_or_else(|| {
            let problem =
                format!("there is no diagnosis {}; ListDiagnoses has those that are still known", quoted(run_id));
            refusal::not_found("diagnosis", run_id, problem)
        })
    }
}

/// A cancelled run ends at once; this is for a machine that hangs.
const CANCEL: Duration = Duration::from_secs(5);
