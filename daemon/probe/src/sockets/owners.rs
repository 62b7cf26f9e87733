//! Which process holds a socket: one bounded walk over /proc/PID/fd for the inodes that are asked for.
//!
//! Sockets of other users' processes need `CAP_SYS_PTRACE` (and `CAP_DAC_READ_SEARCH)`: without it they have no owner here. A
//! process that vanishes meanwhile is skipped. Where several share a socket, the lowest pid is named: the parent, as a rule.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{Dir, Mode, OFlags};
use sonde_core::observation::sockets::Process;
use tokio::time::Instant;

use crate::vantage::Procfs;

/// The walk reads a link for each open file of the machine; at two million a second this is enough for any.
const ALLOWED: Duration = Duration::from_millis(1_500);
const LIMIT_BYTES: usize = 16 << 10;

/// The processes that hold the sockets with these inodes.
pub(super) fn find(procfs: &Procfs, inodes: &HashSet<u32>) -> HashMap<u32, Process> {
    let mut found = HashMap::new();
    if inodes.is_empty() {
        return found;
    }
    let deadline = Instant::now() + ALLOWED;
    for pid in pids(procfs) {
        if found.len() == inodes.len() || Instant::now() > deadline {
            break;
        }
        let held = held(procfs, pid, inodes, deadline);
        if held.iter().all(|inode| found.contains_key(inode)) {
            continue;
        }
        if let Some(process) = describe(procfs, pid) {
            for inode in held {
                found.entry(inode).or_insert_with(|| process.clone());
            }
        }
    }
    found
}

/// All pids, ascending.
fn pids(procfs: &Procfs) -> Vec<u32> {
    let mut pids: Vec<u32> = directory(procfs, ".")
        .map_or_else(Vec::new, |directory| names(directory).filter_map(|name| name.parse().ok()).collect());
    pids.sort_unstable();
    pids
}

/// Those of `inodes` that the process holds.
fn held(procfs: &Procfs, pid: u32, inodes: &HashSet<u32>, deadline: Instant) -> Vec<u32> {
    let Some(files) = open_directory(procfs, &format!("{pid}/fd")) else { return Vec::new() };
    let Ok(listing) = Dir::read_from(&files) else { return Vec::new() };
    let mut held = Vec::new();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 64];
    for name in names(listing) {
        if Instant::now() > deadline {
            break;
        }
        if let Ok((link, _)) = rustix::fs::readlinkat_raw(&files, name.as_str(), &mut buffer)
            && let Some(inode) = socket_inode(link)
            && inodes.contains(&inode)
        {
            held.push(inode);
        }
    }
    held
}

fn describe(procfs: &Procfs, pid: u32) -> Option<Process> {
    let text = |file: &str| {
        let bytes = procfs.read(&format!("{pid}/{file}"), LIMIT_BYTES).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (command, state) = command_and_state(&text("stat")?)?;
    let open_files = directory(procfs, &format!("{pid}/fd")).map(|directory| {
        names(directory).filter(|name| name.parse::<u32>().is_ok()).fold(0_u64, |count, _| count.saturating_add(1))
    });
    let open_files_limit = text("limits").as_deref().and_then(soft_file_limit);
    Some(Process { pid, command, state, open_files, open_files_limit })
}

/// Of /proc/PID/stat: `PID (COMMAND) STATE ...`, where the command may hold spaces and parentheses.
fn command_and_state(stat: &str) -> Option<(String, String)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, command) = before.split_once('(')?;
    let state = after.split_ascii_whitespace().next()?;
    Some((command.to_owned(), state.to_owned()))
}

/// Of /proc/PID/limits: the first number behind `Max open files`; `unlimited` is none.
fn soft_file_limit(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_ascii_whitespace().next()?.parse().ok()
}

/// `socket:[12345]`. Inodes of `sock_diag` have 32 bits.
fn socket_inode(link: &[u8]) -> Option<u32> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn directory(procfs: &Procfs, path: &str) -> Option<Dir> {
    Dir::read_from(open_directory(procfs, path)?).ok()
}

fn open_directory(procfs: &Procfs, path: &str) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(procfs.as_fd(), path, flags, Mode::empty()).ok()
}

/// The names in a directory of /proc, up to the first error (the process has ended).
fn names(directory: Dir) -> impl Iterator<Item = String> {
    directory.map_while(Result::ok).filter_map(|entry| Some(entry.file_name().to_str().ok()?.to_owned()))
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
        let found = find(&Procfs::open().expect("/proc"), &HashSet::from([inode]));
        let process = &found[&inode];
        assert_eq!(process.pid, std::process::id());
        assert!(process.open_files > Some(3), "{process:?}");
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        assert_eq!(process.open_files_limit, limit);
        assert!(["R", "S"].contains(&process.state.as_str()), "{process:?}");
    }

    #[test]
    fn a_socket_of_nobody_has_no_owner() {
        assert!(find(&Procfs::open().expect("/proc"), &HashSet::from([u32::MAX])).is_empty());
    }

    #[test]
    fn a_command_may_hold_parentheses_and_spaces() {
        let stat = "812 (a) b (c d) S 1 812 812 0 -1";
        assert_eq!(command_and_state(stat), Some(("a) b (c d".to_owned(), "S".to_owned())));
        assert_eq!(command_and_state("812 (cut"), None);
    }

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let limits = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(soft_file_limit(limits), Some(1024));
        assert_eq!(soft_file_limit("Max open files   unlimited  unlimited files"), None);
        assert_eq!(soft_file_limit(""), None);
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
        fn no_text_makes_the_process_parsers_panic(text in "(?s).{0,200}", words in "(Max open files|[0-9 ()\n]|unlimited){0,20}") {
            for text in [&text, &words] {
                drop((command_and_state(text), soft_file_limit(text), socket_inode(text.as_bytes())));
            }
        }
    }
}
