//! `CauseService`: the catalogue, and which checks here can decide what.

use std::sync::Arc;

use sonde_core::catalogue::{Cause, catalogue};
use sonde_core::finding::CauseId;
use sonde_core::nearest::nearest;
use sonde_proto::v1;
use sonde_proto::v1::cause_service_server::CauseService;
use tonic::{Request, Response, Status};

use super::page::{Listing, slice};
use super::{Shared, quoted, refusal};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Causes(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl CauseService for Causes {
    async fn list_causes(
        &self,
        request: Request<v1::ListCausesRequest>,
    ) -> Result<Response<v1::ListCausesResponse>, Status> {
        let request = request.into_inner();
        let layers = catalogue().layers();
        if !request.layer.is_empty() && !layers.contains(&request.layer.as_str()) {
            let problem = format!("there is no layer {}; the layers are {}", quoted(&request.layer), layers.join(", "));
            return Err(refusal::invalid("layer", problem));
        }
        let listing = Listing { name: "causes", filter: &request.layer, default_size: 1_000 };
        let page = listing.page(request.page_size, &request.page_token)?;
        let causes: Vec<&Cause> =
            catalogue().iter().filter(|cause| request.layer.is_empty() || cause.id.layer() == request.layer).collect();
        let (causes, next_page_token) = slice(listing, page, &causes);
        let causes = causes.into_iter().map(|cause| self.message(cause)).collect();
        Ok(Response::new(v1::ListCausesResponse { causes, next_page_token }))
    }

    async fn get_cause(&self, request: Request<v1::GetCauseRequest>) -> Result<Response<v1::GetCauseResponse>, Status> {
        let id = request.into_inner().id;
        let Some(cause) = CauseId::parse(&id).and_then(|id| catalogue().get(&id)) else {
            let known = catalogue().iter().map(|cause| cause.id.as_str());
            let hint = match nearest(&id, known).first() {
                Some(near) => format!("perhaps {near:?}"),
                None => format!("the layers are {}", catalogue().layers().join(", ")),
            };
            return Err(refusal::not_found("cause", &id, format!("there is no cause {}; {hint}", quoted(&id))));
        };
        Ok(Response::new(v1::GetCauseResponse { cause: Some(self.message(cause)) }))
    }
}

impl Causes {
    fn message(&self, cause: &Cause) -> v1::Cause {
        let id = cause.id.as_str();
        let decides = |check: &&Arc<sonde_host::Check>| check.manifest.causes.iter().any(|other| other == id);
        v1::Cause {
            id: id.to_owned(),
            layer: cause.id.layer().to_owned(),
            title: cause.title.clone(),
            proof: cause.proof.clone(),
            look_alikes: cause
                .look_alikes
                .iter()
                .map(|other| v1::LookAlike {
                    cause: other.cause.as_ref().map(ToString::to_string).unwrap_or_default(),
                    separator: other.separator.clone(),
                })
                .collect(),
            remedy: cause.remedy.clone(),
            checks: self.0.checks.iter().filter(decides).map(|check| check.manifest.name.clone()).collect(),
        }
    }
}
