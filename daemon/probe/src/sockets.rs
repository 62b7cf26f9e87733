//! Socket tables and counters.

mod census;
mod conntrack;
mod counters;
mod diag;
mod listeners;
mod owners;

use std::io;

use sonde_core::observation::sockets::{Census, CensusRequest, Counters, Flow, Listener, TrackedFlow};
use sonde_core::observation::{Counter, Failure};

use crate::clock::RunClock;
use crate::inspection::{Problem, inspect};
use crate::vantage::Vantage;

pub(crate) use self::counters::diff;

/// The TCP listeners, or those of one port. Without `CAP_SYS_PTRACE` other users' listeners have no process.
pub async fn listeners(vantage: &Vantage, clock: &RunClock, port: Option<u16>) -> Result<Vec<Listener>, Failure> {
    inspect(vantage, clock, move |procfs| listeners::list(procfs, port)).await
}

/// Counts TCP sockets by keys.
pub async fn census(vantage: &Vantage, clock: &RunClock, request: &CensusRequest) -> Result<Census, Failure> {
    let request = request.clone();
    inspect(vantage, clock, move |_| census::take(&request)).await
}

/// A snapshot of snmp, snmp6, netstat, sockstat and conntrack.
pub async fn counters(vantage: &Vantage, clock: &RunClock) -> Result<Counters, Failure> {
    let clock_inside = *clock;
    inspect(vantage, clock, move |procfs| {
        let counters = counters::read(procfs)?;
        Ok(Counters { taken_at: clock_inside.now(), counters })
    })
    .await
}

/// One flow of connection tracking; none where it is not tracked. Without `CAP_NET_ADMIN` it is unavailable.
pub async fn conntrack(vantage: &Vantage, clock: &RunClock, flow: &Flow) -> Result<Option<TrackedFlow>, Failure> {
    let flow = *flow;
    inspect(vantage, clock, move |_| conntrack::find(&flow)).await
}

/// The counters as they are now, for the deltas of a quiet window.
pub(crate) async fn snapshot(vantage: &Vantage) -> Result<Vec<Counter>, Problem> {
    let procfs = vantage.procfs();
    let failed = |error: io::Error| Problem::os("read the counters", &error, "CAP_SYS_ADMIN");
    vantage.inspect(move || counters::read(&procfs)).await.map_err(failed)?
}
