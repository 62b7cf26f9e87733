//! What remains of a run when its client goes away: nothing, unless the client asked to carry on.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use sonde_proto::v1::daemon_service_client::DaemonServiceClient;
use sonde_proto::v1::diagnosis_service_client::DiagnosisServiceClient;
use sonde_proto::v1::{
    DiagnoseRequest, GetDiagnosisRequest, GetInfoRequest, ListDiagnosesRequest, OnDisconnect, RunState,
    diagnosis_event::Event,
};
use sonde_tests::binaries::binary;
use sonde_tests::daemon::Daemon;
use sonde_tests::process::{Process, eventually};
use tonic::transport::Channel;

#[test]
fn killing_the_client_leaves_no_run_and_no_socket_behind() {
    let daemon = Daemon::start("").expect("the daemon starts");
    let runtime = runtime();
    let silent = Silent::start();
    let idle = settled_sockets(&daemon, &runtime);
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut sonde = Command::new(binary("sonde"));
    sonde.args(["--endpoint", &format!("http://{}", daemon.address()), "diagnose", &silent.target(), "-o", "json"]);
    let mut client = Process::start(&mut sonde, log.path()).expect("the client starts");
    eventually(Duration::from_secs(10), "a run with a connection to the target", || {
        Ok(running(&daemon, &runtime)? == 1 && silent.connections()? > 0)
    })
    .expect("the run begins");

    client.signal(Signal::KILL).expect("the client can be killed");
    client.wait(Duration::from_secs(5)).expect("the client ends");

    eventually(Duration::from_secs(2), "no run and no connection", || {
        Ok(running(&daemon, &runtime)? == 0 && silent.connections()? == 0)
    })
    .expect("nothing of the run is left");
    eventually(Duration::from_secs(2), "as few sockets as before", || Ok(daemon.sockets()? <= idle))
        .unwrap_or_else(|e| panic!("{e}: {} sockets before, {:?} now", idle, daemon.sockets()));
    let listed = runtime.block_on(async {
        let mut client = DiagnosisServiceClient::new(connect(&daemon).await?);
        anyhow::Ok(client.list_diagnoses(ListDiagnosesRequest::default()).await?.into_inner())
    });
    assert_eq!(listed.expect("the list").diagnoses[0].state(), RunState::Cancelled);
}

#[test]
fn a_run_that_was_asked_to_carry_on_finishes_without_its_client() {
    let daemon = Daemon::start("").expect("the daemon starts");
    let silent = Silent::start();

    let state = runtime().block_on(async {
        let mut client = DiagnosisServiceClient::new(connect(&daemon).await?);
        let request = DiagnoseRequest {
            target: silent.target(),
            on_disconnect: OnDisconnect::CarryOn.into(),
            ..DiagnoseRequest::default()
        };
        let mut stream = client.diagnose(request).await?.into_inner();
        let first = stream.message().await?.and_then(|r| r.event).and_then(|e| e.event);
        let Some(Event::Started(started)) = first else { anyhow::bail!("the first event is {first:?}") };
        drop(stream);
        for _ in 0..200 {
            let request = GetDiagnosisRequest { run_id: started.run_id.clone() };
            let diagnosis = client.get_diagnosis(request).await?.into_inner().diagnosis.unwrap_or_default();
            if diagnosis.state() != RunState::Running {
                return Ok(diagnosis.state());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the run did not end within 20 s")
    });

    assert_eq!(state.expect("the run can be read"), RunState::Finished);
}

/// A server that accepts, and never answers.
struct Silent {
    _process: Process,
    _log: tempfile::NamedTempFile,
    port: u16,
}

impl Silent {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let log = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut command = Command::new(binary("lab-service"));
        command.args(["silent", &format!("127.0.0.1:{port}")]);
        let process = Process::start(&mut command, log.path()).expect("the service starts");
        eventually(Duration::from_secs(5), "the silent service", || {
            Ok(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())
        })
        .expect("the service listens");
        Self { _process: process, _log: log, port }
    }

    fn target(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Connections that somebody still holds open towards it.
    fn connections(&self) -> Result<usize> {
        let table = std::fs::read_to_string("/proc/thread-self/net/tcp")?;
        let remote = format!("0100007F:{:04X}", self.port);
        // Column 2 is the remote endpoint, column 3 the state; 01 is ESTABLISHED, 02 SYN_SENT.
        Ok(table
            .lines()
            .filter(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                words.get(2) == Some(&remote.as_str()) && matches!(words.get(3), Some(&"01" | &"02"))
            })
            .count())
    }
}

fn settled_sockets(daemon: &Daemon, runtime: &tokio::runtime::Runtime) -> usize {
    running(daemon, runtime).expect("the daemon answers");
    let mut last = daemon.sockets().expect("readable");
    eventually(Duration::from_secs(3), "a settled daemon", || {
        std::thread::sleep(Duration::from_millis(200));
        let now = daemon.sockets()?;
        let settled = now == last;
        last = now;
        Ok(settled)
    })
    .expect("the daemon settles");
    last
}

fn running(daemon: &Daemon, runtime: &tokio::runtime::Runtime) -> Result<u32> {
    runtime.block_on(async {
        let mut client = DaemonServiceClient::new(connect(daemon).await?);
        Ok(client.get_info(GetInfoRequest {}).await?.into_inner().running_diagnoses)
    })
}

async fn connect(daemon: &Daemon) -> Result<Channel> {
    Ok(Channel::from_shared(format!("http://{}", daemon.address()))?.connect().await?)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
