//! Messages of the interface `dial`.

mod path;
mod tcp;
mod udp;

use sonde_core::observation::dial as core;
use sonde_proto::v1;

pub(super) use self::path::{echo, path_mtu, trace};
pub(super) use self::udp::udp;
use super::failure::{deltas, endpoint, timing};
use super::{duration, timestamp_of_seconds};

pub(super) use self::tcp::{series, tcp};

pub(super) fn tls(request: &core::TlsRequest, dial: &core::TlsDial) -> v1::TlsDial {
    v1::TlsDial {
        remote: Some(endpoint(request.remote)),
        server_name: request.server_name.clone(),
        sni_sent: request.send_sni,
        alpn_offered: request.alpn.clone(),
        timeout: Some(duration(request.timeout)),
        connection: Some(connection(&dial.connection)),
        handshake: dial.handshake.map(timing),
        session: dial.session.as_ref().map(session),
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
        wall: Some(duration(connection.wall)),
        scheduler_delay: Some(duration(connection.scheduler_delay)),
        stamp: tcp::stamp(connection.stamp).into(),
        uncertainty: Some(duration(connection.uncertainty)),
        phases: connection.phases.iter().map(tcp::phase_info).collect(),
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

pub(super) fn session(session: &core::TlsSession) -> v1::TlsSession {
    v1::TlsSession {
        version: session.version.clone().unwrap_or_default(),
        cipher: session.cipher.clone().unwrap_or_default(),
        alpn: session.alpn.clone().unwrap_or_default(),
        chain: session.chain.iter().map(certificate).collect(),
        verification: verification(session.verification).into(),
        verification_detail: session.verification_detail.clone(),
        verification_depth: session.verification_depth.map(Into::into),
        client_certificate_requested: session.client_certificate_requested,
        plaintext: session.plaintext.clone().unwrap_or_default(),
        verified_at: Some(timestamp_of_seconds(session.verified_at)),
    }
}

fn verification(verification: core::Verification) -> v1::Verification {
    match verification {
        core::Verification::Accepted => v1::Verification::Accepted,
        core::Verification::Expired => v1::Verification::Expired,
        core::Verification::NotYetValid => v1::Verification::NotYetValid,
        core::Verification::NameMismatch => v1::Verification::NameMismatch,
        core::Verification::UnknownIssuer => v1::Verification::UnknownIssuer,
        core::Verification::SelfSigned => v1::Verification::SelfSigned,
        core::Verification::Revoked => v1::Verification::Revoked,
        core::Verification::BadSignature => v1::Verification::BadSignature,
        core::Verification::Unsupported => v1::Verification::Unsupported,
        core::Verification::NotReached => v1::Verification::NotReached,
    }
}

fn certificate(certificate: &core::Certificate) -> v1::Certificate {
    v1::Certificate {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        serial_hex: certificate.serial_hex.clone(),
        not_before: Some(timestamp_of_seconds(certificate.not_before)),
        not_after: Some(timestamp_of_seconds(certificate.not_after)),
        dns_names: certificate.dns_names.clone(),
        addresses: certificate.addresses.iter().map(ToString::to_string).collect(),
        is_ca: certificate.is_ca,
        key: certificate.key.clone(),
        signature_algorithm: certificate.signature_algorithm.clone(),
        sha256_hex: certificate.sha256_hex.clone(),
        self_signed: certificate.self_signed,
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
