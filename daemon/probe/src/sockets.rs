//! Socket tables and counters.

mod bytecode;
mod census;
mod cgroups;
mod conntrack;
mod counters;
mod filter;
mod find;
mod listeners;
mod owners;
mod reader;
mod recording;
mod row;
mod states;
mod table;

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use sonde_core::observation::sockets::{
    Census, CensusKey, CensusRequest, Counters, FindRequest, Flow, Found, Listener, TrackedFlow,
};
use sonde_core::observation::{Counter, Failure};

use crate::clock::RunClock;
use crate::inspection::{Problem, inspect};
use crate::vantage::Vantage;

pub use self::counters::movement::{Reading, is_gauge, readings};
pub use self::filter::{Family, Filter};
pub use self::owners::Owner;
pub use self::reader::each_record;
pub use self::row::{InetRow, Protocol, Row, UnixRow};
pub use self::states::{States, state_name};
pub use self::table::{Listing, Socket, Walked};

pub(crate) use self::counters::diff;
pub(crate) use self::recording::{Tally, queues, read_counters};
use self::table::Unfinished;

/// The TCP listeners, or those of one port. Without `CAP_SYS_PTRACE` other users' listeners have no process.
pub async fn listeners(vantage: &Vantage, clock: &RunClock, port: Option<u16>) -> Result<Vec<Listener>, Failure> {
    inspect(vantage, clock, move |procfs| listeners::list(procfs, port)).await
}

/// Whether the kernel lists sockets here at all: asked of its listeners, which costs the same in a table of any size.
pub async fn readable(vantage: &Vantage, clock: &RunClock) -> Result<(), Failure> {
    inspect(vantage, clock, listeners::ask).await
}

/// Visits every socket of the listing, on a thread of the vantage: `visit` may wait there, for as long as its reader takes. Sockets
/// that `visit` saw before a failure were there.
pub async fn visit(
    vantage: &Vantage,
    clock: &RunClock,
    listing: Listing,
    allowed: Duration,
    visit: impl FnMut(&Socket<'_>) -> ControlFlow<()> + Send + 'static,
) -> Result<Walked, Failure> {
    let at = clock.now();
    let procfs = vantage.procfs();
    let walk = move || table::walk(&procfs, &listing, "list the sockets", allowed, visit);
    let outcome = match vantage.relay(walk).await {
        Ok(outcome) => outcome.map_err(|unfinished| unfinished.problem),
        Err(error) => Err(Problem::os("inspect the vantage", &error, "CAP_SYS_ADMIN")),
    };
    outcome.map_err(|problem| problem.into_failure(clock.since(at).elapsed))
}

/// Counts the sockets of a check's filter by keys.
pub async fn census(vantage: &Vantage, clock: &RunClock, request: &CensusRequest) -> Result<Census, Failure> {
    let request = request.clone();
    inspect(vantage, clock, move |procfs| census::take(procfs, Filter::of(&request.filter)?, &request.by)).await
}

/// The foremost sockets of a filter, each with what the kernel and /proc say of it.
pub async fn find(vantage: &Vantage, clock: &RunClock, request: &FindRequest) -> Result<Found, Failure> {
    let request = request.clone();
    inspect(vantage, clock, move |procfs| find::find(procfs, &request)).await
}

/// Counts the sockets of a filter by keys.
pub async fn count(vantage: &Vantage, clock: &RunClock, filter: Filter, by: Vec<CensusKey>) -> Result<Census, Failure> {
    inspect(vantage, clock, move |procfs| census::take(procfs, filter, &by)).await
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

/// The same with what no delta of a dial is to hold: the machine's softnet, and every device.
pub async fn all_counters(vantage: &Vantage, clock: &RunClock) -> Result<Counters, Failure> {
    let clock_inside = *clock;
    inspect(vantage, clock, move |procfs| {
        let mut counters = counters::read(procfs)?;
        counters::host::read(procfs, &mut counters);
        Ok(Counters { taken_at: clock_inside.now(), counters })
    })
    .await
}

/// `net.core.somaxconn` of the vantage, which a larger backlog is cut to; none where it cannot be read.
pub async fn somaxconn(vantage: &Vantage) -> Option<u32> {
    let procfs = vantage.procfs();
    let read = move || procfs.read("sys/net/core/somaxconn", 64).ok();
    String::from_utf8(vantage.inspect(read).await.ok()??).ok()?.trim().parse().ok()
}

/// One flow of connection tracking; none where it is not tracked. Without `CAP_NET_ADMIN` it is unavailable.
pub async fn conntrack(vantage: &Vantage, clock: &RunClock, flow: &Flow) -> Result<Option<TrackedFlow>, Failure> {
    let flow = *flow;
    inspect(vantage, clock, move |_| conntrack::find(&flow)).await
}

/// Whether the vantage's namespace tracks connections; false as well where that cannot be read.
pub async fn tracks_connections(vantage: &Vantage) -> bool {
    let procfs = vantage.procfs();
    vantage.inspect(move || conntrack::is_on(&procfs)).await.unwrap_or(false)
}

/// The counters as they are now, for the deltas of a quiet window.
pub(crate) async fn snapshot(vantage: &Vantage) -> Result<Vec<Counter>, Problem> {
    let procfs = vantage.procfs();
    let failed = |error: io::Error| Problem::os("read the counters", &error, "CAP_SYS_ADMIN");
    vantage.inspect(move || counters::read(&procfs)).await.map_err(failed)?
}

/// Once more where sockets were lost on the way: half a table is no fact.
fn twice<T>(mut walk: impl FnMut() -> Result<T, Unfinished>) -> Result<T, Problem> {
    match walk() {
        Err(Unfinished { again: true, .. }) => {}
        outcome => return outcome.map_err(|unfinished| unfinished.problem),
    }
    walk().map_err(|unfinished| unfinished.problem)
}
