//! The mounted cgroup trees, by way of /proc, since the vantage may have other mounts.

use std::os::fd::OwnedFd;

use crate::process::open_directory;
use crate::vantage::Procfs;

/// `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP2: rustix::fs::FsWord = 0x6367_7270;
/// Where systems mount them, as we see it and else as process 1 does: `ip netns exec` puts another /sys over ours.
const MOUNTS: [&str; 2] = ["self/root/sys/fs/cgroup", "1/root/sys/fs/cgroup"];
/// Of version 2: alone, and beside version 1.
const UNIFIED: [&str; 2] = ["", "/unified"];

/// The root of version 2.
pub(crate) fn unified(procfs: &Procfs) -> Option<OwnedFd> {
    let paths = MOUNTS.iter().flat_map(|mount| UNIFIED.map(|below| format!("{mount}{below}")));
    let mut roots = paths.filter_map(|path| open_directory(procfs, &path).ok());
    roots.find(|root| rustix::fs::fstatfs(root).is_ok_and(|of| of.f_type == CGROUP2))
}

/// The root of a controller's own tree of version 1.
pub(crate) fn controller(procfs: &Procfs, name: &str) -> Option<OwnedFd> {
    MOUNTS.iter().find_map(|mount| open_directory(procfs, &format!("{mount}/{name}")).ok())
}
