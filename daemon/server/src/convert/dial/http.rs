//! Messages of `dial.http`.

use sonde_core::observation::dial as core;
use sonde_proto::v1;

use crate::convert::connection::{connection, session};
use crate::convert::failure::{deltas, endpoint, failure, timing};
use crate::convert::{address, duration};

pub(in crate::convert) fn http(request: &core::HttpRequest, exchange: &core::HttpExchange) -> v1::HttpExchange {
    v1::HttpExchange {
        remote: Some(endpoint(request.remote)),
        local_address: address(request.local_address),
        device: request.device.clone().unwrap_or_default(),
        tls_server_name: request.tls_server_name.clone().unwrap_or_default(),
        protocol: protocol(request.protocol).into(),
        proxied: request.proxied.clone().unwrap_or_default(),
        method: request.method.clone(),
        path: request.path.clone(),
        host: request.host.clone(),
        headers: headers(&request.headers),
        body: request.body.clone(),
        segment_bytes: request.segment_bytes.map_or(0, u32::from),
        again_after: request.again_after.iter().copied().map(duration).collect(),
        timeout: Some(duration(request.timeout)),
        body_limit_bytes: request.body_limit_bytes,
        connection: Some(connection(&exchange.connection)),
        phases: Some(phases(&exchange.phases)),
        session: exchange.session.as_ref().map(session),
        tunnel: exchange.tunnel.as_ref().map(response),
        http2: exchange.http2.as_ref().map(http2),
        response: exchange.response.as_ref().map(response),
        not_http: exchange.not_http.clone().unwrap_or_default(),
        sequels: exchange.sequels.iter().map(sequel).collect(),
        deltas: exchange.deltas.as_ref().map(deltas),
    }
}

fn protocol(protocol: core::HttpProtocol) -> v1::HttpProtocol {
    match protocol {
        core::HttpProtocol::Auto => v1::HttpProtocol::Auto,
        core::HttpProtocol::Http1 => v1::HttpProtocol::Http1,
        core::HttpProtocol::Http2 => v1::HttpProtocol::Http2,
    }
}

fn phases(phases: &core::HttpPhases) -> v1::HttpPhases {
    v1::HttpPhases {
        connect: phases.connect.map(timing),
        tunnel: phases.tunnel.map(timing),
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
        headers: headers(&response.headers),
        content_length_bytes: response.content_length,
        body_framing: framing(response.body_framing).into(),
        body_end: end(response.body_end).into(),
        body_bytes: response.body_bytes,
        body_complete: response.body_complete,
        body_prefix: response.body_prefix.clone(),
        trailers: headers(&response.trailers),
    }
}

fn framing(framing: core::BodyFraming) -> v1::BodyFraming {
    match framing {
        core::BodyFraming::None => v1::BodyFraming::None,
        core::BodyFraming::Length => v1::BodyFraming::Length,
        core::BodyFraming::Chunked => v1::BodyFraming::Chunked,
        core::BodyFraming::UntilClose => v1::BodyFraming::UntilClose,
        core::BodyFraming::Stream => v1::BodyFraming::Stream,
    }
}

fn end(end: core::BodyEnd) -> v1::BodyEnd {
    match end {
        core::BodyEnd::Complete => v1::BodyEnd::Complete,
        core::BodyEnd::Limit => v1::BodyEnd::Limit,
        core::BodyEnd::Cut => v1::BodyEnd::Cut,
        core::BodyEnd::Reset => v1::BodyEnd::Reset,
        core::BodyEnd::Malformed => v1::BodyEnd::Malformed,
        core::BodyEnd::Unfinished => v1::BodyEnd::Unfinished,
    }
}

fn sequel(sequel: &core::HttpSequel) -> v1::HttpSequel {
    v1::HttpSequel {
        idle: Some(duration(sequel.idle)),
        closed: sequel.closed.map(|closed| v1::IdleClose { after: Some(duration(closed.after)), reset: closed.reset }),
        phases: Some(phases(&sequel.phases)),
        response: sequel.response.as_ref().map(response),
        failure: sequel.outcome.as_ref().err().map(failure),
    }
}

fn http2(facts: &core::Http2Facts) -> v1::Http2Facts {
    v1::Http2Facts {
        settings: facts.settings,
        max_concurrent_streams: facts.max_concurrent_streams,
        initial_window_size_bytes: facts.initial_window_size,
        max_frame_size_bytes: facts.max_frame_size,
        max_header_list_size_bytes: facts.max_header_list_size,
        goaway: facts.goaway.as_ref().map(|goaway| v1::GoAway {
            last_stream: goaway.last_stream,
            code: goaway.code,
            debug: goaway.debug.clone(),
        }),
        resets: facts.resets.iter().map(|reset| v1::StreamReset { stream: reset.stream, code: reset.code }).collect(),
    }
}

fn headers(fields: &[core::Property]) -> Vec<v1::HttpHeader> {
    fields.iter().map(|field| v1::HttpHeader { name: field.name.clone(), value: field.value.clone() }).collect()
}
