//! Messages of a process, its cgroup and the machine.

use sonde_core::observation::system as core;
use sonde_proto::v1;

use super::routing::family;
use super::variable;
use crate::convert::duration;

/// `pid` is shown where there is nothing else to show.
pub(in crate::convert) fn process(pid: u32, found: Option<&core::ProcessFacts>) -> v1::ProcessFacts {
    let Some(facts) = found else { return v1::ProcessFacts { pid, ..v1::ProcessFacts::default() } };
    let held = |held: core::Descriptors| v1::Descriptors {
        sockets: held.sockets,
        files: held.files,
        pipes: held.pipes,
        other: held.other,
    };
    v1::ProcessFacts {
        pid,
        parent: facts.parent,
        command: facts.command.clone(),
        state: facts.state.clone(),
        uid: facts.uid,
        threads: facts.threads,
        age: Some(duration(facts.age)),
        cpu: Some(duration(facts.cpu)),
        resident_bytes: facts.resident_bytes,
        open_files: facts.open_files,
        open_files_soft: facts.open_files_soft,
        open_files_hard: facts.open_files_hard,
        descriptors: facts.descriptors.map(held),
        cgroup: facts.cgroup.clone().unwrap_or_default(),
        container_id: facts.container_id.clone().unwrap_or_default(),
        network_namespace: facts.network_namespace,
        here: facts.here,
    }
}

pub(in crate::convert) fn environment(pid: Option<u32>, names: &[String], found: &[core::Variable]) -> v1::Environment {
    v1::Environment {
        pid: pid.unwrap_or_default(),
        names: names.to_vec(),
        variables: found.iter().map(variable).collect(),
    }
}

/// `pid` is shown where there is nothing else to show.
pub(in crate::convert) fn cgroup(pid: u32, found: Option<&core::CgroupFacts>) -> v1::CgroupFacts {
    let Some(facts) = found else { return v1::CgroupFacts { pid, ..v1::CgroupFacts::default() } };
    v1::CgroupFacts {
        pid,
        path: facts.path.clone(),
        quota: facts.quota.map(duration),
        period: facts.period.map(duration),
        usage: Some(duration(facts.usage)),
        periods: facts.periods,
        throttled_periods: facts.throttled_periods,
        throttled: Some(duration(facts.throttled)),
        frozen: facts.frozen,
        memory_bytes: facts.memory_bytes,
        memory_limit_bytes: facts.memory_limit_bytes,
        oom_kills: facts.oom_kills,
        pressure: facts.pressure.iter().map(pressure).collect(),
    }
}

pub(in crate::convert) fn host(facts: &core::HostFacts) -> v1::HostFacts {
    let limits =
        |(low_pages, pressure_pages, high_pages)| v1::TcpMemoryLimits { low_pages, pressure_pages, high_pages };
    v1::HostFacts {
        os: facts.os.iter().map(variable).collect(),
        kernel: facts.kernel.clone(),
        uptime: Some(duration(facts.uptime)),
        processors: facts.processors,
        memory_bytes: facts.memory_bytes,
        memory_available_bytes: facts.memory_available_bytes,
        open_files: facts.open_files,
        open_files_limit: facts.open_files_limit,
        tcp_orphans: facts.tcp_orphans,
        tcp_orphans_limit: facts.tcp_orphans_limit,
        tcp_memory_pages: facts.tcp_memory_pages,
        tcp_memory_limits: facts.tcp_memory_limits_pages.map(limits),
        pressure: facts.pressure.iter().map(pressure).collect(),
        neighbour_tables: facts.neighbour_tables.iter().map(neighbours).collect(),
    }
}

fn neighbours(table: &core::NeighbourUse) -> v1::NeighbourUse {
    v1::NeighbourUse {
        family: family(table.family).into(),
        entries: table.entries,
        limit: table.limit,
        overflows: table.overflows,
    }
}

fn pressure(pressure: &core::Pressure) -> v1::Pressure {
    let line = |line: core::PressureLine| v1::PressureLine {
        avg10_percent: line.avg10_percent,
        avg60_percent: line.avg60_percent,
        avg300_percent: line.avg300_percent,
        total: Some(duration(line.total)),
    };
    v1::Pressure { resource: pressure.resource.clone(), some: Some(line(pressure.some)), full: pressure.full.map(line) }
}
