//! Messages of the interface `dial`.

mod tls;

use sonde_core::observation::dial as core;
use sonde_proto::v1;

pub(super) use self::tls::{hello, session, tls};
use super::failure::{deltas, endpoint, timing};
use super::{address, duration};

pub(super) fn tcp(request: &core::TcpRequest, dial: &core::TcpDial) -> v1::TcpDial {
    v1::TcpDial {
        remote: Some(endpoint(request.remote)),
        local_address: address(request.local_address),
        timeout: Some(duration(request.timeout)),
        connection: Some(connection(&dial.connection)),
        deltas: dial.deltas.as_ref().map(deltas),
    }
}

pub(super) fn http(request: &core::HttpRequest, exchange: &core::HttpExchange) -> v1::HttpExchange {
    v1::HttpExchange {
        remote: Some(endpoint(request.remote)),
        tls_server_name: request.tls_server_name.clone().unwrap_or_default(),
        method: request.method.clone(),
        path: request.path.clone(),
        host: request.host.clone(),
        headers: request.headers.iter().map(header).collect(),
        timeout: Some(duration(request.timeout)),
        connection: Some(connection(&exchange.connection)),
        phases: Some(phases(&exchange.phases)),
        session: exchange.session.as_ref().map(session),
        response: exchange.response.as_ref().map(response),
        not_http: exchange.not_http.clone().unwrap_or_default(),
        deltas: exchange.deltas.as_ref().map(deltas),
    }
}

fn connection(connection: &core::Connection) -> v1::Connection {
    v1::Connection {
        local: connection.local.map(endpoint),
        connect: Some(timing(connection.connect)),
        syn_retransmits: connection.syn_retransmits,
        info: connection.info.as_ref().map(tcp_info),
        icmp_visible: connection.icmp_visible,
    }
}

fn tcp_info(info: &core::TcpInfo) -> v1::TcpInfo {
    v1::TcpInfo {
        state: info.state.clone(),
        rtt: Some(duration(info.rtt)),
        rtt_variance: Some(duration(info.rtt_variance)),
        min_rtt: Some(duration(info.min_rtt)),
        snd_mss_bytes: info.snd_mss,
        rcv_mss_bytes: info.rcv_mss,
        pmtu_bytes: info.pmtu,
        unacked: info.unacked,
        lost: info.lost,
        retransmits: info.retransmits.into(),
        total_retransmits: info.total_retransmits,
        backoff: info.backoff.into(),
        bytes_acked: info.bytes_acked,
        bytes_received: info.bytes_received,
        bytes_sent: info.bytes_sent,
        bytes_retransmitted: info.bytes_retransmitted,
        notsent_bytes: info.notsent_bytes,
        snd_wnd_bytes: info.snd_wnd,
        rwnd_limited: Some(duration(info.rwnd_limited)),
        busy: Some(duration(info.busy)),
        last_ack_received: Some(duration(info.last_ack_received)),
    }
}

fn phases(phases: &core::HttpPhases) -> v1::HttpPhases {
    v1::HttpPhases {
        connect: phases.connect.map(timing),
        tls: phases.tls.map(timing),
        send: phases.send.map(timing),
        wait: phases.wait.map(timing),
        receive: phases.receive.map(timing),
    }
}

fn response(response: &core::HttpResponse) -> v1::HttpResponse {
    v1::HttpResponse {
        version: response.version.clone(),
        status: response.status.into(),
        headers: response.headers.iter().map(header).collect(),
        content_length_bytes: response.content_length,
        body_bytes: response.body_bytes,
        body_complete: response.body_complete,
        body_prefix: response.body_prefix.clone(),
    }
}

fn header(header: &core::Property) -> v1::HttpHeader {
    v1::HttpHeader { name: header.name.clone(), value: header.value.clone() }
}
