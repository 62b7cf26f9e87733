//! The flight recorder over the in-memory channel: what it keeps, what is said without one, and a run on time that is over.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::diagnosis_service_client::DiagnosisServiceClient;
use sonde_proto::v1::history_service_client::HistoryServiceClient;
use sonde_proto::v1::{
    CheckSelection, DiagnoseRequest, Diagnosis, GetHeatmapRequest, GetHistoryRequest, ListWatchedRequest, Period,
    SeriesKind, VerdictState,
};
use sonded::config::{Config, Recorder};
use sonded::{Embedded, embedded, embedded_recording, embedded_tables};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Steps of a tenth of a second.
async fn recording() -> Embedded {
    let recorder = Recorder { step: Duration::from_millis(100), ..Recorder::default() };
    embedded_recording(Config { recorder, ..Config::default() }).await.expect("it starts")
}

fn history(daemon: &Embedded) -> HistoryServiceClient<Channel> {
    HistoryServiceClient::new(daemon.channel.clone())
}

/// Until so many steps are kept.
async fn recorded(daemon: &Embedded, steps: u64) {
    let enough = async {
        loop {
            let watched = history(daemon).list_watched(ListWatchedRequest {}).await.expect("an answer").into_inner();
            if watched.namespaces.iter().any(|namespace| namespace.fine_steps >= steps) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), enough).await.expect("it records");
}

#[expect(clippy::disallowed_methods, reason = "a test's own clock")]
fn ago(seconds: i64) -> prost_types::Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    prost_types::Timestamp { seconds: now.cast_signed() - seconds, nanos: 0 }
}

async fn diagnosed(daemon: &Embedded, request: DiagnoseRequest) -> Result<Diagnosis, Status> {
    let mut client = DiagnosisServiceClient::new(daemon.channel.clone());
    let mut events = client.diagnose(request).await?.into_inner();
    while let Some(response) = timeout(Duration::from_secs(20), events.message()).await.expect("in time")? {
        if let Some(Event::Finished(diagnosis)) = response.event.and_then(|event| event.event) {
            return Ok(*diagnosis);
        }
    }
    panic!("the stream ended without a diagnosis")
}

fn of(from: prost_types::Timestamp, to: Option<prost_types::Timestamp>) -> DiagnoseRequest {
    DiagnoseRequest {
        target: "host".into(),
        period: Some(Period { from: Some(from), to }),
        ..DiagnoseRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_and_sockets_are_kept_and_cost_is_told() {
    let daemon = recording().await;
    recorded(&daemon, 5).await;

    let names = vec!["Tcp.CurrEstab".into(), "Ip.DefaultTTL".into()];
    let period = Some(Period { from: Some(ago(20)), to: None });
    let request = GetHistoryRequest { names, period, points: 3_600, ..GetHistoryRequest::default() };
    let told =
        history(&daemon).get_history(request).await.expect("it is kept").into_inner().recording.expect("numbers");
    let map = history(&daemon).get_heatmap(GetHeatmapRequest::default()).await.expect("it is kept").into_inner();
    let watched = history(&daemon).list_watched(ListWatchedRequest {}).await.expect("an answer").into_inner();

    let gauge = told.series.iter().find(|series| series.key == ["Tcp.CurrEstab"]).expect("a gauge");
    assert!(gauge.kind() == SeriesKind::Gauge && gauge.points.len() >= 5, "{gauge:?}");
    assert!(told.series.iter().any(|series| series.key == ["Ip.DefaultTTL"]), "{told:?}");
    assert!(map.present_only.is_empty() && map.covered.is_some(), "{map:?}");
    assert!(map.rows.iter().all(|row| row.key.len() == 2 && row.counts.len() == map.columns.len()), "{map:?}");
    let own = &watched.namespaces[0];
    assert!(own.bytes > 0 && own.cpu.is_some_and(|cpu| cpu.nanos > 0), "{own:?}");
    assert_eq!(watched.limit_bytes, 64 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_the_past_makes_only_checks_that_can_judge_it() {
    let daemon = recording().await;
    recorded(&daemon, 10).await;

    let diagnosis = diagnosed(&daemon, of(ago(60), None)).await.expect("it is kept");

    let checks: Vec<_> = diagnosis.checks.iter().map(|run| run.check.as_str()).collect();
    assert_eq!(checks, ["history"], "{diagnosis:?}");
    assert!(diagnosis.period.is_some() && !diagnosis.evidence.is_empty());
    assert_ne!(diagnosis.verdict.expect("a verdict").state(), VerdictState::Unspecified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_the_past_of_its_namespace_and_a_destination_that_of_its_connections() {
    let recorder =
        Recorder { step: Duration::from_millis(100), cpu: Duration::from_millis(500), ..Recorder::default() };
    let daemon = embedded_recording(Config { recorder, ..Config::default() }).await.expect("it starts");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let _held: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(address).expect("connected")).collect();
    recorded(&daemon, 20).await;

    let ask = |target: String| diagnosed(&daemon, DiagnoseRequest { target, ..of(ago(60), None) });
    let process = ask(format!("pid://{}", std::process::id())).await.expect("its namespace is recorded");
    let peer = ask(format!("tcp://{address}")).await.expect("it is kept");
    let name = ask(format!("tcp://database.example:{}", address.port())).await.expect("it is kept");
    let datagrams = ask(format!("udp://{address}")).await.expect("that of its namespace is kept");

    for diagnosis in [&process, &peer, &name, &datagrams] {
        assert_eq!(diagnosis.checks.len(), 1, "{diagnosis:?}");
    }
    let note = process.checks[0].notes.iter().find(|note| note.name == "of").expect("whose past it is");
    assert!(note.text.contains("not processes"), "{note:?}");
    assert!(peer.checks[0].notes.iter().any(|note| note.name == "ESTAB"), "{peer:?}");
    assert!(
        name.checks[0].summary.contains("keeps addresses") && name.checks[0].summary.contains("127.0.0.1"),
        "{name:?}"
    );
    assert_eq!(datagrams.verdict.as_ref().expect("a verdict").state(), VerdictState::Undecided);
    assert!(datagrams.checks[0].summary.contains("keeps no datagrams"), "{datagrams:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_is_not_kept_or_lies_ahead_is_refused_with_what_is_kept() {
    let daemon = recording().await;
    recorded(&daemon, 2).await;

    let ahead = diagnosed(&daemon, of(ago(-3_600), None)).await.expect_err("it lies ahead");
    let before = diagnosed(&daemon, of(ago(7_200), Some(ago(3_600)))).await.expect_err("it was not recorded");
    let checks = vec![CheckSelection { name: "listener".into(), arguments: vec![] }];
    let present = diagnosed(&daemon, DiagnoseRequest { checks, ..of(ago(1), None) }).await.expect_err("of the present");

    assert_eq!(ahead.code(), Code::InvalidArgument);
    assert!(ahead.message().contains("in the future"), "{ahead}");
    assert_eq!(before.code(), Code::FailedPrecondition);
    assert!(before.message().contains("what is kept is of 20"), "{before}");
    assert!(present.message().contains("history"), "{present}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_recorder_the_present_is_shown_and_the_past_refused() {
    let daemon = embedded(Config::default()).await.expect("it starts");
    let tables = embedded_tables().await.expect("it starts");

    let refused = diagnosed(&daemon, of(ago(600), None)).await.expect_err("nothing is recorded");
    let map = history(&tables).get_heatmap(GetHeatmapRequest::default()).await.expect("the present").into_inner();
    let past =
        GetHeatmapRequest { period: Some(Period { from: Some(ago(60)), to: None }), ..GetHeatmapRequest::default() };
    let past = history(&tables).get_heatmap(past).await.expect_err("nothing is recorded");
    let names = GetHistoryRequest { names: vec!["Tcp.CurrEstab".into()], ..GetHistoryRequest::default() };
    let counters = history(&tables).get_history(names).await.expect_err("nothing is recorded");
    let live = diagnosed(&daemon, DiagnoseRequest { period: None, ..of(ago(0), None) }).await.expect("it runs");

    for status in [&refused, &past, &counters] {
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        assert!(status.message().contains("sonde daemon run"), "{status}");
    }
    assert!(map.present_only.contains("sonde daemon run") && map.columns.len() <= 1, "{map:?}");
    let run = live.checks.iter().find(|run| run.check == "history").expect("it serves the host");
    assert!(run.summary.contains("no recorder here"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let daemon = embedded_tables().await.expect("it starts");

    let columns = GetHeatmapRequest { columns: 1, ..GetHeatmapRequest::default() };
    let columns = history(&daemon).get_heatmap(columns).await.expect_err("one column is no time");
    let both = GetHeatmapRequest { by: vec![3, 4], ..GetHeatmapRequest::default() };
    let both = history(&daemon).get_heatmap(both).await.expect_err("they are counted apart");
    let none = history(&daemon).get_history(GetHistoryRequest::default()).await.expect_err("nothing is named");

    assert!(columns.message().contains("1 columns"), "{columns}");
    assert!(both.message().contains("ask for one"), "{both}");
    assert!(none.message().contains("give 1 to 64"), "{none}");
}
