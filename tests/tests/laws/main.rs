//! The dependency law of the workspace, from `cargo metadata`, and proof that each of its rules can be broken.

mod graph;
mod modules;
mod rules;

use std::path::Path;

use cargo_metadata::MetadataCommand;

use graph::{Dependency, Graph, Member};
use rules::breaches;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace")
}

fn workspace() -> Graph {
    // Of this platform only: what others pull in is not downloaded, and the law asks for no network.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked", "--offline", "--filter-platform", &platform].map(str::to_owned))
        .exec()
        .expect("cargo metadata reads the workspace");
    Graph::of(&metadata)
}

#[test]
fn the_workspace_keeps_the_law() {
    let graph = workspace();
    assert!(graph.members.len() >= 12, "only {:?}", graph.members.keys());
    let breaches = breaches(&graph);
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_interface_has_its_modules() {
    let interfaces = modules::of_contract(root()).expect("the contract can be read");
    assert!(interfaces.len() >= 8, "only {interfaces:?}");
    let missing = modules::missing(&interfaces, |path| root().join(path).is_file());
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_missing_module_is_noticed() {
    let interfaces = modules::interfaces(["package a:b;\ninterface dial {\n}\ninterface log { }\ninterface check {\n"]);
    assert_eq!(interfaces, ["dial", "log"]);
    let missing = modules::missing(&interfaces, |path| path.starts_with("sdk/"));
    let paths: Vec<_> = missing.iter().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(paths, ["daemon/probe/src/dial.rs", "daemon/host/src/dial.rs", "daemon/host/src/log.rs"]);
}

/// A small workspace that keeps the law.
fn lawful() -> Graph {
    let mut graph = Graph::default();
    for (name, folder, dependencies) in [
        ("sonde-core", "daemon/core", &["serde"][..]),
        ("sonde-probe", "daemon/probe", &["sonde-core", "hickory-proto"]),
        ("sonde-aot", "daemon/aot", &["wasmtime"]),
        ("sonde-host", "daemon/host", &["sonde-probe", "wasmtime", "rustix"]),
        ("sonde-proto", "proto", &["prost", "tonic"]),
        ("sonded", "daemon/server", &["sonde-host", "tonic", "rustls"]),
        ("sonde", "cli", &["sonde-proto", "clap"]),
        ("sonde-sdk", "sdk", &["wit-bindgen"]),
        ("sonde-check-tls", "plugins/tls", &["sonde-sdk"]),
        ("sonde-guest-hello", "tests/guests/hello", &["sonde-sdk"]),
        ("sonde-tests", "tests", &["sonde-proto", "tonic", "socket2"]),
    ] {
        let dependencies = dependencies.iter().map(|&name| dependency(name)).collect();
        graph.members.insert(name.to_owned(), Member { folder: folder.to_owned(), dependencies, ..Member::default() });
    }
    graph.member("sonde").dependencies.insert(Dependency { name: "sonded".to_owned(), optional: true });
    graph.member("sonde").features.insert("embedded".to_owned(), vec!["dep:sonded".to_owned()]);
    graph
}

fn dependency(name: &str) -> Dependency {
    Dependency { name: name.to_owned(), optional: false }
}

impl Graph {
    fn member(&mut self, name: &str) -> &mut Member {
        self.members.get_mut(name).expect("a member")
    }
}

/// The breaches after `package` gained `gained`.
fn after(package: &str, gained: &str) -> Vec<String> {
    let mut graph = lawful();
    graph.member(package).dependencies.insert(dependency(gained));
    breaches(&graph)
}

#[test]
fn a_lawful_workspace_has_no_breach() {
    assert_eq!(breaches(&lawful()), [] as [String; 0]);
}

#[test]
fn each_forbidden_dependency_is_a_breach() {
    for (package, gained) in [
        ("sonde-core", "tokio"),
        ("sonde-core", "rand"),
        ("sonde-core", "sonde-probe"),
        ("sonde-probe", "wasmtime-wasi"),
        ("sonde-probe", "prost"),
        ("sonde-probe", "sonde-host"),
        ("sonde-host", "hickory-proto"),
        ("sonde-host", "socket2"),
        ("sonde-host", "tonic"),
        ("sonde-host", "opentelemetry_sdk"),
        ("sonded", "wasmtime"),
        ("sonded", "libc"),
        ("sonde", "rustix"),
        ("sonde", "sonde-host"),
        ("sonde", "wit-bindgen"),
        ("sonde-proto", "sonde-core"),
        ("sonde-proto", "clap"),
        ("sonde-sdk", "sonde-core"),
        ("sonde-check-tls", "serde"),
        ("sonde-guest-hello", "sonde-core"),
        ("sonded", "sonde-tests"),
    ] {
        let breaches = after(package, gained);
        let named = breaches.iter().any(|breach| breach.starts_with(&format!("{package} depends on {gained}:")));
        assert!(named, "{package} gained {gained}: {breaches:?}");
    }
}

#[test]
fn an_exception_is_for_its_package_only() {
    assert!(after("sonde-host", "rustix").is_empty());
    assert!(!after("sonde-proto", "rustix").is_empty());
}

#[test]
fn what_core_pulls_in_through_others_counts() {
    let mut graph = lawful();
    graph.pulls.insert("sonde-core".to_owned(), ["serde".to_owned()].into());
    graph.pulls.insert("serde".to_owned(), ["tokio-util".to_owned()].into());
    assert_eq!(breaches(&graph), ["sonde-core pulls in tokio-util: it has no async, no clock and no IO"]);
}

#[test]
fn the_client_reaches_the_daemon_only_through_its_feature() {
    assert!(!after("sonde", "sonded").is_empty(), "at all times");
    let mut graph = lawful();
    graph.member("sonde").features.insert("full".to_owned(), vec!["dep:sonded".to_owned()]);
    assert_eq!(breaches(&graph), ["the feature full of sonde switches on sonded: only `embedded` may"]);
}
