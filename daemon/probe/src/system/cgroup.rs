//! The cgroup of a process: its CPU limit and what that costs it, whether it is frozen, its memory and its pressure.
//!
//! The CPU may be limited in any cgroup above it: the one is answered that used up its quota in the largest share of its periods, and
//! where none did, the tightest. Version 2, and of version 1 the
//! trees of `cpu` and `freezer`. A process outside of our cgroup namespace has a path that leads nowhere here.

use std::cmp::Ordering;
use std::os::fd::OwnedFd;
use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::system::CgroupFacts;

use super::pressure;
use crate::cgroup_tree;
use crate::inspection::Problem;
use crate::process::{self, missing, open_directory};
use crate::vantage::{Procfs, read_at};

const LIMIT_BYTES: usize = 64 << 10;
/// Levels looked at; runtimes nest about ten.
const DEEPEST: usize = 64;

/// Reads it.
pub(super) fn read(procfs: &Procfs, pid: u32) -> Result<CgroupFacts, Problem> {
    let process = process::open(procfs, pid)?;
    let attempt = format!("read /proc/{pid}/cgroup");
    let bytes = read_at(&process, "cgroup", LIMIT_BYTES).map_err(|error| missing(&error, pid, &attempt))?;
    let places = Places::parse(&String::from_utf8_lossy(&bytes));
    let unified = place(cgroup_tree::unified(procfs), places.unified.as_deref());
    let cpu = place(cgroup_tree::controller(procfs, "cpu"), places.cpu.as_deref());
    let freezer = place(cgroup_tree::controller(procfs, "freezer"), places.freezer.as_deref());
    let limited = match (&cpu, &unified) {
        (Some((root, path)), _) => limiting(root, path, version_1),
        (None, Some((root, path))) => limiting(root, path, version_2),
        (None, None) => return Err(unseen(&attempt)),
    };
    let mut facts = limited.ok_or_else(|| unseen(&attempt))?;
    if cpu.is_some()
        && let Some((root, path)) = place(cgroup_tree::controller(procfs, "cpuacct"), places.account.as_deref())
    {
        // What it used is counted in a tree of its own, which is the same one as a rule: there of the cgroup that limits.
        let path = if places.account == places.cpu { &facts.path } else { &path };
        let usage = directory(&root, path).and_then(|folder| text(&folder, "cpuacct.usage"));
        facts.usage = usage.and_then(|usage| usage.trim().parse().ok()).map(Duration::from_nanos).unwrap_or_default();
    }
    let frozen = |place: &Option<(OwnedFd, String)>, file: &str, is_frozen: fn(&str) -> bool| {
        place.as_ref().and_then(|(root, path)| text(&directory(root, path)?, file)).is_some_and(|text| is_frozen(&text))
    };
    facts.frozen = frozen(&unified, "cgroup.events", |events| figure(events, "frozen") == Some(1))
        || frozen(&freezer, "freezer.state", |state| state.trim() == "FROZEN");
    if let Some((root, own)) = &unified {
        // With a CPU tree of its own, the path of that says nothing about this one.
        let path = if cpu.is_some() { own } else { &facts.path };
        if let Some(folder) = directory(root, path) {
            facts.pressure = pressure::read(|resource| text(&folder, &format!("{resource}.pressure")));
            let size = |file| text(&folder, file)?.trim().parse().ok();
            facts.memory_bytes = size("memory.current");
            facts.memory_limit_bytes = size("memory.max");
            facts.oom_kills = text(&folder, "memory.events").and_then(|events| figure(&events, "oom_kill"));
        }
    }
    Ok(facts)
}

/// Where a process stands in each tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    unified: Option<String>,
    cpu: Option<String>,
    account: Option<String>,
    freezer: Option<String>,
}

impl Places {
    /// Of /proc/PID/cgroup: lines of `ID:CONTROLLERS:PATH`, where version 2 has no controllers.
    pub(super) fn parse(text: &str) -> Self {
        let mut places = Self::default();
        for line in text.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            let has = |name: &str| controllers.split(',').any(|controller| controller == name);
            let trees = [
                (controllers.is_empty(), &mut places.unified),
                (has("cpu"), &mut places.cpu),
                (has("cpuacct"), &mut places.account),
                (has("freezer"), &mut places.freezer),
            ];
            for (_, place) in trees.into_iter().filter(|(is_it, _)| *is_it) {
                *place = Some(path.to_owned());
            }
        }
        places
    }
}

/// A tree and a path in it that stays in it.
fn place(root: Option<OwnedFd>, path: Option<&str>) -> Option<(OwnedFd, String)> {
    let path = path.filter(|path| path.starts_with('/') && !path.split('/').any(|part| part == ".."))?;
    Some((root?, path.to_owned()))
}

/// Of a path and those above it, the one that limits the CPU most; the path itself where none is limited.
fn limiting(root: &OwnedFd, path: &str, read: fn(&OwnedFd, &str) -> CgroupFacts) -> Option<CgroupFacts> {
    let own = read(&directory(root, path)?, path);
    let above = above(path).take(DEEPEST).filter_map(|path| Some(read(&directory(root, path)?, path)));
    Some(above.fold(own, |most, other| if limits_more(&other, &most) { other } else { most }))
}

/// The paths above one, up to `/`.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let parent = |path: &str| path.rfind('/').filter(|_| path.len() > 1).map(|at| at.max(1));
    std::iter::successors(Some(path), move |path| path.get(..parent(path)?)).skip(1)
}

/// A looser quota that others use up keeps a process from running as well, and a tight one that nobody uses up does not.
fn limits_more(one: &CgroupFacts, other: &CgroupFacts) -> bool {
    if one.quota.is_none() || other.quota.is_none() {
        return is_tighter(one, other);
    }
    // Shares as products, without dividing; without a period nothing was used up.
    let share =
        |of: &CgroupFacts, than: &CgroupFacts| u128::from(of.throttled_periods) * u128::from(than.periods.max(1));
    match share(one, other).cmp(&share(other, one)) {
        Ordering::Greater => true,
        Ordering::Equal => is_tighter(one, other),
        Ordering::Less => false,
    }
}

fn is_tighter(one: &CgroupFacts, other: &CgroupFacts) -> bool {
    match (one.quota.zip(one.period), other.quota.zip(other.period)) {
        // Shares as products, without dividing.
        (Some((quota, period)), Some((than, each))) => {
            quota.as_micros().saturating_mul(each.as_micros()) < than.as_micros().saturating_mul(period.as_micros())
        }
        (limited, other) => limited.is_some() && other.is_none(),
    }
}

fn version_2(folder: &OwnedFd, path: &str) -> CgroupFacts {
    let text = |file| text(folder, file).unwrap_or_default();
    let (quota, period) = cpu_max(&text("cpu.max")).unzip();
    let stat = text("cpu.stat");
    let value = |name| figure(&stat, name).unwrap_or(0);
    CgroupFacts {
        path: path.to_owned(),
        quota,
        period,
        usage: Duration::from_micros(value("usage_usec")),
        periods: value("nr_periods"),
        throttled_periods: value("nr_throttled"),
        throttled: Duration::from_micros(value("throttled_usec")),
        ..CgroupFacts::default()
    }
}

fn version_1(folder: &OwnedFd, path: &str) -> CgroupFacts {
    let text = |file| text(folder, file).unwrap_or_default();
    let micros = |file| text(file).trim().parse().ok().map(Duration::from_micros);
    // -1 is no limit.
    let limit = micros("cpu.cfs_quota_us").zip(micros("cpu.cfs_period_us"));
    let (quota, period) = limit.unzip();
    let stat = text("cpu.stat");
    let value = |name| figure(&stat, name).unwrap_or(0);
    CgroupFacts {
        path: path.to_owned(),
        quota,
        period,
        periods: value("nr_periods"),
        throttled_periods: value("nr_throttled"),
        throttled: Duration::from_nanos(value("throttled_time")),
        ..CgroupFacts::default()
    }
}

/// Of cpu.max: `max 100000` is no limit.
pub(super) fn cpu_max(text: &str) -> Option<(Duration, Duration)> {
    let mut words = text.split_ascii_whitespace().map(|word| word.parse().ok().map(Duration::from_micros));
    words.next().flatten().zip(words.next().flatten())
}

/// A line of `NAME VALUE`.
pub(super) fn figure(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn directory(root: &OwnedFd, path: &str) -> Option<OwnedFd> {
    let relative = path.trim_matches('/');
    open_directory(root, if relative.is_empty() { "." } else { relative }).ok()
}

fn text(folder: &OwnedFd, file: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&read_at(folder, file, LIMIT_BYTES).ok()?).into_owned())
}

fn unseen(attempt: &str) -> Problem {
    Problem {
        reason: Reason::Unavailable("the cgroup namespace and tree that the process is in".to_owned()),
        errno: None,
        detail: format!("{attempt}: the cgroup that it names is not mounted here"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_process_stands_in_each_tree() {
        let places =
            Places::parse("9:name=systemd:/x\n2:cpu,cpuacct:/docker/a:b\n3:freezer:/f\n4:cpuset:/no\n0::/u.slice\n");
        assert_eq!((places.cpu.as_deref(), places.account.as_deref()), (Some("/docker/a:b"), Some("/docker/a:b")));
        assert_eq!((places.freezer.as_deref(), places.unified.as_deref()), (Some("/f"), Some("/u.slice")));
        assert_eq!(Places::parse("nonsense\n::\n"), Places { unified: Some(String::new()), ..Places::default() });
    }

    #[test]
    fn a_path_that_leaves_the_tree_is_not_followed() {
        let root = || Some(OwnedFd::from(std::fs::File::open("/").expect("a folder")));
        assert!(place(root(), Some("/../other")).is_none() && place(root(), Some("")).is_none());
        assert!(place(root(), Some("/a..b/c")).is_some());
    }

    #[test]
    fn the_paths_above_end_at_the_root() {
        assert_eq!(above("/a/b/c").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
        assert_eq!(above("/").count(), 0);
        assert_eq!(above("/a").collect::<Vec<_>>(), ["/"]);
    }

    #[test]
    fn the_smaller_share_of_a_cpu_is_tighter_whatever_its_period() {
        let limited = |quota, period| CgroupFacts {
            quota: Some(Duration::from_micros(quota)),
            period: Some(Duration::from_micros(period)),
            ..CgroupFacts::default()
        };
        assert!(is_tighter(&limited(10_000, 100_000), &limited(20_000, 100_000)));
        assert!(!is_tighter(&limited(10_000, 10_000), &limited(20_000, 100_000)));
        assert!(is_tighter(&limited(1, 1), &CgroupFacts::default()));
        assert!(!is_tighter(&CgroupFacts::default(), &limited(1, 1)));
    }

    #[test]
    fn a_looser_limit_that_is_used_up_counts_before_a_tighter_one_that_is_not() {
        let limited = |quota, throttled_periods| CgroupFacts {
            quota: Some(Duration::from_micros(quota)),
            period: Some(Duration::from_millis(100)),
            periods: 1000,
            throttled_periods,
            ..CgroupFacts::default()
        };
        assert!(limits_more(&limited(200_000, 800), &limited(50_000, 3)));
        assert!(!limits_more(&limited(50_000, 3), &limited(200_000, 800)));
        assert!(limits_more(&limited(50_000, 0), &limited(200_000, 0)));
        assert!(limits_more(&limited(200_000, 1), &CgroupFacts::default()));
        assert!(!limits_more(&CgroupFacts::default(), &limited(200_000, 0)));
        let lifted = CgroupFacts { periods: 1000, throttled_periods: 900, ..CgroupFacts::default() };
        assert!(!limits_more(&lifted, &limited(200_000, 0)) && limits_more(&limited(200_000, 0), &lifted));
    }

    #[test]
    fn a_limit_is_two_numbers_and_max_is_none() {
        assert_eq!(cpu_max("50000 100000\n"), Some((Duration::from_millis(50), Duration::from_millis(100))));
        assert_eq!(cpu_max("max 100000\n"), None);
        assert_eq!(cpu_max(""), None);
        assert_eq!(figure("nr_periods 5\nnr_throttled 3\n", "nr_throttled"), Some(3));
        assert_eq!(figure("nr_throttled_more 3\n", "nr_throttled"), None);
    }

    #[test]
    fn the_cgroup_of_this_process_is_not_frozen() {
        let procfs = Procfs::open().expect("/proc");
        match read(&procfs, std::process::id()) {
            Ok(facts) => assert!(facts.path.starts_with('/') && !facts.frozen, "{facts:?}"),
            // Where no tree is mounted, that is the answer.
            Err(problem) => assert!(matches!(problem.reason, Reason::Unavailable(_)), "{problem:?}"),
        }
        read(&procfs, u32::MAX).expect_err("there is no such process");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in "(?s).{0,200}", lines in "([0-9]{0,3}:[a-z,]{0,6}:[/a-z.]{0,9}\n?|max|[0-9 ]){0,20}") {
            for text in [&text, &lines] {
                drop((Places::parse(text), cpu_max(text), figure(text, "nr_throttled"), above(text).take(DEEPEST).count()));
            }
        }
    }
}
