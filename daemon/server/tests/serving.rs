//! A daemon on real sockets: who may come in, and how it ends.

use std::path::PathBuf;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use sonde_proto::v1::daemon_service_client::DaemonServiceClient;
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::diagnosis_service_client::DiagnosisServiceClient;
use sonde_proto::v1::{DiagnoseRequest, GetInfoRequest, RunState};
use sonded::config::{Config, Listen};
use sonded::{Overrides, StartError, embedded, serve};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint, Uri};

async fn connect(path: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    for _ in 0..500 {
        if let Ok(channel) = Endpoint::from_static("http://sonde.local").connect_with_connector(connector.clone()).await
        {
            return channel;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the daemon does not listen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_serves_until_told_to_stop_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run/sonde.sock");
    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    let overrides = Overrides { listen: vec![Listen::Unix(path.clone())] };
    serving.spawn(serve(Config::default(), overrides, async { drop(stopped.await) }));
    let channel = connect(path.clone()).await;
    let info = DaemonServiceClient::new(channel.clone()).get_info(GetInfoRequest {}).await.expect("it answers");
    assert_eq!(info.into_inner().pid, std::process::id());
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = format!("http://{}/", silent.local_addr().expect("it is bound"));
    let request = DiagnoseRequest { target, ..DiagnoseRequest::default() };
    let mut stream = DiagnosisServiceClient::new(channel).diagnose(request).await.expect("it begins").into_inner();
    stream.message().await.expect("it started");

    stop.send(()).expect("it waits for it");

    let mut last = None;
    while let Ok(Some(response)) = timeout(Duration::from_secs(5), stream.message()).await.expect("it ends in time") {
        last = response.event.and_then(|event| event.event);
    }
    assert!(
        matches!(&last, Some(Event::Finished(diagnosis)) if diagnosis.state() == RunState::Cancelled),
        "the client learns how its run ended: {last:?}"
    );
    let ended = timeout(Duration::from_secs(10), serving.join_next()).await.expect("in time").expect("it was spawned");
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    assert!(!path.exists(), "the socket goes with its daemon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_taken_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let overrides = Overrides { listen: vec![Listen::Tcp(address)] };

    let error = serve(Config::default(), overrides, std::future::pending()).await.expect_err("it is taken");

    assert!(matches!(error, StartError::Bind(_)), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_in_the_checks_folder_does_not_keep_the_daemon_from_its_checks() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("broken.wasm"), "no component").expect("it is ours");
    let config = Config { checks_directory: Some(folder.path().to_owned()), ..Config::default() };

    let daemon = embedded(config).await.expect("it starts");

    let info = DaemonServiceClient::new(daemon.channel.clone()).get_info(GetInfoRequest {}).await.expect("it answers");
    let checks = info.into_inner().checks;
    assert!(checks.contains(&"connect".to_owned()) && !checks.contains(&"broken".to_owned()), "{checks:?}");
    daemon.shutdown().await;
}
