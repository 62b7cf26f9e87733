//! Where a run measures from: a network namespace and the mount namespace that goes with it.
//!
//! Every probe socket, netlink handle and file is opened through a [`Vantage`]. Entering another namespace happens on
//! dedicated threads, never on a runtime's worker. Refused here: user and pid namespaces; processes keep the numbers that the
//! daemon sees.

mod entry;
mod files;
mod identity;
mod lanes;
mod window;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use self::files::{Procfs, read_at, read_bounded};
pub use self::identity::NetworkNamespace;
use self::lanes::Lanes;
use self::window::Window;
pub use self::window::{ProbeGuard, QuietGuard};

/// Inspections of the own namespace that run at one time: one that hangs must not take a thread with every repetition.
static INSPECTIONS: Semaphore = Semaphore::const_new(8);

/// Listings of the own namespace that go on at one time. They are apart from the inspections, because they last as long as whoever
/// they are for takes to read them.
static LISTINGS: Semaphore = Semaphore::const_new(8);

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
    /// True where a privilege (`CAP_SYS_ADMIN`, `CAP_SYS_PTRACE`) is missing.
    pub permission: bool,
    /// The kernel's word.
    #[source]
    pub source: Option<io::Error>,
}

/// A vantage. Cheap to share through an `Arc`; runs in one network namespace share its quiet window.
#[derive(Debug)]
pub struct Vantage {
    id: u64,
    cookie: Option<u64>,
    /// Of its mount namespace, once somebody has asked: it stays the same, and every look at it goes through /proc.
    mount: OnceLock<u64>,
    window: Arc<Window>,
    /// Absent in the daemon's own namespaces.
    lanes: Option<Lanes>,
    /// `/etc/netns/NAME`, where the namespace was named as `ip netns` names it.
    overrides: Option<PathBuf>,
    /// The process it was opened by.
    pid: Option<u32>,
    procfs: Procfs,
}

impl Vantage {
    /// Opens a vantage. Blocks for the time of a few system calls.
    pub fn open(selector: &Selector) -> Result<Self, VantageError> {
        let procfs = Procfs::open().map_err(|error| entry::no_procfs(selector, error))?;
        let entry = entry::find(selector, &procfs)?;
        let lanes = if entry.is_own() { None } else { Some(Lanes::start(&entry)?) };
        let cookie = match &lanes {
            None => identity::cookie(),
            // A thread that does not answer will say so to whoever measures there.
            Some(lanes) => lanes.within(identity::cookie).ok().flatten(),
        };
        Ok(Self {
            id: entry.id,
            cookie,
            mount: OnceLock::new(),
            window: Window::of(entry.id),
            lanes,
            overrides: match selector {
                Selector::Netns(path) => files::overrides(path),
                Selector::Own | Selector::Pid(_) => None,
            },
            pid: match selector {
                Selector::Pid(pid) => Some(*pid),
                Selector::Own | Selector::Netns(_) => None,
            },
            procfs,
        })
    }

    /// The inode number of its network namespace.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its network namespace, told apart from one that had the inode number before or has it later.
    pub fn network_namespace(&self) -> NetworkNamespace {
        NetworkNamespace { inode: self.id, cookie: self.cookie }
    }

    /// The inode number of its mount namespace.
    pub(crate) fn mount(&self) -> io::Result<u64> {
        if let Some(mount) = self.mount.get() {
            return Ok(*mount);
        }
        let procfs = self.procfs();
        let mount = self.within(move || entry::mount(&procfs))??;
        Ok(*self.mount.get_or_init(|| mount))
    }

    /// The process it was opened by, as the daemon numbers it; it may have ended since.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Runs `f` inside the vantage and returns its result: inline in the daemon's own namespace, else on the vantage's thread.
    /// `f` must be short and must not wait for the network; what it opens stays usable from any thread. A panic in `f` is an
    /// error here.
    pub fn within<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        match &self.lanes {
            None => catch_unwind(AssertUnwindSafe(f)).map_err(|_| lanes::panicked()),
            Some(lanes) => lanes.within(f),
        }
    }

    /// As [`Vantage::within`], for longer work (a dump, a read of /proc): never blocks the caller's runtime worker.
    pub async fn inspect<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        self.apart(&INSPECTIONS, f).await
    }

    /// As [`Vantage::inspect`], for work that also waits for its reader: other inspections do not wait for that one.
    pub(crate) async fn relay<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        self.apart(&LISTINGS, f).await
    }

    /// In a foreign vantage all wait for its one thread: it is opened for one caller.
    async fn apart<T: Send + 'static>(
        &self,
        places: &'static Semaphore,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        match &self.lanes {
            None => {
                let permit = places.acquire().await.map_err(io::Error::other)?;
                // Aborted where nobody waits for it any more and it has not begun; else its permit stays with it to its end.
                let work = AbortOnDropHandle::new(tokio::task::spawn_blocking(move || {
                    let _permit = permit;
                    f()
                }));
                work.await.map_err(|error| {
                    if error.is_panic() { lanes::panicked() } else { io::Error::other("the runtime is shutting down") }
                })
            }
            Some(lanes) => lanes.inspect(f).await,
        }
    }

    /// Announces a probe: it waits (bounded) while another probe of ours holds the quiet window, and shares the vantage with
    /// other probes until the guard is dropped. Take it before the first packet; never take a second one while holding one.
    pub async fn probing(&self) -> ProbeGuard {
        self.window.probing().await
    }

    /// Asks for the vantage alone, for counter deltas. Waits at most `patience` for the probes in flight, then goes on beside
    /// them. [`QuietGuard::quiet`], asked at the end of the window, says whether the deltas prove anything.
    pub async fn quiet(&self, patience: Duration) -> QuietGuard {
        self.window.quiet(patience).await
    }

    /// Where `/etc/NAME` is for this vantage: `ip netns exec` binds what `/etc/netns/NETNS` holds over `/etc`, and so do we.
    /// To be opened inside the vantage. `name` is relative, `resolv.conf` or `ssl/certs`.
    pub(crate) fn etc(&self, name: &str) -> PathBuf {
        files::etc(Path::new("/etc"), self.overrides.as_deref(), name)
    }

    /// The daemon's /proc, which stays readable inside another mount namespace.
    pub(crate) fn procfs(&self) -> Procfs {
        self.procfs.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Vantage {
        Vantage::open(&Selector::Own).expect("the own vantage opens without privilege")
    }

    fn refusal(selector: &Selector) -> VantageError {
        Vantage::open(selector).expect_err("it must not open")
    }

    #[test]
    fn the_own_process_is_the_own_vantage() {
        let vantage = Vantage::open(&Selector::Pid(std::process::id())).expect("it opens");
        assert_eq!(vantage.id(), own().id());
        assert!(vantage.lanes.is_none());
    }

    #[test]
    fn the_own_namespace_by_path_is_the_own_vantage() {
        let vantage = Vantage::open(&Selector::Netns("/proc/thread-self/ns/net".into())).expect("it opens");
        assert_eq!(vantage.id(), own().id());
        assert!(vantage.lanes.is_none());
    }

    #[test]
    fn two_looks_at_one_namespace_see_the_same() {
        let (one, other) = (own().network_namespace(), own().network_namespace());
        assert_eq!((one, one.inode), (other, own().id()));
        // Since Linux 5.14.
        assert!(one.cookie.is_none_or(|cookie| cookie > 0), "{one:?}");
    }

    #[test]
    fn a_missing_path_is_named_with_what_would_be_right() {
        let error = refusal(&Selector::Netns("/run/netns/no-such-namespace".into()));
        assert!(!error.permission);
        let text = error.to_string();
        assert!(text.contains("\"/run/netns/no-such-namespace\"") && text.contains("ip netns list"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_namespace_is_refused() {
        for path in ["/dev/null", "/etc", "/proc/self/status"] {
            let error = refusal(&Selector::Netns(path.into()));
            assert!(error.problem.contains("not a namespace") && !error.permission, "{error}");
        }
    }

    #[test]
    fn a_pid_that_does_not_exist_is_refused() {
        for pid in [0, u32::MAX] {
            let error = refusal(&Selector::Pid(pid));
            assert!(error.problem.contains("no such process") && !error.permission, "{error}");
        }
    }

    #[tokio::test]
    async fn a_panic_inside_is_an_error_outside() {
        let vantage = own();
        vantage.within(|| panic!("on purpose")).expect_err("within");
        vantage.inspect(|| panic!("on purpose")).await.expect_err("inspect");
        assert_eq!(vantage.within(|| 1).expect("within still works"), 1);
        assert_eq!(vantage.inspect(|| 2).await.expect("inspect still works"), 2);
    }

    #[tokio::test]
    async fn vantages_of_one_namespace_share_the_quiet_window() {
        let (one, other) = (own(), own());
        let _probe = one.probing().await;
        assert!(!other.quiet(Duration::from_millis(10)).await.quiet());
    }
}
