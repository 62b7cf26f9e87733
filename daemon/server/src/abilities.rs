//! What this daemon can do on this machine: namespaces, capabilities, and what the kernel offers. Only facts of the own process
//! are read here; what concerns the network is asked through `probe`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use sonde_core::observation::Failure;
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};
use sonde_probe::{sockets, system};
use sonde_proto::v1::KernelFeature;

/// The facts.
#[derive(Debug, Default)]
pub(crate) struct Abilities {
    /// Inode number; 0 where it cannot be read.
    pub(crate) network_namespace: u64,
    /// Inode number; 0 where it cannot be read.
    pub(crate) mount_namespace: u64,
    /// Effective ones, `CAP_NET_ADMIN`.
    pub(crate) capabilities: Vec<String>,
    /// `uname -r`.
    pub(crate) kernel_release: String,
    /// What a diagnosis can use.
    pub(crate) features: Vec<KernelFeature>,
}

/// Looks. Takes a few system calls.
pub(crate) async fn look() -> Abilities {
    let capabilities = fs::read_to_string("/proc/self/status").map(|status| effective(&status)).unwrap_or_default();
    let kernel_release =
        fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()).unwrap_or_default();
    let inode =
        |name: &str| fs::metadata(format!("/proc/self/ns/{name}")).map(|metadata| metadata.ino()).unwrap_or_default();
    let features = features(&kernel_release, &capabilities).await;
    Abilities { network_namespace: inode("net"), mount_namespace: inode("mnt"), capabilities, kernel_release, features }
}

async fn features(release: &str, capabilities: &[String]) -> Vec<KernelFeature> {
    let has = |name: &str| capabilities.iter().any(|capability| capability == name);
    let needs = |name: &str| if has(name) { String::new() } else { format!("needs {name}") };
    let mut features = vec![KernelFeature {
        name: "icmp-in-syn-sent".into(),
        available: at_least(release, 5, 8),
        detail: if at_least(release, 5, 8) {
            String::new()
        } else {
            "needs Linux 5.8; below it counters decide".into()
        },
    }];
    let conntrack = match Vantage::open(&Selector::Own) {
        Err(error) => {
            features.extend(["sock-diag", "rtnetlink", "counters"].map(|name| KernelFeature {
                name: name.into(),
                available: false,
                detail: error.to_string(),
            }));
            false
        }
        Ok(vantage) => {
            let clock = RunClock::start();
            features.push(feature("sock-diag", sockets::readable(&vantage, &clock).await.err().as_ref()));
            features.push(feature("rtnetlink", system::default_routes(&vantage, &clock).await.err().as_ref()));
            features.push(feature("counters", sockets::counters(&vantage, &clock).await.err().as_ref()));
            sockets::tracks_connections(&vantage).await
        }
    };
    features.extend([
        KernelFeature {
            name: "conntrack".into(),
            available: conntrack,
            detail: if conntrack { String::new() } else { "no connection is tracked in this namespace".into() },
        },
        KernelFeature {
            name: "enter-namespaces".into(),
            available: has("CAP_SYS_ADMIN"),
            detail: needs("CAP_SYS_ADMIN"),
        },
        KernelFeature {
            name: "processes-of-others".into(),
            available: has("CAP_SYS_PTRACE"),
            detail: needs("CAP_SYS_PTRACE"),
        },
    ]);
    features
}

fn feature(name: &str, failure: Option<&Failure>) -> KernelFeature {
    KernelFeature {
        name: name.into(),
        available: failure.is_none(),
        detail: failure.map(ToString::to_string).unwrap_or_default(),
    }
}

/// Whether a kernel release is that of a version, or later.
fn at_least(release: &str, major: u32, minor: u32) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

/// The names of the bits of `CapEff:` (proc(5)).
fn effective(status: &str) -> Vec<String> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or_default();
    let bits = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
    (0..64_usize)
        .filter(|bit| bits >> bit & 1 == 1)
        .map(|bit| CAPABILITIES.get(bit).map_or_else(|| format!("CAP_{bit}"), |name| format!("CAP_{name}")))
        .collect()
}

/// linux/capability.h, by bit.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_named_by_their_bits() {
        let status = "Name:\tsonded\nCapInh:\tffff\nCapEff:\t0000020000003000\n";

        assert_eq!(effective(status), ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_41"]);
    }

    #[test]
    fn a_status_without_the_line_has_none() {
        assert!(effective("Name:\tx\n").is_empty());
        assert!(effective("CapEff:\tnonsense\n").is_empty());
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert!(at_least("6.18.5-fc-v18", 5, 8));
        assert!(at_least("5.10.0", 5, 8));
        assert!(!at_least("5.4.0-generic", 5, 8));
        assert!(!at_least("", 5, 8));
    }

    #[tokio::test]
    async fn this_machine_has_a_kernel_and_namespaces() {
        let abilities = look().await;

        assert!(abilities.network_namespace > 0 && abilities.mount_namespace > 0);
        assert!(abilities.features.iter().any(|feature| feature.name == "sock-diag"));
    }
}
