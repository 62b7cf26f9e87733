//! The files of a vantage: the daemon's /proc by handle, bounded reads, and the per-namespace /etc of `ip netns`.
//!
//! /proc is held by a handle because a container's own /proc belongs to another pid namespace, where our threads have no
//! `thread-self` and processes have other numbers. Always `thread-self/net`: `self/net` is the main thread's namespace.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};

/// A handle of the daemon's /proc.
#[derive(Clone, Debug)]
pub(crate) struct Procfs(Arc<OwnedFd>);

impl Procfs {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(Arc::new(rustix::fs::openat(CWD, "/proc", flags, Mode::empty())?)))
    }

    /// Reads a file of at most `limit` bytes, `thread-self/net/snmp`.
    pub(crate) fn read(&self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        read_at(self, path, limit)
    }
}

/// Reads a file of at most `limit` bytes below a folder of /proc.
pub(crate) fn read_at(folder: &impl AsFd, path: &str, limit: usize) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, path, flags, Mode::empty())?;
    drain(File::from(file), limit)
}

impl AsFd for Procfs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Reads a regular file of at most `limit` bytes; anything else (a pipe would block) is an error.
pub(crate) fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    drain(file, limit)
}

/// `/etc/netns/NAME` for a namespace that was named by a path of `ip netns`.
pub(super) fn overrides(netns: &Path) -> Option<PathBuf> {
    let name = netns.strip_prefix("/run/netns").or_else(|_| netns.strip_prefix("/var/run/netns")).ok()?;
    let mut components = name.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(name)), None) => Some(Path::new("/etc/netns").join(name)),
        _ => None,
    }
}

/// `etc/name`, or below `overrides` where that holds the first component of `name` (the unit that `ip netns exec` binds).
pub(super) fn etc(etc: &Path, overrides: Option<&Path>, name: &str) -> PathBuf {
    let first = Path::new(name).components().next();
    match (overrides, first) {
        (Some(overrides), Some(Component::Normal(first))) if overrides.join(first).exists() => overrides.join(name),
        _ => etc.join(name),
    }
}

fn drain(file: File, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let ceiling = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(ceiling).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_direct_child_of_run_netns_has_overrides() {
        assert_eq!(overrides(Path::new("/run/netns/blue")), Some(PathBuf::from("/etc/netns/blue")));
        assert_eq!(overrides(Path::new("/var/run/netns/blue")), Some(PathBuf::from("/etc/netns/blue")));
        for other in ["/run/netns", "/run/netns/a/b", "/run/netns/..", "/proc/1/ns/net", "blue", ""] {
            assert_eq!(overrides(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn an_override_replaces_the_whole_top_level_entry() {
        let root = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(root.path().join("ssl")).expect("a directory");
        std::fs::write(root.path().join("hosts"), "").expect("a file");
        let (base, over) = (Path::new("/etc"), Some(root.path()));
        assert_eq!(etc(base, over, "hosts"), root.path().join("hosts"));
        assert_eq!(etc(base, over, "ssl/certs"), root.path().join("ssl/certs"));
        assert_eq!(etc(base, over, "resolv.conf"), PathBuf::from("/etc/resolv.conf"));
        assert_eq!(etc(base, None, "hosts"), PathBuf::from("/etc/hosts"));
    }

    #[test]
    fn a_file_over_the_limit_and_a_pipe_are_errors() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("file");
        std::fs::write(&path, "12345").expect("a file");
        assert_eq!(read_bounded(&path, 5).expect("fits"), b"12345");
        assert_eq!(read_bounded(&path, 4).expect_err("too large").kind(), io::ErrorKind::FileTooLarge);
        let pipe = root.path().join("pipe");
        rustix::fs::mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("a pipe");
        assert_eq!(read_bounded(&pipe, 4).expect_err("a pipe").kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_counters_of_this_thread_can_be_read_by_handle() {
        let procfs = Procfs::open().expect("/proc");
        let snmp = procfs.read("thread-self/net/snmp", 1 << 20).expect("snmp");
        assert!(snmp.starts_with(b"Ip: "), "{}", String::from_utf8_lossy(&snmp));
    }
}
