//! Finds the namespaces that a selector means, and enters them.
//!
//! Namespaces are opened by handle first and compared by inode, so a pid that is reused between two steps cannot mislead.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use super::{Procfs, Selector, VantageError};

/// `NSFS_MAGIC` of linux/magic.h.
const NSFS: i64 = 0x6e73_6673;

/// What to enter.
#[derive(Debug)]
pub(super) struct Entry {
    /// Inode of the network namespace.
    pub(super) id: u64,
    what: String,
    /// Absent: it is already the daemon's.
    net: Option<OwnedFd>,
    /// Absent: files stay the daemon's.
    mount: Option<OwnedFd>,
}

impl Entry {
    pub(super) fn is_own(&self) -> bool {
        self.net.is_none() && self.mount.is_none()
    }

    /// A second entry to the same namespaces, for another thread.
    pub(super) fn duplicate(&self) -> Result<Self, VantageError> {
        let copy = |fd: &Option<OwnedFd>| fd.as_ref().map(OwnedFd::try_clone).transpose();
        let failed = |error| self.error("its handle cannot be duplicated".to_owned(), Some(error));
        Ok(Self {
            id: self.id,
            what: self.what.clone(),
            net: copy(&self.net).map_err(failed)?,
            mount: copy(&self.mount).map_err(failed)?,
        })
    }

    /// Moves the calling thread. The thread must be the vantage's own: there is no way back.
    pub(super) fn enter(&self) -> Result<(), VantageError> {
        if let Some(net) = &self.net {
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|errno| self.refused(errno, "network"))?;
        }
        if let Some(mount) = &self.mount {
            detach_filesystem_state().map_err(|errno| self.refused(errno, "mount"))?;
            move_into_link_name_space(mount.as_fd(), Some(LinkNameSpaceType::Mount))
                .map_err(|errno| self.refused(errno, "mount"))?;
        }
        Ok(())
    }

    pub(super) fn error(&self, problem: String, source: Option<io::Error>) -> VantageError {
        VantageError { what: self.what.clone(), problem, permission: false, source }
    }

    fn refused(&self, errno: Errno, kind: &str) -> VantageError {
        match errno {
            Errno::PERM => missing(self.what.clone(), "CAP_SYS_ADMIN", errno),
            Errno::INVAL => {
                self.error(format!("it is a namespace, but not a {kind} namespace"), Some(io::Error::from(errno)))
            }
            _ => self.error(format!("the kernel refuses its {kind} namespace"), Some(io::Error::from(errno))),
        }
    }
}

/// The namespaces of `selector`.
pub(super) fn find(selector: &Selector, procfs: &Procfs) -> Result<Entry, VantageError> {
    let what = describe(selector);
    let own_net = identity(procfs, "thread-self/ns/net").map_err(|error| unreadable_own(&what, error))?;
    match selector {
        Selector::Own => Ok(Entry { id: own_net.1, what, net: None, mount: None }),
        Selector::Netns(path) => {
            let net = open_netns(path, &what)?;
            let at = inode(&net).map_err(|error| unreadable_own(&what, error))?;
            Ok(Entry { id: at.1, what, net: (at != own_net).then_some(net), mount: None })
        }
        Selector::Pid(pid) => {
            let own_mount = identity(procfs, "thread-self/ns/mnt").map_err(|error| unreadable_own(&what, error))?;
            let process = open_process(*pid, procfs, &what)?;
            let net = open_link(&process, "ns/net", &what)?;
            let mount = open_link(&process, "ns/mnt", &what)?;
            let at = inode(&net).map_err(|error| unreadable_own(&what, error))?;
            let files = inode(&mount).map_err(|error| unreadable_own(&what, error))?;
            Ok(Entry {
                id: at.1,
                what,
                net: (at != own_net).then_some(net),
                mount: (files != own_mount).then_some(mount),
            })
        }
    }
}

/// The inode number of the mount namespace of the calling thread.
pub(super) fn mount(procfs: &Procfs) -> io::Result<u64> {
    identity(procfs, "thread-self/ns/mnt").map(|identity| identity.1)
}

/// /proc itself cannot be opened.
pub(super) fn no_procfs(selector: &Selector, error: io::Error) -> VantageError {
    VantageError {
        what: describe(selector),
        problem: "/proc cannot be opened; it must be mounted (mount -t proc proc /proc)".to_owned(),
        permission: false,
        source: Some(error),
    }
}

fn describe(selector: &Selector) -> String {
    match selector {
        Selector::Own => "the own namespaces".to_owned(),
        Selector::Netns(path) => format!("network namespace {:?}", path.display().to_string()),
        Selector::Pid(pid) => format!("the namespaces of pid {pid}"),
    }
}

/// Opens a namespace file without touching what is not one: opening a device or a pipe has effects.
fn open_netns(path: &Path, what: &str) -> Result<OwnedFd, VantageError> {
    let problem = |problem: &str, errno: Errno| VantageError {
        what: what.to_owned(),
        problem: problem.to_owned(),
        permission: false,
        source: Some(io::Error::from(errno)),
    };
    let failed = |errno: Errno| match errno {
        Errno::NOENT | Errno::NOTDIR => problem(
            "there is no such file; `ip netns list` names those of /run/netns, /proc/PID/ns/net is another",
            errno,
        ),
        Errno::ACCESS | Errno::PERM => missing(what.to_owned(), "CAP_SYS_ADMIN or read access to the file", errno),
        _ => problem("it cannot be opened", errno),
    };
    let looked_up = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let filesystem = rustix::fs::fstatfs(&looked_up).map_err(failed)?;
    if filesystem.f_type as i64 != NSFS {
        return Err(VantageError {
            what: what.to_owned(),
            problem: "it is not a namespace; expected a file like /run/netns/NAME (bound there by `ip netns add`) or /proc/PID/ns/net"
                .to_owned(),
            permission: false,
            source: None,
        });
    }
    let handle = format!("/proc/thread-self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&looked_up));
    rustix::fs::openat(CWD, handle, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)
}

fn open_process(pid: u32, procfs: &Procfs, what: &str) -> Result<OwnedFd, VantageError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(procfs, pid.to_string(), flags, Mode::empty()).map_err(|errno| VantageError {
        what: what.to_owned(),
        problem: "there is no such process here; expected a pid of the daemon's own pid namespace, as in its /proc"
            .to_owned(),
        permission: errno == Errno::ACCESS,
        source: Some(io::Error::from(errno)),
    })
}

fn open_link(process: &OwnedFd, link: &str, what: &str) -> Result<OwnedFd, VantageError> {
    rustix::fs::openat(process, link, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| match errno {
        Errno::ACCESS | Errno::PERM => missing(what.to_owned(), "CAP_SYS_PTRACE and CAP_SYS_ADMIN", errno),
        _ => VantageError {
            what: what.to_owned(),
            problem: "the process has exited; expected one that is running".to_owned(),
            permission: false,
            source: Some(io::Error::from(errno)),
        },
    })
}

fn missing(what: String, capability: &str, errno: Errno) -> VantageError {
    VantageError {
        what,
        problem: format!("not permitted; it needs {capability} (run it as root, or grant the capability)"),
        permission: true,
        source: Some(io::Error::from(errno)),
    }
}

fn unreadable_own(what: &str, error: io::Error) -> VantageError {
    VantageError {
        what: what.to_owned(),
        problem: "its identity cannot be read from /proc".to_owned(),
        permission: error.kind() == io::ErrorKind::PermissionDenied,
        source: Some(error),
    }
}

/// Device and inode of the namespace behind a link of /proc.
fn identity(procfs: &Procfs, link: &str) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::statat(procfs, link, rustix::fs::AtFlags::empty())?;
    Ok((stat.st_dev, stat.st_ino))
}

fn inode(fd: &OwnedFd) -> io::Result<(u64, u64)> {
    let metadata = File::from(fd.try_clone()?).metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// A thread must have its own root and working directory before it may change its mount namespace (setns(2)).
#[expect(unsafe_code, reason = "unshare(2) is marked unsafe for CLONE_FILES")]
fn detach_filesystem_state() -> rustix::io::Result<()> {
    // SAFETY: the hazard of `unshare_unsafe` is CLONE_FILES (descriptors that other threads cannot see); CLONE_FS only gives
    // this thread a root, working directory and umask of its own.
    unsafe { unshare_unsafe(UnshareFlags::FS) }
}
