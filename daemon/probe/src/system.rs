//! Routes, neighbours, links and the clock.
//!
//! Read through netlink sockets that are opened inside the vantage; only asking by ARP sends packets and needs a privilege. No route, or no neighbour
//! entry, is an answer and not a failure.

mod arp;
mod clock;
mod link;
mod neighbour;
mod route;

use std::net::IpAddr;

use sonde_core::observation::Failure;
use sonde_core::observation::system::{ArpQuestion, ClockState, Link, Neighbour, Route};

use crate::clock::RunClock;
use crate::inspection::inspect;
use crate::vantage::Vantage;

pub use self::arp::parse as parse_arp;

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
