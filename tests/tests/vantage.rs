//! A run measures from another namespace than the daemon's.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sonde_tests::binaries::{binary, can_make_namespaces};
use sonde_tests::lab::topology::Topology;
use sonde_tests::process::run;

#[test]
fn a_named_network_namespace_is_diagnosed_from_outside() {
    if !can_make_namespaces() {
        return;
    }
    let mut lab = Topology::new(31).expect("the lab stands");
    let target = lab.names.fill("tcp://{server}:{port}").expect("known words");
    serve(&mut lab);
    let path = format!("/run/netns/{}", lab.namespace("client"));

    let inside = diagnose(&["--netns", &path, &target]);

    let inode = |path: &str| std::fs::metadata(path).map(|m| m.ino().to_string()).expect("a namespace has an inode");
    assert_eq!(inside["verdict"]["state"], "VERDICT_STATE_HEALTHY", "{inside:#}");
    assert_eq!(inside["networkNamespace"], inode(&path).as_str());
    assert_ne!(inside["networkNamespace"], inode("/proc/thread-self/ns/net").as_str());
    let evidence = inside["evidence"].as_array().expect("evidence");
    assert!(!evidence.is_empty() && evidence.iter().all(|e| e["networkNamespace"] == inside["networkNamespace"]));
}

#[test]
fn the_network_and_the_resolver_of_a_process_are_used() {
    if !can_make_namespaces() {
        return;
    }
    let mut lab = Topology::new(32).expect("the lab stands");
    let target = lab.names.fill("dns://{name}").expect("known words");
    let unbound =
        lab.names.fill("sh {lab_dir}/unbound.sh {dir} {dns} good {zone} {name} {server}").expect("known words");
    lab.start("dns", &unbound).expect("unbound starts");
    lab.wait_for_port("dns", "53").expect("unbound listens");
    let pid = lab.start("client", "sleep 120").expect("sleep starts");
    // `unshare` and `mount` come first: the process has its own resolv.conf once it is `sleep`.
    sonde_tests::process::eventually(Duration::from_secs(5), "the process became sleep", || {
        Ok(std::fs::read_to_string(format!("/proc/{pid}/comm"))?.trim() == "sleep")
    })
    .expect("sleep runs");

    let answer = diagnose(&["--pid", &pid.to_string(), &target]);

    assert_eq!(answer["verdict"]["state"], "VERDICT_STATE_HEALTHY", "{answer:#}");
}

#[test]
fn a_vantage_that_cannot_be_entered_is_one_clear_line() {
    let output = sonde(&["--netns", "/run/netns/no-such-namespace", "tcp://127.0.0.1:1"]);

    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("/run/netns/no-such-namespace") && output.stdout.is_empty(), "{stderr}");
}

fn serve(lab: &mut Topology) {
    let nginx = lab.names.fill("sh {lab_dir}/nginx.sh {dir} {server}:{port} - 200").expect("known words");
    let port = lab.names.get("port").to_owned();
    lab.start("server", &nginx).expect("nginx starts");
    lab.wait_for_port("server", &port).expect("nginx listens");
}

fn diagnose(arguments: &[&str]) -> Value {
    let output = sonde(arguments);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn sonde(arguments: &[&str]) -> std::process::Output {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(binary("sonde"));
    command.args(["diagnose", "-o", "json"]).args(arguments);
    command.env("HOME", home.path()).env_remove("XDG_RUNTIME_DIR");
    run(&mut command, Duration::from_secs(40)).expect("sonde ends")
}
