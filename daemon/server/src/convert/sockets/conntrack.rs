//! A flow of connection tracking.

use sonde_core::observation::sockets as core;
use sonde_proto::v1;

use crate::convert::duration;
use crate::convert::failure::endpoint;

pub(in crate::convert) fn conntrack(flow: &core::Flow, found: Option<&core::TrackedFlow>) -> v1::ConntrackLookup {
    let protocol = match flow.protocol {
        core::FlowProtocol::Tcp => v1::FlowProtocol::Tcp,
        core::FlowProtocol::Udp => v1::FlowProtocol::Udp,
    };
    v1::ConntrackLookup { protocol: protocol.into(), flow: Some(tuple(&flow.tuple)), tracked: found.map(tracked) }
}

fn tracked(flow: &core::TrackedFlow) -> v1::TrackedFlow {
    v1::TrackedFlow {
        original: Some(tuple(&flow.original)),
        reply: Some(tuple(&flow.reply)),
        state: flow.state.clone().unwrap_or_default(),
        answered: flow.answered,
        assured: flow.assured,
        timeout: flow.timeout.map(duration),
    }
}

fn tuple(tuple: &core::FlowTuple) -> v1::FlowTuple {
    v1::FlowTuple { source: Some(endpoint(tuple.source)), destination: Some(endpoint(tuple.destination)) }
}
