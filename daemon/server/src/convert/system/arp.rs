//! Who claims an address on its segment.

use std::net::IpAddr;

use sonde_core::observation::system as core;
use sonde_proto::v1;

use crate::convert::{address, duration};

pub(in crate::convert) fn arp(towards: Option<IpAddr>, questions: &[core::ArpQuestion]) -> v1::ArpLookup {
    v1::ArpLookup { towards: address(towards), questions: questions.iter().map(question).collect() }
}

fn question(question: &core::ArpQuestion) -> v1::ArpQuestion {
    v1::ArpQuestion {
        address: question.address.to_string(),
        device: question.device.clone(),
        own: question.own,
        claims: question.claims.iter().map(claim).collect(),
    }
}

fn claim(claim: &core::ArpClaim) -> v1::ArpClaim {
    v1::ArpClaim { link_address: claim.link_address.clone(), elapsed: Some(duration(claim.elapsed)) }
}
