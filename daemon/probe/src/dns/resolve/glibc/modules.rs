//! The sources of nsswitch that are installed here but not followed: `myhostname`, `mdns4_minimal`, `resolve` and the like.
//!
//! One that is not installed is a failure of its own to getaddrinfo (`EBUSY`, nss/nsswitch.c); one that is says that the name is
//! not its business, which is what it says of most names. What it would say of its own (`.local`, the host's name) and what
//! systemd-resolved would say is not told: the walk goes on to `dns`.

use std::path::Path;

use super::answer::Outcome;
use super::errors::HErrno;
use crate::dns::config::{Source, Status};
use crate::vantage::Vantage;

/// Where the dynamic loader looks; `libnss_NAME.so.2` is there or in a folder below that is named for an architecture.
const FOLDERS: [&str; 4] = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];
/// A distribution has two or three of them.
const MOST_ENTRIES: usize = 4096;

/// The names of those that are installed.
pub(super) async fn installed(vantage: &Vantage, sources: &[Source]) -> Vec<String> {
    let own = |name: &str| matches!(name, "files" | "dns") || name.contains('/');
    let others: Vec<String> = sources.iter().map(|source| source.name.clone()).filter(|name| !own(name)).collect();
    if others.is_empty() {
        return others;
    }
    // What cannot be looked for counts as not installed.
    vantage.inspect(move || others.into_iter().filter(|name| is_installed(name)).collect()).await.unwrap_or_default()
}

/// What an installed one says of a name that is not its business.
pub(super) fn pass(name: &str) -> Outcome {
    match name {
        "myhostname" | "mymachines" | "wins" | "db" => Outcome::without(Status::NotFound, HErrno::HostNotFound),
        // mdns4_minimal and its kin, and whatever has a service that may not run.
        _ => Outcome::without(Status::Unavail, HErrno::NoRecovery),
    }
}

fn is_installed(name: &str) -> bool {
    let file = format!("libnss_{name}.so.2");
    FOLDERS.into_iter().map(Path::new).any(|folder| folder.join(&file).exists() || is_below(folder, &file))
}

fn is_below(folder: &Path, file: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let for_architecture = |name: &str| name.contains("-linux-gnu");
    entries
        .take(MOST_ENTRIES)
        .flatten()
        .any(|entry| entry.file_name().to_str().is_some_and(for_architecture) && entry.path().join(file).exists())
}
