//! Socket tables and counters.

use sonde_core::observation::Failure;
use sonde_core::observation::sockets::{Census, CensusRequest, Counters, Listener};

use crate::clock::RunClock;
use crate::vantage::Vantage;

/// The TCP listeners, or those of one port.
pub async fn listeners(_vantage: &Vantage, _clock: &RunClock, _port: Option<u16>) -> Result<Vec<Listener>, Failure> {
    unimplemented!()
}

/// Counts TCP sockets by keys.
pub async fn census(_vantage: &Vantage, _clock: &RunClock, _request: &CensusRequest) -> Result<Census, Failure> {
    unimplemented!()
}

/// A snapshot of snmp, snmp6, netstat and sockstat.
pub async fn counters(_vantage: &Vantage, _clock: &RunClock) -> Result<Counters, Failure> {
    unimplemented!()
}
