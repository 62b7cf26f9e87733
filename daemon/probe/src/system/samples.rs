//! Every parser of this interface on the same bytes: what fuzzing drives.

use std::time::Duration;

use sonde_core::observation::system::{Family, ProcessFacts};

use super::{cgroup, environment, host, link, neighbour, pressure, process, route, rule, sysctl};

/// Decodes a payload as each message of rtnetlink.
pub fn read_message(payload: &[u8]) {
    route::read(payload);
    neighbour::read(payload);
    drop((link::parse_link(payload), link::parse_address(payload)));
    for family in [Family::Ipv4, Family::Ipv6] {
        drop(rule::parse(family, payload));
    }
}

/// Reads bytes as each file of /proc and of a cgroup.
pub fn read_text(bytes: &[u8]) {
    drop(environment::variables(bytes, |_| true));
    let text = String::from_utf8_lossy(bytes);
    drop(process::stat_facts(&text, Duration::MAX));
    process::status_facts(&text, &mut ProcessFacts::default());
    drop((process::seconds(&text), pressure::parse("cpu", &text), sysctl::path(&text)));
    drop((cgroup::Places::parse(&text), cgroup::cpu_max(&text), cgroup::figure(&text, "nr_throttled")));
    drop((host::os_release(&[text.to_string()]), host::kibibytes(&text, "MemTotal"), host::file_handles(&text)));
    let _ = (host::tcp(&text, "mem"), host::processors(&text), host::neighbour_use(&text));
}
