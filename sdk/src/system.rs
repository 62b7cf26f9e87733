//! Facts of the vantage's host: routes, neighbours, links and the clock.

pub use crate::bindings::sonde::check::system::{
    ClockAnswer, ClockState, DefaultRoutesAnswer, Link, LinksAnswer, NeighbourAnswer, NeighbourEntry, Route,
    RouteAnswer, RouteKind, clock, default_routes, links, neighbour, route_to,
};
