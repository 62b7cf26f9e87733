//! Facts of the machine. Its limits of TCP and its neighbour tables are hidden from other network namespaces than the first, so they
//! are read from the daemon's own, whatever the vantage.

use std::time::Duration;

use sonde_core::observation::system::{Family, HostFacts, NeighbourUse, Variable};

use super::{pressure, process};
use crate::inspection::Problem;
use crate::vantage::Procfs;

/// /proc/stat has a line for each interrupt of each CPU.
const LIMIT_BYTES: usize = 1 << 20;
/// Lines of os-release.
const MOST: usize = 32;
const VALUE_CHARS: usize = 256;

/// What only the first network namespace shows: the limits of TCP (orphans; memory in pages: low, pressure, high), and the neighbour
/// tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hidden {
    orphans: Option<u64>,
    memory: Option<(u64, u64, u64)>,
    neighbours: Vec<NeighbourUse>,
}

/// Reads that. In the daemon's own namespace.
pub(super) fn hidden(procfs: &Procfs) -> Hidden {
    let text = |path: &str| text(procfs, path).unwrap_or_default();
    let tables = [
        (Family::Ipv4, "thread-self/net/stat/arp_cache", "sys/net/ipv4/neigh/default/gc_thresh3"),
        (Family::Ipv6, "thread-self/net/stat/ndisc_cache", "sys/net/ipv6/neigh/default/gc_thresh3"),
    ];
    let table = |(family, table, limit): (Family, &str, &str)| {
        let (entries, overflows) = neighbour_use(&text(table))?;
        Some(NeighbourUse { family, entries, limit: text(limit).trim().parse().ok(), overflows })
    };
    Hidden {
        orphans: text("sys/net/ipv4/tcp_max_orphans").trim().parse().ok(),
        memory: triple(&text("sys/net/ipv4/tcp_mem")),
        neighbours: tables.into_iter().filter_map(table).collect(),
    }
}

/// Reads the rest.
pub(super) fn read(procfs: &Procfs, hidden: Hidden) -> Result<HostFacts, Problem> {
    let attempt = "read /proc/meminfo";
    let bytes =
        procfs.read("meminfo", LIMIT_BYTES).map_err(|error| Problem::os(attempt, &error, "read access to /proc"))?;
    let meminfo = String::from_utf8_lossy(&bytes);
    let memory = kibibytes(&meminfo, "MemTotal").ok_or_else(|| Problem::malformed(attempt, "it has no MemTotal"))?;
    let text = |path: &str| text(procfs, path).unwrap_or_default();
    let (open_files, open_files_limit) = file_handles(&text("sys/fs/file-nr")).unwrap_or_default();
    let sockets = text("thread-self/net/sockstat");
    Ok(HostFacts {
        os: os_release(&[text("self/root/etc/os-release"), text("self/root/usr/lib/os-release")]),
        kernel: text("sys/kernel/osrelease").trim().to_owned(),
        uptime: process::seconds(&text("uptime")).unwrap_or(Duration::ZERO),
        processors: processors(&text("stat")),
        memory_bytes: memory,
        memory_available_bytes: kibibytes(&meminfo, "MemAvailable").unwrap_or(0),
        open_files,
        open_files_limit,
        tcp_orphans: tcp(&sockets, "orphan"),
        tcp_orphans_limit: hidden.orphans,
        tcp_memory_pages: tcp(&sockets, "mem"),
        tcp_memory_limits_pages: hidden.memory,
        neighbour_tables: hidden.neighbours,
        pressure: pressure::read(|resource| Some(text(&format!("pressure/{resource}")))),
    })
}

/// The first of these texts that says anything: `NAME=value` lines, quoted as for a shell.
pub(super) fn os_release(texts: &[String]) -> Vec<Variable> {
    let text = texts.iter().find(|text| !text.trim().is_empty()).map_or("", String::as_str);
    let variable = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit());
        let value = value.trim().trim_matches(['"', '\'']).replace('\\', "");
        let value: String = value.chars().filter(|c| !c.is_control()).take(VALUE_CHARS).collect();
        is_name.then(|| Variable { name: name.to_owned(), value })
    };
    text.lines().filter_map(variable).take(MOST).collect()
}

/// Of /proc/stat: the lines `cpuN`, which only online ones have.
pub(super) fn processors(stat: &str) -> u32 {
    let is_one =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    stat.lines().filter(is_one).count().try_into().unwrap_or(u32::MAX)
}

/// Of /proc/meminfo, in bytes.
pub(super) fn kibibytes(meminfo: &str, name: &str) -> Option<u64> {
    let value = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Of fs.file-nr: allocated, free of those (0 since 2.6), most.
pub(super) fn file_handles(text: &str) -> Option<(u64, u64)> {
    let (allocated, free, most) = triple(text)?;
    Some((allocated.saturating_sub(free), most))
}

/// Of `/proc/net/stat/arp_cache`: columns by the names of its first line, a line for each CPU, hexadecimal. `entries` is the same in
/// each; of `table_fulls` (since 4.2) it is the sum.
pub(super) fn neighbour_use(text: &str) -> Option<(u64, u64)> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split_ascii_whitespace().collect();
    let column = |wanted: &str| names.iter().position(|name| *name == wanted);
    let (entries, fulls) = (column("entries")?, column("table_fulls")?);
    let mut found = None;
    for line in lines {
        let value = |at: usize| u64::from_str_radix(line.split_ascii_whitespace().nth(at)?, 16).ok();
        let (_, sum) = found.unwrap_or((0, 0_u64));
        found = Some((value(entries)?, sum.saturating_add(value(fulls)?)));
    }
    found
}

fn triple(text: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = text.split_ascii_whitespace().map(|word| word.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// Of sockstat: `TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1`.
pub(super) fn tcp(sockstat: &str, wanted: &str) -> Option<u64> {
    let words: Vec<&str> =
        sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?.split_ascii_whitespace().collect();
    words.chunks_exact(2).find(|pair| pair.first() == Some(&wanted))?.last()?.parse().ok()
}

fn text(procfs: &Procfs, path: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&procfs.read(path, LIMIT_BYTES).ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn os_release_is_read_as_a_shell_would() {
        let text = "NAME=\"A \\\"B\\\" OS\"\nID=debian\n# comment=1\nVERSION_ID='12'\nbad name=1\n=\n".to_owned();
        let found: Vec<_> = os_release(&[String::new(), text]).into_iter().map(|v| (v.name, v.value)).collect();
        let expected = [("NAME", "A \"B\" OS"), ("ID", "debian"), ("VERSION_ID", "12")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn only_processors_with_a_number_count() {
        assert_eq!(processors("cpu  1 2 3\ncpu0 1 2\ncpu1 1 2\nctxt 5\ncpufreq 1\n"), 2);
    }

    #[test]
    fn sockstat_and_file_nr_are_read_by_name_and_place() {
        let sockstat = "sockets: used 10\nTCP: inuse 5 orphan 3 tw 0 alloc 7 mem 11\nUDP: inuse 1 mem 2\n";
        assert_eq!((tcp(sockstat, "orphan"), tcp(sockstat, "mem"), tcp(sockstat, "no")), (Some(3), Some(11), None));
        assert_eq!(file_handles("1200\t0\t9223372036854775807\n"), Some((1200, i64::MAX.unsigned_abs())));
        assert_eq!(file_handles("1200 0"), None);
        assert_eq!(kibibytes("MemTotal:       2048 kB\n", "MemTotal"), Some(2 << 20));
        assert_eq!(kibibytes("MemTotal: 99999999999999999999 kB", "MemTotal"), None);
    }

    #[test]
    fn a_neighbour_table_is_read_by_the_names_of_its_columns() {
        let text = "entries  allocs   table_fulls\n0000000a 00000001 00000002\n0000000a 00000003 00000001\n";
        assert_eq!(neighbour_use(text), Some((10, 3)));
        assert_eq!(neighbour_use("entries allocs\n0a 01\n"), None, "older kernels do not count it");
        assert_eq!(neighbour_use("entries table_fulls\n0a\n"), None);
        assert_eq!(neighbour_use("entries table_fulls\n"), None);
    }

    #[test]
    fn this_machine_has_memory_processors_and_open_files() {
        let procfs = Procfs::open().expect("/proc");
        let facts = read(&procfs, hidden(&procfs)).expect("facts");
        assert!(facts.memory_bytes > facts.memory_available_bytes && facts.processors > 0, "{facts:?}");
        assert!(facts.open_files > 0 && facts.open_files <= facts.open_files_limit, "{facts:?}");
        assert!(
            !facts.kernel.is_empty() && facts.uptime > Duration::ZERO && facts.tcp_memory_pages.is_some(),
            "{facts:?}"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "(?s).{0,200}", words in "(TCP:|mem|orphan|[A-Z]{1,4}=|MemTotal:|[0-9]{1,20}|[ \n]){0,30}") {
            for text in [&text, &words] {
                drop((os_release(std::slice::from_ref(text)), processors(text), kibibytes(text, "MemTotal")));
                let _ = neighbour_use(text);
                let _ = (file_handles(text), tcp(text, "mem"), tcp(text, "orphan"));
            }
        }
    }
}
