//! A hostile check in a real daemon: it is stopped and named, and the other checks of its run finish.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result};
use sonde_proto::v1::check_service_client::CheckServiceClient;
use sonde_proto::v1::diagnosis_service_client::DiagnosisServiceClient;
use sonde_proto::v1::{
    CheckArgument, CheckRun, CheckSelection, CheckState, Conclusion, DiagnoseRequest, Diagnosis, RunCheckRequest,
    StopReason, diagnosis_event::Event, run_check_request,
};
use sonde_tests::daemon::Daemon;
use sonde_tests::guests::component;
use tonic::transport::Channel;

#[test]
fn each_kind_of_hostile_check_is_stopped_and_named_while_the_others_finish() {
    let (daemon, _folder) = daemon();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let target = listener.local_addr().expect("bound").to_string();
    let runtime = runtime();
    let expected = [
        ("spin", vec![StopReason::CpuBudget]),
        ("panic", vec![StopReason::Trap]),
        ("recurse", vec![StopReason::Trap]),
        ("memory", vec![StopReason::Memory]),
        ("flood-calls", vec![StopReason::DataLimit, StopReason::CpuBudget]),
        ("flood-logs", vec![StopReason::CpuBudget, StopReason::DataLimit]),
        ("never", vec![StopReason::Trap, StopReason::Deadline]),
        ("sleep", vec![StopReason::Deadline]),
        ("return-much", vec![StopReason::DataLimit]),
        ("return-100-megabytes", vec![StopReason::DataLimit, StopReason::Memory]),
    ];

    for (mode, reasons) in expected {
        let run = runtime.block_on(diagnose(&daemon, &target, mode));

        let (ended, diagnosis) = run.unwrap_or_else(|e| panic!("{mode}: {e:?}\n{}", daemon.log()));
        let hostile = find(&ended, "hostile");
        assert_eq!(hostile.state(), CheckState::Stopped, "{mode}: {hostile:?}");
        assert!(reasons.contains(&hostile.stop_reason()), "{mode}: {hostile:?}");
        assert!(!hostile.summary.is_empty(), "{mode}: {hostile:?}");
        let connect = find(&ended, "connect");
        assert_eq!(connect.conclusion(), Conclusion::Works, "{mode}: {connect:?}");
        assert_eq!(find(&diagnosis.checks, "hostile").stop_reason(), hostile.stop_reason(), "{mode}");
    }
}

#[test]
fn a_clients_deadline_holds_over_the_whole_stream_and_ends_the_guest() {
    let (daemon, _folder) = daemon();

    let status = runtime().block_on(async {
        let mut client = CheckServiceClient::new(connect(&daemon).await?);
        let mut request = tonic::Request::new(RunCheckRequest {
            check: Some(run_check_request::Check::Name("hostile".to_owned())),
            target: "tcp://127.0.0.1:1".to_owned(),
            arguments: vec![mode("sleep")],
            ..RunCheckRequest::default()
        });
        request.set_timeout(Duration::from_millis(700));
        let mut stream = client.run_check(request).await?.into_inner();
        anyhow::Ok(loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(status) => break Some(status),
            }
        })
    });

    let status = status.expect("the call begins").expect("the stream ends in an error");
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status:?}");
}

async fn diagnose(daemon: &Daemon, target: &str, how: &str) -> Result<(Vec<CheckRun>, Diagnosis)> {
    let mut client = DiagnosisServiceClient::new(connect(daemon).await?);
    let selection = |name: &str, arguments| CheckSelection { name: name.to_owned(), arguments };
    let request = DiagnoseRequest {
        target: target.to_owned(),
        checks: vec![selection("connect", Vec::new()), selection("hostile", vec![mode(how)])],
        budget: Some(prost_types::Duration { seconds: 3, nanos: 0 }),
        ..DiagnoseRequest::default()
    };
    let mut stream = client.diagnose(request).await?.into_inner();
    let mut ended = Vec::new();
    while let Some(response) = stream.message().await? {
        match response.event.and_then(|e| e.event) {
            Some(Event::CheckEnded(run)) => ended.push(run),
            Some(Event::Finished(diagnosis)) => return Ok((ended, *diagnosis)),
            _ => {}
        }
    }
    anyhow::bail!("the stream ended without a diagnosis")
}

fn find<'a>(runs: &'a [CheckRun], name: &str) -> &'a CheckRun {
    let found = runs.iter().find(|run| run.check == name).with_context(|| format!("{name} in {runs:?}"));
    found.expect("every planned check ends")
}

fn mode(how: &str) -> CheckArgument {
    CheckArgument { name: "mode".to_owned(), value: how.to_owned() }
}

fn daemon() -> (Daemon, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(component("hostile").expect("the guest builds"), folder.path().join("hostile.wasm")).expect("copied");
    let daemon =
        Daemon::start(&format!("checks_directory = \"{}\"\n", folder.path().display())).expect("the daemon starts");
    (daemon, folder)
}

async fn connect(daemon: &Daemon) -> Result<Channel> {
    Ok(Channel::from_shared(format!("http://{}", daemon.address()))?.connect().await?)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
