//! A walk down a delegation.

use sonde_core::observation::dns as core;
use sonde_proto::v1;

use super::super::failure::{endpoint, failure};
use super::super::{address, duration};
use super::answer::answer;

pub(in crate::convert) fn walk(request: &core::WalkRequest, walk: &core::WalkResult) -> v1::DnsWalk {
    v1::DnsWalk {
        name: request.name.clone(),
        qtype: request.qtype.into(),
        roots: request.roots.iter().copied().map(endpoint).collect(),
        trust_anchors: request.trust_anchors.clone(),
        port: request.port.into(),
        ipv6: request.ipv6,
        query_timeout: Some(duration(request.query_timeout)),
        timeout: Some(duration(request.timeout)),
        zones: walk.zones.iter().map(zone).collect(),
        answer: walk.answer.as_ref().map(answer),
        disagreements: walk.disagreements.clone(),
        security: security(walk.security).into(),
        security_code: walk.security_code.map(Into::into),
        security_detail: walk.security_detail.clone(),
        continues_at: walk.continues_at.clone().unwrap_or_default(),
        queries: walk.queries,
    }
}

fn zone(zone: &core::Zone) -> v1::DnsZone {
    v1::DnsZone {
        name: zone.name.clone(),
        parent_servers: zone.parent_servers.clone(),
        child_servers: zone.child_servers.clone(),
        servers: zone.servers.iter().map(server).collect(),
        signed: zone.signed,
        security: security(zone.security).into(),
        security_detail: zone.security_detail.clone(),
    }
}

fn server(server: &core::WalkServer) -> v1::DnsZoneServer {
    let lameness = match server.lameness {
        core::Lameness::None => v1::DnsLameness::None,
        core::Lameness::ErrorRcode => v1::DnsLameness::ErrorRcode,
        core::Lameness::NotAuthoritative => v1::DnsLameness::NotAuthoritative,
        core::Lameness::UpwardReferral => v1::DnsLameness::UpwardReferral,
        core::Lameness::Silent => v1::DnsLameness::Silent,
        core::Lameness::NoAddress => v1::DnsLameness::NoAddress,
    };
    let outcome = server.outcome.as_ref();
    v1::DnsZoneServer {
        name: server.name.clone(),
        address: address(server.address),
        lameness: lameness.into(),
        elapsed: Some(duration(server.elapsed)),
        answer: outcome.and_then(|outcome| outcome.as_ref().ok()).map(answer),
        failure: outcome.and_then(|outcome| outcome.as_ref().err()).map(failure),
        serial: server.serial,
    }
}

fn security(security: core::Security) -> v1::DnsSecurity {
    match security {
        core::Security::Secure => v1::DnsSecurity::Secure,
        core::Security::Insecure => v1::DnsSecurity::Insecure,
        core::Security::Bogus => v1::DnsSecurity::Bogus,
        core::Security::Indeterminate => v1::DnsSecurity::Indeterminate,
    }
}
