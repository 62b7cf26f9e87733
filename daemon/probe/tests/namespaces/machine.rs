//! Rules, whole tables, settings and processes, compared with what `ip` and /proc say of them.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use sonde_core::observation::system::{Family, ProcessFacts, RouteKind};
use sonde_core::observation::{Failure, Reason};
use sonde_probe::system::{cgroup, environment, host, links, neighbours, process, routes, rules, sysctls};
use sonde_probe::vantage::{Selector, Vantage};

use crate::lab::{Netns, Process, clock, eventually, need_root};

#[tokio::test]
async fn rules_are_those_that_ip_prints() {
    need_root!("rules_are_those_that_ip_prints");
    let namespace = Netns::create();
    namespace.ip("rule add from 10.0.0.0/8 to 192.0.2.1 fwmark 0x1/0xff iif lo lookup 7 pref 100");
    namespace.ip("rule add not fwmark 0xca6c table 51820 suppress_prefixlength 0 pref 99");
    namespace.ip("rule add uidrange 0-1000 ipproto tcp dport 80-90 unreachable pref 98");
    namespace.ip("-6 rule add to fd66::/32 prohibit pref 97");
    let found = rules(&namespace.vantage(), &clock()).await.expect("rules");
    let (printed4, printed6) = (namespace.ip("rule"), namespace.ip("-6 rule"));
    for rule in &found {
        let printed = if rule.family == Family::Ipv4 { &printed4 } else { &printed6 };
        let selector = if rule.selector == "all" { "from all" } else { &rule.selector };
        // `ip` puts the suppressor behind the action.
        let selector = selector.trim_end_matches(" suppress_prefixlength 0");
        let line = printed.lines().find(|line| line.starts_with(&format!("{}:", rule.priority)));
        let line = line.unwrap_or_else(|| panic!("{rule:?} is not in {printed}"));
        assert!(line.contains(selector) && line.contains(&rule.action), "{rule:?} of {line}");
    }
    assert_eq!(found.len(), printed4.lines().count() + printed6.lines().count(), "{found:?}");
    let tunnel = found.iter().find(|rule| rule.priority == 99).expect("the rule of a tunnel");
    assert_eq!(tunnel.table, Some(51820));
    assert!(tunnel.selector.ends_with("suppress_prefixlength 0"), "{tunnel:?}");
}

#[tokio::test]
async fn the_routes_of_every_table_are_listed_for_each_hop() {
    need_root!("the_routes_of_every_table_are_listed_for_each_hop");
    let (namespace, _other) = Netns::pair();
    namespace.ip("route add 10.20.0.0/16 via 10.9.0.2 mtu 1400 proto static metric 50");
    namespace.ip("route add default nexthop via 10.9.0.2 nexthop via 10.9.0.3");
    namespace.ip("route add blackhole 10.66.0.0/16 table 7");
    let table = routes(&namespace.vantage(), &clock()).await.expect("routes");
    assert_eq!(table.total, u64::try_from(table.rows.len()).expect("few"));
    let find = |to: &str| table.rows.iter().filter(|row| row.destination == to).collect::<Vec<_>>();
    let one = find("10.20.0.0/16")[0];
    assert_eq!((one.metric, one.mtu, one.protocol.as_str(), one.table), (50, Some(1400), "static", 254));
    let gateways: Vec<_> = find("default").iter().filter_map(|row| row.gateway).map(|ip| ip.to_string()).collect();
    assert_eq!(gateways, ["10.9.0.2", "10.9.0.3"]);
    let hole = find("10.66.0.0/16")[0];
    assert_eq!((hole.kind, hole.table, hole.device.as_deref()), (RouteKind::Blackhole, 7, None));
    assert!(find("fd09::1/128").iter().any(|row| row.kind == RouteKind::Local && row.table == 255), "{table:?}");
}

#[tokio::test]
async fn a_long_table_is_counted_and_cut() {
    need_root!("a_long_table_is_counted_and_cut");
    let (namespace, _other) = Netns::pair();
    let batch = tempfile::NamedTempFile::new().expect("a file");
    let lines = (0..5000).flat_map(|n| {
        let (a, b) = (n / 256, n % 256);
        [
            format!("route add 10.1{a:02}.{b}.0/24 via 10.9.0.2\n"),
            format!("neigh add 10.9.{a}.{b} lladdr 02:00:00:00:00:01 dev near nud permanent\n"),
        ]
    });
    std::fs::write(batch.path(), lines.collect::<String>()).expect("written");
    namespace.ip("addr add 10.9.0.1/16 dev near");
    namespace.ip(&format!("-force -batch {}", batch.path().display()));
    let vantage = namespace.vantage();
    let table = routes(&vantage, &clock()).await.expect("routes");
    assert!(table.rows.len() == 4096 && table.total > 5000, "{} of {}", table.rows.len(), table.total);
    let table = neighbours(&vantage, &clock()).await.expect("neighbours");
    assert!(table.rows.len() == 4096 && table.total >= 5000, "{} of {}", table.rows.len(), table.total);
}

#[tokio::test]
async fn neighbours_of_both_families_are_listed_without_those_that_need_none() {
    need_root!("neighbours_of_both_families_are_listed_without_those_that_need_none");
    let (namespace, _other) = Netns::pair();
    namespace.ip("neigh add 10.9.0.50 lladdr 02:00:00:00:00:50 dev near nud permanent");
    namespace.ip("neigh add fd09::50 lladdr 02:00:00:00:00:51 dev near nud permanent");
    namespace.ip("neigh add 10.9.0.51 lladdr 02:00:00:00:00:52 dev near nud noarp");
    let table = neighbours(&namespace.vantage(), &clock()).await.expect("neighbours");
    let shown: Vec<_> = table
        .rows
        .iter()
        .filter(|row| row.state == "PERMANENT")
        .map(|row| (row.address.to_string(), row.device.as_str(), row.link_address.as_deref()))
        .collect();
    let expected = [("10.9.0.50", "near", Some("02:00:00:00:00:50")), ("fd09::50", "near", Some("02:00:00:00:00:51"))];
    assert_eq!(shown, expected.map(|(address, device, link)| (address.to_owned(), device, link)));
    assert!(table.rows.iter().all(|row| row.state != "NOARP"), "{table:?}");
}

#[tokio::test]
async fn a_link_has_its_kind_and_its_master() {
    need_root!("a_link_has_its_kind_and_its_master");
    let (namespace, _other) = Netns::pair();
    namespace.ip("link add span type bridge");
    namespace.ip("link set near master span");
    let found = links(&namespace.vantage(), &clock()).await.expect("links");
    let of = |name: &str| {
        let link = found.iter().find(|link| link.name == name).expect("the link");
        (link.kind.as_deref(), link.master.as_deref())
    };
    assert_eq!(
        (of("near"), of("span"), of("lo")),
        ((Some("veth"), Some("span")), (Some("bridge"), None), (None, None))
    );
}

#[tokio::test]
async fn settings_are_those_of_the_vantage() {
    need_root!("settings_are_those_of_the_vantage");
    let namespace = Netns::create();
    namespace.exec("sysctl -qw net.ipv4.tcp_fin_timeout=33 net.ipv4.conf.lo.rp_filter=2");
    let names = ["net.ipv4.tcp_fin_timeout", "net.ipv4.conf.lo.rp_filter", "net.ipv4.conf.no/such.rp_filter"];
    let names: Vec<String> = names.map(str::to_owned).to_vec();
    let values = |found: Result<Vec<sonde_core::observation::system::Sysctl>, Failure>| {
        found.expect("settings").into_iter().map(|setting| setting.value).collect::<Vec<_>>()
    };
    let there = values(sysctls(&namespace.vantage(), &clock(), names.clone()).await);
    assert_eq!(there, [Some("33".to_owned()), Some("2".to_owned()), None]);
    let own = Vantage::open(&Selector::Own).expect("own");
    let here = values(sysctls(&own, &clock(), names).await);
    assert_ne!(here[0], there[0], "the daemon's own namespace has its own");
}

#[tokio::test]
async fn the_limits_of_tcp_are_the_machines_whatever_the_vantage() {
    need_root!("the_limits_of_tcp_are_the_machines_whatever_the_vantage");
    let namespace = Netns::create();
    let there = host(&namespace.vantage(), &clock()).await.expect("facts");
    let own = host(&Vantage::open(&Selector::Own).expect("own"), &clock()).await.expect("facts");
    assert_eq!(there.tcp_memory_limits_pages, own.tcp_memory_limits_pages);
    assert_eq!(there.tcp_orphans_limit, own.tcp_orphans_limit);
    assert_eq!((there.processors, there.memory_bytes), (own.processors, own.memory_bytes));
}

async fn facts(vantage: &Vantage, pid: u32) -> Result<ProcessFacts, Failure> {
    process(vantage, &clock(), pid).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_followed_through_its_life() {
    need_root!("a_process_is_followed_through_its_life");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let own = Vantage::open(&Selector::Own).expect("own");
    let mut child = Command::new("ip")
        .args([
            "netns",
            "exec",
            &namespace.name,
            "env",
            "API_TOKEN=x",
            "HTTPS_PROXY=http://me:secret@proxy:3128",
            "sh",
            "-c",
        ])
        .arg("ulimit -n 64; exec sleep 60")
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    let pid = child.id();
    let block = |vantage: &Vantage| {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(facts(vantage, pid)))
            .expect("it lives")
    };
    let found = eventually("the process to sleep", || Some(block(&vantage)).filter(|facts| facts.command == "sleep"));
    assert_eq!((found.open_files_soft, found.here, found.uid), (Some(64), Some(true), 0));
    assert!(found.descriptors.is_some_and(|held| held.pipes >= 1) && found.parent == std::process::id(), "{found:?}");
    assert_eq!(block(&own).here, Some(false));

    let names = ["HTTPS_PROXY", "API_TOKEN", "NO_SUCH"].map(str::to_owned).to_vec();
    let set = environment(&vantage, &clock(), Some(pid), names).await.expect("variables");
    let set: Vec<_> = set.into_iter().map(|variable| variable.value).collect();
    assert_eq!(set, ["http://***@proxy:3128", "***"]);

    let raw = Pid::from_raw(pid.try_into().expect("a pid")).expect("a pid");
    kill_process(raw, Signal::STOP).expect("stopped");
    eventually("the process to stop", || Some(block(&vantage)).filter(|facts| facts.state == "T"));
    child.kill().expect("killed");
    child.wait().expect("reaped");
    let failure = facts(&vantage, pid).await.expect_err("it is gone");
    assert!(matches!(failure.reason, Reason::InvalidRequest(_)), "{failure:?}");
}

#[tokio::test]
async fn a_zombie_is_still_a_process() {
    need_root!("a_zombie_is_still_a_process");
    let own = Vantage::open(&Selector::Own).expect("own");
    let mut child = Command::new("true").spawn().expect("it starts");
    let pid = child.id();
    let found = loop {
        let found = facts(&own, pid).await.expect("not reaped yet");
        if found.state == "Z" {
            break found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!((found.resident_bytes, found.pid), (0, pid));
    child.wait().expect("reaped");
}

#[tokio::test]
async fn a_frozen_and_limited_cgroup_is_known_as_such() {
    need_root!("a_frozen_and_limited_cgroup_is_known_as_such");
    let sleeper = Process::unshared("--mount", "true");
    let pid = sleeper.0.id();
    let Some(cage) = Cage::create(pid) else {
        crate::lab::skipped("a_frozen_and_limited_cgroup_is_known_as_such", "no cgroup can be made here");
        return;
    };
    let own = Vantage::open(&Selector::Own).expect("own");
    let found = cgroup(&own, &clock(), pid).await.expect("its cgroup");
    if cage.limited {
        let limit = found.quota.zip(found.period).map(|(quota, period)| (quota.as_micros(), period.as_micros()));
        assert_eq!(limit, Some((5_000, 100_000)), "{found:?}");
        assert!(found.path.ends_with(&cage.name), "the limit is above the process: {found:?}");
    }
    assert!(!found.frozen, "{found:?}");
    cage.freeze(true);
    let mut frozen = false;
    for _ in 0..100 {
        frozen = cgroup(&own, &clock(), pid).await.expect("its cgroup").frozen;
        if frozen {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    cage.freeze(false);
    assert!(frozen);
}

/// A cgroup for one process below another one that limits it, of version 2 or of version 1's trees; gone at the end.
struct Cage {
    name: String,
    folders: Vec<std::path::PathBuf>,
    freezer: (std::path::PathBuf, &'static str, &'static str),
    limited: bool,
    pid: u32,
}

impl Cage {
    fn create(pid: u32) -> Option<Self> {
        let name = format!("sonde-test-{pid}");
        let root = std::path::Path::new("/sys/fs/cgroup");
        let unified = if root.join("cgroup.controllers").exists() { root.to_owned() } else { root.join("unified") };
        let mut made = Self { name, folders: Vec::new(), freezer: Default::default(), limited: false, pid };
        for tree in [root.join("cpu"), unified, root.join("freezer")] {
            let outer = tree.join(&made.name);
            let inner = outer.join("inner");
            if !tree.join("cgroup.procs").exists() || std::fs::create_dir_all(&inner).is_err() {
                continue;
            }
            made.folders.extend([inner.clone(), outer.clone()]);
            std::fs::write(inner.join("cgroup.procs"), pid.to_string()).ok()?;
            let limit = std::fs::write(outer.join("cpu.cfs_quota_us"), "5000").is_ok()
                || (outer.join("cpu.max").exists() && std::fs::write(outer.join("cpu.max"), "5000 100000").is_ok());
            made.limited |= limit;
            for (file, on, off) in [("freezer.state", "FROZEN", "THAWED"), ("cgroup.freeze", "1", "0")] {
                if outer.join(file).exists() {
                    made.freezer = (outer.join(file), on, off);
                }
            }
        }
        made.freezer.0.exists().then_some(made)
    }

    fn freeze(&self, on: bool) {
        let (file, frozen, thawed) = &self.freezer;
        std::fs::write(file, if on { frozen } else { thawed }).expect("written");
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        for folder in &self.folders {
            if let Some(tree) = folder.ancestors().find(|one| one.file_name().is_some_and(|name| *name == *self.name)) {
                drop(std::fs::write(tree.with_file_name("cgroup.procs"), self.pid.to_string()));
            }
        }
        for folder in &self.folders {
            drop(std::fs::remove_dir(folder));
        }
    }
}

#[tokio::test]
async fn a_listener_of_another_namespace_is_elsewhere() {
    need_root!("a_listener_of_another_namespace_is_elsewhere");
    let namespace = Netns::create();
    let _listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let found = facts(&namespace.vantage(), std::process::id()).await.expect("this process");
    assert_eq!(found.here, Some(false));
    assert!(found.descriptors.is_some_and(|held| held.sockets >= 1), "{found:?}");
}
