//! The rules: one dangerous vocabulary per crate. Each is a function from a graph to its breaches, one sentence each.

use super::graph::{Graph, Member};

/// Crates that only some packages of the workspace may name.
struct Reserved {
    what: &'static str,
    /// A final `*` stands for any ending.
    crates: &'static [&'static str],
    owners: &'static [&'static str],
    /// Package, crate, why.
    exceptions: &'static [(&'static str, &'static str, &'static str)],
}

const RESERVED: &[Reserved] = &[
    Reserved {
        what: "running guests",
        crates: &["wasmtime*", "cranelift*", "wasmparser", "wasi-common"],
        owners: &["sonde-host", "sonde-aot"],
        exceptions: &[],
    },
    Reserved {
        what: "touching the network",
        crates: &[
            "hickory*",
            "rustls*",
            "tokio-rustls",
            "x509-parser",
            "hyper",
            "hyper-util",
            "http-body-util",
            "netlink*",
            "rtnetlink",
            "rustix",
            "libc",
            "nix",
            "socket2",
            "mio",
            "reqwest",
            "trust-dns*",
            "pnet*",
        ],
        owners: &["sonde-probe"],
        exceptions: &[
            (
                "sonde-host",
                "rustix",
                "the CPU clock of a guest's thread, resource limits and the owner of the compilation cache; no sockets",
            ),
            ("sonded", "rustls", "installs the process's one TLS provider"),
            ("sonded", "hyper-util", "the in-memory channel of the embedded daemon"),
            ("sonde", "rustls", "installs the process's one TLS provider"),
            ("sonde", "hyper-util", "the in-memory and unix-socket channels to the daemon"),
        ],
    },
    Reserved {
        what: "the wire contract",
        crates: &["prost*", "tonic*", "protox"],
        owners: &["sonde-proto", "sonded", "sonde"],
        exceptions: &[],
    },
    Reserved { what: "exporting traces", crates: &["opentelemetry*"], owners: &["sonded"], exceptions: &[] },
    Reserved { what: "reading a command line", crates: &["clap*"], owners: &["sonded", "sonde"], exceptions: &[] },
    Reserved { what: "binding the guest contract", crates: &["wit-bindgen*"], owners: &["sonde-sdk"], exceptions: &[] },
];

/// What a package of the workspace may name of the workspace itself; those not listed may name nothing of it.
const ARROWS: &[(&str, &[&str])] = &[
    ("sonde-probe", &["sonde-core"]),
    ("sonde-builtins", &["sonde-aot"]),
    ("sonde-host", &["sonde-core", "sonde-probe", "sonde-aot", "sonde-builtins"]),
    ("sonded", &["sonde-core", "sonde-probe", "sonde-host", "sonde-proto"]),
    ("sonde", &["sonde-proto", "sonded"]),
];

/// All that `core` may name.
const PURE: &[&str] = &["serde", "serde_json", "thiserror", "url", "idna", "ipnet", "toml"];

/// What must not be in `core` even through others: runtimes, sockets, clocks, guests.
const IMPURE: &[&str] = &[
    "tokio*",
    "async-*",
    "futures*",
    "smol",
    "mio",
    "wasmtime*",
    "hyper*",
    "rustls*",
    "hickory*",
    "socket2",
    "rustix",
    "libc",
    "nix",
    "chrono",
    "jiff",
    "time",
    "getrandom",
    "tonic*",
    "prost*",
    "tracing*",
];

/// Every breach of every rule.
pub(crate) fn breaches(graph: &Graph) -> Vec<String> {
    [reserved, arrows, pure_core, plain_plugins, thin_client, tests_at_the_end]
        .iter()
        .flat_map(|rule| rule(graph))
        .collect()
}

fn reserved(graph: &Graph) -> Vec<String> {
    let mut breaches = Vec::new();
    for (package, member) in graph.members.iter().filter(|(_, member)| !of_tests(member)) {
        for rule in RESERVED.iter().filter(|rule| !rule.owners.contains(&package.as_str())) {
            for dependency in member
                .dependencies
                .iter()
                .filter(|dependency| rule.crates.iter().any(|one| fits(one, &dependency.name)))
            {
                if !rule.exceptions.iter().any(|(who, what, _)| who == package && *what == dependency.name) {
                    breaches.push(format!(
                        "{package} depends on {}: {} is for {} only",
                        dependency.name,
                        rule.what,
                        rule.owners.join(", ")
                    ));
                }
            }
        }
    }
    breaches
}

fn arrows(graph: &Graph) -> Vec<String> {
    let mut breaches = Vec::new();
    for (package, member) in graph.members.iter().filter(|(_, member)| !of_tests(member) && !is_plugin(member)) {
        let allowed = ARROWS.iter().find(|(from, _)| from == package).map_or(&[][..], |(_, to)| to);
        for dependency in member.dependencies.iter().filter(|dependency| graph.members.contains_key(&dependency.name)) {
            if !allowed.contains(&dependency.name.as_str()) {
                breaches.push(format!(
                    "{package} depends on {}: of the workspace it may name {allowed:?}",
                    dependency.name
                ));
            }
        }
    }
    breaches
}

fn pure_core(graph: &Graph) -> Vec<String> {
    let Some(core) = graph.members.get("sonde-core") else { return vec!["there is no sonde-core".to_owned()] };
    let foreign = core.dependencies.iter().filter(|dependency| !PURE.contains(&dependency.name.as_str()));
    let named = foreign.map(|dependency| format!("sonde-core depends on {}: it may name {PURE:?}", dependency.name));
    let pulled = graph.closure("sonde-core").into_iter().filter(|name| IMPURE.iter().any(|one| fits(one, name)));
    named.chain(pulled.map(|name| format!("sonde-core pulls in {name}: it has no async, no clock and no IO"))).collect()
}

fn plain_plugins(graph: &Graph) -> Vec<String> {
    let mut breaches = Vec::new();
    for (package, member) in graph.members.iter().filter(|(_, member)| is_plugin(member)) {
        for dependency in member.dependencies.iter().filter(|dependency| dependency.name != "sonde-sdk") {
            breaches.push(format!("{package} depends on {}: a check depends on sonde-sdk only", dependency.name));
        }
    }
    breaches
}

fn thin_client(graph: &Graph) -> Vec<String> {
    let Some(client) = graph.members.get("sonde") else { return vec!["there is no sonde".to_owned()] };
    let mut breaches = Vec::new();
    if client.dependencies.iter().any(|dependency| dependency.name == "sonded" && !dependency.optional) {
        breaches.push("sonde depends on sonded at all times: only its feature `embedded` may".to_owned());
    }
    for (feature, switched_on) in client.features.iter().filter(|(feature, _)| *feature != "embedded") {
        // Cargo writes an implicit feature `sonded` only where `dep:sonded` is never named.
        if switched_on.iter().any(|one| one == "dep:sonded" || one == "sonded" || one.starts_with("sonded/")) {
            breaches.push(format!("the feature {feature} of sonde switches on sonded: only `embedded` may"));
        }
    }
    breaches
}

fn tests_at_the_end(graph: &Graph) -> Vec<String> {
    let ends = |name: &str| graph.members.get(name).is_some_and(of_tests);
    let mut breaches = Vec::new();
    for (package, member) in graph.members.iter().filter(|(_, member)| !of_tests(member)) {
        for dependency in member.dependencies.iter().filter(|dependency| ends(&dependency.name)) {
            breaches.push(format!("{package} depends on {}: nothing depends on the tests", dependency.name));
        }
    }
    breaches
}

/// `tests` itself; its guests are checks like any other.
fn of_tests(member: &Member) -> bool {
    member.folder == "tests"
}

fn is_plugin(member: &Member) -> bool {
    member.folder.starts_with("plugins/") || member.folder.starts_with("tests/guests/")
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}
