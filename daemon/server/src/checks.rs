//! The checks of a daemon: the built-in ones, and those of the configured folder. A component that is none is a warning that names it,
//! never the end of the daemon.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sonde_host::{Check, Host, HostError, Origin};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::chain;

/// All of them, no two of one name; the built-in ones first, the others by file name.
pub(crate) async fn load(host: &Arc<Host>, folder: Option<&Path>) -> Result<Vec<Arc<Check>>, HostError> {
    // It waits for the guests' threads, for a few milliseconds, once.
    let mut checks = host.builtins()?;
    let Some(folder) = folder else { return Ok(checks) };
    for path in components(folder) {
        let check = match load_one(host, &path).await {
            Ok(check) => check,
            Err(problem) => {
                warn!(path = %path.display(), problem, "a check was not loaded");
                continue;
            }
        };
        if let Some(other) = checks.iter().find(|other| other.manifest.name == check.manifest.name) {
            let problem = format!("its name is {:?}, as that of another ({:?})", check.manifest.name, other.origin);
            warn!(path = %path.display(), problem, "a check was not loaded");
            continue;
        }
        info!(path = %path.display(), name = check.manifest.name, "check loaded");
        checks.push(check);
    }
    Ok(checks)
}

async fn load_one(host: &Host, path: &Path) -> Result<Arc<Check>, String> {
    let read = path.to_owned();
    let wasm = tokio::task::spawn_blocking(move || {
        let mut wasm = Vec::new();
        fs::File::open(&read)?.take(MOST_BYTES + 1).read_to_end(&mut wasm)?;
        std::io::Result::Ok(wasm)
    });
    let wasm = wasm.await.map_err(|error| error.to_string())?.map_err(|error| format!("it cannot be read: {error}"))?;
    match timeout(COMPILE, host.load(wasm, Origin::File(path.to_owned()))).await {
        Ok(loaded) => loaded.map_err(|error| chain(&error)),
        Err(_) => Err(format!("compiling it took over {COMPILE:?}")),
    }
}

/// The files `*.wasm` of the folder, by name.
fn components(folder: &Path) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            warn!(folder = %folder.display(), %error, "checks_directory cannot be read; no check of it is loaded");
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm") && path.is_file())
        .collect();
    paths.sort();
    if paths.len() > MOST_CHECKS {
        warn!(folder = %folder.display(), count = paths.len(), most = MOST_CHECKS, "checks_directory holds too many; the last by name are left out");
        paths.truncate(MOST_CHECKS);
    }
    paths
}

/// The host refuses larger ones with a message of its own.
const MOST_BYTES: u64 = 32 << 20;

/// Of the folder.
const MOST_CHECKS: usize = 256;

/// Bound of compiling one.
const COMPILE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_components_count_and_come_by_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["b.wasm", "a.wasm", "README.md"] {
            fs::write(folder.path().join(name), "").expect("it is ours");
        }
        fs::create_dir(folder.path().join("c.wasm")).expect("it is ours");

        let names: Vec<_> =
            components(folder.path()).iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();

        assert_eq!(names, ["a.wasm", "b.wasm"]);
    }

    #[test]
    fn a_folder_that_is_missing_has_none() {
        assert!(components(Path::new("/nonexistent")).is_empty());
    }
}
