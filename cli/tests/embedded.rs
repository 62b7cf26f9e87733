//! The daemon inside the client, and the client as the daemon: real runs on loopback, with no home to write to.
#![cfg(feature = "embedded")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use sonde_proto::json;
use sonde_proto::v1::{Diagnosis, ListCausesResponse, ListChecksResponse, RunState, VerdictState};

/// The binary in an environment where nothing exists that it could use.
fn sonde(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sonde"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    sonde(arguments).output().expect("the binary runs")
}

/// A loopback port where nobody listens: bound and given back.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// The folders of the built-in checks, by name.
fn plugins() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let folders = std::fs::read_dir(folder).expect("the plugins").filter_map(Result::ok);
    let checks = folders.filter(|entry| entry.path().join("Cargo.toml").exists());
    let mut names: Vec<String> = checks.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn diagnosis(output: &Output) -> Diagnosis {
    json::from_str(&String::from_utf8_lossy(&output.stdout)).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_closed_port_is_a_fault_and_exit_code_one() {
    let output = run(&["diagnose", &format!("127.0.0.1:{}", closed_port()), "-o", "json"]);

    let diagnosis = diagnosis(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(diagnosis.state(), RunState::Finished);
    let verdict = diagnosis.verdict.expect("a finished run has one");
    assert_eq!(verdict.state(), VerdictState::Fault);
    assert_eq!(verdict.causes.first().map(|cause| cause.cause.as_str()), Some("tcp.port_closed"), "{verdict:?}");
}

#[test]
fn an_open_port_is_healthy_and_exit_code_zero() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = listener.local_addr().expect("it is bound").to_string();

    let output = run(&["diagnose", &target]);

    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("healthy") && text.contains("in this process"), "{text}");
}

#[test]
fn a_diagnosis_leaves_nothing_behind_in_any_directory_it_is_told_of() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = sonde(&["diagnose", &format!("127.0.0.1:{}", closed_port()), "-o", "json"]);
    for name in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"] {
        command.env(name, home.path());
    }

    let output = command.current_dir(home.path()).output().expect("the binary runs");

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(std::fs::read_dir(home.path()).expect("it is ours").count(), 0, "{output:?}");
}

#[test]
fn a_silent_server_and_a_small_budget_still_give_one_document() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = format!("http://{}/", listener.local_addr().expect("it is bound"));

    let output = run(&["diagnose", &target, "-o", "json", "--timeout", "300ms"]);

    let diagnosis = diagnosis(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let verdict = diagnosis.verdict.expect("what is known by then is the answer");
    assert_eq!(verdict.state(), VerdictState::Undecided, "{verdict:?}");
}

#[test]
fn ctrl_c_ends_a_run_and_prints_what_is_known() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let target = format!("http://{}/", listener.local_addr().expect("it is bound"));
    let mut child = sonde(&["diagnose", &target, "-o", "jsonl"]).spawn().expect("the binary runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut first = String::new();
    stdout.read_line(&mut first).expect("a line");

    signal(&child, "INT");

    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest}");
    assert!(rest.lines().last().is_some_and(|line| line.contains("RUN_STATE_CANCELLED")), "{rest}");
}

#[test]
fn checks_and_causes_are_listed_in_every_format() {
    let checks: ListChecksResponse =
        json::from_str(&String::from_utf8_lossy(&run(&["check", "list", "-o", "json"]).stdout)).expect("JSON");
    let causes: ListCausesResponse =
        json::from_str(&String::from_utf8_lossy(&run(&["cause", "list", "-o", "json"]).stdout)).expect("JSON");
    let lines = run(&["cause", "list", "-o", "jsonl"]);

    let names: Vec<&str> = checks.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, plugins(), "every plugin is built in, by name");
    assert!(causes.causes.iter().any(|cause| cause.id == "fw.drop_remote"), "{causes:?}");
    assert_eq!(String::from_utf8_lossy(&lines.stdout).lines().count(), causes.causes.len(), "{lines:?}");
}

#[test]
fn a_check_and_a_cause_are_explained() {
    let check = run(&["check", "describe", "connect"]);
    let cause = run(&["cause", "explain", "tcp.port_closed"]);

    assert!(String::from_utf8_lossy(&check.stdout).contains("tcp.port_closed"), "{check:?}");
    assert!(String::from_utf8_lossy(&cause.stdout).contains("look-alikes"), "{cause:?}");
}

#[test]
fn one_check_runs_by_its_name() {
    let output = run(&["check", "run", "connect", &format!("127.0.0.1:{}", closed_port()), "-o", "json"]);

    let diagnosis = diagnosis(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(diagnosis.checks.iter().any(|check| check.check == "connect"), "{output:?}");
}

#[test]
fn what_the_daemon_refuses_is_one_line_that_quotes_the_value() {
    let not_wasm = tempfile::NamedTempFile::with_suffix(".wasm").expect("a temporary file");
    let not_wasm = not_wasm.path().display().to_string();
    let cases: [(&[&str], &str); 15] = [
        (&["diagnose", "http://"], "http://"),
        (&["diagnose", "localhost:99999"], "99999"),
        (&["diagnose", ":0"], ":0"),
        (&["diagnose", "pid://4194304"], "4194304"),
        (&["diagnose", "host", "--check", "conect"], "conect"),
        (&["diagnose", "host", "--allow", "nowhere"], "nowhere"),
        (&["diagnose", "host", "--netns", "/nonexistent/netns"], "/nonexistent/netns"),
        (&["diagnose", "host", "--pid", "4194304"], "4194304"),
        (&["check", "describe", "conect"], "conect"),
        (&["check", "run", "conect", "host"], "conect"),
        (&["check", "run", "connect", "host", "--param", "speed=9"], "speed"),
        (&["check", "run", &not_wasm, "host"], &not_wasm),
        (&["check", "run", "sysctl", "host"], "baseline"),
        (&["diagnose", "host", "--check", "sysctl", "--param", "baseline="], "baseline"),
        (&["cause", "explain", "fw.drop_remot"], "fw.drop_remot"),
    ];
    for (arguments, quoted) in cases {
        let output = run(arguments);

        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
        assert!(line.starts_with("error: ") && line.contains(quoted), "{arguments:?}: {line}");
    }
}

#[test]
fn an_unknown_layer_is_quoted_with_the_known_ones() {
    let output = run(&["cause", "list", "--layer", "osi9"]);

    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(line.contains("\"osi9\"") && line.contains("dns") && line.lines().count() == 1, "{line}");
}

#[test]
fn the_daemon_refuses_bad_configuration_in_one_line() {
    let config = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(config.path(), "[runs]\nbugdet = \"3s\"\n").expect("it is ours");
    let path = config.path().display().to_string();
    let cases: [(&[&str], &[&str]); 3] = [
        (&["daemon", "run", "--config", &path], &["bugdet", "line 2", "budget"]),
        (&["daemon", "run", "--config", "/nonexistent/sonded.toml"], &["/nonexistent/sonded.toml"]),
        (&["daemon", "run", "--listen", "0.0.0.0:7667"], &["0.0.0.0:7667", "loopback"]),
    ];
    for (arguments, parts) in cases {
        let output = run(arguments);

        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty() && line.lines().count() == 1, "{output:?}");
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
}

#[test]
fn the_client_is_a_daemon_too_and_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("sonde.sock");
    let endpoint = format!("unix:{}", socket.display());
    let mut daemon = sonde(&["daemon", "run", "--listen", &endpoint]).spawn().expect("the binary runs");
    let mut log = BufReader::new(daemon.stderr.take().expect("piped"));
    let mut line = String::new();
    // The log says when it listens; the daemon is ready soon after, and the socket queues until then.
    while !line.contains("listening") {
        line.clear();
        assert_ne!(log.read_line(&mut line).expect("text"), 0, "the daemon ended");
    }

    let status = run(&["daemon", "status", "-o", "json", "--endpoint", &endpoint]);
    let diagnosed = run(&["diagnose", &format!("127.0.0.1:{}", closed_port()), "--endpoint", &endpoint]);
    signal(&daemon, "TERM");
    let ended = daemon.wait().expect("it ends");

    assert!(status.status.success(), "{status:?}");
    assert_eq!(diagnosed.status.code(), Some(1), "{diagnosed:?}");
    let text = String::from_utf8_lossy(&diagnosed.stdout).into_owned();
    assert!(text.contains(&format!("in the daemon at {endpoint}")), "{text}");
    assert_eq!(ended.code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_no_obstacle() {
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o500)).expect("it is ours");
    let mut command = sonde(&["diagnose", &format!("127.0.0.1:{}", closed_port())]);

    let output = command.env("HOME", home.path()).current_dir(home.path()).output().expect("the binary runs");

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(is_empty(home.path()), "{output:?}");
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.expect("kill is there").success());
}

#[test]
fn the_help_of_running_the_daemon_lists_the_keys_of_its_configuration() {
    let output = run(&["daemon", "run", "--help"]);

    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(sonded::config::KEYS.iter().all(|(key, _)| text.contains(key)), "{text}");
}
