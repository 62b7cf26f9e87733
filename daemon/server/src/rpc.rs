//! The API: one module for each service of `sonde.v1`, the standard ones (health, reflection), and what they share.

mod causes;
mod checks;
mod counters;
mod daemon;
mod deadline;
mod diagnoses;
mod history;
mod page;
mod period;
mod refusal;
mod request;
mod sockets;
mod stream;
mod vantages;

use std::sync::Arc;
use std::time::Duration;

use sonde_host::{Check, Host};
use sonde_proto::v1::cause_service_server::CauseServiceServer;
use sonde_proto::v1::check_service_server::CheckServiceServer;
use sonde_proto::v1::counter_service_server::CounterServiceServer;
use sonde_proto::v1::daemon_service_server::DaemonServiceServer;
use sonde_proto::v1::diagnosis_service_server::DiagnosisServiceServer;
use sonde_proto::v1::history_service_server::HistoryServiceServer;
use sonde_proto::v1::socket_service_server::SocketServiceServer;
use tonic::Status;
use tonic::service::{Routes, RoutesBuilder};

pub(crate) use self::vantages::Vantages;
use crate::config::Config;
use crate::dispatcher::{Dispatcher, Refusal};
use crate::recorder::Recording;

/// What every service knows.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) host: Arc<Host>,
    /// By name; no two of one name.
    pub(crate) checks: Vec<Arc<Check>>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) vantages: Arc<Vantages>,
    /// Absent where nothing is recorded.
    pub(crate) recording: Option<Recording>,
    /// Wall clock since the Unix epoch.
    pub(crate) started_at: Duration,
    pub(crate) exports_traces: bool,
}

impl Shared {
    fn check(&self, name: &str) -> Option<&Arc<Check>> {
        self.checks.iter().find(|check| check.manifest.name == name)
    }
}

/// Every service of the API.
pub(crate) async fn routes(shared: &Arc<Shared>) -> Result<Routes, tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<DiagnosisServiceServer<diagnoses::Diagnoses>>().await;
    health.set_serving::<CheckServiceServer<checks::Checks>>().await;
    health.set_serving::<CauseServiceServer<causes::Causes>>().await;
    health.set_serving::<DaemonServiceServer<daemon::Daemon>>().await;
    health.set_serving::<SocketServiceServer<sockets::Sockets>>().await;
    health.set_serving::<CounterServiceServer<counters::Counters>>().await;
    health.set_serving::<HistoryServiceServer<history::Histories>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(sonde_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // The details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::builder();
    routes
        .add_service(DiagnosisServiceServer::new(diagnoses::Diagnoses(Arc::clone(shared))))
        .add_service(
            CheckServiceServer::new(checks::Checks(Arc::clone(shared))).max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(CauseServiceServer::new(causes::Causes(Arc::clone(shared))))
        .add_service(DaemonServiceServer::new(daemon::Daemon(Arc::clone(shared))));
    add_tables(&mut routes, &shared.vantages, shared.recording.clone());
    routes
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        // Tools of before 2024 know this one alone.
        .add_service(reflection().build_v1alpha()?);
    Ok(routes.routes())
}

/// The services that read the kernel's tables and need no check: all that a command needs which shows such a table.
pub(crate) fn table_routes() -> Routes {
    let mut routes = Routes::builder();
    add_tables(&mut routes, &Arc::default(), None);
    routes.routes()
}

fn add_tables(routes: &mut RoutesBuilder, vantages: &Arc<Vantages>, recording: Option<Recording>) {
    routes
        .add_service(SocketServiceServer::new(sockets::Sockets(Arc::clone(vantages))))
        .add_service(CounterServiceServer::new(counters::Counters(Arc::clone(vantages))))
        .add_service(HistoryServiceServer::new(history::Histories { vantages: Arc::clone(vantages), recording }));
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy(running) => refusal::busy(running),
            Refusal::Ending => refusal::ending(),
        }
    }
}

/// `id` as it stands in a message: quoted, and cut where it is no id of ours anyway.
fn quoted(id: &str) -> String {
    format!("{:?}", id.chars().take(80).collect::<String>())
}

/// A component in a request has at most 32 MiB; this leaves room for the rest of the request.
const LARGEST_REQUEST: usize = 33 << 20;
