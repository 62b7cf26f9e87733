//! `DaemonService`: what the daemon is, and what it can do here.

use std::sync::Arc;

use sonde_proto::v1;
use sonde_proto::v1::daemon_service_server::DaemonService;
use tonic::{Request, Response, Status};

use super::Shared;
use crate::{abilities, convert};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Daemon(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl DaemonService for Daemon {
    async fn get_info(&self, _request: Request<v1::GetInfoRequest>) -> Result<Response<v1::GetInfoResponse>, Status> {
        let running = self.0.dispatcher.running().await?;
        let abilities = abilities::look().await;
        Ok(Response::new(v1::GetInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: Some(convert::timestamp(self.0.started_at)),
            network_namespace: abilities.network_namespace,
            mount_namespace: abilities.mount_namespace,
            capabilities: abilities.capabilities,
            kernel_release: abilities.kernel_release,
            kernel_features: abilities.features,
            checks: self.0.checks.iter().map(|check| check.manifest.name.clone()).collect(),
            running_diagnoses: u32::try_from(running).unwrap_or(u32::MAX),
            exports_traces: self.0.exports_traces,
        }))
    }
}
