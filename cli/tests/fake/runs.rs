//! How runs end: by a verdict, a refusal, a silence, Ctrl-C, or a reader that goes away.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};

use sonde_proto::json;
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::{Diagnosis, DiagnosisEvent, GetInfoResponse, OnDisconnect, RunState, VerdictState};

use crate::daemon::{Behaviour, Daemon, RUN_ID, finished, sonde};

fn daemon(behaviour: Behaviour) -> Daemon {
    Daemon::start(behaviour, GetInfoResponse::default())
}

#[test]
fn the_exit_code_is_that_of_the_verdict_and_json_is_one_document() {
    for (state, code) in [(VerdictState::Healthy, 0), (VerdictState::Fault, 1), (VerdictState::Undecided, 1)] {
        let daemon = daemon(Behaviour::Ends(state));

        let output = sonde(&["diagnose", "-o", "json", "--endpoint", &daemon.endpoint()]).output().expect("it runs");

        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let printed: Diagnosis = json::from_str(&String::from_utf8_lossy(&output.stdout)).expect("one document");
        assert_eq!(printed, finished(state));
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn jsonl_is_one_event_on_each_line() {
    let daemon = daemon(Behaviour::Ends(VerdictState::Healthy));

    let output = sonde(&["diagnose", "-o", "jsonl", "--endpoint", &daemon.endpoint()]).output().expect("it runs");

    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let events: Vec<DiagnosisEvent> = lines.lines().map(|line| json::from_str(line).expect("an event")).collect();
    assert_eq!(events.len(), 2, "{output:?}");
}

#[test]
fn yaml_says_the_same_as_json() {
    let daemon = daemon(Behaviour::Ends(VerdictState::Healthy));

    let output = sonde(&["diagnose", "-o", "yaml", "--endpoint", &daemon.endpoint()]).output().expect("it runs");

    let value: serde_json::Value = serde_yaml_ng::from_slice(&output.stdout).expect("YAML");
    assert_eq!(value, json::to_value(&finished(VerdictState::Healthy)).expect("JSON"), "{output:?}");
}

#[test]
fn the_request_carries_target_budget_vantage_deadline_and_trace() {
    let daemon = daemon(Behaviour::Ends(VerdictState::Healthy));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let arguments = [
        "diagnose",
        "10.0.0.5:80",
        "--timeout",
        "4s",
        "--pid",
        "7",
        "--allow",
        "10.0.0.6:80",
        "--endpoint",
        &daemon.endpoint(),
    ];

    let output = sonde(&arguments).env("TRACEPARENT", parent).output().expect("it runs");

    let seen = daemon.seen();
    let request = seen.request.expect("it came");
    assert_eq!(request.target, "10.0.0.5:80", "{output:?}");
    assert_eq!(request.budget.map(|budget| (budget.seconds, budget.nanos)), Some((4, 0)));
    assert_eq!(request.vantage.and_then(|vantage| vantage.r#where), Some(sonde_proto::v1::vantage::Where::Pid(7)));
    assert_eq!(request.endpoints, ["10.0.0.6:80"]);
    assert_eq!(request.on_disconnect, i32::from(OnDisconnect::Cancel));
    assert_eq!(seen.traceparent.as_deref(), Some(parent));
    // A second more than the budget, so that a run which used it up can still say its verdict.
    assert_eq!(seen.timeout.as_deref(), Some("5000000u"));
}

#[test]
fn the_arguments_of_the_one_check_are_carried() {
    let daemon = daemon(Behaviour::Ends(VerdictState::Healthy));
    let arguments = ["diagnose", "--check", "connect", "--param", "attempts=3", "--endpoint", &daemon.endpoint()];

    let output = sonde(&arguments).output().expect("it runs");

    let checks = daemon.seen().request.expect("it came").checks;
    let [check] = checks.as_slice() else { panic!("not one check: {checks:?}, {output:?}") };
    let carried: Vec<_> = check.arguments.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
    assert_eq!((check.name.as_str(), carried), ("connect", vec![("attempts", "3")]));
}

#[test]
fn a_refusal_is_one_line_in_the_daemons_words() {
    let daemon = daemon(Behaviour::Refuses);

    let output = sonde(&["diagnose", "h:99999", "--endpoint", &daemon.endpoint()]).output().expect("it runs");

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(line, "error: parse the target \"h:99999\": write a port from 1 to 65535\n");
}

#[test]
fn a_stream_without_a_diagnosis_is_a_tool_error() {
    let daemon = daemon(Behaviour::Breaks);

    let output = sonde(&["diagnose", "--endpoint", &daemon.endpoint()]).output().expect("it runs");

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_silent_daemon_is_given_up_soon_after_the_budget() {
    let daemon = daemon(Behaviour::Hangs);

    let output =
        sonde(&["diagnose", "--timeout", "100ms", "--endpoint", &daemon.endpoint()]).output().expect("it runs");

    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty() && line.contains("100ms") && line.contains("--timeout"), "{output:?}");
}

#[test]
fn ctrl_c_cancels_the_run_and_prints_what_is_known() {
    let daemon = daemon(Behaviour::Hangs);
    let mut child = sonde(&["diagnose", "-o", "jsonl", "--endpoint", &daemon.endpoint()]).spawn().expect("it runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    // The first event shows that the run is followed, and Ctrl-C listened to.
    let mut first = String::new();
    stdout.read_line(&mut first).expect("a line");

    interrupt(&child);

    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(daemon.seen().cancelled, [RUN_ID]);
    let last: DiagnosisEvent = json::from_str(rest.trim_end()).expect("an event");
    let Some(Event::Finished(diagnosis)) = last.event else { panic!("another event: {last:?}") };
    assert_eq!(diagnosis.state(), RunState::Cancelled);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let daemon = daemon(Behaviour::Floods);
    let mut child = sonde(&["diagnose", "-o", "jsonl", "--endpoint", &daemon.endpoint()]).spawn().expect("it runs");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut first).expect("a line");

    let output = child.wait_with_output().expect("it ends");

    assert_eq!(output.status.code(), Some(141), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(status.success());
}
