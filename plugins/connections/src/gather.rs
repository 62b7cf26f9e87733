//! Gathers: two looks at the sockets in scope and at the counters, and what their difference makes worth reading. Nothing is dialled.

use std::collections::BTreeMap;
use std::time::Duration;

use sonde_sdk::check::Budget;
use sonde_sdk::sockets::{CensusFilter, CensusKey, Socket, SocketOrder, census, counters, find};
use sonde_sdk::system::{SysctlsAnswer, cgroup, host, sysctls};
use sonde_sdk::{timer, wait};

use crate::observe::{Look, Observations, SETTINGS, Scope};
use crate::verdict::{leak, receiving};

/// Between two looks. More than a second: what is unread or unclosed for so long is not in flight.
const INTERVAL: Duration = Duration::from_millis(1_100);
/// Sockets that are being closed, or that are not: enough for a leak, whoever holds them.
const CLOSING: u32 = 256;
/// Connections that send or receive; the foremost of them.
const FOREMOST: u32 = 64;

/// Looks, waits, looks, and reads what tells apart whom that makes suspect.
pub(crate) async fn observe(scope: Scope, budget: Budget) -> Observations {
    let interval = INTERVAL.min(budget.remaining() / 3);
    let (first, settings) = wait::join(look(scope), settings(scope)).await;
    timer::sleep(interval).await;
    let looks = [first, look(scope).await];
    let mut observed = Observations { scope, settings, looks, cgroups: vec![], elsewhere: None, machine: None };
    let of_suspect = async |pid| (pid, cgroup(pid).await);
    observed.cgroups = wait::all(leak::suspects(&observed).into_iter().map(of_suspect)).await;
    if let (Scope::Port(_), Some(pid)) = (scope, server(&observed)) {
        let open = CensusFilter::all().of_process(pid).in_states(["ESTAB"]);
        observed.elsewhere = Some(find(open, SocketOrder::Silence, FOREMOST).await);
    }
    if receiving::discarded(&observed).is_some() {
        observed.machine = Some(host().await);
    }
    observed
}

/// The process that most clients of a port have to do with.
fn server(observed: &Observations) -> Option<u32> {
    let mut clients: BTreeMap<u32, usize> = BTreeMap::new();
    for process in observed.looks[1].unacknowledged.sockets().iter().filter_map(Socket::process) {
        *clients.entry(process.pid).or_default() += 1;
    }
    clients.into_iter().max_by_key(|(_, count)| *count).map(|(pid, _)| pid)
}

async fn look(scope: Scope) -> Look {
    let of = |states: &[&str]| within(CensusFilter::all(), scope).in_states(states.iter().copied());
    let sending = || of(&["ESTAB", "CLOSE-WAIT", "FIN-WAIT-1", "LAST-ACK", "CLOSING"]);
    let ((counters, towards), (unclosed, closing), (unsent, unacknowledged), (unread, datagrams, listening)) =
        wait::join4(
            wait::join(counters(), towards(scope)),
            wait::join(
                find(of(&["CLOSE-WAIT"]), SocketOrder::Silence, CLOSING),
                find(of(&["FIN-WAIT-1", "FIN-WAIT-2", "LAST-ACK", "CLOSING"]), SocketOrder::Backoff, CLOSING),
            ),
            wait::join(
                find(sending(), SocketOrder::SendQueue, FOREMOST),
                find(sending(), SocketOrder::Backoff, FOREMOST),
            ),
            wait::join3(
                find(of(&["ESTAB"]), SocketOrder::ReceiveQueue, FOREMOST),
                find(within(CensusFilter::udp(), scope), SocketOrder::Drops, FOREMOST),
                find(of(&["LISTEN"]), SocketOrder::Listed, CLOSING),
            ),
        )
        .await;
    Look { counters, towards, unclosed, closing, unsent, unacknowledged, unread, datagrams, listening }
}

/// All TCP sockets by state and whom they connect: a closed connection belongs to no process any more, so only of the whole host.
async fn towards(scope: Scope) -> Option<sonde_sdk::sockets::CensusAnswer> {
    let keys = vec![CensusKey::State, CensusKey::LocalAddress, CensusKey::PeerAddress, CensusKey::PeerPort];
    match scope {
        Scope::Host => Some(census(keys, CensusFilter::all()).await),
        Scope::Port(_) | Scope::Process(_) => None,
    }
}

/// What bounds the local ports towards one destination.
async fn settings(scope: Scope) -> Option<SysctlsAnswer> {
    match scope {
        Scope::Host => Some(sysctls(SETTINGS.map(str::to_owned).to_vec()).await),
        Scope::Port(_) | Scope::Process(_) => None,
    }
}

fn within(filter: CensusFilter, scope: Scope) -> CensusFilter {
    match scope {
        Scope::Host => filter,
        Scope::Port(port) => filter.local_port(port),
        Scope::Process(pid) => filter.of_process(pid),
    }
}
