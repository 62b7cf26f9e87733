//! cgroup ids to paths: the kernel names a socket's cgroup v2 by the inode of its directory, so one bounded walk over the mounted
//! tree knows them all. Where no tree is mounted, or a cgroup is gone, there is no path.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType};

use crate::cgroup_tree;
use crate::process::open_directory;
use crate::vantage::Procfs;

const MOST_DIRECTORIES: usize = 50_000;
const DEEPEST: usize = 32;

/// The paths, read when the first one is asked for.
pub(super) struct Cgroups<'a> {
    procfs: &'a Procfs,
    paths: Option<HashMap<u64, String>>,
}

impl<'a> Cgroups<'a> {
    pub(super) fn new(procfs: &'a Procfs) -> Self {
        Self { procfs, paths: None }
    }

    /// Empty where it is not known.
    pub(super) fn path(&mut self, id: u64) -> &str {
        if id == 0 {
            return "";
        }
        let paths = self.paths.get_or_insert_with(|| read(self.procfs));
        paths.get(&id).map_or("", String::as_str)
    }
}

fn read(procfs: &Procfs) -> HashMap<u64, String> {
    let mut paths = HashMap::new();
    if let Some(root) = cgroup_tree::unified(procfs) {
        visit(&root, "/", DEEPEST, &mut paths);
    }
    paths
}

fn visit(directory: &OwnedFd, path: &str, depth: usize, paths: &mut HashMap<u64, String>) {
    let Ok(inode) = rustix::fs::statat(directory, "", AtFlags::EMPTY_PATH).map(|stat| stat.st_ino) else { return };
    paths.insert(inode, path.to_owned());
    if depth == 0 {
        return;
    }
    let Ok(entries) = Dir::read_from(directory) else { return };
    for entry in entries.map_while(Result::ok) {
        if paths.len() >= MOST_DIRECTORIES {
            return;
        }
        let Ok(name) = entry.file_name().to_str() else { continue };
        if entry.file_type() != FileType::Directory || name == "." || name == ".." {
            continue;
        }
        if let Ok(child) = open_directory(directory, name) {
            visit(&child, &format!("{}/{name}", path.trim_end_matches('/')), depth - 1, paths);
        }
    }
}
