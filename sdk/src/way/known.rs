//! What was read of the way to an endpoint, beside the attempts; each part where it was worth a call.

use super::{Gateways, NextHop, is_unresolved};
use crate::path::TraceResult;
use crate::system::{NeighbourAnswer, NeighbourEntry, Route, RouteAnswer, RouteKind};
use crate::types::EvidenceId;

/// What is known of a way.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// How the kernel would route there.
    pub route: Option<RouteAnswer>,
    /// Of the gateway, or of the address itself where it is on-link; the last look.
    pub neighbour: Option<NeighbourAnswer>,
    /// Of the default gateway, where the address is taken for on-link and does not answer.
    pub gateway: Option<NeighbourAnswer>,
    /// Of all tables, where packets wait in this host although that next hop answers, or a share of the flows is silent.
    pub gateways: Option<Gateways>,
    /// How far packets to the port come, where nothing answers them or they die of their age.
    pub trace: Option<TraceResult>,
}

impl Known {
    /// Another look at the next hop: where it fails, the one before stays.
    pub fn keep(&mut self, NextHop { route, neighbour }: NextHop) {
        if route.outcome.is_ok() || self.route.is_none() {
            self.route = Some(route);
        }
        if neighbour.is_some() {
            self.neighbour = neighbour;
        }
    }

    /// The route the kernel chose, with its evidence.
    pub fn route(&self) -> Option<(EvidenceId, &Route)> {
        let answer = self.route.as_ref()?;
        Some((answer.evidence, answer.outcome.as_ref().ok()?))
    }

    /// The address is one of this host.
    pub fn is_local(&self) -> bool {
        self.route().is_some_and(|(_, route)| route.kind == RouteKind::Local)
    }

    /// The neighbour entry of the next hop, with its evidence.
    pub fn neighbour(&self) -> Option<(EvidenceId, &NeighbourEntry)> {
        let answer = self.neighbour.as_ref()?;
        Some((answer.evidence, answer.outcome.as_ref().ok()?))
    }

    /// The next hop did not answer ARP or ND: `FAILED`, or still `INCOMPLETE`.
    pub fn is_unresolved(&self) -> bool {
        self.neighbour().is_some_and(|(_, entry)| is_unresolved(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;

    #[test]
    fn a_look_that_fails_leaves_what_was_known() {
        let mut known = Known::default();
        let hop = |n, state| NextHop {
            route: testkit::route_answer(n, testkit::route(Some("192.0.2.1"))),
            neighbour: Some(testkit::neighbour_answer(n + 1, "192.0.2.1", state)),
        };
        known.keep(hop(1, "INCOMPLETE"));
        assert!(known.is_unresolved() && !known.is_local());
        known.keep(hop(3, "REACHABLE"));
        assert!(!known.is_unresolved());
        let mut failed = hop(5, "FAILED");
        failed.neighbour = None;
        failed.route.outcome = Err(testkit::failure(crate::types::Phase::Socket, crate::types::Reason::TimedOut, 5));
        known.keep(failed);
        assert_eq!(known.route().map(|(id, _)| id), Some(testkit::evidence(3)));
        assert!(known.neighbour().is_some());
    }
}
