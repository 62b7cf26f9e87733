//! A case as written in `tests/personality/*.toml`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::rule::Script;

/// One look-up: the files and variables of its host, what the servers do, and the name.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// The name that is looked up.
    pub query: String,
    /// 4 or 6: only addresses of that family are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<u8>,
    /// `/etc/resolv.conf`.
    #[serde(default = "one_server")]
    pub resolv: String,
    /// `/etc/hosts`.
    #[serde(default = "localhost")]
    pub hosts: String,
    /// `/etc/nsswitch.conf`.
    #[serde(default = "files_then_dns")]
    pub nsswitch: String,
    /// `/etc/host.conf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_conf: Option<String>,
    /// Files of `/etc` that are not there: `resolv.conf`, `hosts`, `nsswitch.conf`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// The environment beyond `PATH` and `HOME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The host's own name.
    #[serde(default = "hostname")]
    pub hostname: String,
    /// The servers' scripts, [`super::rule`]; an address of resolv.conf that is missing here swallows everything.
    #[serde(default)]
    pub server: BTreeMap<IpAddr, Vec<String>>,
    /// The personalities that are compared; by default all three.
    #[serde(default = "everyone")]
    pub only: Vec<String>,
    /// Personalities that begin with a server drawn by lot: any of them is as good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any_first_server: Vec<String>,
    /// One of the dozen that run with the ordinary tests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
}

impl Case {
    /// Its scripts, parsed.
    pub fn scripts(&self) -> Result<BTreeMap<IpAddr, Script>> {
        self.server.iter().map(|(address, lines)| Ok((*address, Script::parse(lines)?))).collect()
    }

    /// The name as part of a file name.
    pub fn slug(&self) -> String {
        let mut slug = String::new();
        for c in self.name.chars().filter(char::is_ascii) {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(100);
        slug.trim_matches('-').to_owned()
    }

    fn check(&self) -> Result<()> {
        ensure!(matches!(self.family, None | Some(4 | 6)), "the family should be 4 or 6");
        for personality in self.only.iter().chain(&self.any_first_server) {
            ensure!(everyone().contains(personality), "{personality:?} should be glibc, musl or go");
        }
        for file in &self.without {
            let known = ["resolv.conf", "hosts", "nsswitch.conf"];
            ensure!(known.contains(&file.as_str()), "{file:?} should be one of {known:?}");
        }
        self.scripts().map(drop)
    }
}

/// Reads every `*.toml` of a folder, in the order of their names.
pub fn load(dir: &Path) -> Result<Vec<Case>> {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .with_context(|| format!("read {}", dir.display()))?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    paths.sort();
    let mut all: Vec<Case> = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)?;
        let file: File = toml::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        for case in file.case {
            case.check().with_context(|| format!("{}: {:?}", path.display(), case.name))?;
            ensure!(all.iter().all(|c| c.slug() != case.slug()), "two cases are named {:?}", case.name);
            all.push(case);
        }
    }
    Ok(all)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// The personalities that have an original here.
pub fn everyone() -> Vec<String> {
    ["glibc", "musl", "go"].map(str::to_owned).to_vec()
}

/// `/etc/hosts` where a case says nothing.
pub fn localhost() -> String {
    "127.0.0.1 localhost\n::1 localhost\n".to_owned()
}

/// `/etc/nsswitch.conf` where a case says nothing.
pub fn files_then_dns() -> String {
    "hosts: files dns\n".to_owned()
}

/// The host's name where a case says nothing.
pub fn hostname() -> String {
    "sandbox".to_owned()
}

fn one_server() -> String {
    "nameserver 10.53.0.1\n".to_owned()
}
