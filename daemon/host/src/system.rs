//! The interface `system`.

mod arp;
mod machine;
mod process;
mod routing;

use std::net::IpAddr;

use sonde_core::observation::system as core;
use sonde_core::observation::{Call, Failure};
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::system as wit;
use crate::inspection::{Inspection, inspect};
use crate::run::Run;
use crate::session::Session;
use crate::types::{self, micros};

use self::machine::{Host, Sysctls};
use self::process::{Cgroup, Environment, Process, property};
use self::routing::{Neighbours, Routes, Rules, listed};

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn route_to(accessor: &Accessor<Session, Self>, address: String) -> wit::RouteAnswer {
        let (id, timing, answer) = inspect(accessor, types::address(&address).map(RouteTo)).await;
        wit::RouteAnswer { evidence: id.0, timing: timing.into(), outcome: answer.map(Into::into).map_err(Into::into) }
    }

    async fn default_routes(accessor: &Accessor<Session, Self>) -> wit::DefaultRoutesAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(DefaultRoutes)).await;
        let outcome = answer.map(|routes| routes.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::DefaultRoutesAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn neighbour(accessor: &Accessor<Session, Self>, address: String) -> wit::NeighbourAnswer {
        let (id, timing, answer) = inspect(accessor, types::address(&address).map(NeighbourOf)).await;
        wit::NeighbourAnswer {
            evidence: id.0,
            timing: timing.into(),
            outcome: answer.map(Into::into).map_err(Into::into),
        }
    }

    async fn links(accessor: &Accessor<Session, Self>) -> wit::LinksAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Links)).await;
        let outcome = answer.map(|links| links.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::LinksAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn clock(accessor: &Accessor<Session, Self>) -> wit::ClockAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Clock)).await;
        wit::ClockAnswer { evidence: id.0, timing: timing.into(), outcome: answer.map(Into::into).map_err(Into::into) }
    }

    async fn arp(accessor: &Accessor<Session, Self>, towards: Option<String>) -> wit::ArpAnswer {
        let (id, timing, answer) = inspect(accessor, arp::parsed(towards.as_deref())).await;
        let outcome = answer.map(|asked| asked.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::ArpAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn proxies(accessor: &Accessor<Session, Self>, pid: Option<u32>) -> wit::ProxiesAnswer {
        let (id, timing, answer) = inspect(accessor, types::process(pid).map(Proxies)).await;
        let outcome = answer.map(|found| found.into_iter().map(property).collect()).map_err(Into::into);
        wit::ProxiesAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn rules(accessor: &Accessor<Session, Self>) -> wit::RulesAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Rules)).await;
        let outcome = answer.map(|rules| rules.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::RulesAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn routes(accessor: &Accessor<Session, Self>) -> wit::RoutesAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Routes)).await;
        let (total, outcome) = listed(answer);
        wit::RoutesAnswer { evidence: id.0, timing: timing.into(), outcome, total }
    }

    async fn neighbours(accessor: &Accessor<Session, Self>) -> wit::NeighboursAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Neighbours)).await;
        let (total, outcome) = listed(answer);
        wit::NeighboursAnswer { evidence: id.0, timing: timing.into(), outcome, total }
    }

    async fn sysctls(accessor: &Accessor<Session, Self>, names: Vec<String>) -> wit::SysctlsAnswer {
        let (id, timing, answer) = inspect(accessor, Sysctls::parsed(names)).await;
        let outcome = answer.map(|found| found.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::SysctlsAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn process(accessor: &Accessor<Session, Self>, pid: u32) -> wit::ProcessAnswer {
        let (id, timing, answer) = inspect(accessor, Process::parsed(pid)).await;
        wit::ProcessAnswer {
            evidence: id.0,
            timing: timing.into(),
            outcome: answer.map(Into::into).map_err(Into::into),
        }
    }

    async fn environment(
        accessor: &Accessor<Session, Self>,
        pid: Option<u32>,
        names: Vec<String>,
    ) -> wit::EnvironmentAnswer {
        let (id, timing, answer) = inspect(accessor, Environment::parsed(pid, names)).await;
        let outcome = answer.map(|found| found.into_iter().map(property).collect()).map_err(Into::into);
        wit::EnvironmentAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn cgroup(accessor: &Accessor<Session, Self>, pid: u32) -> wit::CgroupAnswer {
        let (id, timing, answer) = inspect(accessor, Cgroup::parsed(pid)).await;
        wit::CgroupAnswer { evidence: id.0, timing: timing.into(), outcome: answer.map(Into::into).map_err(Into::into) }
    }

    async fn host(accessor: &Accessor<Session, Self>) -> wit::HostAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Host)).await;
        wit::HostAnswer { evidence: id.0, timing: timing.into(), outcome: answer.map(Into::into).map_err(Into::into) }
    }
}

#[derive(Clone, Debug)]
struct RouteTo(IpAddr);

impl Inspection for RouteTo {
    type Facts = core::Route;
    const FUNCTION: &'static str = "system.route-to";

    async fn look(&self, run: &Run) -> Result<core::Route, Failure> {
        sonde_probe::system::route_to(&run.vantage, &run.clock, self.0).await
    }

    fn observed(self, answer: Result<core::Route, Failure>) -> Call {
        Call::RouteTo { address: self.0, answer }
    }
}

#[derive(Clone, Debug)]
struct DefaultRoutes;

impl Inspection for DefaultRoutes {
    type Facts = Vec<core::Route>;
    const FUNCTION: &'static str = "system.default-routes";

    async fn look(&self, run: &Run) -> Result<Vec<core::Route>, Failure> {
        sonde_probe::system::default_routes(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<Vec<core::Route>, Failure>) -> Call {
        Call::DefaultRoutes { answer }
    }
}

#[derive(Clone, Debug)]
struct NeighbourOf(IpAddr);

impl Inspection for NeighbourOf {
    type Facts = core::Neighbour;
    const FUNCTION: &'static str = "system.neighbour";

    async fn look(&self, run: &Run) -> Result<core::Neighbour, Failure> {
        sonde_probe::system::neighbour(&run.vantage, &run.clock, self.0).await
    }

    fn observed(self, answer: Result<core::Neighbour, Failure>) -> Call {
        Call::Neighbour { address: self.0, answer }
    }
}

#[derive(Clone, Debug)]
struct Links;

impl Inspection for Links {
    type Facts = Vec<core::Link>;
    const FUNCTION: &'static str = "system.links";

    async fn look(&self, run: &Run) -> Result<Vec<core::Link>, Failure> {
        sonde_probe::system::links(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<Vec<core::Link>, Failure>) -> Call {
        Call::Links { answer }
    }
}

#[derive(Clone, Debug)]
struct Clock;

impl Inspection for Clock {
    type Facts = core::ClockState;
    const FUNCTION: &'static str = "system.clock";

    async fn look(&self, run: &Run) -> Result<core::ClockState, Failure> {
        sonde_probe::system::clock(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<core::ClockState, Failure>) -> Call {
        Call::Clock { answer }
    }
}

#[derive(Clone, Debug)]
struct Proxies(Option<u32>);

impl Inspection for Proxies {
    type Facts = Vec<core::Variable>;
    const FUNCTION: &'static str = "system.proxies";

    async fn look(&self, run: &Run) -> Result<Vec<core::Variable>, Failure> {
        sonde_probe::system::proxies(&run.vantage, &run.clock, self.0).await
    }

    fn observed(self, answer: Result<Vec<core::Variable>, Failure>) -> Call {
        Call::Proxies { pid: self.0, answer }
    }
}

impl From<core::Route> for wit::Route {
    fn from(route: core::Route) -> Self {
        Self {
            kind: route.kind.into(),
            family: route.family.into(),
            gateway: route.gateway.map(|gateway| gateway.to_string()),
            device: route.device,
            source: route.source.map(|source| source.to_string()),
            prefix: route.prefix,
            mtu: route.mtu,
            metric: route.metric,
            table: route.table,
        }
    }
}

impl From<core::RouteKind> for wit::RouteKind {
    fn from(kind: core::RouteKind) -> Self {
        match kind {
            core::RouteKind::Unicast => Self::Unicast,
            core::RouteKind::Local => Self::Local,
            core::RouteKind::Broadcast => Self::Broadcast,
            core::RouteKind::Multicast => Self::Multicast,
            core::RouteKind::Blackhole => Self::Blackhole,
            core::RouteKind::Unreachable => Self::Unreachable,
            core::RouteKind::Prohibit => Self::Prohibit,
            core::RouteKind::Throw => Self::Throw,
            core::RouteKind::None => Self::None,
            core::RouteKind::Other => Self::Other,
        }
    }
}

impl From<core::Neighbour> for wit::NeighbourEntry {
    fn from(neighbour: core::Neighbour) -> Self {
        Self {
            address: neighbour.address.to_string(),
            device: neighbour.device,
            state: neighbour.state,
            link_address: neighbour.link_address,
        }
    }
}

impl From<core::Link> for wit::Link {
    fn from(link: core::Link) -> Self {
        Self {
            name: link.name,
            index: link.index,
            up: link.up,
            carrier: link.carrier,
            loopback: link.loopback,
            mtu: link.mtu,
            addresses: link.addresses,
            statistics: link.statistics.into_iter().map(Into::into).collect(),
            kind: link.kind,
            master: link.master,
        }
    }
}

impl From<core::ClockState> for wit::ClockState {
    fn from(clock: core::ClockState) -> Self {
        Self {
            wall_us: clock.wall_us,
            synchronised: clock.synchronised,
            estimated_error_us: micros(clock.estimated_error),
            maximum_error_us: micros(clock.maximum_error),
        }
    }
}
