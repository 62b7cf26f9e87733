//! Which daemon is asked.

use std::os::unix::fs::MetadataExt as _;

use sonde_proto::v1::{GetInfoResponse, VerdictState};

use crate::daemon::{Behaviour, Daemon, sonde};

fn here() -> GetInfoResponse {
    let inode = |name: &str| std::fs::metadata(format!("/proc/self/ns/{name}")).expect("on Linux").ino();
    GetInfoResponse {
        version: "9.9.9".into(),
        network_namespace: inode("net"),
        mount_namespace: inode("mnt"),
        ..GetInfoResponse::default()
    }
}

#[test]
fn an_unnamed_daemon_in_the_same_namespaces_is_asked() {
    let daemon = Daemon::start(Behaviour::Ends(VerdictState::Healthy), here());

    let output = sonde(&["diagnose"]).env("XDG_RUNTIME_DIR", daemon.runtime_directory()).output().expect("it runs");

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(daemon.seen().request.is_some());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&format!("in the daemon at {}", daemon.endpoint())), "{text}");
}

#[test]
fn an_unnamed_daemon_in_another_namespace_is_not_asked() {
    let elsewhere = GetInfoResponse { network_namespace: 1, ..here() };
    let daemon = Daemon::start(Behaviour::Ends(VerdictState::Healthy), elsewhere);

    // Offline, so that a daemon inside this process has nothing to wait for.
    let output = sonde(&["diagnose", "dns://", "--timeout", "1s"])
        .env("XDG_RUNTIME_DIR", daemon.runtime_directory())
        .output()
        .expect("it runs");

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(daemon.seen().request.is_none());
}

#[test]
fn a_named_daemon_is_asked_wherever_it_is() {
    let elsewhere = GetInfoResponse { network_namespace: 1, ..here() };
    let daemon = Daemon::start(Behaviour::Ends(VerdictState::Fault), elsewhere);

    let output = sonde(&["diagnose"]).env("SONDE_ENDPOINT", daemon.endpoint()).output().expect("it runs");

    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn the_option_comes_before_the_environment_and_that_before_the_file() {
    let [option, environment, file] = [VerdictState::Healthy, VerdictState::Fault, VerdictState::Fault]
        .map(|state| Daemon::start(Behaviour::Ends(state), here()));
    let configuration = file.runtime_directory().join("config.toml");
    let text = format!("current-context = \"lab\"\n[contexts.lab]\nendpoint = \"{}\"\n", file.endpoint());
    std::fs::write(&configuration, text).expect("it is ours");
    let run = |arguments: &[&str], environment_endpoint: &str| {
        let mut command = sonde(arguments);
        command.env("SONDECONFIG", &configuration).env("SONDE_ENDPOINT", environment_endpoint);
        command.output().expect("it runs")
    };

    let by_option = run(&["diagnose", "--endpoint", &option.endpoint()], &environment.endpoint());
    assert_eq!(by_option.status.code(), Some(0), "{by_option:?}");
    assert!(environment.seen().request.is_none() && file.seen().request.is_none());

    let by_environment = run(&["diagnose"], &environment.endpoint());
    assert!(environment.seen().request.is_some(), "{by_environment:?}");
    assert!(file.seen().request.is_none());

    let by_context = run(&["diagnose", "--context", "lab"], &environment.endpoint());
    assert!(file.seen().request.is_some(), "{by_context:?}");
}

#[test]
fn the_status_of_an_unnamed_daemon_is_shown_wherever_it_is() {
    let daemon = Daemon::start(Behaviour::Hangs, GetInfoResponse { mount_namespace: 1, ..here() });

    let output =
        sonde(&["daemon", "status"]).env("XDG_RUNTIME_DIR", daemon.runtime_directory()).output().expect("it runs");

    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("sonded 9.9.9"), "{output:?}");
}
