//! What came over the wire.

use std::time::Duration;

use sonde_core::observation::dns as core;
use sonde_proto::v1;

use super::super::duration;

pub(super) fn answer(answer: &core::Answer) -> v1::DnsAnswer {
    let section = |records: &[core::Resource]| records.iter().map(resource).collect();
    v1::DnsAnswer {
        id: answer.id.into(),
        opcode: answer.opcode.into(),
        rcode: answer.rcode.into(),
        flags: Some(flags(answer.flags)),
        question: answer.question.as_ref().map(question),
        answers: section(&answer.answers),
        authorities: section(&answer.authorities),
        additionals: section(&answer.additionals),
        edns: answer.edns.as_ref().map(edns),
        size_bytes: answer.size_bytes,
    }
}

pub(super) fn flags(flags: core::HeaderFlags) -> v1::DnsFlags {
    v1::DnsFlags {
        authoritative: flags.authoritative,
        truncated: flags.truncated,
        recursion_desired: flags.recursion_desired,
        recursion_available: flags.recursion_available,
        z: flags.z,
        authentic_data: flags.authentic_data,
        checking_disabled: flags.checking_disabled,
    }
}

pub(super) fn client_subnet(subnet: &core::ClientSubnet) -> v1::DnsClientSubnet {
    v1::DnsClientSubnet { prefix: subnet.prefix.to_string(), scope: subnet.scope.into() }
}

pub(super) fn cookie(cookie: &core::Cookie) -> v1::DnsCookie {
    v1::DnsCookie { client: cookie.client.clone(), server: cookie.server.clone() }
}

pub(super) fn option(option: &core::EdnsOption) -> v1::DnsEdnsOption {
    v1::DnsEdnsOption { code: option.code.into(), data: option.data.clone() }
}

fn question(question: &core::Question) -> v1::DnsQuestion {
    v1::DnsQuestion { name: question.name.clone(), qtype: question.qtype.into(), qclass: question.qclass.into() }
}

fn resource(resource: &core::Resource) -> v1::DnsResource {
    v1::DnsResource {
        name: resource.name.clone(),
        r#type: resource.rtype.into(),
        class: resource.rclass.into(),
        ttl_seconds: resource.ttl,
        rdata: resource.rdata.clone(),
    }
}

fn edns(edns: &core::Edns) -> v1::DnsEdns {
    let error = |error: &core::ExtendedError| v1::DnsExtendedError {
        info_code: error.info_code.into(),
        extra_text: error.extra_text.clone(),
    };
    v1::DnsEdns {
        udp_size_bytes: edns.udp_size.into(),
        version: edns.version.into(),
        dnssec_ok: edns.dnssec_ok,
        extended_errors: edns.extended_errors.iter().map(error).collect(),
        nsid: edns.nsid.clone(),
        client_subnet: edns.client_subnet.as_ref().map(client_subnet),
        cookie: edns.cookie.as_ref().map(cookie),
        padding_bytes: edns.padding_bytes.map(Into::into),
        tcp_keepalive: edns.tcp_keepalive.map(|units| duration(KEEPALIVE_UNIT * units.into())),
        options: edns.options.iter().map(option).collect(),
    }
}

/// RFC 7828 section 3.1.
const KEEPALIVE_UNIT: Duration = Duration::from_millis(100);
