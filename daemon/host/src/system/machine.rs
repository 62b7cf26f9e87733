//! `system.sysctls` and `system.host`.

use sonde_core::observation::system as core;
use sonde_core::observation::{Call, Failure};

use super::process::property;
use crate::bindings::sonde::check::system as wit;
use crate::inspection::Inspection;
use crate::run::Run;
use crate::types::micros;

/// Settings that one call may ask for.
const MOST_SETTINGS: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Sysctls(Vec<String>);

impl Sysctls {
    pub(super) fn parsed(names: Vec<String>) -> Result<Self, String> {
        if names.len() > MOST_SETTINGS {
            return Err(format!("{} settings are asked for; at most {MOST_SETTINGS} are allowed", names.len()));
        }
        names.iter().try_for_each(|name| sonde_probe::system::sysctl_path(name).map(drop))?;
        Ok(Self(names))
    }
}

impl Inspection for Sysctls {
    type Facts = Vec<core::Sysctl>;
    const FUNCTION: &'static str = "system.sysctls";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::sysctls(&run.vantage, &run.clock, self.0.clone()).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Sysctls { names: self.0, answer }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Host;

impl Inspection for Host {
    type Facts = core::HostFacts;
    const FUNCTION: &'static str = "system.host";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::host(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Host { answer }
    }
}

impl From<core::Sysctl> for wit::Sysctl {
    fn from(setting: core::Sysctl) -> Self {
        Self { name: setting.name, value: setting.value, needs: setting.needs }
    }
}

impl From<core::HostFacts> for wit::HostFacts {
    fn from(facts: core::HostFacts) -> Self {
        Self {
            os: facts.os.into_iter().map(property).collect(),
            kernel: facts.kernel,
            uptime_us: micros(facts.uptime),
            processors: facts.processors,
            memory_bytes: facts.memory_bytes,
            memory_available_bytes: facts.memory_available_bytes,
            open_files: facts.open_files,
            open_files_limit: facts.open_files_limit,
            tcp_orphans: facts.tcp_orphans,
            tcp_orphans_limit: facts.tcp_orphans_limit,
            tcp_memory_pages: facts.tcp_memory_pages,
            tcp_memory_limits_pages: facts.tcp_memory_limits_pages,
            neighbour_tables: facts.neighbour_tables.into_iter().map(Into::into).collect(),
            pressure: facts.pressure.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<core::NeighbourUse> for wit::NeighbourUse {
    fn from(table: core::NeighbourUse) -> Self {
        Self { family: table.family.into(), entries: table.entries, limit: table.limit, overflows: table.overflows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_of_a_setting_is_refused_with_what_would_be_right() {
        for name in ["", "hostname", "dev.cdrom.info", "net..ipv4", "/proc/kcore"] {
            let problem = Sysctls::parsed(vec![name.to_owned()]).expect_err(name);
            assert!(problem.contains("net.ipv4.tcp_tw_reuse"), "{problem}");
        }
        assert!(Sysctls::parsed(vec!["net.ipv4.ip_forward".to_owned(); 257]).is_err());
        assert!(Sysctls::parsed(vec!["net.ipv4.ip_forward".to_owned(); 256]).is_ok());
    }
}
