//! A walk down the delegation.

use std::time::Duration;

use super::{WalkRequest, WalkResult, WalkServer, Zone};
use crate::types::Endpoint;
use crate::wait::microseconds;

/// Of a walk that names none: a server further away than this serves nobody well.
const QUERY_TIMEOUT: Duration = Duration::from_millis(1500);

/// Of a walk that names none: a handful of zones, each with a dead server.
const WALK_TIMEOUT: Duration = Duration::from_secs(10);

impl WalkRequest {
    /// From IANA's roots and trust anchors, over IPv4, to port 53; 1.5 s a query, 10 s in all.
    pub fn of(name: &str, qtype: u16) -> Self {
        Self {
            name: name.to_owned(),
            qtype,
            roots: vec![],
            trust_anchors: vec![],
            port: 53,
            ipv6: false,
            query_timeout_us: microseconds(QUERY_TIMEOUT),
            timeout_us: microseconds(WALK_TIMEOUT),
        }
    }

    /// From these roots, which the caller must have named.
    #[must_use]
    pub fn from_roots(mut self, roots: impl IntoIterator<Item = Endpoint>) -> Self {
        self.roots.extend(roots);
        self
    }

    /// Trusting these DS or DNSKEY records of the root, in presentation format.
    #[must_use]
    pub fn trusting<'a>(mut self, anchors: impl IntoIterator<Item = &'a str>) -> Self {
        self.trust_anchors.extend(anchors.into_iter().map(str::to_owned));
        self
    }

    /// Servers found on the way listen here.
    #[must_use]
    pub fn on_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Asks servers by their IPv6 addresses, too.
    #[must_use]
    pub fn over_ipv6(mut self) -> Self {
        self.ipv6 = true;
        self
    }

    /// The timeout of each query.
    #[must_use]
    pub fn each_within(mut self, timeout: Duration) -> Self {
        self.query_timeout_us = microseconds(timeout);
        self
    }
}

impl WalkResult {
    /// Every server of every zone, from the root down.
    pub fn servers(&self) -> impl Iterator<Item = (&Zone, &WalkServer)> {
        self.zones.iter().flat_map(|zone| zone.servers.iter().map(move |server| (zone, server)))
    }
}
