//! `sonde sockets`, `listeners` and `counters` with the daemon inside: real sockets of this process, every format, and what is refused.
#![cfg(feature = "embedded")]

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use sonde_proto::json;
use sonde_proto::v1::{
    CountSocketsResponse, ListListenersResponse, ListSocketsResponse, Socket, WatchCountersResponse,
};

/// The binary in an environment where nothing exists that it could use.
fn sonde(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sonde"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").current_dir("/");
    command.stdin(Stdio::null()).output().expect("the binary runs")
}

#[track_caller]
fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A listener with one connection to it.
fn connection() -> (String, TcpListener, [TcpStream; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).expect("a connection");
    let server = listener.accept().expect("accepted").0;
    (address.port().to_string(), listener, [client, server])
}

#[test]
fn sockets_are_listed_in_every_format() {
    let (port, _listener, _held) = connection();
    let ask = |format: &str| {
        text(&sonde(&["sockets", "-t", "--port", &port, "--state", "ESTAB", "--state", "LISTEN", "-o", format]))
    };

    let document: ListSocketsResponse = json::from_str(&ask("json")).expect("the canonical message");
    let rows = document.sockets().expect("rows");
    let lines = ask("jsonl");
    let table = ask("table");

    assert_eq!((rows.len(), document.summary.map(|summary| summary.sent)), (3, Some(3)));
    assert!(rows.iter().all(|row| row.protocol == "tcp" && row.local.starts_with("127.0.0.1:")), "{rows:?}");
    assert_eq!(lines.lines().filter(|line| json::from_str::<Socket>(line).is_ok()).count(), 3, "{lines}");
    assert!(table.starts_with("NETID STATE") && table.lines().count() == 4, "{table}");
    assert!(ask("yaml").contains("protocol: tcp"));
    assert!(ask("wide").contains("sk:"));
}

#[test]
fn no_socket_is_an_empty_list() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let ask = |format: &str| {
        text(&sonde(&["sockets", "-t", "--state", "LISTEN", "--local", &format!(":{port}"), "-o", format]))
    };

    let value: serde_json::Value = serde_json::from_str(&ask("json")).expect("JSON");

    assert_eq!(value["sockets"].as_array().map(Vec::len), Some(0), "{value}");
    assert_eq!(ask("jsonl"), "");
    assert_eq!(ask("table"), "no socket passes\n");
}

#[test]
fn a_connection_shows_its_holder_and_the_kernels_figures() {
    let (port, _listener, _held) = connection();

    let table = text(&sonde(&["sockets", "--peer", &format!("127.0.0.1:{port}"), "-p", "-i", "-m", "-d"]));

    let own = format!("({}, fd ", std::process::id());
    for part in [own.as_str(), "skmem:(r0,rb", " rtt:", " cwnd:", " ino:", "ESTAB"] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
}

#[test]
fn a_census_is_the_largest_group_first() {
    let (port, _listener, _held) = connection();

    let states = ["--state", "ESTAB", "--state", "LISTEN"];
    let output =
        sonde(&[&["sockets", "-t", "--port", &port, "--top", "state,port", "-o", "json"][..], &states].concat());

    let census: CountSocketsResponse = json::from_str(&text(&output)).expect("the canonical message");
    let keys: Vec<&str> = census.groups.iter().map(|group| group.key[0].as_str()).collect();
    assert_eq!(census.total, 3);
    assert!(keys.contains(&"LISTEN") && keys.contains(&"ESTAB"), "{census:?}");
}

#[test]
fn listeners_are_found_by_port() {
    let (port, _listener, _held) = connection();

    let found: ListListenersResponse =
        json::from_str(&text(&sonde(&["listeners", &port, "-o", "json"]))).expect("the canonical message");
    let table = text(&sonde(&["listeners", &port]));

    assert_eq!(found.listeners.len(), 1);
    assert!(table.contains(&format!("127.0.0.1:{port}")) && table.contains("BACKLOG"), "{table}");
}

#[test]
fn counters_are_values_and_with_watch_what_moves() {
    let values: WatchCountersResponse =
        json::from_str(&text(&sonde(&["counters", "Tcp.", "-o", "json"]))).expect("the canonical message");
    let moved = text(&sonde(&["counters", "--watch=100ms", "-n", "2", "-o", "jsonl"]));
    let table = text(&sonde(&["counters", "ActiveOpens"]));

    assert!(values.readings.iter().any(|reading| reading.name == "Tcp.ActiveOpens"), "{values:?}");
    assert!(moved.lines().all(|line| line.contains("\"delta\"")), "{moved}");
    assert!(table.contains("Tcp.ActiveOpens"), "{table}");
}

#[test]
fn a_listing_into_a_closed_pipe_ends_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sonde"))
        .args(["sockets", "-x", "-o", "jsonl"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());

    let output = child.wait_with_output().expect("it ends");

    assert!(output.stderr.is_empty(), "{output:?}");
    assert!(matches!(output.status.code(), Some(0 | 141)), "{output:?}");
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    for (arguments, part) in [
        (&["sockets", "--state", "OPEN"][..], "\"OPEN\""),
        (&["sockets", "--local", "ten"], "\"ten\""),
        (&["sockets", "--device", "no-such"], "\"no-such\""),
        (&["sockets", "--of", "4194304"], "no process 4194304"),
        (&["sockets", "-x", "--port", "80"], "unix sockets"),
        (&["sockets", "--port", "0"], "0"),
        (&["sockets", "--top", "colour"], "colour"),
        (&["sockets", "--watch", "1ms"], "100ms"),
        (&["sockets", "--netns", "/run/netns/no-such"], "no-such"),
        (&["listeners", "99999"], "99999"),
        (&["counters", "--watch=2h"], "1h"),
    ] {
        let output = sonde(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}

#[test]
fn without_a_daemon_nothing_is_watched_and_that_is_said() {
    assert_eq!(text(&sonde(&["sockets", "watched", "-o", "json"])).trim(), "{}");
    assert!(text(&sonde(&["sockets", "watched"])).contains("nothing is recorded here"));
    let placed = sonde(&["sockets", "watched", "--pid", "1"]);
    assert_eq!(placed.status.code(), Some(2), "{placed:?}");
    assert!(String::from_utf8_lossy(&placed.stderr).contains("--pid means nothing to this command"), "{placed:?}");
}
