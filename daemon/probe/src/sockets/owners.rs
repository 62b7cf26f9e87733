//! Which process holds a socket: one bounded walk over /proc/PID/fd.
//!
//! Sockets of other users' processes need `CAP_SYS_PTRACE` (and `CAP_DAC_READ_SEARCH`): without it they have no owner here. A
//! process that vanishes meanwhile is skipped.

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Dir;
use sonde_core::observation::sockets::Process;
use tokio::time::Instant;

use crate::inspection::Problem;
use crate::process::{
    command_and_state, container, directory, file_limits, inode, missing, names, open_directory, text,
};
use crate::vantage::Procfs;

/// The walk reads a link for each open file of the machine; at two million a second this is enough for any.
const ALLOWED: Duration = Duration::from_millis(1_500);
/// The same where somebody asked for the processes and nothing else: on a machine that is overrun every link takes its time.
const ALL_ALLOWED: Duration = Duration::from_secs(10);

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    inode: u32,
    /// In the daemon's pid namespace.
    pub pid: u32,
    /// The descriptor.
    pub descriptor: u32,
    /// Its comm.
    pub command: Arc<str>,
    /// As far as its cgroup tells: 64 hex digits, else empty.
    pub container_id: Arc<str>,
}

/// Every socket that a process holds.
#[derive(Debug)]
pub(super) struct Owners {
    /// By inode, pid and descriptor.
    held: Vec<Owner>,
    /// The time was up before all processes were seen.
    cut: bool,
}

impl Owners {
    /// Of all processes, as far as they may be seen, in at most this time.
    pub(super) fn all(procfs: &Procfs, allowed: Duration) -> Self {
        let deadline = Instant::now() + allowed.min(ALL_ALLOWED);
        let mut owners = Vec::new();
        for pid in pids(procfs) {
            if Instant::now() > deadline {
                break;
            }
            collect(procfs, pid, deadline, &mut owners);
        }
        Self::sorted(owners, deadline)
    }

    /// Some processes were not looked at.
    pub(super) fn cut(&self) -> bool {
        self.cut
    }

    /// Of one process.
    pub(super) fn of(procfs: &Procfs, pid: u32) -> Result<Self, Problem> {
        let path = format!("{pid}/fd");
        let files =
            open_directory(procfs, &path).map_err(|error| missing(&error, pid, &format!("read /proc/{path}")))?;
        drop(files);
        let mut owners = Vec::new();
        let deadline = Instant::now() + ALL_ALLOWED;
        collect(procfs, pid, deadline, &mut owners);
        Ok(Self::sorted(owners, deadline))
    }

    /// The holders of one socket, by pid and descriptor.
    pub(super) fn of_inode(&self, inode: u32) -> &[Owner] {
        let from = self.held.partition_point(|owner| owner.inode < inode);
        let rest = self.held.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|owner| owner.inode == inode).count();
        if inode == 0 { &[] } else { rest.get(..count).unwrap_or_default() }
    }

    fn sorted(mut held: Vec<Owner>, deadline: Instant) -> Self {
        held.sort_unstable_by_key(|owner| (owner.inode, owner.pid, owner.descriptor));
        Self { held, cut: Instant::now() > deadline }
    }
}

/// The sockets of one process; none where it is gone, or not for us.
fn collect(procfs: &Procfs, pid: u32, deadline: Instant, owners: &mut Vec<Owner>) {
    let Ok(process) = open_directory(procfs, &pid.to_string()) else { return };
    let mut held = Vec::new();
    each_socket(&process, deadline, |descriptor, inode| held.push((descriptor, inode)));
    let Some(command) = (!held.is_empty()).then(|| text(&process, "comm")).flatten() else { return };
    let command: Arc<str> = command.trim_end_matches('\n').into();
    let container_id: Arc<str> = text(&process, "cgroup").as_deref().and_then(container).unwrap_or_default().into();
    owners.extend(held.into_iter().map(|(descriptor, inode)| Owner {
        inode,
        pid,
        descriptor,
        command: Arc::clone(&command),
        container_id: Arc::clone(&container_id),
    }));
}

/// The processes that hold the sockets with these inodes, by pid, at most `most` of each. Inside the vantage only: those in other network
/// namespaces, which may be most of the machine, are looked at only while somebody's socket was not found.
pub(super) fn find(procfs: &Procfs, inodes: &HashSet<u32>, most: usize) -> HashMap<u32, Vec<Process>> {
    let mut found: HashMap<u32, Vec<Process>> = HashMap::new();
    if inodes.is_empty() {
        return found;
    }
    let deadline = Instant::now() + ALLOWED;
    for pids in by_place(procfs) {
        for pid in pids {
            if Instant::now() > deadline {
                break;
            }
            hold(procfs, pid, inodes, most, deadline, &mut found);
        }
        if found.len() == inodes.len() {
            break;
        }
    }
    for processes in found.values_mut() {
        processes.sort_by_key(|process| process.pid);
    }
    found
}

/// Those of the sockets that a process holds.
fn hold(
    procfs: &Procfs,
    pid: u32,
    inodes: &HashSet<u32>,
    most: usize,
    deadline: Instant,
    found: &mut HashMap<u32, Vec<Process>>,
) {
    let Ok(process) = open_directory(procfs, &pid.to_string()) else { return };
    let mut held = HashSet::new();
    each_socket(&process, deadline, |_, inode| {
        if inodes.contains(&inode) {
            held.insert(inode);
        }
    });
    held.retain(|inode| found.get(inode).map_or(0, Vec::len) < most);
    if held.is_empty() {
        return;
    }
    if let Some(process) = describe(&process, pid) {
        for inode in held {
            found.entry(inode).or_default().push(process.clone());
        }
    }
}

/// All pids, ascending: those in the network namespace of this thread, and the others.
fn by_place(procfs: &Procfs) -> [Vec<u32>; 2] {
    let namespace = |of: &str| {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 64];
        let (link, _) = rustix::fs::readlinkat_raw(procfs, format!("{of}/ns/net").as_str(), &mut buffer).ok()?;
        inode(link, "net")
    };
    let own = namespace("thread-self");
    let (here, elsewhere) =
        pids(procfs).into_iter().partition(|pid| own.is_some() && namespace(&pid.to_string()) == own);
    [here, elsewhere]
}

/// All pids, ascending.
fn pids(procfs: &Procfs) -> Vec<u32> {
    let mut pids: Vec<u32> = directory(procfs, ".")
        .map_or_else(Vec::new, |directory| names(directory).filter_map(|name| name.parse().ok()).collect());
    pids.sort_unstable();
    pids
}

/// Descriptor and inode of each socket of a process.
fn each_socket(process: &OwnedFd, deadline: Instant, mut each: impl FnMut(u32, u32)) {
    let Ok(files) = open_directory(process, "fd") else { return };
    let Ok(listing) = Dir::read_from(&files) else { return };
    let mut buffer = [std::mem::MaybeUninit::uninit(); 64];
    for entry in listing.map_while(Result::ok) {
        if Instant::now() > deadline {
            return;
        }
        if let Ok((link, _)) = rustix::fs::readlinkat_raw(&files, entry.file_name(), &mut buffer)
            && let Some(inode) = socket_inode(link)
            && let Some(descriptor) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok())
        {
            each(descriptor, inode);
        }
    }
}

fn describe(process: &OwnedFd, pid: u32) -> Option<Process> {
    let (command, state) = command_and_state(&text(process, "stat")?)?;
    let open_files = directory(process, "fd").map(|directory| {
        names(directory).filter(|name| name.parse::<u32>().is_ok()).fold(0_u64, |count, _| count.saturating_add(1))
    });
    let (open_files_limit, _) = file_limits(&text(process, "limits").unwrap_or_default());
    Some(Process { pid, command, state, open_files, open_files_limit })
}

/// `socket:[12345]`. Inodes of `sock_diag` have 32 bits.
fn socket_inode(link: &[u8]) -> Option<u32> {
    inode(link, "socket")?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_socket_of_this_process_is_found_with_its_files_and_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let file = std::fs::File::from(OwnedFd::from(listener));
        let inode = u32::try_from(file.metadata().expect("metadata").ino()).expect("32 bits");
        let found = find(&Procfs::open().expect("/proc"), &HashSet::from([inode]), 8);
        let [process] = found[&inode].as_slice() else { panic!("{found:?}") };
        assert_eq!(process.pid, std::process::id());
        assert!(process.open_files > Some(3), "{process:?}");
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        assert_eq!(process.open_files_limit, limit);
        assert!(["R", "S"].contains(&process.state.as_str()), "{process:?}");
    }

    #[test]
    fn a_socket_of_nobody_has_no_owner() {
        assert!(find(&Procfs::open().expect("/proc"), &HashSet::from([u32::MAX]), 8).is_empty());
    }

    #[test]
    fn every_descriptor_of_a_socket_is_an_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let file = std::fs::File::from(OwnedFd::from(listener.try_clone().expect("a second descriptor")));
        let inode = u32::try_from(file.metadata().expect("metadata").ino()).expect("32 bits");
        let procfs = Procfs::open().expect("/proc");
        let own = Owners::of(&procfs, std::process::id()).expect("this process");
        let all = Owners::all(&procfs, ALL_ALLOWED);
        let pids: Vec<u32> = own.of_inode(inode).iter().map(|owner| owner.pid).collect();
        assert_eq!(pids, [std::process::id(); 2]);
        assert_eq!(all.of_inode(inode), own.of_inode(inode));
        assert_eq!((own.of_inode(0), own.of_inode(u32::MAX)), (&[][..], &[][..]));
    }

    #[test]
    fn a_process_that_does_not_exist_is_refused() {
        let problem = Owners::of(&Procfs::open().expect("/proc"), u32::MAX).expect_err("no such process");
        assert!(problem.detail.contains("there is no process 4294967295"), "{}", problem.detail);
    }

    #[test]
    fn only_a_socket_link_has_an_inode() {
        assert_eq!(socket_inode(b"socket:[4026]"), Some(4026));
        for other in [&b"pipe:[4026]"[..], b"socket:[]", b"socket:[99999999999]", b"/dev/null", b""] {
            assert_eq!(socket_inode(other), None);
        }
    }

    proptest! {
        #[test]
        fn no_link_makes_the_parser_panic(link in "(?s)(socket:)?.{0,40}") {
            let _ = socket_inode(link.as_bytes());
        }
    }
}
