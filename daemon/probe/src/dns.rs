//! DNS: one exchange with one server, and the resolver configuration of the vantage.

use sonde_core::observation::dns::{Exchange, Query, ResolverConfig};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// One exchange, with no cache and no hidden retry.
pub async fn query(_vantage: &Vantage, _clock: &RunClock, _query: &Query) -> Exchange {
    unimplemented!()
}

/// resolv.conf, nsswitch.conf and the hosts file.
pub async fn config(_vantage: &Vantage, _clock: &RunClock, _name: Option<&str>) -> ResolverConfig {
    unimplemented!()
}
