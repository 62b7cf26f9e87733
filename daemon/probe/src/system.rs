//! What this host is set up as, and how it fares: routes, rules, neighbours, links, settings, processes, cgroups, the machine.
//!
//! Read through netlink sockets that are opened inside the vantage, and from /proc; only asking by ARP sends packets. No route, or
//! no neighbour entry, is an answer and not a failure; a fact that needs a privilege which is missing is absent, or says so.

mod arp;
mod cgroup;
mod clock;
mod environment;
mod host;
mod link;
mod neighbour;
mod pressure;
mod process;
mod proxies;
mod route;
mod rule;
mod samples;
mod sysctl;

use std::net::IpAddr;

use sonde_core::observation::Failure;
use sonde_core::observation::system::{
    ArpQuestion, CgroupFacts, ClockState, HostFacts, Link, Neighbour, ProcessFacts, Route, Rule, Sysctl, Table,
    TableRoute, Variable,
};

use crate::clock::RunClock;
use crate::inspection::inspect;
use crate::vantage::{Selector, Vantage};

pub use self::arp::parse as parse_arp;
pub use self::samples::{read_message, read_text};
pub use self::sysctl::path as sysctl_path;

/// Asks the kernel how it would route.
pub async fn route_to(vantage: &Vantage, clock: &RunClock, address: IpAddr) -> Result<Route, Failure> {
    inspect(vantage, clock, move |_| route::route_to(address.to_canonical())).await
}

/// The default routes of both families, of the main table.
pub async fn default_routes(vantage: &Vantage, clock: &RunClock) -> Result<Vec<Route>, Failure> {
    inspect(vantage, clock, |_| route::default_routes()).await
}

/// The neighbour entry of an on-link address.
pub async fn neighbour(vantage: &Vantage, clock: &RunClock, address: IpAddr) -> Result<Neighbour, Failure> {
    inspect(vantage, clock, move |_| neighbour::neighbour(address.to_canonical())).await
}

/// The links with their addresses and statistics.
pub async fn links(vantage: &Vantage, clock: &RunClock) -> Result<Vec<Link>, Failure> {
    inspect(vantage, clock, |_| link::links()).await
}

/// The state of the kernel's clock.
pub async fn clock(vantage: &Vantage, clock: &RunClock) -> Result<ClockState, Failure> {
    inspect(vantage, clock, |_| clock::read()).await
}

/// Asks by ARP who has the next hop towards an address and the source for it; without one, this host's own addresses.
pub async fn arp(vantage: &Vantage, clock: &RunClock, towards: Option<IpAddr>) -> Result<Vec<ArpQuestion>, Failure> {
    arp::ask(vantage, clock, towards).await
}

/// The variables that name proxies, of the daemon or of the process that it sees under this number.
pub async fn proxies(vantage: &Vantage, clock: &RunClock, pid: Option<u32>) -> Result<Vec<Variable>, Failure> {
    inspect(vantage, clock, move |procfs| proxies::read(procfs, pid)).await
}

/// The policy rules of both families.
pub async fn rules(vantage: &Vantage, clock: &RunClock) -> Result<Vec<Rule>, Failure> {
    inspect(vantage, clock, |_| rule::rules()).await
}

/// The routes of every table.
pub async fn routes(vantage: &Vantage, clock: &RunClock) -> Result<Table<TableRoute>, Failure> {
    inspect(vantage, clock, |_| route::routes()).await
}

/// The neighbour tables of both families.
pub async fn neighbours(vantage: &Vantage, clock: &RunClock) -> Result<Table<Neighbour>, Failure> {
    inspect(vantage, clock, |_| neighbour::neighbours()).await
}

/// Settings of the kernel by name; those of the network as the vantage has them.
pub async fn sysctls(vantage: &Vantage, clock: &RunClock, names: Vec<String>) -> Result<Vec<Sysctl>, Failure> {
    inspect(vantage, clock, move |procfs| Ok(sysctl::read(procfs, &names))).await
}

/// Facts of a process that the daemon sees under this number.
pub async fn process(vantage: &Vantage, clock: &RunClock, pid: u32) -> Result<ProcessFacts, Failure> {
    let namespace = vantage.id();
    inspect(vantage, clock, move |procfs| process::read(procfs, pid, namespace)).await
}

/// Variables of the daemon, or of a process, by exact name.
pub async fn environment(
    vantage: &Vantage,
    clock: &RunClock,
    pid: Option<u32>,
    names: Vec<String>,
) -> Result<Vec<Variable>, Failure> {
    inspect(vantage, clock, move |procfs| environment::read(procfs, pid, &names)).await
}

/// The cgroup of a process, or the one above it that used up its quota in the largest share of its periods, else is tightest.
pub async fn cgroup(vantage: &Vantage, clock: &RunClock, pid: u32) -> Result<CgroupFacts, Failure> {
    inspect(vantage, clock, move |procfs| cgroup::read(procfs, pid)).await
}

/// Facts of the machine.
pub async fn host(vantage: &Vantage, clock: &RunClock) -> Result<HostFacts, Failure> {
    let hidden = match Vantage::open(&Selector::Own) {
        Ok(own) => inspect(&own, clock, |procfs| Ok(host::hidden(procfs))).await.unwrap_or_default(),
        Err(_) => host::Hidden::default(),
    };
    inspect(vantage, clock, move |procfs| host::read(procfs, hidden)).await
}
