//! `sockets.conntrack`.

use sonde_core::observation::sockets::{Flow, FlowProtocol, FlowTuple, TrackedFlow};
use sonde_core::observation::{Call, Failure};

use crate::bindings::sonde::check::sockets as wit;
use crate::inspection::Inspection;
use crate::run::Run;
use crate::types;

/// The flow a guest wrote.
pub(super) fn parsed(flow: &wit::Flow) -> Result<Flow, String> {
    let tuple = FlowTuple { source: types::remote(&flow.source)?, destination: types::remote(&flow.destination)? };
    if tuple.source.address.is_ipv4() != tuple.destination.address.is_ipv4() {
        return Err(format!("a flow from {tuple} mixes families; give two addresses of one"));
    }
    Ok(Flow { protocol: protocol(flow.protocol), tuple })
}

pub(super) fn protocol(protocol: wit::FlowProtocol) -> FlowProtocol {
    match protocol {
        wit::FlowProtocol::Tcp => FlowProtocol::Tcp,
        wit::FlowProtocol::Udp => FlowProtocol::Udp,
    }
}

impl Inspection for Flow {
    type Facts = Option<TrackedFlow>;
    const FUNCTION: &'static str = "sockets.conntrack";

    async fn look(&self, run: &Run) -> Result<Self::Facts, Failure> {
        sonde_probe::sockets::conntrack(&run.vantage, &run.clock, self).await
    }

    fn observed(self, answer: Result<Self::Facts, Failure>) -> Call {
        Call::Conntrack { flow: self, answer }
    }
}

impl From<FlowTuple> for wit::FlowTuple {
    fn from(tuple: FlowTuple) -> Self {
        Self { source: tuple.source.into(), destination: tuple.destination.into() }
    }
}

impl From<TrackedFlow> for wit::TrackedFlow {
    fn from(flow: TrackedFlow) -> Self {
        Self {
            original: flow.original.into(),
            reply: flow.reply.into(),
            state: flow.state,
            answered: flow.answered,
            assured: flow.assured,
            timeout_s: flow.timeout.map(|left| u32::try_from(left.as_secs()).unwrap_or(u32::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(source: &str, destination: &str) -> wit::Flow {
        let at = |address: &str| wit::Endpoint { address: address.to_owned(), port: 443 };
        wit::Flow { protocol: wit::FlowProtocol::Tcp, source: at(source), destination: at(destination) }
    }

    #[test]
    fn a_flow_between_two_families_is_refused_with_both_named() {
        let problem = parsed(&flow("10.0.0.1", "2001:db8::1")).expect_err("it mixes families");
        assert!(problem.contains("10.0.0.1:443") && problem.contains("2001:db8::1"), "{problem}");
        assert!(parsed(&flow("10.0.0.1", "::ffff:10.0.0.2")).is_ok(), "a mapped address is IPv4");
    }

    #[test]
    fn a_flow_without_a_port_is_refused() {
        let mut nowhere = flow("10.0.0.1", "10.0.0.2");
        nowhere.source.port = 0;
        assert!(parsed(&nowhere).expect_err("port 0").contains("port 0"));
    }
}
