//! The interface `sockets`.

mod conntrack;

use sonde_core::observation::sockets as core;
use sonde_core::observation::{Call, Failure};
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::sockets as wit;
use crate::inspection::{Inspection, inspect};
use crate::run::Run;
use crate::session::Session;
use crate::types::{self, micros};

/// There are five keys; asking for one twice makes no sense.
const CENSUS_KEYS: usize = 5;

/// There are twelve states.
const CENSUS_STATES: usize = 12;

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

    async fn counters(accessor: &Accessor<Session, Self>) -> wit::CountersAnswer {
        let (id, timing, answer) = inspect(accessor, Ok(Counters)).await;
        let taken_at = answer.as_ref().map_or(timing.at, |counters| counters.taken_at);
        let outcome =
            answer.map(|counters| counters.counters.into_iter().map(Into::into).collect()).map_err(Into::into);
        wit::CountersAnswer { evidence: id.0, timing: timing.into(), taken_at_us: micros(taken_at), outcome }
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
struct Counters;

impl Inspection for Counters {
    type Facts = core::Counters;
    const FUNCTION: &'static str = "sockets.counters";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::sockets::counters(&run.vantage, &run.clock).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Counters { answer }
    }
}

fn census(by: &[wit::CensusKey], filter: &wit::CensusFilter) -> Result<core::CensusRequest, String> {
    if by.len() > CENSUS_KEYS {
        return Err(format!("{} keys are given; there are {CENSUS_KEYS}", by.len()));
    }
    if filter.states.len() > CENSUS_STATES {
        return Err(format!("{} states are given; there are {CENSUS_STATES}", filter.states.len()));
    }
    Ok(core::CensusRequest {
        by: by.iter().map(|key| (*key).into()).collect(),
        states: filter.states.iter().map(|state| types::word("state", state, 16)).collect::<Result<_, _>>()?,
        local_port: filter.local_port,
        peer_address: filter.peer_address.as_deref().map(types::address).transpose()?,
        peer_port: filter.peer_port,
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
            process: listener.process.map(|process| wit::Process {
                pid: process.pid,
                command: process.command,
                state: process.state,
                open_files: process.open_files,
                open_files_limit: process.open_files_limit,
            }),
        }
    }
}
