//! A scenario as written in `tests/lab/*.toml`.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One fault, or one healthy baseline.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// A sentence.
    pub name: String,
    /// What is diagnosed, with words in braces; `{pid}` is the process of the service that was started last.
    pub target: String,
    /// Only this check, and what it builds on.
    pub check: Option<String>,
    /// Arguments of that check, `idle=2s`.
    #[serde(default)]
    pub param: Vec<String>,
    /// Variables of the environment it is asked in, `http_proxy=http://{dns}:3128`.
    #[serde(default)]
    pub environment: Vec<String>,
    /// Where from: `client`, `server` or `dns`.
    #[serde(default = "client")]
    pub from: String,
    /// The cause that must be named first; absent: the verdict must be healthy, or, with `never` alone, anything but those.
    pub cause: Option<String>,
    /// Other ids that are as right from this viewpoint.
    #[serde(default)]
    pub or: Vec<String>,
    /// Ids that must not be named: this scenario looks like them.
    #[serde(default)]
    pub never: Vec<String>,
    /// Nothing is wrong: no cause may be named.
    #[serde(default)]
    pub healthy: bool,
    /// Something is wrong, and nothing that can be seen from there tells what: no cause may be named, nor all be well.
    #[serde(default)]
    pub undecided: bool,
    /// The client's resolv.conf; by default the lab's own name server.
    pub resolv: Option<String>,
    /// What runs.
    #[serde(default)]
    pub service: Vec<Service>,
    /// What breaks it; left out when injection is off.
    #[serde(default)]
    pub inject: Vec<Injection>,
}

/// A program of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The namespace.
    pub on: String,
    /// The command when nothing is injected; empty: not started.
    pub run: String,
    /// The command while the fault is injected, where it differs; empty: not started.
    pub fault: Option<String>,
    /// Wait until this TCP port listens, or `ADDRESS:PORT` where several of them listen in the namespace.
    pub port: Option<String>,
}

/// Something that breaks a network.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// The namespace.
    pub on: String,
    /// Shell commands run inside it.
    pub sh: Option<String>,
    /// An nftables ruleset loaded inside it.
    pub nft: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

/// Reads every `*.toml` of a folder, in the order of their names.
pub fn load(dir: &Path) -> Result<Vec<Scenario>> {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .with_context(|| format!("read {}", dir.display()))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)?;
        let file: File = toml::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        all.extend(file.scenario);
    }
    Ok(all)
}

fn client() -> String {
    "client".to_owned()
}
