//! Facts of the vantage's host: its routes, neighbours and links, its settings, its processes and the machine itself.

pub use crate::bindings::sonde::check::system::{
    ArpAnswer, ArpClaim, ArpQuestion, CgroupAnswer, CgroupFacts, ClockAnswer, ClockState, DefaultRoutesAnswer,
    Descriptors, EnvironmentAnswer, Family, HostAnswer, HostFacts, Link, LinksAnswer, NeighbourAnswer, NeighbourEntry,
    NeighbourUse, NeighboursAnswer, Pressure, PressureLine, ProcessAnswer, ProcessFacts, ProxiesAnswer, Route,
    RouteAnswer, RouteKind, RoutesAnswer, Rule, RulesAnswer, Sysctl, SysctlsAnswer, TableRoute, arp, cgroup, clock,
    default_routes, environment, host, links, neighbour, neighbours, process, proxies, route_to, routes, rules,
    sysctls,
};

impl ArpAnswer {
    /// The question for this address, where it was asked.
    pub fn question(&self, address: &str) -> Option<&ArpQuestion> {
        self.outcome.as_ref().ok()?.iter().find(|question| question.address == address)
    }

    /// An address of this host that another host claims.
    pub fn stolen(&self) -> Option<&ArpQuestion> {
        self.outcome.as_ref().ok()?.iter().find(|question| question.ours && !question.claims.is_empty())
    }
}

impl Link {
    /// Of its statistics, `rx_crc_errors`; none where the kernel does not count it.
    pub fn statistic(&self, name: &str) -> Option<i64> {
        crate::types::value_of(&self.statistics, name)
    }
}

impl SysctlsAnswer {
    /// The value of a setting that was asked for; none where this kernel or namespace does not have it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.outcome.as_ref().ok()?.iter().find(|setting| setting.name == name)?.value.as_deref()
    }
}

impl EnvironmentAnswer {
    /// The value of a variable, where it is set.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.outcome
            .as_ref()
            .ok()?
            .iter()
            .find(|variable| variable.name == name)
            .map(|variable| variable.value.as_str())
    }
}

impl ProcessFacts {
    /// Stopped by a signal or held by a debugger.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state.as_str(), "T" | "t")
    }

    /// How many more files it may open; none where that is not known or unlimited.
    pub fn files_left(&self) -> Option<u64> {
        Some(self.open_files_soft?.saturating_sub(self.open_files?))
    }
}

/// Of some pressure, that of a resource.
pub fn pressure_of<'a>(pressure: &'a [Pressure], resource: &str) -> Option<&'a Pressure> {
    pressure.iter().find(|one| one.resource == resource)
}
