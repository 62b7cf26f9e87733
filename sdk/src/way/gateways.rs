//! Gateways that do not answer and that no lookup by address alone leads to: behind a policy rule, or one of several next hops.

use super::is_unresolved;
use crate::system::{Family, NeighbourEntry, NeighboursAnswer, RoutesAnswer, TableRoute, neighbours, routes};
use crate::wait;

/// The neighbour tables and the routes of all tables.
#[derive(Clone, Debug)]
pub struct Gateways {
    /// Every entry.
    pub neighbours: NeighboursAnswer,
    /// Every route, one for each next hop.
    pub routes: RoutesAnswer,
}

/// Reads both.
pub async fn gateways() -> Gateways {
    let (neighbours, routes) = wait::join(neighbours(), routes()).await;
    Gateways { neighbours, routes }
}

impl Gateways {
    /// Those that a route leads to and that did not answer ARP or ND.
    pub fn silent(&self, ipv6: bool) -> impl Iterator<Item = (&NeighbourEntry, &TableRoute)> {
        let entries = self.neighbours.outcome.iter().flatten().filter(|entry| is_unresolved(entry));
        entries.filter_map(move |entry| {
            let leads = |route: &&TableRoute| {
                (route.family == Family::Ipv6) == ipv6
                    && route.gateway.as_ref() == Some(&entry.address)
                    && route.device.as_ref() == Some(&entry.device)
            };
            Some((entry, self.routes.outcome.iter().flatten().find(leads)?))
        })
    }

    /// Of those the ones that flows are spread over, beside another next hop of the same route.
    pub fn silent_of_several(&self, ipv6: bool) -> impl Iterator<Item = (&NeighbourEntry, &TableRoute)> {
        self.silent(ipv6).filter(|(_, route)| {
            let beside = |other: &&TableRoute| {
                (other.family, other.table, &other.destination, other.metric)
                    == (route.family, route.table, &route.destination, route.metric)
                    && (&other.gateway, &other.device) != (&route.gateway, &route.device)
            };
            self.routes.outcome.iter().flatten().any(|other| beside(&other))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testkit;

    #[test]
    fn a_gateway_counts_where_a_route_leads_to_it_and_it_does_not_answer() {
        let of = |state, destination: &str| {
            let gateways = testkit::gateways(1, &[("192.0.2.9", state)], &[(7, destination, "192.0.2.9")]);
            (gateways.silent(false).count(), gateways.silent(true).count(), gateways.silent_of_several(false).count())
        };
        assert_eq!(of("FAILED", "default"), (1, 0, 0));
        assert_eq!(of("INCOMPLETE", "10.0.0.0/8"), (1, 0, 0));
        assert_eq!(of("REACHABLE", "default"), (0, 0, 0));
        let nobodys = testkit::gateways(1, &[("192.0.2.7", "FAILED")], &[(254, "default", "192.0.2.1")]);
        assert_eq!(nobodys.silent(false).count(), 0);
    }

    #[test]
    fn flows_are_spread_over_next_hops_of_one_route() {
        let of = |second: (u32, &str, &str)| {
            let first = (254, "default", "192.0.2.9");
            testkit::gateways(1, &[("192.0.2.9", "FAILED")], &[first, second]).silent_of_several(false).count()
        };
        assert_eq!(of((254, "default", "192.0.2.1")), 1);
        assert_eq!(of((7, "default", "192.0.2.1")), 0);
        assert_eq!(of((254, "10.0.0.0/8", "192.0.2.1")), 0);
    }
}
