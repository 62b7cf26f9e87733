//! Tracked flows and claimed addresses.

use super::{evidence, timing};
use crate::sockets::{ConntrackAnswer, FlowTuple, TrackedFlow};
use crate::system::{ArpAnswer, ArpClaim, ArpQuestion};
use crate::types::Endpoint;

/// A flow in this state, with the destination that its answers come from.
pub fn conntrack_answer(n: u64, destination: &Endpoint, backend: &Endpoint, state: &str) -> ConntrackAnswer {
    let local = Endpoint::new("192.0.2.100", 40_000);
    ConntrackAnswer {
        evidence: evidence(n),
        timing: timing(0),
        outcome: Ok(Some(TrackedFlow {
            original: FlowTuple { source: local.clone(), destination: destination.clone() },
            reply: FlowTuple { source: backend.clone(), destination: local },
            state: Some(state.to_owned()),
            answered: state != "SYN_SENT",
            assured: state == "ESTABLISHED",
            timeout_s: Some(60),
        })),
    }
}

/// Addresses on `eth0`: whether each is this host's own, and who claims it.
pub fn arp_answer(n: u64, questions: &[(&str, bool, &[&str])]) -> ArpAnswer {
    let claim = |mac: &&str| ArpClaim { link_address: (*mac).to_owned(), elapsed_us: 100 };
    ArpAnswer {
        evidence: evidence(n),
        timing: timing(400),
        outcome: Ok(questions
            .iter()
            .map(|(address, ours, claims)| ArpQuestion {
                address: (*address).to_owned(),
                device: "eth0".to_owned(),
                ours: *ours,
                claims: claims.iter().map(claim).collect(),
            })
            .collect()),
    }
}
