//! The API over the in-memory channel: what is refused and how, and what a run does to its stream, its history and its end.

use std::time::Duration;

use sonde_proto::v1::cause_service_client::CauseServiceClient;
use sonde_proto::v1::check_service_client::CheckServiceClient;
use sonde_proto::v1::daemon_service_client::DaemonServiceClient;
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::diagnosis_service_client::DiagnosisServiceClient;
use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{
    CancelDiagnosisRequest, CheckArgument, CheckSelection, DiagnoseRequest, DiagnoseResponse, Diagnosis, Evidence,
    GetCauseRequest, GetCheckRequest, GetDiagnosisRequest, GetInfoRequest, ListCausesRequest, ListChecksRequest,
    ListDiagnosesRequest, OnDisconnect, RunCheckRequest, RunState, Vantage, run_check_request, vantage,
};
use sonded::config::Config;
use sonded::{Embedded, embedded};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt as _;

async fn daemon(config: Config) -> Embedded {
    embedded(config).await.expect("it starts")
}

fn diagnoses(daemon: &Embedded) -> DiagnosisServiceClient<Channel> {
    DiagnosisServiceClient::new(daemon.channel.clone())
}

fn target(target: &str) -> DiagnoseRequest {
    DiagnoseRequest { target: target.into(), ..DiagnoseRequest::default() }
}

/// A port that takes connections and never says a word. It lives as long as the listener.
async fn silent() -> (TcpListener, DiagnoseRequest) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, target(&format!("http://127.0.0.1:{port}/")))
}

/// A port where nobody listens.
async fn closed() -> DiagnoseRequest {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    target(&format!("tcp://{}", listener.local_addr().expect("it is bound")))
}

async fn refused(daemon: &Embedded, request: DiagnoseRequest) -> Status {
    match diagnoses(daemon).diagnose(request).await {
        Ok(_) => panic!("it must not begin"),
        Err(status) => status,
    }
}

fn violation(status: &Status) -> (String, String) {
    let details = status.get_error_details();
    let bad = details.bad_request().unwrap_or_else(|| panic!("no BadRequest: {status:?}"));
    (bad.field_violations[0].field.clone(), bad.field_violations[0].description.clone())
}

async fn next(stream: &mut Streaming<DiagnoseResponse>) -> Result<Option<Event>, Status> {
    let message = timeout(Duration::from_secs(20), stream.message()).await.expect("an event, or the end, in time")?;
    Ok(message.and_then(|response| response.event).and_then(|event| event.event))
}

async fn run_id(stream: &mut Streaming<DiagnoseResponse>) -> String {
    match next(stream).await {
        Ok(Some(Event::Started(started))) => started.run_id,
        other => panic!("the first event is {other:?}"),
    }
}

async fn finished(stream: &mut Streaming<DiagnoseResponse>) -> Diagnosis {
    loop {
        match next(stream).await {
            Ok(Some(Event::Finished(diagnosis))) => return *diagnosis,
            Ok(Some(_)) => {}
            other => panic!("the stream ended in {other:?}"),
        }
    }
}

async fn state(daemon: &Embedded, run_id: &str) -> RunState {
    let request = GetDiagnosisRequest { run_id: run_id.into() };
    let answer = diagnoses(daemon).get_diagnosis(request).await.expect("it is known").into_inner();
    answer.diagnosis.expect("always there").state()
}

async fn ends_as(daemon: &Embedded, run_id: &str, wanted: RunState, patience: Duration) {
    let end = Instant::now() + patience;
    loop {
        let state = state(daemon, run_id).await;
        if state == wanted {
            return;
        }
        assert!(Instant::now() < end, "after {patience:?} it is {state:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_streams_from_its_start_to_its_verdict() {
    let daemon = daemon(Config::default()).await;
    let mut stream = diagnoses(&daemon).diagnose(closed().await).await.expect("it begins").into_inner();

    let run_id = run_id(&mut stream).await;
    let mut kinds = Vec::new();
    let diagnosis = loop {
        match next(&mut stream).await.expect("no error") {
            Some(Event::Finished(diagnosis)) => break *diagnosis,
            Some(Event::CheckStarted(check)) => kinds.push(format!("started {}", check.check)),
            Some(Event::Evidence(evidence)) => kinds.push(format!("evidence of {}", evidence.check)),
            Some(Event::CheckEnded(check)) => kinds.push(format!("ended {}", check.check)),
            Some(_) => {}
            None => panic!("no verdict: {kinds:?}"),
        }
    };

    assert!(matches!(next(&mut stream).await, Ok(None)), "the verdict is the last event");
    let place =
        |kind: &str| kinds.iter().position(|other| other == kind).unwrap_or_else(|| panic!("no {kind}: {kinds:?}"));
    assert!(place("started connect") < place("evidence of connect"));
    assert!(place("evidence of connect") < place("ended connect"));
    assert_eq!((diagnosis.run_id.as_str(), diagnosis.state()), (run_id.as_str(), RunState::Finished));
    assert!(
        diagnosis.evidence.iter().any(|line| line.failure.as_ref().is_some_and(|f| f.errno_name == "ECONNREFUSED"))
    );
    assert!(diagnosis.verdict.is_some());
    assert_eq!(diagnosis.trace_id.len(), 32);
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_can_be_left_out_of_the_end() {
    let daemon = daemon(Config::default()).await;
    let request = DiagnoseRequest { omit_evidence: true, ..closed().await };

    let mut stream = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();

    let diagnosis = finished(&mut stream).await;
    assert!(diagnosis.evidence.is_empty());
    assert!(!diagnosis.findings.is_empty() && diagnosis.verdict.is_some(), "nothing else is: {diagnosis:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_can_be_left_out_of_the_end_of_one_check() {
    let daemon = daemon(Config::default()).await;
    let request = RunCheckRequest {
        check: Some(run_check_request::Check::Name("connect".into())),
        target: closed().await.target,
        omit_evidence: true,
        ..RunCheckRequest::default()
    };

    let mut client = CheckServiceClient::new(daemon.channel.clone());
    let mut stream = client.run_check(request).await.expect("it begins").into_inner();
    let (mut streamed, mut last) = (0, None);
    while let Some(response) = stream.message().await.expect("no error") {
        match response.event.and_then(|event| event.event) {
            Some(Event::Evidence(_)) => streamed += 1,
            Some(Event::Finished(diagnosis)) => last = Some(diagnosis),
            _ => {}
        }
    }

    assert!(streamed > 0);
    assert_eq!(last.expect("the end").evidence, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_makes_no_sense_is_refused_by_field_with_what_would_be_right() {
    let daemon = daemon(Config::default()).await;
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let at = |path: &str| Some(Vantage { r#where: Some(vantage::Where::NetnsPath(path.into())) });
    let pid = |pid| Some(Vantage { r#where: Some(vantage::Where::Pid(pid)) });
    let arguments = vec![CheckArgument { name: "bogus".into(), value: "1".into() }];
    let bogus = vec![CheckSelection { name: "connect".into(), arguments }];

    for (request, field, quoted) in [
        (target("tcp://h:99999"), "target", "tcp://h:99999"),
        (target(&"x".repeat(9_000)), "target", "9000"),
        (DiagnoseRequest { budget: seconds(-1), ..closed().await }, "budget", "-1s"),
        (DiagnoseRequest { budget: seconds(0), ..closed().await }, "budget", "0s"),
        (DiagnoseRequest { budget: seconds(601), ..closed().await }, "budget", "601s"),
        (DiagnoseRequest { budget: seconds(i64::MIN), ..closed().await }, "budget", "-9223372036854775808s"),
        (
            DiagnoseRequest { endpoints: vec!["10.0.0.1:1".into(), "x".into()], ..closed().await },
            "endpoints[1]",
            "\"x\"",
        ),
        (DiagnoseRequest { vantage: at("blue"), ..closed().await }, "vantage.netns_path", "\"blue\""),
        (DiagnoseRequest { vantage: pid(0), ..closed().await }, "vantage.pid", "0"),
        (DiagnoseRequest { checks: bogus, ..closed().await }, "checks.arguments", "\"bogus\""),
    ] {
        let status = refused(&daemon, request).await;
        let (found, description) = violation(&status);
        assert_eq!((status.code(), found.as_str()), (Code::InvalidArgument, field), "{status:?}");
        assert!(description.contains(quoted), "{description}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_the_check_does_not_serve_is_a_failed_precondition() {
    let daemon = daemon(Config::default()).await;
    let checks = vec![CheckSelection { name: "tls".into(), arguments: vec![] }];

    let status = refused(&daemon, DiagnoseRequest { checks, ..target("pid://1") }).await;

    assert_eq!(status.code(), Code::FailedPrecondition);
    let details = status.get_error_details();
    let violation = &details.precondition_failure().expect("it says which").violations[0];
    assert_eq!((violation.r#type.as_str(), violation.subject.as_str()), ("TARGET", "pid://1"));
    assert!(status.message().contains("tls://HOST:PORT"), "{}", status.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vantage_that_is_not_there_is_a_failed_precondition() {
    let daemon = daemon(Config::default()).await;
    let vantage = Some(Vantage { r#where: Some(vantage::Where::NetnsPath("/run/netns/no-such".into())) });

    let status = refused(&daemon, DiagnoseRequest { vantage, ..closed().await }).await;

    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    assert!(status.message().contains("/run/netns/no-such"), "{}", status.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_is_not_found_and_the_nearest_is_offered() {
    let daemon = daemon(Config::default()).await;
    let mut checks = CheckServiceClient::new(daemon.channel.clone());
    let mut causes = CauseServiceClient::new(daemon.channel.clone());
    let selected = vec![CheckSelection { name: "conect".into(), arguments: vec![] }];

    let statuses = [
        refused(&daemon, DiagnoseRequest { checks: selected, ..closed().await }).await,
        checks.get_check(GetCheckRequest { name: "conect".into() }).await.expect_err("there is none"),
        causes.get_cause(GetCauseRequest { id: "fw.drop-remote".into() }).await.expect_err("there is none"),
        diagnoses(&daemon)
            .get_diagnosis(GetDiagnosisRequest { run_id: "nope".into() })
            .await
            .expect_err("there is none"),
    ];

    for (status, (kind, name, near)) in statuses.iter().zip([
        ("check", "conect", "\"connect\""),
        ("check", "conect", "\"connect\""),
        ("cause", "fw.drop-remote", "\"fw.drop_remote\""),
        ("diagnosis", "nope", "ListDiagnoses"),
    ]) {
        let details = status.get_error_details();
        let resource = details.resource_info().unwrap_or_else(|| panic!("no ResourceInfo: {status:?}"));
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!((resource.resource_type.as_str(), resource.resource_name.as_str()), (kind, name));
        assert!(status.message().contains(near), "{}", status.message());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_none_is_refused_and_says_what_it_is() {
    let daemon = daemon(Config::default()).await;
    let request = RunCheckRequest {
        check: Some(run_check_request::Check::Component(b"\x7fELF\x02\x01\x01".to_vec())),
        target: "host".into(),
        ..RunCheckRequest::default()
    };

    let status = CheckServiceClient::new(daemon.channel.clone()).run_check(request).await.expect_err("it is none");

    assert_eq!(violation(&status).0, "component");
    assert!(status.message().contains("ELF"), "{}", status.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_deadline_holds_over_the_whole_stream_and_ends_the_run() {
    let daemon = daemon(Config::default()).await;
    let (_listener, request) = silent().await;
    let mut request = Request::new(request);
    request.set_timeout(Duration::from_millis(500));
    let began = Instant::now();

    let mut stream = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();
    let run_id = run_id(&mut stream).await;
    let status = loop {
        match next(&mut stream).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended well"),
            Err(status) => break status,
        }
    };

    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    ends_as(&daemon, &run_id, RunState::DeadlineExceeded, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_only_the_budget_passes_the_verdict_so_far_is_the_answer() {
    let daemon = daemon(Config::default()).await;
    let (_listener, request) = silent().await;
    let budget = Some(prost_types::Duration { seconds: 0, nanos: 500_000_000 });

    let mut stream =
        diagnoses(&daemon).diagnose(DiagnoseRequest { budget, ..request }).await.expect("it begins").into_inner();
    let diagnosis = finished(&mut stream).await;

    assert!(
        matches!(diagnosis.state(), RunState::DeadlineExceeded | RunState::Finished),
        "guests that stop in time finish the run: {:?}",
        diagnosis.state()
    );
    assert!(diagnosis.verdict.is_some());
    let elapsed = Duration::try_from(diagnosis.elapsed.expect("always there")).expect("positive");
    assert!(elapsed < Duration::from_millis(2_500), "{elapsed:?}");
    assert!(
        diagnosis.checks.iter().all(|check| check.state() != sonde_proto::v1::CheckState::Running),
        "{:?}",
        diagnosis.checks
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_ends_the_run_at_once() {
    let daemon = daemon(Config::default()).await;
    let (_listener, request) = silent().await;
    let mut stream = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();
    let run_id = run_id(&mut stream).await;

    drop(stream);

    ends_as(&daemon, &run_id, RunState::Cancelled, Duration::from_secs(2)).await;
    let info = DaemonServiceClient::new(daemon.channel.clone()).get_info(GetInfoRequest {}).await.expect("it answers");
    assert_eq!(info.into_inner().running_diagnoses, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_leaves_a_run_alone_that_was_asked_to_carry_on() {
    let daemon = daemon(Config::default()).await;
    let (_listener, request) = silent().await;
    let budget = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let request = DiagnoseRequest { on_disconnect: OnDisconnect::CarryOn.into(), budget, ..request };
    let mut stream = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();
    let run_id = run_id(&mut stream).await;

    drop(stream);
    sleep(Duration::from_millis(100)).await;

    assert_eq!(state(&daemon, &run_id).await, RunState::Running);
    let end = Instant::now() + Duration::from_secs(5);
    while state(&daemon, &run_id).await == RunState::Running {
        assert!(Instant::now() < end, "its budget does not end it");
        sleep(Duration::from_millis(20)).await;
    }
    assert_ne!(state(&daemon, &run_id).await, RunState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_can_end_a_run() {
    let daemon = daemon(Config::default()).await;
    let (_listener, request) = silent().await;
    let mut stream = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();
    let run_id = run_id(&mut stream).await;

    let cancelled = diagnoses(&daemon).cancel_diagnosis(CancelDiagnosisRequest { run_id: run_id.clone() }).await;

    let diagnosis = cancelled.expect("it is known").into_inner().diagnosis.expect("always there");
    assert_eq!(diagnosis.state(), RunState::Cancelled);
    assert_eq!(finished(&mut stream).await.state(), RunState::Cancelled);
    let again = diagnoses(&daemon).cancel_diagnosis(CancelDiagnosisRequest { run_id }).await.expect("it is known");
    assert_eq!(again.into_inner().diagnosis.expect("always there").state(), RunState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_may_are_told_when_to_come_again() {
    let mut config = Config::default();
    config.runs.concurrent = 1;
    let daemon = daemon(config).await;
    let (_listener, request) = silent().await;
    let _running = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();

    let status = refused(&daemon, closed().await).await;

    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_error_details().retry_info().is_some_and(|retry| retry.retry_delay.is_some()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn diagnoses_are_listed_newest_first_page_by_page_and_the_oldest_are_forgotten() {
    let mut config = Config::default();
    config.runs.history = 3;
    let daemon = daemon(config).await;
    let mut run_ids = Vec::new();
    for _ in 0..4 {
        let mut stream = diagnoses(&daemon).diagnose(closed().await).await.expect("it begins").into_inner();
        run_ids.push(finished(&mut stream).await.run_id);
    }
    // The history takes a run right after its stream's end.
    ends_as(&daemon, &run_ids[3], RunState::Finished, Duration::from_secs(1)).await;

    let mut listed = Vec::new();
    let mut token = String::new();
    loop {
        let request = ListDiagnosesRequest { page_size: 2, page_token: token };
        let page = diagnoses(&daemon).list_diagnoses(request).await.expect("our own token").into_inner();
        assert!(page.diagnoses.iter().all(|diagnosis| diagnosis.evidence.is_empty() && diagnosis.findings.is_empty()));
        listed.extend(page.diagnoses.into_iter().map(|diagnosis| diagnosis.run_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }

    run_ids.reverse();
    run_ids.truncate(3);
    assert_eq!(listed, run_ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_and_causes_name_each_other() {
    let daemon = daemon(Config::default()).await;
    let mut checks = CheckServiceClient::new(daemon.channel.clone());
    let mut causes = CauseServiceClient::new(daemon.channel.clone());

    let listed = checks.list_checks(ListChecksRequest::default()).await.expect("it answers").into_inner().checks;
    let names: Vec<_> = listed.iter().map(|check| check.name.as_str()).collect();
    let connect =
        listed.iter().find(|check| check.name == "connect").unwrap_or_else(|| panic!("no connect: {names:?}"));
    let cause = causes.get_cause(GetCauseRequest { id: connect.causes[0].clone() }).await.expect("of the catalogue");
    let layer = ListCausesRequest { layer: "dns".into(), ..ListCausesRequest::default() };
    let dns = causes.list_causes(layer).await.expect("a layer").into_inner();

    assert!(cause.into_inner().cause.expect("always there").checks.contains(&"connect".to_owned()));
    assert_eq!((connect.origin.as_str(), connect.digest.len()), ("builtin", 64));
    assert!(
        dns.next_page_token.is_empty()
            && dns.causes.iter().all(|cause| cause.layer == "dns" && !cause.remedy.is_empty())
    );
    let status = causes.list_causes(ListCausesRequest { layer: "dsn".into(), ..ListCausesRequest::default() }).await;
    assert_eq!(violation(&status.expect_err("no such layer")).0, "layer");
}

#[tokio::test]
async fn a_walk_is_granted_where_its_check_was_named() {
    let daemon = daemon(Config::default()).await;
    // Bound and given back: nobody serves names there.
    let root = TcpListener::bind("127.0.0.1:0").await.and_then(|free| free.local_addr()).expect("a free port");
    let roots = CheckArgument { name: "roots".into(), value: root.to_string() };
    let walk = CheckSelection { name: "dns-walk".into(), arguments: vec![roots] };
    let request = DiagnoseRequest {
        checks: vec![walk],
        endpoints: vec![root.to_string()],
        budget: Some(prost_types::Duration { seconds: 3, nanos: 0 }),
        ..target("dns://www.example")
    };

    let mut stream = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();
    let diagnosis = finished(&mut stream).await;

    let walks: Vec<_> = diagnosis.evidence.iter().filter(|line| matches!(line.call, Some(Call::DnsWalk(_)))).collect();
    assert_eq!(walks.len(), 1, "{diagnosis:?}");
    let denied = |line: &Evidence| line.failure.as_ref().is_some_and(|failure| failure.error_type == "denied");
    assert!(!denied(walks[0]), "{:?}", walks[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_trace_is_joined() {
    let daemon = daemon(Config::default()).await;
    let mut request = Request::new(closed().await);
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.metadata_mut().insert("traceparent", header.parse().expect("ascii"));

    let mut stream = diagnoses(&daemon).diagnose(request).await.expect("it begins").into_inner();

    assert_eq!(finished(&mut stream).await.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_says_what_it_is() {
    let daemon = daemon(Config::default()).await;

    let info = DaemonServiceClient::new(daemon.channel.clone()).get_info(GetInfoRequest {}).await.expect("it answers");

    let info = info.into_inner();
    assert_eq!((info.pid, info.version.as_str()), (std::process::id(), env!("CARGO_PKG_VERSION")));
    assert!(info.network_namespace > 0 && info.mount_namespace > 0 && !info.kernel_release.is_empty());
    assert!(info.checks.iter().any(|check| check == "connect"), "{:?}", info.checks);
}
