//! One process of /proc. All that is read of it is read below one handle of its folder, which dies with it, so a pid that is given
//! away again lends nobody its facts. Its texts are what a process may have chosen itself: they are parsed tolerantly.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Dir, Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use sonde_core::observation::Reason;

use crate::inspection::Problem;
use crate::vantage::{Procfs, read_at};

const LIMIT_BYTES: usize = 16 << 10;

/// Opens its folder; a pid that nobody has is the caller's mistake, one that /proc hides (`hidepid`, proc(5)) is not.
pub(crate) fn open(procfs: &Procfs, pid: u32) -> Result<OwnedFd, Problem> {
    open_directory(procfs, &pid.to_string()).map_err(|error| missing(&error, pid, &format!("read /proc/{pid}")))
}

/// Why something of a process cannot be read.
pub(crate) fn missing(error: &io::Error, pid: u32, attempt: &str) -> Problem {
    match error.raw_os_error() {
        Some(libc::ENOENT) if exists(pid) => Problem {
            reason: Reason::Unavailable("root, or the user of that process".to_owned()),
            errno: error.raw_os_error(),
            detail: format!("{attempt}: process {pid} exists, and this /proc hides it (hidepid)"),
        },
        Some(libc::ENOENT | libc::ESRCH) => {
            Problem::invalid(format!("there is no process {pid} here; expected a pid of the daemon's own /proc"))
        }
        _ => Problem::os(attempt, error, "CAP_SYS_PTRACE"),
    }
}

/// Some process has this pid, whoever may look at it: a handle of one needs no privilege (`pidfd_open(2)`).
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| pidfd_open(pid, PidfdFlags::empty()).is_ok())
}

/// A file below the folder of a process.
pub(crate) fn text(process: &OwnedFd, name: &str) -> Option<String> {
    let bytes = read_at(process, name, LIMIT_BYTES).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Of /proc/PID/stat: `PID (COMMAND) STATE ...`, where the command may hold spaces and parentheses.
pub(crate) fn command_and_state(stat: &str) -> Option<(String, String)> {
    let (command, mut fields) = command_and_fields(stat)?;
    Some((command, fields.next()?.to_owned()))
}

/// The command, and the fields from the state on.
pub(crate) fn command_and_fields(stat: &str) -> Option<(String, impl Iterator<Item = &str>)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, command) = before.split_once('(')?;
    Some((command.to_owned(), after.split_ascii_whitespace()))
}

/// Of /proc/PID/limits, `Max open files`: soft and hard; `unlimited` is none.
pub(crate) fn file_limits(limits: &str) -> (Option<u64>, Option<u64>) {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    let mut words = line.split_ascii_whitespace().map(|word| word.parse().ok());
    (words.next().flatten(), words.next().flatten())
}

/// Of /proc/PID/cgroup: the first 64 hex digits in a row, which is how container runtimes name their cgroups.
pub(crate) fn container(cgroup: &str) -> Option<&str> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    cgroup.split(|character: char| !u8::try_from(character).is_ok_and(is_hex)).find(|word| word.len() == 64)
}

/// `socket:[12345]`, `net:[4026531840]`.
pub(crate) fn inode(link: &[u8], kind: &str) -> Option<u64> {
    let digits = link.strip_prefix(kind.as_bytes())?.strip_prefix(b":[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

pub(crate) fn directory(parent: &impl AsFd, path: &str) -> Option<Dir> {
    Dir::read_from(open_directory(parent, path).ok()?).ok()
}

pub(crate) fn open_directory(parent: &impl AsFd, path: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, path, flags, Mode::empty())?)
}

/// The names in a directory of /proc, up to the first error (the process has ended).
pub(crate) fn names(directory: Dir) -> impl Iterator<Item = String> {
    directory.map_while(Result::ok).filter_map(|entry| Some(entry.file_name().to_str().ok()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_container_is_named_by_64_hex_digits() {
        let id = "0123456789abcdef".repeat(4);
        for cgroup in [
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("3:cpu:/docker/{id}\n0::/\n"),
            format!("0::/kubepods.slice/cri-containerd-{id}.scope"),
        ] {
            assert_eq!(container(&cgroup), Some(id.as_str()));
        }
        for other in ["0::/\n", "", &id[1..], &id.to_uppercase()] {
            assert_eq!(container(other), None, "{other}");
        }
    }

    #[test]
    fn a_command_may_hold_parentheses_and_spaces() {
        let stat = "812 (a) b (c d) S 1 812 812 0 -1";
        assert_eq!(command_and_state(stat), Some(("a) b (c d".to_owned(), "S".to_owned())));
        assert_eq!(command_and_state("812 (cut"), None);
    }

    #[test]
    fn the_limits_of_files_are_two_numbers() {
        let limits = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(file_limits(limits), (Some(1024), Some(524_288)));
        assert_eq!(file_limits("Max open files   1024  unlimited  files"), (Some(1024), None));
        assert_eq!(file_limits("Max open files   unlimited  unlimited files"), (None, None));
        assert_eq!(file_limits(""), (None, None));
    }

    #[test]
    fn a_link_of_another_kind_has_no_inode() {
        assert_eq!(inode(b"net:[4026531840]", "net"), Some(4_026_531_840));
        for other in [&b"mnt:[4026]"[..], b"net:[]", b"net:[-1]", b"net:[99999999999999999999]", b"net", b""] {
            assert_eq!(inode(other, "net"), None);
        }
    }

    #[test]
    fn a_process_that_proc_hides_is_not_said_to_be_missing() {
        let hidden = missing(&io::Error::from_raw_os_error(libc::ENOENT), std::process::id(), "read /proc/1");
        assert!(matches!(hidden.reason, Reason::Unavailable(_)) && hidden.detail.contains("hidepid"), "{hidden:?}");
        let gone = missing(&io::Error::from_raw_os_error(libc::ESRCH), std::process::id(), "read /proc/1/stat");
        assert!(matches!(gone.reason, Reason::InvalidRequest(_)), "{gone:?}");
    }

    #[test]
    fn a_pid_that_nobody_has_is_refused() {
        let problem = open(&Procfs::open().expect("/proc"), u32::MAX).expect_err("no such process");
        assert!(problem.detail.contains("there is no process 4294967295"), "{}", problem.detail);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_process_parsers_panic(text in "(?s).{0,200}", words in "(Max open files|[0-9 ()\n]|unlimited){0,20}") {
            for text in [&text, &words] {
                drop((command_and_state(text), file_limits(text), inode(text.as_bytes(), "socket"), container(text)));
            }
        }
    }
}
