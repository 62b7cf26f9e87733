//! `system.process`, `system.environment` and `system.cgroup`.

use sonde_core::observation::system as core;
use sonde_core::observation::{Call, Failure};

use crate::bindings::sonde::check::system as wit;
use crate::bindings::sonde::check::types::Property;
use crate::inspection::Inspection;
use crate::run::Run;
use crate::types::{self, micros};

/// Variables that one call may ask for.
const MOST_NAMES: usize = 32;
const NAME_BYTES: usize = 256;

#[derive(Clone, Copy, Debug)]
pub(super) struct Process(u32);

impl Process {
    pub(super) fn parsed(pid: u32) -> Result<Self, String> {
        pid_of(pid).map(Self)
    }
}

impl Inspection for Process {
    type Facts = core::ProcessFacts;
    const FUNCTION: &'static str = "system.process";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::process(&run.vantage, &run.clock, self.0).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Process { pid: self.0, answer }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Environment {
    pid: Option<u32>,
    names: Vec<String>,
}

impl Environment {
    pub(super) fn parsed(pid: Option<u32>, names: Vec<String>) -> Result<Self, String> {
        if names.len() > MOST_NAMES {
            return Err(format!("{} variables are asked for; at most {MOST_NAMES} are allowed", names.len()));
        }
        for name in &names {
            types::word("name of a variable", name, NAME_BYTES)?;
            if name.is_empty() || name.contains('=') {
                return Err(format!("{name:?} is no name of a variable; give one like HTTPS_PROXY"));
            }
        }
        Ok(Self { pid: types::process(pid)?, names })
    }
}

impl Inspection for Environment {
    type Facts = Vec<core::Variable>;
    const FUNCTION: &'static str = "system.environment";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::environment(&run.vantage, &run.clock, self.pid, self.names.clone()).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Environment { pid: self.pid, names: self.names, answer }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cgroup(u32);

impl Cgroup {
    pub(super) fn parsed(pid: u32) -> Result<Self, String> {
        pid_of(pid).map(Self)
    }
}

impl Inspection for Cgroup {
    type Facts = core::CgroupFacts;
    const FUNCTION: &'static str = "system.cgroup";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::cgroup(&run.vantage, &run.clock, self.0).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Cgroup { pid: self.0, answer }
    }
}

fn pid_of(pid: u32) -> Result<u32, String> {
    if pid == 0 { Err("0 is no process id; give one like 4242".to_owned()) } else { Ok(pid) }
}

pub(super) fn property(variable: core::Variable) -> Property {
    Property { name: variable.name, value: variable.value }
}

impl From<core::ProcessFacts> for wit::ProcessFacts {
    fn from(facts: core::ProcessFacts) -> Self {
        Self {
            pid: facts.pid,
            parent: facts.parent,
            command: facts.command,
            state: facts.state,
            uid: facts.uid,
            threads: facts.threads,
            age_us: micros(facts.age),
            cpu_us: micros(facts.cpu),
            resident_bytes: facts.resident_bytes,
            open_files: facts.open_files,
            open_files_soft: facts.open_files_soft,
            open_files_hard: facts.open_files_hard,
            descriptors: facts.descriptors.map(Into::into),
            cgroup: facts.cgroup,
            container_id: facts.container_id,
            network_namespace: facts.network_namespace,
            here: facts.here,
        }
    }
}

impl From<core::Descriptors> for wit::Descriptors {
    fn from(held: core::Descriptors) -> Self {
        Self { sockets: held.sockets, files: held.files, pipes: held.pipes, other: held.other }
    }
}

impl From<core::CgroupFacts> for wit::CgroupFacts {
    fn from(facts: core::CgroupFacts) -> Self {
        Self {
            path: facts.path,
            quota_us: facts.quota.map(micros),
            period_us: facts.period.map(micros),
            usage_us: micros(facts.usage),
            periods: facts.periods,
            throttled_periods: facts.throttled_periods,
            throttled_us: micros(facts.throttled),
            frozen: facts.frozen,
            memory_bytes: facts.memory_bytes,
            memory_limit_bytes: facts.memory_limit_bytes,
            oom_kills: facts.oom_kills,
            pressure: facts.pressure.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<core::Pressure> for wit::Pressure {
    fn from(pressure: core::Pressure) -> Self {
        Self { resource: pressure.resource, some: pressure.some.into(), full: pressure.full.map(Into::into) }
    }
}

impl From<core::PressureLine> for wit::PressureLine {
    fn from(line: core::PressureLine) -> Self {
        Self {
            avg10_percent: line.avg10_percent,
            avg60_percent: line.avg60_percent,
            avg300_percent: line.avg300_percent,
            total_us: micros(line.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_of_a_variable_is_refused() {
        for name in ["", "A=B", "A\0B", "A\u{1b}"] {
            assert!(Environment::parsed(None, vec![name.to_owned()]).is_err(), "{name:?}");
        }
        assert!(Environment::parsed(None, vec!["A".to_owned(); 33]).is_err());
        assert!(Environment::parsed(Some(0), vec![]).is_err());
        assert!(Environment::parsed(Some(1), vec!["A".to_owned(); 32]).is_ok());
    }

    #[test]
    fn process_0_is_nobody() {
        assert!(Process::parsed(0).is_err() && Cgroup::parsed(0).is_err());
        assert!(Process::parsed(1).is_ok() && Cgroup::parsed(1).is_ok());
    }
}
