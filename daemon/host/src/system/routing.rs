//! `system.rules`, `system.routes` and `system.neighbours`: tables, whole.

use sonde_core::observation::system as core;
use sonde_core::observation::{Call, Failure};

use crate::bindings::sonde::check::system as wit;
use crate::inspection::Inspection;
use crate::run::Run;

#[derive(Clone, Debug)]
pub(super) struct Rules;

impl Inspection for Rules {
    type Facts = Vec<core::Rule>;
    const FUNCTION: &'static str = "system.rules";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::rules(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Rules { answer }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Routes;

impl Inspection for Routes {
    type Facts = core::Table<core::TableRoute>;
    const FUNCTION: &'static str = "system.routes";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::routes(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Routes { answer }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Neighbours;

impl Inspection for Neighbours {
    type Facts = core::Table<core::Neighbour>;
    const FUNCTION: &'static str = "system.neighbours";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::system::neighbours(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Neighbours { answer }
    }
}

/// How many there are, and those that are listed.
pub(super) fn listed<T, W: From<T>>(answer: Result<core::Table<T>, Failure>) -> (u64, Result<Vec<W>, wit::Failure>) {
    match answer {
        Ok(table) => (table.total, Ok(table.rows.into_iter().map(Into::into).collect())),
        Err(failure) => (0, Err(failure.into())),
    }
}

impl From<core::Family> for wit::Family {
    fn from(family: core::Family) -> Self {
        match family {
            core::Family::Ipv4 => Self::Ipv4,
            core::Family::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<core::Rule> for wit::Rule {
    fn from(rule: core::Rule) -> Self {
        Self {
            family: rule.family.into(),
            priority: rule.priority,
            selector: rule.selector,
            action: rule.action,
            table: rule.table,
        }
    }
}

impl From<core::TableRoute> for wit::TableRoute {
    fn from(route: core::TableRoute) -> Self {
        Self {
            family: route.family.into(),
            kind: route.kind.into(),
            table: route.table,
            destination: route.destination,
            gateway: route.gateway.map(|gateway| gateway.to_string()),
            device: route.device,
            source: route.source.map(|source| source.to_string()),
            metric: route.metric,
            mtu: route.mtu,
            protocol: route.protocol,
        }
    }
}
