//! A user's own component: run from a file, and from the daemon's folder of checks.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use sonde_tests::binaries::binary;
use sonde_tests::daemon::Daemon;
use sonde_tests::guests::component;
use sonde_tests::process::run;

#[test]
fn the_smallest_check_runs_from_its_file() {
    let wasm = component("hello").expect("the guest builds");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let open = listener.local_addr().expect("bound").to_string();

    let output = sonde(&["check", "run", &wasm.display().to_string(), &open, "-o", "json"]);

    let text = show(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("accepts connections"), "{text}");
}

#[test]
fn the_smallest_check_reports_its_own_cause_and_cites_its_dial() {
    let wasm = component("hello").expect("the guest builds");
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.local_addr().expect("bound").to_string()
    };

    let output = sonde(&["check", "run", &wasm.display().to_string(), &closed, "-o", "json"]);

    let text = show(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("vendor.hello.unreachable"), "{text}");
}

#[test]
fn a_component_in_the_daemons_folder_is_listed_and_runs_beside_the_built_in_ones() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(component("hello").expect("the guest builds"), folder.path().join("hello.wasm")).expect("copied");
    std::fs::write(folder.path().join("broken.wasm"), b"not wasm").expect("written");
    let daemon = Daemon::start(&format!("checks_directory = \"{}\"\n", folder.path().display()))
        .expect("a bad component is no reason not to start");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let open = listener.local_addr().expect("bound").to_string();
    let endpoint = format!("http://{}", daemon.address());

    let listed = sonde(&["--endpoint", &endpoint, "check", "list", "-o", "json"]);
    let diagnosed = sonde(&["--endpoint", &endpoint, "diagnose", &open, "-o", "json"]);

    let (listed, diagnosed) = (show(&listed), show(&diagnosed));
    assert!(listed.contains("\"hello\"") && listed.contains("\"connect\""), "{listed}");
    assert!(diagnosed.contains("accepts connections") && diagnosed.contains("\"connect\""), "{diagnosed}");
    assert!(daemon.log().contains("broken.wasm"), "the log names the file that is no component: {}", daemon.log());
}

#[test]
fn a_file_that_is_no_component_is_one_clear_line() {
    let file = tempfile::Builder::new().suffix(".wasm").tempfile().expect("a temporary file");
    std::fs::write(file.path(), b"not wasm").expect("written");
    let path = file.path().display().to_string();

    let output = sonde(&["check", "run", &path, "tcp://127.0.0.1:1"]);

    let text = show(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).trim_end().lines().count() == 1,
        "{text}"
    );
}

fn sonde(arguments: &[&str]) -> Output {
    run(Command::new(binary("sonde")).args(arguments), Duration::from_secs(40)).expect("sonde ends")
}

fn show(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
