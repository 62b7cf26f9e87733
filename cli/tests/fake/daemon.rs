//! A daemon that speaks the contract and does what the test says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sonde_proto::v1::daemon_service_server::{DaemonService, DaemonServiceServer};
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::diagnosis_service_server::{DiagnosisService, DiagnosisServiceServer};
use sonde_proto::v1::{
    CancelDiagnosisRequest, CancelDiagnosisResponse, DiagnoseRequest, DiagnoseResponse, Diagnosis, DiagnosisEvent,
    GetDiagnosisRequest, GetDiagnosisResponse, GetInfoRequest, GetInfoResponse, ListDiagnosesRequest,
    ListDiagnosesResponse, RunStarted, RunState, Verdict, VerdictState,
};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What a diagnosis does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// Ends with this verdict.
    Ends(VerdictState),
    /// Begins and never ends.
    Hangs,
    /// Ends the stream without a diagnosis.
    Breaks,
    /// Refuses the target.
    Refuses,
    /// Sends events without end.
    Floods,
}

/// A running daemon; it ends with the value.
pub(crate) struct Daemon {
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Seen>>,
    _runtime: Runtime,
}

/// What clients sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The last request.
    pub(crate) request: Option<DiagnoseRequest>,
    /// Its `grpc-timeout`.
    pub(crate) timeout: Option<String>,
    /// Its `traceparent`.
    pub(crate) traceparent: Option<String>,
    /// Run ids that were cancelled.
    pub(crate) cancelled: Vec<String>,
}

impl Daemon {
    /// Listens where a user's daemon does, below a runtime directory of its own.
    pub(crate) fn start(behaviour: Behaviour, info: GetInfoResponse) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("sonde")).expect("it is ours");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let seen = Arc::<Mutex<Seen>>::default();
        let service = Service { behaviour, info, seen: Arc::clone(&seen), tasks: runtime.handle().clone() };
        let listener = {
            let _guard = runtime.enter();
            UnixListener::bind(folder.path().join("sonde/sonde.sock")).expect("a free path")
        };
        let server = tonic::transport::Server::builder()
            .add_service(DaemonServiceServer::new(service.clone()))
            .add_service(DiagnosisServiceServer::new(service))
            .serve_with_incoming(UnixListenerStream::new(listener));
        runtime.spawn(server);
        Self { folder, seen, _runtime: runtime }
    }

    /// What clients sent so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("no test panics with it").clone()
    }

    /// To name it by.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.runtime_directory().join("sonde/sonde.sock")
    }

    /// What `XDG_RUNTIME_DIR` must be to find it unnamed.
    pub(crate) fn runtime_directory(&self) -> &Path {
        self.folder.path()
    }
}

/// The binary, in an environment with nothing but what is given.
pub(crate) fn sonde(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sonde"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The finished diagnosis of this verdict.
pub(crate) fn finished(state: VerdictState) -> Diagnosis {
    Diagnosis {
        run_id: RUN_ID.into(),
        target: "host".into(),
        state: RunState::Finished.into(),
        verdict: Some(Verdict { state: state.into(), ..Verdict::default() }),
        ..Diagnosis::default()
    }
}

/// Of every run here.
pub(crate) const RUN_ID: &str = "00112233445566778899aabbccddeeff";

#[derive(Clone)]
struct Service {
    behaviour: Behaviour,
    info: GetInfoResponse,
    seen: Arc<Mutex<Seen>>,
    tasks: tokio::runtime::Handle,
}

#[tonic::async_trait]
impl DaemonService for Service {
    async fn get_info(&self, _: Request<GetInfoRequest>) -> Result<Response<GetInfoResponse>, Status> {
        Ok(Response::new(self.info.clone()))
    }
}

#[tonic::async_trait]
impl DiagnosisService for Service {
    type DiagnoseStream = ReceiverStream<Result<DiagnoseResponse, Status>>;

    async fn diagnose(&self, request: Request<DiagnoseRequest>) -> Result<Response<Self::DiagnoseStream>, Status> {
        {
            let text = |name| request.metadata().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let mut seen = self.seen.lock().expect("no test panics with it");
            seen.timeout = text("grpc-timeout");
            seen.traceparent = text("traceparent");
            seen.request = Some(request.into_inner());
        }
        if let Behaviour::Refuses = self.behaviour {
            let details = ErrorDetails::with_bad_request_violation(
                "target",
                "parse the target \"h:99999\": write a port from 1 to 65535",
            );
            return Err(Status::with_error_details(tonic::Code::InvalidArgument, "the request is wrong", details));
        }
        let (events, stream) = tokio::sync::mpsc::channel(16);
        let behaviour = self.behaviour;
        self.tasks.spawn(async move {
            let started = RunStarted { run_id: RUN_ID.into(), target: "host".into(), ..RunStarted::default() };
            let mut next = Some(Event::Started(started));
            while let Some(event) = &next {
                let sent = DiagnosisEvent { at: None, event: Some(event.clone()) };
                if events.send(Ok(sent.into())).await.is_err() {
                    return;
                }
                next = match (behaviour, event) {
                    (Behaviour::Floods, event) => Some(event.clone()),
                    (Behaviour::Ends(state), Event::Started(_)) => Some(Event::Finished(Box::new(finished(state)))),
                    _ => None,
                };
            }
            if let Behaviour::Hangs = behaviour {
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn cancel_diagnosis(
        &self,
        request: Request<CancelDiagnosisRequest>,
    ) -> Result<Response<CancelDiagnosisResponse>, Status> {
        self.seen.lock().expect("no test panics with it").cancelled.push(request.into_inner().run_id);
        let diagnosis = Diagnosis { state: RunState::Cancelled.into(), ..finished(VerdictState::Undecided) };
        Ok(Response::new(CancelDiagnosisResponse { diagnosis: Some(diagnosis) }))
    }

    async fn get_diagnosis(&self, _: Request<GetDiagnosisRequest>) -> Result<Response<GetDiagnosisResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }

    async fn list_diagnoses(
        &self,
        _: Request<ListDiagnosesRequest>,
    ) -> Result<Response<ListDiagnosesResponse>, Status> {
        Err(Status::unimplemented("no test asks"))
    }
}
