//! Messages of the interface `sockets`.

mod conntrack;
mod find;

use sonde_core::observation::sockets as core;
use sonde_proto::v1;

use super::failure::counter;
use super::{address, duration};

pub(super) use conntrack::conntrack;
pub(super) use find::search;

pub(super) fn listeners(port: Option<u16>, listeners: &[core::Listener]) -> v1::Listeners {
    v1::Listeners { port: port.unwrap_or_default().into(), listeners: listeners.iter().map(listener).collect() }
}

pub(super) fn census(request: &core::CensusRequest, census: &core::Census) -> v1::Census {
    v1::Census {
        by: request.by.iter().map(|key| census_key(*key).into()).collect(),
        states: request.filter.states.clone(),
        local_port: request.filter.local_port.unwrap_or_default().into(),
        peer_address: address(request.filter.peer_address),
        peer_port: request.filter.peer_port.unwrap_or_default().into(),
        protocols: protocols(&request.filter),
        local_address: address(request.filter.local_address),
        pid: request.filter.pid.unwrap_or_default(),
        groups: census.groups.iter().map(group).collect(),
        total: census.total,
    }
}

pub(super) fn counters(host: bool, counters: Option<&core::Counters>) -> v1::Counters {
    v1::Counters {
        taken_at: counters.map(|counters| duration(counters.taken_at)),
        counters: counters.map_or_else(Vec::new, |counters| counters.counters.iter().map(counter).collect()),
        with_devices: host,
    }
}

pub(crate) fn listener(listener: &core::Listener) -> v1::Listener {
    v1::Listener {
        address: listener.address.to_string(),
        port: listener.port.into(),
        v6only: listener.v6only,
        queued: listener.queued,
        backlog: listener.backlog,
        syn_received: listener.syn_received,
        uid: listener.uid,
        inode: listener.inode,
        process: listener.process.as_ref().map(process),
        device: listener.device.clone().unwrap_or_default(),
        workers: listener.workers.iter().map(process).collect(),
    }
}

fn process(process: &core::Process) -> v1::Process {
    v1::Process {
        pid: process.pid,
        command: process.command.clone(),
        state: process.state.clone(),
        open_files: process.open_files,
        open_files_limit: process.open_files_limit,
    }
}

/// `tcp`, `udp`; TCP where none is asked for.
fn protocols(filter: &core::SocketFilter) -> Vec<String> {
    let asked = match filter.protocols.as_slice() {
        [] => &[core::FlowProtocol::Tcp][..],
        asked => asked,
    };
    asked.iter().map(|protocol| protocol.name().to_owned()).collect()
}

fn census_key(key: core::CensusKey) -> v1::CensusKey {
    match key {
        core::CensusKey::State => v1::CensusKey::State,
        core::CensusKey::LocalAddress => v1::CensusKey::LocalAddress,
        core::CensusKey::LocalPort => v1::CensusKey::LocalPort,
        core::CensusKey::PeerAddress => v1::CensusKey::PeerAddress,
        core::CensusKey::PeerPort => v1::CensusKey::PeerPort,
        core::CensusKey::Protocol => v1::CensusKey::Protocol,
        core::CensusKey::Pid => v1::CensusKey::Pid,
        core::CensusKey::Command => v1::CensusKey::Command,
        core::CensusKey::Cgroup => v1::CensusKey::Cgroup,
    }
}

pub(crate) fn group(group: &core::CensusGroup) -> v1::CensusGroup {
    v1::CensusGroup {
        key: group.key.clone(),
        count: group.count,
        receive_queue_bytes: group.receive_queue_bytes,
        send_queue_bytes: group.send_queue_bytes,
    }
}
