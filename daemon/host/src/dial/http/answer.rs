//! What came of an HTTP request, in the contract's words.

use sonde_core::observation::dial as core;

use crate::bindings::sonde::check::dial as wit;
use crate::bindings::sonde::check::types::Property;
use crate::types::micros;

impl From<wit::HttpProtocol> for core::HttpProtocol {
    fn from(protocol: wit::HttpProtocol) -> Self {
        match protocol {
            wit::HttpProtocol::Auto => Self::Auto,
            wit::HttpProtocol::Http1 => Self::Http1,
            wit::HttpProtocol::Http2 => Self::Http2,
        }
    }
}

impl From<core::HttpPhases> for wit::HttpPhases {
    fn from(phases: core::HttpPhases) -> Self {
        Self {
            connect: phases.connect.map(Into::into),
            tunnel: phases.tunnel.map(Into::into),
            tls: phases.tls.map(Into::into),
            send: phases.send.map(Into::into),
            wait: phases.wait.map(Into::into),
            receive: phases.receive.map(Into::into),
        }
    }
}

impl From<core::HttpResponse> for wit::HttpResponse {
    fn from(response: core::HttpResponse) -> Self {
        Self {
            version: response.version,
            status: response.status,
            headers: properties(response.headers),
            content_length: response.content_length,
            body_framing: match response.body_framing {
                core::BodyFraming::None => wit::BodyFraming::None,
                core::BodyFraming::Length => wit::BodyFraming::Length,
                core::BodyFraming::Chunked => wit::BodyFraming::Chunked,
                core::BodyFraming::UntilClose => wit::BodyFraming::UntilClose,
                core::BodyFraming::Stream => wit::BodyFraming::Stream,
            },
            body_end: match response.body_end {
                core::BodyEnd::Complete => wit::BodyEnd::Complete,
                core::BodyEnd::Limit => wit::BodyEnd::Limit,
                core::BodyEnd::Cut => wit::BodyEnd::Cut,
                core::BodyEnd::Reset => wit::BodyEnd::Reset,
                core::BodyEnd::Malformed => wit::BodyEnd::Malformed,
                core::BodyEnd::Unfinished => wit::BodyEnd::Unfinished,
            },
            body_bytes: response.body_bytes,
            body_complete: response.body_complete,
            body_prefix: response.body_prefix,
            trailers: properties(response.trailers),
        }
    }
}

impl From<core::HttpSequel> for wit::HttpSequel {
    fn from(sequel: core::HttpSequel) -> Self {
        Self {
            idle_us: micros(sequel.idle),
            closed: sequel.closed.map(|closed| wit::IdleClose { after_us: micros(closed.after), reset: closed.reset }),
            phases: sequel.phases.into(),
            response: sequel.response.map(Into::into),
            outcome: sequel.outcome.map_err(Into::into),
        }
    }
}

impl From<core::Http2Facts> for wit::Http2Facts {
    fn from(facts: core::Http2Facts) -> Self {
        Self {
            settings: facts.settings,
            max_concurrent_streams: facts.max_concurrent_streams,
            initial_window_size: facts.initial_window_size,
            max_frame_size: facts.max_frame_size,
            max_header_list_size: facts.max_header_list_size,
            goaway: facts.goaway.map(|goaway| wit::GoAway {
                last_stream: goaway.last_stream,
                code: goaway.code,
                debug: goaway.debug,
            }),
            resets: facts
                .resets
                .into_iter()
                .map(|reset| wit::StreamReset { stream: reset.stream, code: reset.code })
                .collect(),
        }
    }
}

fn properties(fields: Vec<core::Property>) -> Vec<Property> {
    fields.into_iter().map(|field| Property { name: field.name, value: field.value }).collect()
}
