//! Peers' clients against our API: grpcurl by reflection, and Python code generated from `proto/`.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use sonde_tests::binaries::tool;
use sonde_tests::daemon::Daemon;
use sonde_tests::process::run;

#[test]
fn grpcurl_lists_the_services_by_reflection_and_diagnoses() {
    let Some(grpcurl) = tool("grpcurl") else { return };
    let daemon = Daemon::start("").expect("the daemon starts");
    let call = |args: &[&str]| succeed(Command::new(&grpcurl).arg("-plaintext").args(args));

    let listed = call(&[&daemon.address(), "list"]);
    let answer = call(&["-d", &closed_port_request(), &daemon.address(), "sonde.v1.DiagnosisService/Diagnose"]);

    for service in ["DiagnosisService", "CheckService", "CauseService", "DaemonService"] {
        assert!(listed.contains(&format!("sonde.v1.{service}")), "{listed}");
    }
    assert!(listed.contains("grpc.health.v1.Health"), "{listed}");
    assert!(answer.contains("\"state\": \"VERDICT_STATE_FAULT\"") && answer.contains("tcp.port_closed"), "{answer}");
}

#[test]
fn grpcurl_shows_which_field_of_a_bad_request_is_wrong() {
    let Some(grpcurl) = tool("grpcurl") else { return };
    let daemon = Daemon::start("").expect("the daemon starts");
    let mut command = Command::new(&grpcurl);
    command.args(["-plaintext", "-d", r#"{"target":"tcp://host:99999"}"#, &daemon.address()]);
    command.arg("sonde.v1.DiagnosisService/Diagnose");

    let output = run(&mut command, PATIENCE).expect("grpcurl ends");

    let text = show(&output);
    assert!(!output.status.success() && text.contains("InvalidArgument") && text.contains("99999"), "{text}");
    assert!(text.contains("\"field\": \"target\""), "the details decode: {text}");
}

#[test]
fn a_python_client_generated_from_the_protos_reads_the_whole_stream() {
    let Some(python) = tool("venv/bin/python") else { return };
    let daemon = Daemon::start("").expect("the daemon starts");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command.arg(here.join("python/diagnose.py")).arg(here.join("../proto")).arg(daemon.address());
    command.arg(format!("tcp://127.0.0.1:{}", unused_port()));

    let answer: Value = serde_json::from_str(&succeed(&mut command)).expect("one JSON line");

    let events: Vec<_> = answer["events"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(events.first(), Some(&"started"), "{answer}");
    assert_eq!(events.last(), Some(&"finished"), "{answer}");
    assert!(events.contains(&"evidence") && events.contains(&"finding"), "{answer}");
    assert_eq!(answer["diagnosis"]["verdict"]["causes"][0]["cause"], "tcp.port_closed", "{answer}");
}

fn closed_port_request() -> String {
    format!(r#"{{"target":"tcp://127.0.0.1:{}"}}"#, unused_port())
}

fn unused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn succeed(command: &mut Command) -> String {
    let output = run(command, PATIENCE).expect("the client ends");
    assert!(output.status.success(), "{}", show(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn show(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const PATIENCE: Duration = Duration::from_mins(1);
