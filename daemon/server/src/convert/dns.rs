//! Messages of the interface `dns`.

use sonde_core::observation::dns as core;
use sonde_proto::v1;

use super::duration;
use super::failure::{deltas, endpoint};

pub(super) fn query(request: &core::Query, exchange: &core::Exchange) -> v1::DnsQuery {
    v1::DnsQuery {
        server: Some(endpoint(request.server)),
        transport: match request.transport {
            core::Transport::Udp => v1::DnsTransport::Udp,
            core::Transport::Tcp => v1::DnsTransport::Tcp,
        }
        .into(),
        name: request.name.clone(),
        qtype: request.qtype.into(),
        qclass: request.qclass.into(),
        recursion_desired: request.recursion_desired,
        checking_disabled: request.checking_disabled,
        authentic_data: request.authentic_data,
        edns_size_bytes: request.edns_size.unwrap_or_default().into(),
        dnssec_ok: request.dnssec_ok,
        timeout: Some(duration(request.timeout)),
        answer: exchange.outcome.as_ref().ok().map(answer),
        strays: exchange.strays,
        kernel_rtt: exchange.kernel_rtt.map(duration),
        deltas: exchange.deltas.as_ref().map(deltas),
    }
}

pub(super) fn config(name: Option<&str>, config: &core::ResolverConfig) -> v1::DnsConfig {
    v1::DnsConfig {
        name: name.unwrap_or_default().to_owned(),
        nameservers: config.nameservers.iter().map(ToString::to_string).collect(),
        search: config.search.clone(),
        ndots: config.ndots.into(),
        timeout_seconds: config.timeout_s.into(),
        attempts: config.attempts.into(),
        options: config.options.clone(),
        nsswitch_hosts: config.nsswitch_hosts.clone(),
        hosts_addresses: config.hosts_addresses.iter().map(ToString::to_string).collect(),
    }
}

fn answer(answer: &core::Answer) -> v1::DnsAnswer {
    let section = |records: &[core::Resource]| records.iter().map(resource).collect();
    v1::DnsAnswer {
        rcode: answer.rcode.into(),
        authoritative: answer.authoritative,
        truncated: answer.truncated,
        recursion_desired: answer.recursion_desired,
        recursion_available: answer.recursion_available,
        authentic_data: answer.authentic_data,
        checking_disabled: answer.checking_disabled,
        answers: section(&answer.answers),
        authorities: section(&answer.authorities),
        additionals: section(&answer.additionals),
        edns: answer.edns.as_ref().map(edns),
        size_bytes: answer.size_bytes,
    }
}

fn resource(resource: &core::Resource) -> v1::DnsResource {
    v1::DnsResource {
        name: resource.name.clone(),
        r#type: resource.rtype.into(),
        ttl_seconds: resource.ttl,
        rdata: resource.rdata.clone(),
    }
}

fn edns(edns: &core::Edns) -> v1::DnsEdns {
    v1::DnsEdns {
        udp_size_bytes: edns.udp_size.into(),
        version: edns.version.into(),
        dnssec_ok: edns.dnssec_ok,
        extended_errors: edns
            .extended_errors
            .iter()
            .map(|error| v1::DnsExtendedError {
                info_code: error.info_code.into(),
                extra_text: error.extra_text.clone(),
            })
            .collect(),
    }
}
