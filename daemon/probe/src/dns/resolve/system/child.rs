//! One program of the vantage, run where it can do nothing but answer.
//!
//! It inherits the namespaces of the vantage's thread. Between fork and exec it loses what could harm: its user (a number that
//! no other process has, so that it can signal nobody), all capabilities, the right to gain any by exec, and the right to have
//! children. It is killed when nobody waits any more.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{ExitStatus, Stdio};
use std::thread;

use rustix::process::{Resource, Rlimit};
use sonde_core::observation::Phase;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::surroundings;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// Of each stream; what lies beyond is not read.
const LIMIT_BYTES: u64 = 64 << 10;
/// Room for the program's address space; a getent needs a few MiB.
const MEMORY_BYTES: u64 = 512 << 20;
/// Of processor time; a getent waits, and needs milliseconds.
const PROCESSOR_SECONDS: u64 = 5;
const OPEN_FILES: u64 = 64;
/// Users from here on are far from those that systems and containers give out.
const UNUSED_USERS: u32 = 0x7000_0000;
/// `uid_map` has 340 lines at most (`user_namespaces(7)`).
const MAP_BYTES: usize = 1 << 15;
/// "nobody", where a user namespace has no room for the others.
const NOBODY: u32 = 65_534;

/// What is run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) program: &'static str,
    pub(super) arguments: [String; 2],
    /// All of it.
    pub(super) environment: Vec<(String, String)>,
}

/// A program that ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) printed: String,
    pub(super) complaint: String,
}

impl Plan {
    /// Runs it to its end. Dropped before, it kills the program.
    pub(super) async fn run(self, vantage: &Vantage) -> Result<Ended, Fault> {
        let failed = |error: io::Error| Fault::os(Phase::Inspect, "run getent in the vantage", &error);
        let mut child = self.start(vantage).await.map_err(failed)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (printed, complaint) = tokio::join!(read(stdout), read(stderr));
        let status = child.wait().await.map_err(failed)?;
        Ok(Ended { status, printed: printed.map_err(failed)?, complaint: complaint.map_err(failed)? })
    }

    /// On a thread of its own: it may leave the vantage's mount namespace for a copy with the files of `ip netns` in place.
    async fn start(self, vantage: &Vantage) -> io::Result<Child> {
        let (reply, child) = oneshot::channel();
        let runtime = Handle::current();
        let overrides = surroundings::overrides(vantage);
        let user = if rustix::process::geteuid().is_root() { Some(unused_user(vantage)?) } else { None };
        let work = move || {
            let started = surroundings::furnish(&overrides).and_then(|()| {
                let _runtime = runtime.enter();
                self.command(user).spawn()
            });
            // Where nobody waits any more, dropping the child kills it.
            drop(reply.send(started));
        };
        // The new thread has the namespaces of the one it is started from.
        vantage.within(move || thread::Builder::new().name("vantage-getent".to_owned()).spawn(work))??;
        child.await.map_err(|_| io::Error::other("the thread that starts it panicked"))?
    }

    /// Without a user the daemon has none to give up.
    fn command(self, user: Option<u32>) -> Command {
        let mut command = std::process::Command::new(self.program);
        command
            .args(self.arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .envs(self.environment)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(user) = user {
            // The supplementary groups are given up with it.
            command.uid(user).gid(user);
        }
        #[expect(unsafe_code, reason = "what a child may do is limited between fork and exec")]
        // SAFETY: `confine` only makes system calls, takes no lock and does not allocate.
        unsafe {
            command.pre_exec(confine);
        }
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        command
    }
}

/// In the child, behind the change of user.
fn confine() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::clear_ambient_capability_set()?;
    for (resource, most) in [
        (Resource::Cpu, PROCESSOR_SECONDS),
        (Resource::As, MEMORY_BYTES),
        (Resource::Nofile, OPEN_FILES),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        // No more processes of this user than there are: it cannot fork.
        (Resource::Nproc, 1),
    ] {
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// A user that no process has, where this user namespace knows so many.
fn unused_user(vantage: &Vantage) -> io::Result<u32> {
    let map = vantage.procfs().read("self/uid_map", MAP_BYTES).unwrap_or_default();
    let covers_all = String::from_utf8_lossy(&map).split_ascii_whitespace().nth(2) == Some("4294967295");
    if !covers_all {
        return Ok(NOBODY);
    }
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(UNUSED_USERS | u32::from_ne_bytes(random) & 0x00ff_ffff)
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(LIMIT_BYTES).read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
