//! One interface of the guest contract is one module, with the same name, wherever it is implemented.

use std::fs;
use std::path::Path;

/// Interfaces without a module in `probe`: they measure nothing.
const UNMEASURED: &[&str] = &["types", "connection", "report", "log", "timer"];

/// What a component exports, not what it calls.
const EXPORTED: &[&str] = &["check"];

/// The interfaces that some WIT texts define.
pub(crate) fn interfaces<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    texts
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_prefix("interface ")?.split([' ', '{']).next().map(str::to_owned))
        .filter(|name| !EXPORTED.contains(&name.as_str()))
        .collect()
}

/// The interfaces of the guest contract below `root`.
pub(crate) fn of_contract(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(root.join("sdk/wit"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            texts.push(fs::read_to_string(path)?);
        }
    }
    let mut names = interfaces(texts.iter().map(String::as_str));
    names.sort();
    Ok(names)
}

/// Modules that are not there.
pub(crate) fn missing(interfaces: &[String], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut missing = Vec::new();
    for interface in interfaces {
        for source in ["daemon/probe/src", "daemon/host/src", "sdk/src"] {
            let needed = source != "daemon/probe/src" || !UNMEASURED.contains(&interface.as_str());
            let path = format!("{source}/{interface}.rs");
            if needed && !exists(&path) {
                missing.push(format!("{path} is missing: the interface {interface} has a module of that name there"));
            }
        }
    }
    missing
}
