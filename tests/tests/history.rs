//! A listener overflows, and is asked about when that is over: the real daemon, a namespace of the test's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use sonde_proto::v1::ListWatchedRequest;
use sonde_proto::v1::history_service_client::HistoryServiceClient;
use sonde_tests::binaries::{binary, can_make_namespaces};
use sonde_tests::daemon::Daemon;
use sonde_tests::process::{eventually, run};
use tonic::transport::Channel;

/// A network namespace with a loopback that is up.
struct Namespace(String);

impl Namespace {
    fn new() -> Self {
        let this = Self(format!("sondehist{}", std::process::id()));
        ip(&["netns", "add", &this.0]);
        ip(&["-n", &this.0, "link", "set", "lo", "up"]);
        this
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.0)
    }

    /// On a thread that ends inside.
    fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let path = self.path();
        let enter = move || {
            let file = std::fs::File::open(path).expect("the namespace");
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
            work()
        };
        std::thread::spawn(enter).join().expect("no panic")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "del", &self.0]).output());
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// A listener that never accepts, and far more connections than it has room for; the port.
fn overflow() -> u16 {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    listener.listen(2).expect("it listens");
    let address = listener.local_addr().expect("bound");
    let clients: Vec<Socket> = (0..150)
        .map(|_| {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            client.set_nonblocking(true).expect("nonblocking");
            // In progress.
            drop(client.connect(&address));
            client
        })
        .collect();
    // Their SYNs come again after a second, and again.
    std::thread::sleep(Duration::from_millis(3_500));
    drop(clients);
    address.as_socket().expect("an address").port()
}

fn sonde(daemon: &Daemon, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("sonde"));
    command.args(["--endpoint", &format!("http://{}", daemon.address())]).args(arguments);
    run(&mut command, Duration::from_mins(1)).expect("sonde ends")
}

#[test]
fn an_overflow_that_is_over_is_named_with_its_time() {
    if !can_make_namespaces() {
        return;
    }
    let namespace = Namespace::new();
    let daemon =
        Daemon::start(&format!("[recorder]\nstep = \"200ms\"\ncpu = \"500ms\"\nnamespaces = [{:?}]\n", namespace.0))
            .expect("a daemon");
    watched(&daemon, 3);
    let port = namespace.within(overflow);
    std::thread::sleep(Duration::from_secs(1));
    let at =
        String::from_utf8(Command::new("date").arg("+%H:%M:%S").output().expect("date runs").stdout).expect("text");

    let vantage = ["--netns", &namespace.path(), "-o", "json"];
    let target = format!(":{port}");
    let since = sonde(&daemon, &[&["diagnose", "--since", "1m", &target][..], &vantage].concat());
    let then = sonde(&daemon, &[&["diagnose", "--at", at.trim()][..], &vantage].concat());
    let live = sonde(&daemon, &[&["check", "run", "history", "host"][..], &vantage].concat());
    let early = sonde(&daemon, &[&["diagnose", "--at", "2020-01-01T00:00:00Z"][..], &vantage].concat());
    let map = sonde(&daemon, &[&["sockets", "heatmap", "--since", "1m"][..], &vantage].concat());
    let kept = sonde(&daemon, &["sockets", "watched", "-o", "json"]);

    for output in [&since, &then] {
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let cause = &told["verdict"]["causes"][0];
        assert_eq!(cause["cause"], "tcp.accept_queue_overflow", "{told:#}");
        assert_eq!(told["verdict"]["state"], "VERDICT_STATE_FAULT", "{told:#}");
        assert!(cause["culprit"]["object"].as_str().is_some_and(|object| object.ends_with(&target)), "{told:#}");
        assert!(cause["summary"].as_str().is_some_and(|summary| summary.contains("began ")), "{told:#}");
        assert_eq!(told["checks"].as_array().map(Vec::len), Some(1), "{told:#}");
    }
    let live: Value = serde_json::from_slice(&live.stdout).unwrap_or_else(|error| panic!("{error}: {live:?}"));
    assert!(live["checks"][0]["summary"].as_str().is_some_and(|summary| summary.contains("accept queue")), "{live:#}");
    assert_eq!(early.status.code(), Some(2), "{early:?}");
    assert!(String::from_utf8_lossy(&early.stderr).contains("what is kept is of"), "{early:?}");
    let map: Value = serde_json::from_slice(&map.stdout).unwrap_or_else(|error| panic!("{error}: {map:?}"));
    let row = map["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["key"][0] == "SYN-SENT"));
    assert_eq!(row.map(|row| row["key"][1].as_str()), Some(Some(&target[1..])), "{map:#}");
    let kept: Value = serde_json::from_slice(&kept.stdout).unwrap_or_else(|error| panic!("{error}: {kept:?}"));
    assert_eq!(
        (kept["step"].as_str(), kept["namespaces"].as_array().map(Vec::len)),
        (Some("0.200s"), Some(2)),
        "{kept:#}"
    );
}

/// Until the foreign namespace has so many steps.
fn watched(daemon: &Daemon, steps: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let address = format!("http://{}", daemon.address());
    eventually(Duration::from_secs(20), "a recording of both namespaces", || {
        let watched = runtime.block_on(async {
            let channel = Channel::from_shared(address.clone())?.connect().await?;
            let mut client = HistoryServiceClient::new(channel);
            anyhow::Ok(client.list_watched(ListWatchedRequest {}).await?.into_inner())
        })?;
        Ok(watched.namespaces.len() == 2 && watched.namespaces.iter().all(|namespace| namespace.fine_steps >= steps))
    })
    .unwrap_or_else(|error| panic!("{error:#}: {}", daemon.log()));
}
