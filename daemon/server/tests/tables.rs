//! The services of the kernel's tables over the in-memory channel: rows against sockets of this process, what is refused and how, and
//! the ends of streams.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use sonde_proto::v1::counter_service_client::CounterServiceClient;
use sonde_proto::v1::socket_service_client::SocketServiceClient;
use sonde_proto::v1::{
    CensusKey, CountSocketsRequest, ListListenersRequest, ListSocketsRequest, ListingSummary, Socket, SocketFilter,
    Vantage, WatchCountersRequest, vantage,
};
use sonded::{Embedded, embedded, embedded_tables};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

async fn tables() -> Embedded {
    embedded_tables().await.expect("it starts")
}

fn sockets(daemon: &Embedded) -> SocketServiceClient<Channel> {
    SocketServiceClient::new(daemon.channel.clone())
}

fn counters(daemon: &Embedded) -> CounterServiceClient<Channel> {
    CounterServiceClient::new(daemon.channel.clone())
}

/// A listener and `count` connections to it, both ends ours.
fn connections(count: usize) -> (u16, Vec<TcpStream>, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(TcpStream::connect(address).expect("a connection"));
        held.push(listener.accept().expect("accepted").0);
    }
    (address.port(), held, listener)
}

/// Those of [`connections`]: an earlier connection of anybody's may still have the port in TIME-WAIT, where a listener may take it.
fn at_port(port: u16) -> SocketFilter {
    let states = vec!["ESTAB".into(), "LISTEN".into()];
    SocketFilter { protocols: vec!["tcp".into()], port: port.into(), states, ..SocketFilter::default() }
}

async fn listed(daemon: &Embedded, request: ListSocketsRequest) -> (Vec<usize>, Vec<Socket>, ListingSummary) {
    let mut stream = sockets(daemon).list_sockets(request).await.expect("it begins").into_inner();
    let (mut sizes, mut all) = (Vec::new(), Vec::new());
    loop {
        let batch = timeout(Duration::from_secs(20), stream.message()).await.expect("in time").expect("no error");
        let batch = batch.unwrap_or_else(|| panic!("no summary behind {} rows", all.len()));
        let rows = batch.sockets().expect("rows");
        if let Some(summary) = batch.summary {
            assert!(matches!(stream.message().await, Ok(None)), "the summary is the last message");
            return (sizes, all, summary);
        }
        sizes.push(rows.len());
        all.extend(rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_come_in_batches_with_a_summary_behind_them() {
    let daemon = tables().await;
    let (port, _held, _listener) = connections(400);

    let (sizes, rows, summary) =
        listed(&daemon, ListSocketsRequest { filter: Some(at_port(port)), ..ListSocketsRequest::default() }).await;

    assert_eq!((rows.len(), summary.sent, summary.limited), (801, 801, false));
    assert_eq!(sizes, [512, 289]);
    let ends: Vec<String> = rows.iter().filter(|row| row.state == "ESTAB").map(|row| row.local.clone()).collect();
    assert_eq!(ends.len(), 800);
    assert!(rows.iter().all(|row| row.protocol == "tcp" && row.info.is_none() && row.owners.is_empty()), "{rows:?}");
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn details_come_only_when_they_are_asked_for() {
    let daemon = tables().await;
    let (port, mut held, _listener) = connections(1);
    std::io::Write::write_all(&mut held[0], b"12345").expect("sent");
    let request = ListSocketsRequest {
        filter: Some(SocketFilter { states: vec!["established".into()], ..at_port(port) }),
        with_info: true,
        with_details: true,
        with_processes: true,
        ..ListSocketsRequest::default()
    };

    let (_, rows, _) = listed(&daemon, request).await;

    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in &rows {
        let info = row.info.as_ref().expect("an info");
        assert_eq!((info.state.as_str(), row.congestion.is_empty()), ("ESTAB", false), "{row:?}");
        assert!(row.flow.as_ref().is_some_and(|flow| flow.congestion_window > 0), "{row:?}");
        assert!(row.memory.is_some_and(|memory| memory.receive_buffer_bytes > 0) && row.cookie != 0, "{row:?}");
        assert_eq!(row.owners[0].pid, std::process::id(), "{row:?}");
    }
    let receiver = rows.iter().find(|row| row.receive_queue == 5).expect("the one that has not read");
    assert_eq!(receiver.info.as_ref().map(|info| info.bytes_received), Some(5));
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_ends_a_listing_and_says_so() {
    let daemon = tables().await;
    let (port, _held, _listener) = connections(10);
    let request = ListSocketsRequest { filter: Some(at_port(port)), limit: 3, ..ListSocketsRequest::default() };

    let (_, rows, summary) = listed(&daemon, request).await;

    assert_eq!((rows.len(), summary.sent, summary.limited), (3, 3, true));
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_by_field() {
    let daemon = tables().await;
    let odd = SocketFilter { states: vec!["OPEN".into()], ..SocketFilter::default() };
    let at = |path: &str| Some(Vantage { r#where: Some(vantage::Where::NetnsPath(path.into())) });
    for (request, code, word) in [
        (ListSocketsRequest { filter: Some(odd), ..ListSocketsRequest::default() }, Code::InvalidArgument, "\"OPEN\""),
        (
            ListSocketsRequest { vantage: at("blue"), ..ListSocketsRequest::default() },
            Code::InvalidArgument,
            "\"blue\"",
        ),
        (
            ListSocketsRequest { vantage: at("/run/netns/no-such"), ..ListSocketsRequest::default() },
            Code::FailedPrecondition,
            "no-such",
        ),
    ] {
        let status = sockets(&daemon).list_sockets(request).await.map(drop).expect_err("refused");
        assert_eq!(status.code(), code, "{status:?}");
        assert!(status.message().contains(word) && status.get_error_details().error_info().is_some(), "{status:?}");
    }
    let of_nobody = Some(SocketFilter { pid: u32::MAX, ..SocketFilter::default() });
    let request = ListSocketsRequest { filter: of_nobody, ..ListSocketsRequest::default() };
    let mut stream = sockets(&daemon).list_sockets(request).await.expect("it begins").into_inner();
    let status = stream.message().await.expect_err("no such process");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().contains("no process 4294967295"), "{status:?}");
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_counted_by_keys() {
    let daemon = tables().await;
    let (port, _held, _listener) = connections(5);
    let request = CountSocketsRequest {
        filter: Some(at_port(port)),
        by: vec![CensusKey::State.into(), CensusKey::Pid.into()],
        ..CountSocketsRequest::default()
    };

    let census = sockets(&daemon).count_sockets(request).await.expect("a census").into_inner();

    let pid = std::process::id().to_string();
    let groups: Vec<_> = census.groups.iter().map(|group| (group.key.join(" "), group.count)).collect();
    assert_eq!(groups, [(format!("ESTAB {pid}"), 10), (format!("LISTEN {pid}"), 1)]);
    assert_eq!(census.total, 11);
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_come_with_their_process_and_the_limit_of_backlogs() {
    let daemon = tables().await;
    let (port, _held, _listener) = connections(0);
    let request = ListListenersRequest { port: port.into(), ..ListListenersRequest::default() };

    let found = sockets(&daemon).list_listeners(request).await.expect("listeners").into_inner();

    assert_eq!(found.listeners.len(), 1, "{found:?}");
    assert_eq!(found.listeners[0].process.as_ref().map(|process| process.pid), Some(std::process::id()));
    assert!(found.somaxconn.is_some_and(|most| most > 0), "{found:?}");
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_move_between_two_looks() {
    let daemon = tables().await;
    let request = WatchCountersRequest {
        interval: Some(prost_types::Duration { seconds: 0, nanos: 200_000_000 }),
        count: 1,
        names: vec!["tcp.activeopens".into(), "sockstat.tcp.".into()],
        ..WatchCountersRequest::default()
    };
    let mut looks = counters(&daemon).watch_counters(request).await.expect("it begins").into_inner();

    let first = looks.message().await.expect("no error").expect("the first look");
    let _held = connections(3);
    let second = looks.message().await.expect("no error").expect("the second look");

    assert!(first.elapsed.is_none() && first.readings.iter().all(|reading| reading.delta == 0), "{first:?}");
    assert!(first.readings.iter().any(|reading| reading.name == "sockstat.TCP.inuse" && reading.gauge), "{first:?}");
    let opens = second.readings.iter().find(|reading| reading.name == "Tcp.ActiveOpens").expect("it moved");
    assert!(opens.delta >= 3 && opens.rate > 3.0 && !opens.gauge, "{second:?}");
    // From one reading to the next: the first one took longer, so that it is a little less than the interval.
    assert!(second.elapsed.is_some_and(|elapsed| elapsed.nanos >= 150_000_000), "{second:?}");
    assert!(matches!(looks.message().await, Ok(None)), "one look was asked for");
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_watch() {
    let daemon = tables().await;
    let mut request = Request::new(WatchCountersRequest::default());
    request.set_timeout(Duration::from_millis(300));
    let mut looks = counters(&daemon).watch_counters(request).await.expect("it begins").into_inner();

    looks.message().await.expect("no error").expect("the first look");
    let status = timeout(Duration::from_secs(5), looks.message()).await.expect("in time").expect_err("too late");

    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_out_of_range_is_refused() {
    let daemon = tables().await;
    for (seconds, nanos) in [(0, 0), (0, 99_999_999), (3_601, 0), (-1, 0), (1, i32::MIN)] {
        let interval = Some(prost_types::Duration { seconds, nanos });
        let request = WatchCountersRequest { interval, ..WatchCountersRequest::default() };
        let status = counters(&daemon).watch_counters(request).await.map(drop).expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains("100ms to 1h"), "{status:?}");
    }
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_give_their_places_back() {
    let daemon = tables().await;
    let (_port, _held, _listener) = connections(4_000);
    // More than may list at one time, each gone after its first batch.
    for _ in 0..20 {
        let mut stream =
            sockets(&daemon).list_sockets(ListSocketsRequest::default()).await.expect("it begins").into_inner();
        timeout(Duration::from_secs(10), stream.message()).await.expect("in time").expect("no error").expect("rows");
    }
    daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_daemon_serves_them_too() {
    let daemon = embedded(sonded::config::Config::default()).await.expect("it starts");
    let (port, _held, _listener) = connections(1);

    let (_, rows, _) =
        listed(&daemon, ListSocketsRequest { filter: Some(at_port(port)), ..ListSocketsRequest::default() }).await;

    assert_eq!(rows.len(), 3);
    daemon.shutdown().await;
}
