//! The kernel's counters of one network namespace, as one flat list.
//!
//! Names, by file of /proc/thread-self/net:
//! - `snmp`, `netstat` (a line of names, a line of values): `Tcp.RetransSegs`, `TcpExt.ListenOverflows`, `IpExt.InOctets`;
//! - `snmp6` (a name and a value per line): `Ip6OutNoRoutes` is `Ip6.OutNoRoutes`, `UdpLite6InErrors` is `UdpLite6.InErrors`;
//! - `sockstat`, `sockstat6`: `sockstat.TCP.inuse`, `sockstat.TCP6.inuse`. Gauges, and `orphan`, `alloc`, `mem` and `memory`
//!   are of the whole machine;
//! - `stat/nf_conntrack` (hexadecimal, a line per CPU, summed; `entries` is the same in each line): `conntrack.entries`,
//!   `conntrack.insert_failed`, `conntrack.drop`; and `conntrack.max` from /proc/sys.
//!
//! A file that this kernel lacks (IPv6 switched off, no conntrack) adds nothing; a missing `snmp` is an error.

pub(super) mod host;
pub(super) mod movement;

use std::collections::HashMap;
use std::io;

use sonde_core::observation::Counter;

use crate::inspection::Problem;
use crate::vantage::Procfs;

/// Far above what a kernel with hundreds of CPUs prints.
const LIMIT_BYTES: usize = 1 << 20;

/// Prefixes of snmp6. None is a prefix of another.
const SNMP6_GROUPS: [&str; 4] = ["Ip6", "Icmp6", "UdpLite6", "Udp6"];

/// Appends the counters of one file.
type Parser = fn(&str, &mut Vec<Counter>);

/// Reads every counter. Inside the vantage only.
pub(crate) fn read(procfs: &Procfs) -> Result<Vec<Counter>, Problem> {
    let mut counters = Vec::with_capacity(512);
    let snmp = procfs
        .read("thread-self/net/snmp", LIMIT_BYTES)
        .map_err(|error| Problem::os("read /proc/thread-self/net/snmp", &error, "read access to /proc/net"))?;
    paired(&String::from_utf8_lossy(&snmp), &mut counters);
    if counters.is_empty() {
        return Err(Problem::malformed("read /proc/thread-self/net/snmp", "it holds no counters"));
    }
    let files: [(&str, Parser); 5] = [
        ("thread-self/net/netstat", paired),
        ("thread-self/net/snmp6", snmp6),
        ("thread-self/net/sockstat", sockstat),
        ("thread-self/net/sockstat6", sockstat),
        ("thread-self/net/stat/nf_conntrack", conntrack),
    ];
    for (path, parse) in files {
        match procfs.read(path, LIMIT_BYTES) {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes), &mut counters),
            Err(error) if absent(&error) => {}
            Err(error) => {
                return Err(Problem::os(&format!("read /proc/{path}"), &error, "read access to /proc/net"));
            }
        }
    }
    if let Ok(bytes) = procfs.read("sys/net/netfilter/nf_conntrack_max", 64)
        && let Ok(value) = String::from_utf8_lossy(&bytes).trim().parse()
    {
        counters.push(Counter { name: "conntrack.max".to_owned(), value });
    }
    Ok(counters)
}

/// What moved from `before` to `after`, in the order of `after`. A counter that is new counts from zero.
pub(crate) fn diff(before: &[Counter], after: &[Counter]) -> Vec<Counter> {
    let old: HashMap<&str, i64> = before.iter().map(|counter| (counter.name.as_str(), counter.value)).collect();
    let moved = |counter: &Counter| {
        let value = counter.value.wrapping_sub(old.get(counter.name.as_str()).copied().unwrap_or(0));
        (value != 0).then(|| Counter { name: counter.name.clone(), value })
    };
    after.iter().filter_map(moved).collect()
}

/// Absent in this kernel, or not for us: conntrack's file is for root.
fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}

/// A line `Group: name name` followed by a line `Group: value value`.
fn paired(text: &str, counters: &mut Vec<Counter>) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((group, names)), Some((same, values))) = (names.split_once(':'), values.split_once(':')) else {
            continue;
        };
        if group != same {
            continue;
        }
        for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
            if let Some(value) = decimal(value) {
                counters.push(Counter { name: format!("{group}.{name}"), value });
            }
        }
    }
}

fn snmp6(text: &str, counters: &mut Vec<Counter>) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(value)) = (words.next(), words.next().and_then(decimal)) else { continue };
        let group = SNMP6_GROUPS.into_iter().find_map(|group| Some((group, name.strip_prefix(group)?)));
        if let Some((group, rest)) = group {
            counters.push(Counter { name: format!("{group}.{rest}"), value });
        }
    }
}

fn sockstat(text: &str, counters: &mut Vec<Counter>) {
    for line in text.lines() {
        let Some((group, rest)) = line.split_once(':') else { continue };
        let mut words = rest.split_ascii_whitespace();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            if let Some(value) = decimal(value) {
                counters.push(Counter { name: format!("sockstat.{group}.{name}"), value });
            }
        }
    }
}

fn conntrack(text: &str, counters: &mut Vec<Counter>) {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    let mut totals = vec![None::<i64>; names.len()];
    for line in lines {
        for ((name, total), value) in names.iter().zip(&mut totals).zip(line.split_ascii_whitespace()) {
            let Ok(value) = i64::from_str_radix(value, 16) else { continue };
            *total = match *total {
                Some(_) if *name == "entries" => Some(value),
                Some(sum) => Some(sum.saturating_add(value)),
                None => Some(value),
            };
        }
    }
    for (name, total) in names.iter().zip(totals) {
        if let Some(value) = total {
            counters.push(Counter { name: format!("conntrack.{name}"), value });
        }
    }
}

/// Counters are unsigned and wrap at 64 bits in the kernel; a few (`Tcp.MaxConn`) are -1.
fn decimal(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().or_else(|| text.parse::<u64>().ok().map(u64::cast_signed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SNMP: &str = include_str!("../../fixtures/proc/snmp");
    const NETSTAT: &str = include_str!("../../fixtures/proc/netstat");
    const SNMP6: &str = include_str!("../../fixtures/proc/snmp6");
    const SOCKSTAT: &str = include_str!("../../fixtures/proc/sockstat");
    const CONNTRACK: &str = include_str!("../../fixtures/proc/nf_conntrack");

    fn parsed(parse: fn(&str, &mut Vec<Counter>), text: &str) -> HashMap<String, i64> {
        let mut counters = Vec::new();
        parse(text, &mut counters);
        counters.into_iter().map(|counter| (counter.name, counter.value)).collect()
    }

    #[test]
    fn snmp_pairs_names_with_values_and_keeps_a_negative_one() {
        let counters = parsed(paired, SNMP);
        assert_eq!(counters["Tcp.MaxConn"], -1);
        assert_eq!(counters["Tcp.RetransSegs"], 17);
        assert_eq!(counters["IcmpMsg.InType3"], 1);
        assert_eq!(counters["UdpLite.MemErrors"], 0);
    }

    #[test]
    fn netstat_has_its_three_groups() {
        let counters = parsed(paired, NETSTAT);
        assert_eq!(counters["TcpExt.ListenOverflows"], 4);
        assert_eq!(counters["IpExt.InOctets"], 469_807_996);
        assert!(counters.contains_key("MPTcpExt.MPCapableSYNRX"));
    }

    #[test]
    fn snmp6_names_are_split_after_their_protocol() {
        let counters = parsed(snmp6, SNMP6);
        assert_eq!(counters["Ip6.OutNoRoutes"], 6);
        assert_eq!(counters["Icmp6.InMsgs"], 0);
        assert_eq!(counters["Udp6.InDatagrams"], 3);
        assert_eq!(counters["UdpLite6.InErrors"], 0);
        assert_eq!(counters.len(), SNMP6.lines().count());
    }

    #[test]
    fn sockstat_names_carry_file_protocol_and_field() {
        let counters = parsed(sockstat, SOCKSTAT);
        assert_eq!(counters["sockstat.sockets.used"], 28);
        assert_eq!(counters["sockstat.TCP.inuse"], 1);
        assert_eq!(counters["sockstat.TCP.mem"], 48);
        assert_eq!(counters["sockstat.FRAG.memory"], 0);
    }

    #[test]
    fn conntrack_is_hexadecimal_summed_over_cpus_except_for_entries() {
        let counters = parsed(conntrack, CONNTRACK);
        assert_eq!(counters["conntrack.entries"], 0x1a);
        assert_eq!(counters["conntrack.drop"], 0x10 + 0x01);
        assert_eq!(counters["conntrack.insert_failed"], 2);
        assert_eq!(counters["conntrack.search_restart"], 3);
    }

    #[test]
    fn a_diff_holds_only_what_moved() {
        let counter = |name: &str, value| Counter { name: name.to_owned(), value };
        let before = [counter("a", 1), counter("b", 5), counter("c", 7)];
        let after = [counter("c", 7), counter("b", 3), counter("a", 2), counter("new", 4)];
        assert_eq!(diff(&before, &after), [counter("b", -2), counter("a", 1), counter("new", 4)]);
    }

    #[test]
    fn the_own_counters_are_read() {
        let counters = read(&Procfs::open().expect("/proc")).expect("counters");
        for name in ["Tcp.RetransSegs", "TcpExt.ListenOverflows", "IpExt.InOctets", "sockstat.TCP.inuse"] {
            assert!(counters.iter().any(|counter| counter.name == name), "{name} of {counters:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "(?s).{0,400}") {
            for parse in [paired, snmp6, sockstat, conntrack] {
                parse(&text, &mut Vec::new());
            }
        }

        #[test]
        fn no_shuffled_table_makes_a_parser_panic(text in "([A-Z][a-z]{0,3}:?[ \n]{0,2}|-?[0-9a-f]{1,17}[ \n]){0,60}") {
            for parse in [paired, snmp6, sockstat, conntrack] {
                parse(&text, &mut Vec::new());
            }
        }
    }
}
