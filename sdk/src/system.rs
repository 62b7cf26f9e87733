//! Facts of the vantage's host: routes, neighbours, links and the clock.

pub use crate::bindings::sonde::check::system::{
    ArpAnswer, ArpClaim, ArpQuestion, ClockAnswer, ClockState, DefaultRoutesAnswer, Link, LinksAnswer, NeighbourAnswer,
    NeighbourEntry, ProxiesAnswer, Route, RouteAnswer, RouteKind, arp, clock, default_routes, links, neighbour,
    proxies, route_to,
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
