//! Routes, neighbours, links and the clock.

use std::net::IpAddr;

use sonde_core::observation::Failure;
use sonde_core::observation::system::{ClockState, Link, Neighbour, Route};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// Asks the kernel how it would route.
pub async fn route_to(_vantage: &Vantage, _clock: &RunClock, _address: IpAddr) -> Result<Route, Failure> {
    unimplemented!()
}

/// The default routes of both families.
pub async fn default_routes(_vantage: &Vantage, _clock: &RunClock) -> Result<Vec<Route>, Failure> {
    unimplemented!()
}

/// The neighbour entry of an on-link address.
pub async fn neighbour(_vantage: &Vantage, _clock: &RunClock, _address: IpAddr) -> Result<Neighbour, Failure> {
    unimplemented!()
}

/// The links with their addresses and statistics.
pub async fn links(_vantage: &Vantage, _clock: &RunClock) -> Result<Vec<Link>, Failure> {
    unimplemented!()
}

/// The state of the kernel's clock.
pub async fn clock(_vantage: &Vantage, _clock: &RunClock) -> Result<ClockState, Failure> {
    unimplemented!()
}
