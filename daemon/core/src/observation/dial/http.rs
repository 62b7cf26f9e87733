//! Records of `dial.http`.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::connection::{Connection, TlsSession};
use crate::observation::{CounterDeltas, Endpoint, Failure, Timing};

/// A header field or other named text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its value; bytes that are not UTF-8 are replaced.
    pub value: String,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpProtocol {
    /// HTTP/2 or HTTP/1.1, as TLS agrees on; HTTP/1.1 in plain text.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; in plain text by prior knowledge (RFC 9113 section 3.3).
    Http2,
}

/// `dial.http`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// Whom to dial.
    pub remote: Endpoint,
    /// Bind there first.
    pub local_address: Option<IpAddr>,
    /// Use this device only.
    pub device: Option<String>,
    /// Present: TLS first, with this name.
    pub tls_server_name: Option<String>,
    /// Which HTTP.
    pub protocol: HttpProtocol,
    /// Present: `remote` is a proxy, and this is the origin behind it, `host:port`.
    pub proxied: Option<String>,
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The Host header, or `:authority`.
    pub host: String,
    /// Further headers.
    pub headers: Vec<Property>,
    /// Sent with the request.
    pub body: Vec<u8>,
    /// The request again on the same connection, each time after this pause.
    pub again_after: Vec<Duration>,
    /// Neither side sends larger segments (`TCP_MAXSEG`).
    pub segment_bytes: Option<u16>,
    /// Bound of the whole call, pauses included.
    pub timeout: Duration,
    /// Stop reading each body there.
    pub body_limit_bytes: u32,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyFraming {
    /// There is none: by its status or method.
    None,
    /// By Content-Length.
    Length,
    /// By its last chunk.
    Chunked,
    /// By the end of the connection: a body that was cut looks the same.
    UntilClose,
    /// By the end of the HTTP/2 stream.
    Stream,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyEnd {
    /// As its framing promised.
    Complete,
    /// At our limit.
    Limit,
    /// FIN before its end.
    Cut,
    /// RST, or `RST_STREAM`, before its end.
    Reset,
    /// Its framing is broken.
    Malformed,
    /// The deadline passed before its end.
    Unfinished,
}

/// What was received of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// `HTTP/1.1`.
    pub version: String,
    /// Status code.
    pub status: u16,
    /// In order.
    pub headers: Vec<Property>,
    /// As announced.
    pub content_length: Option<u64>,
    /// How its end is told.
    pub body_framing: BodyFraming,
    /// How it ended.
    pub body_end: BodyEnd,
    /// As received.
    pub body_bytes: u64,
    /// Ended as its framing promised, or the limit was reached.
    pub body_complete: bool,
    /// At most 4 KiB.
    pub body_prefix: Vec<u8>,
    /// Fields that came after the body.
    pub trailers: Vec<Property>,
}

/// The phases of an HTTP exchange; absent where not begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPhases {
    /// TCP handshake.
    pub connect: Option<Timing>,
    /// The proxy's answer to CONNECT.
    pub tunnel: Option<Timing>,
    /// TLS handshake.
    pub tls: Option<Timing>,
    /// Writing the request.
    pub send: Option<Timing>,
    /// Request written to first byte.
    pub wait: Option<Timing>,
    /// The rest.
    pub receive: Option<Timing>,
}

/// How the peer ended an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleClose {
    /// Since the answer before was complete.
    pub after: Duration,
    /// With RST instead of FIN.
    pub reset: bool,
}

/// The request again, on the same connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpSequel {
    /// From the end of the answer before until this request was written, or until the connection had ended.
    pub idle: Duration,
    /// The peer ended the connection during the pause; nothing was written then.
    pub closed: Option<IdleClose>,
    /// `send`, `wait` and `receive`.
    pub phases: HttpPhases,
    /// What was received.
    pub response: Option<HttpResponse>,
    /// Complete, or why not. It is never sent twice.
    pub outcome: Result<(), Failure>,
}

/// GOAWAY (RFC 9113 section 6.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoAway {
    /// Streams above it were not processed.
    pub last_stream: u32,
    /// RFC 9113 section 7.
    pub code: u32,
    /// Its debug data, at most 256 bytes.
    pub debug: Vec<u8>,
}

/// `RST_STREAM` (RFC 9113 section 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReset {
    /// The stream; ours are 1, 3, 5, ...
    pub stream: u32,
    /// RFC 9113 section 7.
    pub code: u32,
}

/// What the server's HTTP/2 frames said of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http2Facts {
    /// Its SETTINGS came.
    pub settings: bool,
    /// `SETTINGS_MAX_CONCURRENT_STREAMS`; absent is no limit.
    pub max_concurrent_streams: Option<u32>,
    /// `SETTINGS_INITIAL_WINDOW_SIZE`; absent is 65,535.
    pub initial_window_size: Option<u32>,
    /// `SETTINGS_MAX_FRAME_SIZE`; absent is 16,384.
    pub max_frame_size: Option<u32>,
    /// `SETTINGS_MAX_HEADER_LIST_SIZE`; absent is no limit told.
    pub max_header_list_size: Option<u32>,
    /// The last one.
    pub goaway: Option<GoAway>,
    /// Of our streams, the first few.
    pub resets: Vec<StreamReset>,
}

/// What came of an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpExchange {
    /// The whole call.
    pub timing: Timing,
    /// The TCP facts.
    pub connection: Connection,
    /// Phases of the first request.
    pub phases: HttpPhases,
    /// Of an https request.
    pub session: Option<TlsSession>,
    /// What the proxy answered to CONNECT.
    pub tunnel: Option<HttpResponse>,
    /// Where HTTP/2 was spoken.
    pub http2: Option<Http2Facts>,
    /// The head, also where the body failed.
    pub response: Option<HttpResponse>,
    /// The peer's first bytes where they were not HTTP.
    pub not_http: Option<Vec<u8>>,
    /// The first request: complete, or why not.
    pub outcome: Result<(), Failure>,
    /// The further requests, as far as they went.
    pub sequels: Vec<HttpSequel>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}
