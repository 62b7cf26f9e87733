//! Where a vantage keeps what its resolvers read, and what system it is: paths, links, release, C libraries, names.
//!
//! To be called inside the vantage. Everything is bounded; what is missing is simply absent.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::resolv::text;
use crate::vantage::{Procfs, Vantage, read_bounded};

/// The files of a vantage.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
    resolv: PathBuf,
    nsswitch: PathBuf,
    hosts: PathBuf,
    host_conf: PathBuf,
    os_release: PathBuf,
}

impl Layout {
    pub(super) fn of(vantage: &Vantage) -> Self {
        Self {
            root: "/".into(),
            resolv: vantage.etc("resolv.conf"),
            nsswitch: vantage.etc("nsswitch.conf"),
            hosts: vantage.etc("hosts"),
            host_conf: vantage.etc("host.conf"),
            os_release: vantage.etc("os-release"),
        }
    }

    /// A whole system below another directory.
    #[cfg(test)]
    pub(super) fn below(root: &Path) -> Self {
        let etc = |name: &str| root.join("etc").join(name);
        Self {
            root: root.to_owned(),
            resolv: etc("resolv.conf"),
            nsswitch: etc("nsswitch.conf"),
            hosts: etc("hosts"),
            host_conf: etc("host.conf"),
            os_release: etc("os-release"),
        }
    }

    pub(super) fn resolv(&self) -> &Path {
        &self.resolv
    }

    pub(super) fn nsswitch(&self) -> &Path {
        &self.nsswitch
    }

    pub(super) fn hosts(&self) -> &Path {
        &self.hosts
    }

    pub(super) fn host_conf(&self) -> &Path {
        &self.host_conf
    }

    /// A file by its path from the root, without the first slash.
    pub(super) fn read(&self, path: &str) -> Option<Vec<u8>> {
        read_bounded(&self.root.join(path), SMALL_BYTES).ok()
    }

    /// Whether there is anything at this path from the root.
    pub(super) fn exists(&self, path: &str) -> io::Result<bool> {
        self.root.join(path).try_exists()
    }

    /// Where the links of resolv.conf lead, one after the other, as written.
    pub(super) fn links(&self) -> Vec<String> {
        let mut at = self.resolv.clone();
        let mut targets = Vec::new();
        while targets.len() < LINKS {
            let Ok(target) = fs::read_link(&at) else { break };
            targets.push(target.to_string_lossy().into_owned());
            at.pop();
            at.push(target);
        }
        targets
    }

    /// `PRETTY_NAME` of os-release(5), which stands in one of two places.
    pub(super) fn os(&self) -> Option<String> {
        let bytes = read_bounded(&self.os_release, SMALL_BYTES).ok().or_else(|| self.read("usr/lib/os-release"))?;
        let text = text(&bytes);
        let value = text.lines().filter_map(|line| line.trim().strip_prefix("PRETTY_NAME=")).next_back()?;
        let value = value.trim_matches(['"', '\'']);
        (!value.is_empty()).then(|| value.chars().take(NAME_CHARS).collect())
    }

    /// `glibc` and `musl` by their loaders. gcompat puts a loader with glibc's name beside musl's; that is no glibc.
    pub(super) fn c_libraries(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (mut glibc, mut musl, mut gcompat) = (false, false, false);
        for directory in ["lib", "lib64"] {
            let Ok(entries) = fs::read_dir(self.root.join(directory)) else { continue };
            for entry in entries.take(ENTRIES).flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                gcompat |= name.starts_with("libgcompat.so");
                musl |= name.starts_with("ld-musl-");
                // sysdeps/unix/sysv/linux/*/shlib-versions: ld64.so of ppc64 and s390x, ld.so of the others.
                let loader = name.starts_with("ld-linux") || name.starts_with("ld64.so.") || name.starts_with("ld.so.");
                glibc |= loader && !leads_to_musl(&entry.path());
            }
        }
        if glibc && !gcompat {
            found.push("glibc".to_owned());
        }
        if musl {
            found.push("musl".to_owned());
        }
        found
    }
}

fn leads_to_musl(path: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| {
        let target = target.to_string_lossy();
        target.contains("musl") || target.contains("gcompat")
    })
}

/// The host name of a process (a container has one of its own), or the daemon's.
///
/// Another UTS namespace is entered on a thread of its own: there is no way back out.
pub(super) fn hostname(procfs: &Procfs, pid: Option<u32>) -> Option<String> {
    let Some(pid) = pid.filter(|pid| !shares_hostname(procfs, *pid)) else { return Some(nodename()) };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = rustix::fs::openat(procfs, format!("{pid}/ns/uts"), flags, Mode::empty()).ok()?;
    let read = move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::HostNameAndNISDomainName)).ok()?;
        Some(nodename())
    };
    std::thread::Builder::new().name("hostname".to_owned()).spawn(read).ok()?.join().ok()?
}

/// Whether a process is in the calling thread's UTS namespace.
fn shares_hostname(procfs: &Procfs, pid: u32) -> bool {
    let identity = |path: &str| {
        let stat = rustix::fs::statat(procfs, path, AtFlags::empty()).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    let own = identity("thread-self/ns/uts");
    own.is_some() && own == identity(&format!("{pid}/ns/uts"))
}

fn nodename() -> String {
    text(rustix::system::uname().nodename().to_bytes())
}

/// The names of the interfaces of the calling thread's network namespace.
pub(super) fn interfaces(procfs: &Procfs) -> Vec<String> {
    let bytes = procfs.read("thread-self/net/dev", INTERFACES_BYTES).unwrap_or_default();
    text(&bytes).lines().filter_map(|line| line.rsplit_once(':')).map(|(name, _)| name.trim().to_owned()).collect()
}

/// A file named by a variable of the process, read where the vantage is.
pub(super) fn named_file(path: &str) -> Option<Vec<u8>> {
    let path = Path::new(path);
    // A relative one depends on the process' working directory.
    path.is_absolute().then(|| read_bounded(path, SMALL_BYTES).ok()).flatten()
}

/// As the kernel follows at most 40, and nobody means more than a few.
const LINKS: usize = 8;
const SMALL_BYTES: usize = 64 << 10;
const NAME_CHARS: usize = 200;
/// Of one library directory.
const ENTRIES: usize = 16 << 10;
const INTERFACES_BYTES: usize = 4 << 20;
