//! Processes, cgroups, settings and the machine.

use super::{evidence, timing};
use crate::system::{
    CgroupAnswer, CgroupFacts, EnvironmentAnswer, HostAnswer, HostFacts, ProcessAnswer, ProcessFacts, Sysctl,
    SysctlsAnswer,
};
use crate::types::Property;

/// A sleeping process with 10 of 1,024 files open, in the vantage.
pub fn process_facts(pid: u32) -> ProcessFacts {
    ProcessFacts {
        pid,
        parent: 1,
        command: "server".to_owned(),
        state: "S".to_owned(),
        uid: 1000,
        threads: 1,
        age_us: 60_000_000,
        cpu_us: 1_000_000,
        resident_bytes: 10 << 20,
        open_files: Some(10),
        open_files_soft: Some(1024),
        open_files_hard: Some(1_048_576),
        descriptors: None,
        cgroup: Some("/".to_owned()),
        container_id: None,
        network_namespace: Some(4_026_531_840),
        here: Some(true),
    }
}

/// A process that was looked at.
pub fn process_answer(n: u64, process: ProcessFacts) -> ProcessAnswer {
    ProcessAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(process) }
}

/// A cgroup without limits, not frozen.
pub fn cgroup_facts() -> CgroupFacts {
    CgroupFacts {
        path: "/".to_owned(),
        quota_us: None,
        period_us: None,
        usage_us: 1_000_000,
        periods: 0,
        throttled_periods: 0,
        throttled_us: 0,
        frozen: false,
        memory_bytes: None,
        memory_limit_bytes: None,
        oom_kills: None,
        pressure: vec![],
    }
}

/// A cgroup that was looked at.
pub fn cgroup_answer(n: u64, cgroup: CgroupFacts) -> CgroupAnswer {
    CgroupAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(cgroup) }
}

/// A machine that is short of nothing.
pub fn host_facts() -> HostFacts {
    HostFacts {
        os: vec![],
        kernel: "6.18.0".to_owned(),
        uptime_us: 3_600_000_000,
        processors: 4,
        memory_bytes: 8 << 30,
        memory_available_bytes: 4 << 30,
        open_files: 2_000,
        open_files_limit: 100_000,
        tcp_orphans: Some(0),
        tcp_orphans_limit: Some(65_536),
        tcp_memory_pages: Some(100),
        tcp_memory_limits_pages: Some((90_000, 120_000, 180_000)),
        neighbour_tables: vec![],
        pressure: vec![],
    }
}

/// A machine that was looked at.
pub fn host_answer(n: u64, host: HostFacts) -> HostAnswer {
    HostAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(host) }
}

/// Settings with these values; those without one are not there.
pub fn sysctls_answer(n: u64, settings: &[(&str, Option<&str>)]) -> SysctlsAnswer {
    let setting = |(name, value): &(&str, Option<&str>)| Sysctl {
        name: (*name).to_owned(),
        value: value.map(str::to_owned),
        needs: None,
    };
    SysctlsAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(settings.iter().map(setting).collect()) }
}

/// The variables that are set.
pub fn environment_answer(n: u64, set: &[(&str, &str)]) -> EnvironmentAnswer {
    let property = |(name, value): &(&str, &str)| Property { name: (*name).to_owned(), value: (*value).to_owned() };
    EnvironmentAnswer { evidence: evidence(n), timing: timing(0), outcome: Ok(set.iter().map(property).collect()) }
}
