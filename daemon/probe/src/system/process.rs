//! Facts of one process: what it is, how it fares, and what it holds open.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::Dir;
use sonde_core::observation::system::{Descriptors, ProcessFacts};
use tokio::time::Instant;

use crate::inspection::Problem;
use crate::process::{self, command_and_fields, container, file_limits, inode, missing, open_directory, text};
use crate::vantage::Procfs;

/// A process may hold a million files; what is not counted in this time is absent.
const ALLOWED: Duration = Duration::from_millis(1_500);
/// `USER_HZ`: the unit of /proc/PID/stat and part of the kernel's interface (100 on every architecture that we build for).
const TICKS_PER_SECOND: u64 = 100;

/// Reads them; `namespace` is the network namespace of the vantage.
pub(super) fn read(procfs: &Procfs, pid: u32, namespace: u64) -> Result<ProcessFacts, Problem> {
    let process = process::open(procfs, pid)?;
    let attempt = format!("read /proc/{pid}/stat");
    let stat = crate::vantage::read_at(&process, "stat", 16 << 10).map_err(|error| missing(&error, pid, &attempt))?;
    let uptime = text_of(procfs, "uptime").and_then(|text| seconds(&text)).unwrap_or_default();
    let mut facts = stat_facts(&String::from_utf8_lossy(&stat), uptime)
        .ok_or_else(|| Problem::malformed(&attempt, "it is no line of /proc/PID/stat"))?;
    facts.pid = pid;
    status_facts(&text(&process, "status").unwrap_or_default(), &mut facts);
    (facts.open_files_soft, facts.open_files_hard) = file_limits(&text(&process, "limits").unwrap_or_default());
    facts.descriptors = descriptors(&process);
    facts.open_files = facts.descriptors.map(total);
    let cgroup = text(&process, "cgroup").unwrap_or_default();
    facts.cgroup = cgroup.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned);
    facts.container_id = container(&cgroup).map(str::to_owned);
    let mut buffer = [MaybeUninit::uninit(); 64];
    if let Ok((link, _)) = rustix::fs::readlinkat_raw(&process, "ns/net", &mut buffer) {
        facts.network_namespace = inode(link, "net");
        facts.here = facts.network_namespace.map(|found| found == namespace);
    }
    Ok(facts)
}

/// Of /proc/PID/stat. proc(5) counts the fields from 1 with the state as the third.
pub(super) fn stat_facts(stat: &str, uptime: Duration) -> Option<ProcessFacts> {
    let (command, fields) = command_and_fields(stat)?;
    let fields: Vec<&str> = fields.take(24).collect();
    let field = |number: usize| fields.get(number.checked_sub(3)?);
    let figure = |number: usize| field(number)?.parse::<u64>().ok();
    let began = ticks(figure(22)?);
    Some(ProcessFacts {
        command,
        state: (*field(3)?).to_owned(),
        parent: field(4)?.parse().ok()?,
        cpu: ticks(figure(14)?.saturating_add(figure(15)?)),
        threads: figure(20)?.try_into().unwrap_or(u32::MAX),
        age: uptime.saturating_sub(began),
        ..ProcessFacts::default()
    })
}

/// Of /proc/PID/status: `Uid` (real, effective, saved, of the file system) and `VmRSS` in KiB, which a kernel thread lacks.
pub(super) fn status_facts(status: &str, facts: &mut ProcessFacts) {
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    if let Some(uid) = value("Uid").and_then(|ids| ids.split_ascii_whitespace().nth(1)?.parse().ok()) {
        facts.uid = uid;
    }
    if let Some(kib) = value("VmRSS").and_then(|size| size.split_ascii_whitespace().next()?.parse::<u64>().ok()) {
        facts.resident_bytes = kib.saturating_mul(1024);
    }
}

/// The first number of /proc/uptime.
pub(super) fn seconds(uptime: &str) -> Option<Duration> {
    let seconds: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count.saturating_mul(1000 / TICKS_PER_SECOND))
}

/// None where they may not be seen, or were too many to count in time.
fn descriptors(process: &OwnedFd) -> Option<Descriptors> {
    let deadline = Instant::now() + ALLOWED;
    let files = open_directory(process, "fd").ok()?;
    let listing = Dir::read_from(&files).ok()?;
    let mut found = Descriptors::default();
    for entry in listing.map_while(Result::ok) {
        if Instant::now() > deadline {
            return None;
        }
        let mut buffer = [MaybeUninit::uninit(); 16];
        let name = entry.file_name();
        if name.to_bytes().iter().all(u8::is_ascii_digit) {
            // A descriptor that was closed meanwhile has no link any more.
            if let Ok((link, _)) = rustix::fs::readlinkat_raw(&files, name, &mut buffer) {
                count(link, &mut found);
            }
        }
    }
    Some(found)
}

fn count(link: &[u8], found: &mut Descriptors) {
    let kind = match link {
        [b's', b'o', b'c', b'k', b'e', b't', b':', ..] => &mut found.sockets,
        [b'p', b'i', b'p', b'e', b':', ..] => &mut found.pipes,
        [b'/', ..] => &mut found.files,
        _ => &mut found.other,
    };
    *kind = kind.saturating_add(1);
}

fn total(found: Descriptors) -> u64 {
    [found.files, found.pipes, found.other].iter().fold(found.sockets, |sum, one| sum.saturating_add(*one))
}

fn text_of(procfs: &Procfs, path: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&procfs.read(path, 4 << 10).ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &str =
        "812 (a) b) T 1 812 812 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 7 0 100000 10000000 321 18446744073709551615";

    #[test]
    fn the_fields_of_a_stat_line_are_where_proc_says() {
        let facts = stat_facts(STAT, Duration::from_secs(1060)).expect("a line");
        assert_eq!((facts.command.as_str(), facts.state.as_str(), facts.parent, facts.threads), ("a) b", "T", 1, 7));
        assert_eq!((facts.cpu, facts.age), (Duration::from_secs(3), Duration::from_mins(1)));
        assert_eq!(stat_facts("812 (cut) S 1", Duration::ZERO), None);
    }

    #[test]
    fn the_effective_user_and_the_memory_are_read() {
        let mut facts = ProcessFacts::default();
        status_facts("Name:\tx\nUid:\t1000\t0\t0\t0\nVmRSS:\t    2048 kB\n", &mut facts);
        assert_eq!((facts.uid, facts.resident_bytes), (0, 2 << 20));
        status_facts("Uid:\t1\nVmRSS:\tmuch kB\n", &mut facts);
        assert_eq!(facts.resident_bytes, 2 << 20);
    }

    #[test]
    fn descriptors_are_told_apart_by_their_links() {
        let mut found = Descriptors::default();
        for link in [&b"socket:[1]"[..], b"pipe:[2]", b"/dev/null", b"anon_inode:[ev", b"", b"socket:[2]"] {
            count(link, &mut found);
        }
        assert_eq!(found, Descriptors { sockets: 2, files: 1, pipes: 1, other: 2 });
        assert_eq!(total(found), 6);
    }

    #[test]
    fn this_process_is_known_to_itself() {
        let procfs = Procfs::open().expect("/proc");
        let namespace = crate::vantage::Vantage::open(&crate::vantage::Selector::Own).expect("own").id();
        let _socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let facts = read(&procfs, std::process::id(), namespace).expect("this process");
        assert_eq!((facts.pid, facts.here), (std::process::id(), Some(true)));
        assert!(facts.descriptors.is_some_and(|held| held.sockets >= 1), "{facts:?}");
        assert!(facts.resident_bytes > 0 && facts.age < Duration::from_hours(24), "{facts:?}");
        assert_eq!(read(&procfs, std::process::id(), namespace + 1).expect("this process").here, Some(false));
        read(&procfs, u32::MAX, namespace).expect_err("there is no such process");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "(?s).{0,200}", line in "([0-9]{1,20} )?\\(?[a-z]{0,3}\\)?( [0-9A-Z-]{1,20}){0,30}") {
            for text in [&text, &line] {
                drop(stat_facts(text, Duration::MAX));
                status_facts(text, &mut ProcessFacts::default());
                let _ = seconds(text);
            }
        }
    }
}
