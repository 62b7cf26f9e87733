//! Where packets to an address go first, looked up beside an attempt: a next hop that does not answer shows long before the
//! kernel gives it up.

use std::pin::pin;
use std::time::Duration;

use super::is_unresolved;
use crate::system::{NeighbourAnswer, RouteAnswer, RouteKind, neighbour, route_to};
use crate::timer;
use crate::wait::{Either, select};

/// A neighbour on a working segment answers far sooner.
const NEIGHBOUR: Duration = Duration::from_millis(250);

/// The route to an address, and the neighbour entry of its gateway, or of the address itself where it is on-link.
#[derive(Clone, Debug)]
pub struct NextHop {
    /// As the kernel would route.
    pub route: RouteAnswer,
    /// None where the route is not one over a link.
    pub neighbour: Option<NeighbourAnswer>,
}

impl NextHop {
    /// It is being asked for by ARP or ND, or was in vain.
    pub fn is_unresolved(&self) -> bool {
        self.neighbour.as_ref().is_some_and(|answer| answer.outcome.as_ref().is_ok_and(is_unresolved))
    }
}

/// Looks both up.
pub async fn next_hop(address: &str) -> NextHop {
    let route = route_to(address.to_owned()).await;
    let hop = match &route.outcome {
        Ok(r) if r.kind == RouteKind::Unicast => Some(r.gateway.clone().unwrap_or_else(|| address.to_owned())),
        _ => None,
    };
    let neighbour = match hop {
        Some(hop) => Some(neighbour(hop).await),
        None => None,
    };
    NextHop { route, neighbour }
}

/// An attempt, and the next hop as it stands 250 ms into it, together with what `beside` reads then. The attempt is dropped, and
/// none, where the next hop is being waited for: it cannot succeed before the kernel gives up. An attempt that ends sooner is alone.
pub async fn watched<T, B>(
    attempt: impl Future<Output = T>,
    address: &str,
    beside: impl AsyncFnOnce() -> B,
) -> (Option<T>, Option<(NextHop, B)>) {
    let attempt = pin!(attempt);
    let look = pin!(async {
        timer::sleep(NEIGHBOUR).await;
        crate::wait::join(next_hop(address), beside()).await
    });
    match select(attempt, look).await {
        Either::Left((done, _)) => (Some(done), None),
        Either::Right((seen, _)) if seen.0.is_unresolved() => (None, Some(seen)),
        Either::Right((seen, attempt)) => (Some(attempt.await), Some(seen)),
    }
}
