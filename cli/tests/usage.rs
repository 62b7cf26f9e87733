//! What cannot be done is said in one line on stderr that quotes the value, with an empty stdout and exit code 2.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary in an environment without home, configuration or daemon.
fn sonde(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sonde"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the binary runs")
}

#[track_caller]
fn assert_refused(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.ends_with('\n'), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is missing in {stderr}");
    }
}

#[track_caller]
fn refuses(arguments: &[&str], parts: &[&str]) {
    assert_refused(&run(&mut sonde(arguments)), parts);
}

#[test]
fn no_command_at_all() {
    refuses(&[], &["diagnose", "check", "cause", "daemon"]);
}

#[test]
fn an_unknown_command() {
    refuses(&["diagnoes", "host"], &["\"diagnoes\"", "did you mean diagnose"]);
}

#[test]
fn an_unknown_subcommand() {
    refuses(&["check", "lst"], &["\"lst\"", "list"]);
}

#[test]
fn an_argument_that_is_no_text() {
    let mut command = sonde(&["diagnose"]);
    command.arg(std::ffi::OsStr::from_bytes(b"h\xff:80"));

    assert_refused(&run(&mut command), &["\"h\u{fffd}:80\"", "UTF-8"]);
}

#[test]
fn an_unknown_option() {
    refuses(&["diagnose", "host", "--netnss", "/x"], &["\"--netnss\"", "--netns"]);
}

#[test]
fn an_unknown_output_format() {
    refuses(&["diagnose", "host", "-o", "xml"], &["\"xml\"", "table, wide, json, jsonl, yaml"]);
}

#[test]
fn an_unknown_colour() {
    refuses(&["--color", "sometimes", "cause", "list"], &["\"sometimes\"", "auto, always, never"]);
}

#[test]
fn a_timeout_without_a_unit() {
    refuses(&["diagnose", "host", "--timeout", "15"], &["\"15\"", "15s"]);
}

#[test]
fn a_process_id_that_is_none() {
    refuses(&["diagnose", "host", "--pid", "0"], &["\"0\"", "--pid"]);
}

#[test]
fn a_parameter_without_a_value() {
    refuses(&["check", "run", "connect", "host", "--param", "attempts"], &["\"attempts\"", "NAME=VALUE"]);
}

#[test]
fn a_parameter_of_no_one_check() {
    refuses(&["diagnose", "host", "--param", "attempts=3"], &["\"attempts\"", "exactly one --check"]);
    refuses(
        &["diagnose", "host", "--check", "tls", "--check", "http", "--param", "attempts=3"],
        &["\"attempts\"", "not 2"],
    );
}

#[test]
fn two_places_to_measure_from() {
    refuses(&["--pid", "1", "diagnose", "host", "--netns", "/run/netns/blue"], &["--netns", "--pid"]);
}

#[test]
fn a_place_to_measure_from_where_nothing_is_measured() {
    refuses(&["cause", "list", "--netns", "/nope"], &["--netns", "sonde diagnose"]);
    refuses(&["check", "list", "--pid", "1"], &["--pid", "sonde check run"]);
    refuses(&["daemon", "run", "--netns", "/nope"], &["--netns"]);
}

#[test]
fn a_daemon_to_ask_where_none_is_asked() {
    refuses(&["daemon", "run", "--endpoint", "unix:/run/lab.sock"], &["--endpoint"]);
    refuses(&["man", "--context", "lab"], &["--context"]);
}

#[cfg(not(feature = "embedded"))]
#[test]
fn a_pure_client_without_a_daemon_advises_the_daemon_that_there_is() {
    refuses(&["daemon", "status"], &["no daemon", "start one with `sonded`"]);
}

#[test]
fn an_empty_target_is_not_taken_for_this_host() {
    refuses(&["diagnose", ""], &["\"\"", "TARGET", "HOST:PORT"]);
}

#[test]
fn one_target_too_many() {
    refuses(&["diagnose", "host", "host2"], &["\"host2\""]);
}

#[test]
fn a_missing_name() {
    refuses(&["cause", "explain"], &["<ID>"]);
}

#[test]
fn an_unknown_shell() {
    refuses(&["completions", "tcsh"], &["\"tcsh\"", "bash"]);
}

#[test]
fn an_endpoint_that_makes_no_sense() {
    refuses(
        &["--endpoint", "localhost:7667", "cause", "list"],
        &["\"localhost:7667\"", "http://HOST:PORT", "unix:/PATH"],
    );
}

#[test]
fn an_endpoint_with_a_port_out_of_range() {
    refuses(&["--endpoint", "http://localhost:70000", "cause", "list"], &["\"http://localhost:70000\""]);
}

#[test]
fn an_endpoint_where_nobody_listens() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let endpoint = format!("unix:{}", folder.path().join("nobody.sock").display());

    refuses(&["--endpoint", &endpoint, "diagnose", "host"], &[&endpoint, "No such file"]);
}

#[test]
fn an_endpoint_of_the_environment_where_nobody_listens() {
    // Bound and dropped, so that nobody listens there now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    let endpoint = format!("http://127.0.0.1:{port}");

    assert_refused(&run(sonde(&["cause", "list"]).env("SONDE_ENDPOINT", &endpoint)), &[&endpoint, "refused"]);
}

#[test]
fn an_endpoint_of_a_web_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("the client comes");
        let mut preface = [0; 24];
        client.read_exact(&mut preface).expect("it speaks first");
        client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").expect("it listens");
        // Until the client has read it and gone away.
        std::io::copy(&mut client, &mut std::io::sink()).ok();
    });

    refuses(&["--endpoint", &endpoint, "cause", "list"], &[&endpoint, "does not speak sonde's API", "--listen"]);
    server.join().expect("it served");
}

#[test]
fn an_endpoint_that_says_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));

    refuses(
        &["--endpoint", &endpoint, "daemon", "status"],
        &[&endpoint, "does not speak sonde's API", "no answer within 3s", "--listen"],
    );
}

#[test]
fn a_daemon_that_is_not_running() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let endpoint = format!("unix:{}", folder.path().join("sonde.sock").display());

    refuses(&["daemon", "status", "--endpoint", &endpoint], &[&endpoint]);
}

#[test]
fn an_unknown_configuration_key() {
    let output = run(sonde(&["cause", "list"]).env("SONDECONFIG", written("contxts = 1\n").path()));

    assert_refused(&output, &["contxts", "line 1", "contexts"]);
}

/// A configuration file that lives as long as the value.
struct Written(tempfile::TempDir);

impl Written {
    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("config.toml")
    }
}

fn written(text: &str) -> Written {
    let written = Written(tempfile::tempdir().expect("a temporary folder"));
    fs::write(written.path(), text).expect("it is ours");
    written
}

#[test]
fn a_configuration_that_is_no_toml() {
    let config = written("current-context = \"lab\n");

    assert_refused(&run(sonde(&["cause", "list"]).env("SONDECONFIG", config.path())), &["line 1", "config.toml"]);
}

#[test]
fn a_configuration_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");

    let named_folder = run(sonde(&["cause", "list"]).env("SONDECONFIG", folder.path()));
    let not_there = run(sonde(&["cause", "list"]).env("SONDECONFIG", folder.path().join("none.toml")));

    assert_refused(&named_folder, &[&folder.path().display().to_string()]);
    assert_refused(&not_there, &["none.toml", "No such file"]);
}

#[test]
fn an_unknown_context() {
    let config = written("[contexts.lab]\nendpoint = \"unix:/run/lab.sock\"\n");

    let output = run(sonde(&["cause", "list", "--context", "live"]).env("SONDECONFIG", config.path()));

    assert_refused(&output, &["\"live\"", "lab"]);
}

#[test]
fn a_context_whose_daemon_is_not_there() {
    let config = written("current-context = \"lab\"\n[contexts.lab]\nendpoint = \"unix:/nonexistent/lab.sock\"\n");

    let output = run(sonde(&["cause", "list"]).env("SONDECONFIG", config.path()));

    assert_refused(&output, &["unix:/nonexistent/lab.sock"]);
}

#[test]
fn a_manual_that_cannot_be_written() {
    refuses(&["man", "--out", "/nonexistent/folder"], &["\"/nonexistent/folder\""]);
}

#[test]
fn a_stdout_that_is_full() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("on Linux");

    let output = run(sonde(&["man"]).stdout(full));

    assert_refused(&output, &["stdout", "No space left"]);
}

#[test]
fn a_reader_that_goes_away_is_not_talked_about() {
    let mut child = sonde(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());

    let mut complaint = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut complaint).expect("text");
    let status = child.wait().expect("it ends");

    // The page may have fitted into the pipe before it was closed.
    assert!(matches!(status.code(), Some(0 | 141)), "{status:?}");
    assert_eq!(complaint, "");
}

#[test]
fn help_lists_exit_codes_environment_and_examples_on_stdout() {
    let output = run(&mut sonde(&["--help"]));

    let help = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    for part in ["Exit codes:", "SONDE_ENDPOINT", "NO_COLOR", "TRACEPARENT", "Examples:", "sonde diagnose https://"] {
        assert!(help.contains(part), "{part:?} is missing in {help}");
    }
    assert_eq!(help.contains("RUST_LOG"), cfg!(feature = "embedded"), "{help}");
}

#[test]
fn the_version_is_printed() {
    let output = run(&mut sonde(&["--version"]));

    assert_eq!(String::from_utf8_lossy(&output.stdout), concat!("sonde ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&mut sonde(&["completions", shell]));

        let script = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(script.contains("diagnose") && script.contains("netns"), "{shell}: {script}");
    }
}

#[test]
fn the_manual_is_printed_and_written_page_by_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");

    let printed = run(&mut sonde(&["man"]));
    let written = run(&mut sonde(&["man", "--out", &folder.path().display().to_string()]));

    assert!(String::from_utf8_lossy(&printed.stdout).contains(".TH sonde 1"), "{printed:?}");
    assert!(written.status.success() && written.stdout.is_empty(), "{written:?}");
    for page in ["sonde.1", "sonde-diagnose.1", "sonde-check-run.1", "sonde-daemon-status.1"] {
        assert!(
            is_filled(&folder.path().join(page)),
            "{page} in {:?}",
            fs::read_dir(folder.path()).map(Iterator::count)
        );
    }
}

fn is_filled(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 100)
}
