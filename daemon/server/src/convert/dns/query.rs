//! One exchange.

use sonde_core::observation::dns as core;
use sonde_proto::v1;

use super::super::connection::session;
use super::super::duration;
use super::super::failure::{deltas, endpoint, icmp, timing};
use super::answer::{answer, client_subnet, cookie, flags, option};

pub(in crate::convert) fn query(request: &core::Query, exchange: &core::Exchange) -> v1::DnsQuery {
    v1::DnsQuery {
        server: Some(endpoint(request.server)),
        transport: super::transport(request.transport).into(),
        name: request.name.clone(),
        qtype: request.qtype.into(),
        qclass: request.qclass.into(),
        flags: Some(flags(request.flags)),
        edns: request.edns.as_ref().map(edns),
        server_name: request.server_name.clone().unwrap_or_default(),
        http_path: request.http_path.clone().unwrap_or_default(),
        http_method: http_method(request).into(),
        timeout: Some(duration(request.timeout)),
        answer: exchange.outcome.as_ref().ok().map(answer),
        phases: Some(phases(&exchange.phases)),
        local: exchange.local.map(endpoint),
        kernel_rtt: exchange.kernel_rtt.map(duration),
        strays: exchange.strays.iter().map(stray).collect(),
        stray_count: exchange.stray_count,
        icmp: exchange.icmp.iter().map(icmp).collect(),
        session: exchange.session.as_ref().map(session),
        http_status: exchange.http_status.map(Into::into),
        query_bytes: exchange.query_bytes,
        deltas: exchange.deltas.as_ref().map(deltas),
    }
}

fn http_method(request: &core::Query) -> v1::DnsHttpMethod {
    match (request.transport, request.http_method) {
        (core::Transport::Https, core::HttpMethod::Get) => v1::DnsHttpMethod::Get,
        (core::Transport::Https, core::HttpMethod::Post) => v1::DnsHttpMethod::Post,
        _ => v1::DnsHttpMethod::Unspecified,
    }
}

fn edns(edns: &core::EdnsRequest) -> v1::DnsEdnsRequest {
    v1::DnsEdnsRequest {
        udp_size_bytes: edns.udp_size.into(),
        version: edns.version.into(),
        dnssec_ok: edns.dnssec_ok,
        nsid: edns.nsid,
        client_subnet: edns.client_subnet.as_ref().map(client_subnet),
        cookie: edns.cookie.as_ref().map(cookie),
        padding_block_bytes: edns.padding_block.map(Into::into),
        options: edns.options.iter().map(option).collect(),
    }
}

fn stray(stray: &core::Stray) -> v1::DnsStray {
    let kind = match stray.kind {
        core::StrayKind::WrongSource => v1::DnsStrayKind::WrongSource,
        core::StrayKind::WrongId => v1::DnsStrayKind::WrongId,
        core::StrayKind::WrongQuestion => v1::DnsStrayKind::WrongQuestion,
        core::StrayKind::Malformed => v1::DnsStrayKind::Malformed,
        core::StrayKind::NotAnAnswer => v1::DnsStrayKind::NotAnAnswer,
    };
    v1::DnsStray {
        at: Some(duration(stray.at)),
        kind: kind.into(),
        from: Some(endpoint(stray.from)),
        size_bytes: stray.size_bytes,
        answer: stray.answer.as_ref().map(answer),
    }
}

fn phases(phases: &core::QueryPhases) -> v1::DnsPhases {
    v1::DnsPhases {
        connect: phases.connect.map(timing),
        tls: phases.tls.map(timing),
        send: phases.send.map(timing),
        wait: phases.wait.map(timing),
        receive: phases.receive.map(timing),
    }
}
