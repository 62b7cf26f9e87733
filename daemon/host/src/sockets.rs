//! The interface `sockets`.

mod conntrack;
mod find;

use sonde_core::observation::sockets as core;
use sonde_core::observation::{Call, Failure};
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::sockets as wit;
use crate::inspection::{Inspection, inspect};
use crate::run::Run;
use crate::session::Session;
use crate::types::{self, micros};

/// What a group is told apart by at most.
const CENSUS_KEYS: usize = 5;

/// There are twelve states.
const CENSUS_STATES: usize = 12;

/// Those of a filter.
const PROTOCOLS: usize = 2;

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn listeners(accessor: &Accessor<Session, Self>, port: Option<u16>) -> wit::ListenersAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Listeners { port })).await;
        let outcome = answer.map(|listeners| listeners.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::ListenersAnswer { evidence: id.0, timing: timing.into(), outcome }
    }

    async fn census(
        accessor: &Accessor<Session, Self>,
        by: Vec<wit::CensusKey>,
        filter: wit::CensusFilter,
    ) -> wit::CensusAnswer {
        let (id, timing, answer) = inspect(accessor, census(&by, &filter)).await;
        let total = answer.as_ref().map_or(0, |census| census.total);
        let outcome = answer.map(|census| census.groups.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::CensusAnswer { evidence: id.0, timing: timing.into(), outcome, total }
    }

    async fn find(
        accessor: &Accessor<Session, Self>,
        filter: wit::CensusFilter,
        order: wit::SocketOrder,
        limit: u32,
    ) -> wit::SocketsAnswer {
        let (id, timing, answer) = inspect(accessor, find::parsed(&filter, order, limit)).await;
        let total = answer.as_ref().map_or(0, |found| found.total);
        let outcome = answer.map(|found| found.sockets.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::SocketsAnswer { evidence: id.0, timing: timing.into(), outcome, total }
    }

    async fn counters(accessor: &Accessor<Session, Self>) -> wit::CountersAnswer {
        snapshot(accessor, Counters { host: false }).await
    }

    async fn host_counters(accessor: &Accessor<Session, Self>) -> wit::CountersAnswer {
        snapshot(accessor, Counters { host: true }).await
    }

    async fn conntrack(accessor: &Accessor<Session, Self>, flow: wit::Flow) -> wit::ConntrackAnswer {
        let (id, timing, answer) = inspect(accessor, conntrack::parsed(&flow)).await;
        let outcome = answer.map(|tracked| tracked.map(Into::into)).map_err(Into::into);
        wit::ConntrackAnswer { evidence: id.0, timing: timing.into(), outcome }
    }
}

#[derive(Clone, Debug)]
struct Listeners {
    port: Option<u16>,
}

impl Inspection for Listeners {
    type Facts = Vec<core::Listener>;
    const FUNCTION: &'static str = "sockets.listeners";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::sockets::listeners(&run.vantage, &run.clock, self.port).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Listeners { port: self.port, answer }
    }
}

impl Inspection for core::CensusRequest {
    type Facts = core::Census;
    const FUNCTION: &'static str = "sockets.census";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::sockets::census(&run.vantage, &run.clock, self).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Census { request: self, answer }
    }
}

#[derive(Clone, Debug)]
struct Counters {
    host: bool,
}

impl Inspection for Counters {
    type Facts = core::Counters;
    const FUNCTION: &'static str = "sockets.counters";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        if self.host {
            sonde_probe::sockets::all_counters(&run.vantage, &run.clock).await
        } else {
            sonde_probe::sockets::counters(&run.vantage, &run.clock).await
        }
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Counters { host: self.host, answer }
    }
}

async fn snapshot(accessor: &Accessor<Session, Imports>, asked: Counters) -> wit::CountersAnswer {
    let (id, timing, answer) = inspect(accessor, Ok(asked)).await;
    let taken_at = answer.as_ref().map_or(timing.at, |counters| counters.taken_at);
    let outcome = answer.map(|counters| counters.counters.into_iter().map(Into::into).collect()).map_err(Into::into);
    wit::CountersAnswer { evidence: id.0, timing: timing.into(), taken_at_us: micros(taken_at), outcome }
}

fn census(by: &[wit::CensusKey], asked: &wit::CensusFilter) -> Result<core::CensusRequest, String> {
    if by.len() > CENSUS_KEYS {
        return Err(format!("{} keys are given; at most {CENSUS_KEYS} are allowed", by.len()));
    }
    Ok(core::CensusRequest { by: by.iter().map(|key| (*key).into()).collect(), filter: filter(asked)? })
}

/// The filter a guest wrote.
fn filter(filter: &wit::CensusFilter) -> Result<core::SocketFilter, String> {
    if filter.states.len() > CENSUS_STATES {
        return Err(format!("{} states are given; there are {CENSUS_STATES}", filter.states.len()));
    }
    if filter.protocols.len() > PROTOCOLS {
        return Err(format!("{} protocols are given; there are {PROTOCOLS}", filter.protocols.len()));
    }
    Ok(core::SocketFilter {
        protocols: filter.protocols.iter().map(|protocol| conntrack::protocol(*protocol)).collect(),
        states: filter.states.iter().map(|state| types::word("state", state, 16)).collect::<Result<_, _>>()?,
        local_address: filter.local_address.as_deref().map(types::address).transpose()?,
        local_port: filter.local_port,
        peer_address: filter.peer_address.as_deref().map(types::address).transpose()?,
        peer_port: filter.peer_port,
        pid: types::process(filter.pid)?,
    })
}

impl From<wit::CensusKey> for core::CensusKey {
    fn from(key: wit::CensusKey) -> Self {
        match key {
            wit::CensusKey::State => Self::State,
            wit::CensusKey::LocalAddress => Self::LocalAddress,
            wit::CensusKey::LocalPort => Self::LocalPort,
            wit::CensusKey::PeerAddress => Self::PeerAddress,
            wit::CensusKey::PeerPort => Self::PeerPort,
            wit::CensusKey::Protocol => Self::Protocol,
            wit::CensusKey::Pid => Self::Pid,
            wit::CensusKey::Command => Self::Command,
            wit::CensusKey::Cgroup => Self::Cgroup,
        }
    }
}

impl From<core::CensusGroup> for wit::CensusGroup {
    fn from(group: core::CensusGroup) -> Self {
        Self {
            key: group.key,
            count: group.count,
            receive_queue_bytes: group.receive_queue_bytes,
            send_queue_bytes: group.send_queue_bytes,
        }
    }
}

impl From<core::Listener> for wit::Listener {
    fn from(listener: core::Listener) -> Self {
        Self {
            address: listener.address.to_string(),
            port: listener.port,
            v6only: listener.v6only,
            queued: listener.queued,
            backlog: listener.backlog,
            syn_received: listener.syn_received,
            uid: listener.uid,
            inode: listener.inode,
            process: listener.process.map(Into::into),
            device: listener.device,
            workers: listener.workers.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<core::Process> for wit::Process {
    fn from(process: core::Process) -> Self {
        Self {
            pid: process.pid,
            command: process.command,
            state: process.state,
            open_files: process.open_files,
            open_files_limit: process.open_files_limit,
        }
    }
}
