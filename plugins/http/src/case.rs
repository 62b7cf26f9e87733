//! What a run has requested and what came back, so far. The plan and the verdict are functions of it.
//!
//! Owns the classification of one exchange and the walk along redirects that both share; names no cause.

use std::time::Duration;

use sonde_sdk::dial::{Connection, HttpExchange, HttpResponse, PathMtuResult, TlsDial};
use sonde_sdk::grpc::{self, Serving};
use sonde_sdk::proxy::{self, Client, Destination, Proxy};
use sonde_sdk::system::ProxiesAnswer;
use sonde_sdk::types::{Endpoint, Phase, Reason};

use crate::location::{Leads, Origin};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Get {
    pub(crate) address: String,
    pub(crate) path: String,
    /// What redirects asked to be sent back, as a Cookie header; empty for none.
    pub(crate) cookies: String,
    pub(crate) form: Form,
    /// The same request again; from 0.
    pub(crate) attempt: u8,
}

/// In which form the page is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// As any client would.
    #[default]
    Usual,
    /// With a header that makes the request span segments.
    Padded,
    /// In HTTP/1.1, whatever TLS would agree on.
    Http1,
    /// HEAD: the answer fits into one small packet, whatever the page.
    Head,
    /// With the kernel's counters before and after, while no other probe runs.
    Counted,
}

/// What the caller wants to know beside whether the page comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wishes {
    /// How long the caller keeps an idle connection before it uses it again.
    pub(crate) idle: Option<Duration>,
    /// What the caller allows.
    pub(crate) timeouts: Option<sonde_sdk::deadline::Timeouts>,
    /// Whose proxy variables to go by.
    pub(crate) proxies: Option<Owner>,
}

/// Whose environment names the proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The daemon's own.
    Daemon,
    /// That of a process.
    Process(u32),
}

/// A request by way of a proxy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Detour {
    pub(crate) get: Get,
    pub(crate) proxy: Proxy,
    /// None where the proxy's name has no address.
    pub(crate) exchange: Option<HttpExchange>,
}

/// One thing to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Get(Get),
    /// The same after this pause, as the server asked for.
    Later(Get, Duration),
    /// A TLS handshake with a port that should speak plain HTTP.
    Tls(String),
    /// A request, and the same again on the connection after this pause; the attempt tells equal ones apart.
    Idle(Get, Duration),
    /// How large the packets are that come to this address and back.
    Mtu(String),
    /// The proxy variables of an environment.
    Proxies(Owner),
    /// The request by way of this proxy.
    Via(Get, Proxy),
}

/// Everything known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) origin: Origin,
    pub(crate) path: String,
    pub(crate) addresses: Vec<String>,
    /// `connect` left these addresses answering: a dial that gets no answer now is news.
    pub(crate) answering: bool,
    pub(crate) exchanges: Vec<(Get, HttpExchange)>,
    pub(crate) handshakes: Vec<(String, TlsDial)>,
    pub(crate) mtus: Vec<(String, PathMtuResult)>,
    pub(crate) idles: Vec<(Get, Duration, HttpExchange)>,
    pub(crate) proxies: Option<ProxiesAnswer>,
    pub(crate) detours: Vec<Detour>,
    pub(crate) wishes: Wishes,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A complete answer with this status; of gRPC, the HTTP status that means the same.
    Answered(u16),
    /// No TCP connection: `connect` judges it.
    NoConnection,
    /// No TLS session: `tls` judges it.
    NoSession,
    /// The request was sent and nothing came.
    Silent,
    /// The answer began and then stopped coming.
    Stuck,
    /// FIN before the first byte.
    Empty,
    /// FIN before the end of the body.
    Truncated,
    /// RST; true: after the answer had begun.
    Reset(bool),
    /// TLS records in answer to plain HTTP.
    TlsBytes,
    /// HTTP/2 frames in answer to HTTP/1.1.
    Http2,
    /// The server refused the HTTP/2 stream, or the connection, because there are too many.
    Limited,
    /// Something else.
    NotHttp,
    /// Our own limits: nothing is known.
    Untested,
}

impl End {
    /// As a backend ends an exchange only if something is wrong with it.
    pub(crate) fn fails(&self) -> bool {
        matches!(
            self,
            Self::Answered(500..) | Self::Empty | Self::Reset(_) | Self::Truncated | Self::Silent | Self::Stuck
        )
    }
}

/// Where the redirects lead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Walk<'a> {
    /// The next request to make.
    Next(Get),
    /// This exchange ends the walk.
    Ends(&'a Get, &'a HttpExchange),
    /// It leads to another origin.
    Leaves(&'a Get, &'a HttpExchange, String),
    /// It leads back to where it has been; the exchanges passed.
    Circles(Vec<(&'a Get, &'a HttpExchange)>),
}

impl Case {
    pub(crate) fn new(origin: Origin, path: &str, addresses: &[String]) -> Self {
        Self {
            origin,
            path: path.to_owned(),
            addresses: addresses.iter().take(MOST_ADDRESSES).cloned().collect(),
            answering: false,
            exchanges: Vec::new(),
            handshakes: Vec::new(),
            mtus: Vec::new(),
            idles: Vec::new(),
            proxies: None,
            detours: Vec::new(),
            wishes: Wishes::default(),
        }
    }

    pub(crate) fn endpoint(&self, address: &str) -> Endpoint {
        Endpoint::new(address, self.origin.port)
    }

    pub(crate) fn done(&self, step: &Step) -> bool {
        match step {
            Step::Get(get) | Step::Later(get, _) => self.find(get).is_some(),
            Step::Tls(address) => self.handshake(address).is_some(),
            Step::Mtu(address) => self.mtu(address).is_some(),
            Step::Proxies(_) => self.proxies.is_some(),
            Step::Via(get, proxy) => self.detours.iter().any(|done| done.get == *get && done.proxy == *proxy),
            Step::Idle(get, pause) => self.idles.iter().any(|(done, paused, _)| done == get && paused == pause),
        }
    }

    pub(crate) fn find(&self, get: &Get) -> Option<&HttpExchange> {
        self.exchanges.iter().find(|(done, _)| done == get).map(|(_, exchange)| exchange)
    }

    pub(crate) fn handshake(&self, address: &str) -> Option<&TlsDial> {
        self.handshakes.iter().find(|(at, _)| at == address).map(|(_, dial)| dial)
    }

    pub(crate) fn mtu(&self, address: &str) -> Option<&PathMtuResult> {
        self.mtus.iter().find(|(at, _)| at == address).map(|(_, result)| result)
    }

    /// The first request to an address.
    pub(crate) fn opening(&self, address: &str) -> Get {
        Get {
            address: address.to_owned(),
            path: self.path.clone(),
            cookies: String::new(),
            form: Form::Usual,
            attempt: 0,
        }
    }

    /// Every exchange of the same request in the same form, oldest first.
    pub(crate) fn repeats<'a>(&'a self, get: &'a Get) -> impl Iterator<Item = &'a HttpExchange> {
        self.exchanges
            .iter()
            .filter(move |(done, _)| Get { attempt: 0, ..done.clone() } == Get { attempt: 0, ..get.clone() })
            .map(|(_, e)| e)
    }

    /// The request in another form.
    pub(crate) fn formed(&self, get: &Get, form: Form) -> Option<&HttpExchange> {
        self.find(&Get { form, attempt: 0, ..get.clone() })
    }

    /// Follows the redirects as far as the exchanges go.
    pub(crate) fn walk(&self) -> Option<Walk<'_>> {
        let mut get = self.opening(self.suspect()?);
        let mut passed: Vec<(&Get, &HttpExchange)> = Vec::new();
        loop {
            let Some((done, exchange)) = self.exchanges.iter().find(|(done, _)| *done == get).map(|(g, e)| (g, e))
            else {
                return Some(Walk::Next(get));
            };
            passed.push((done, exchange));
            let redirect = exchange.response.as_ref().filter(|r| matches!(r.status, 301 | 302 | 303 | 307 | 308));
            let Some(location) = redirect.and_then(|response| response.header("location")) else {
                return Some(Walk::Ends(done, exchange));
            };
            let path = match self.origin.follow(&done.path, location) {
                Leads::Here(path) => path,
                Leads::Away(location) => return Some(Walk::Leaves(done, exchange, location)),
                Leads::Nowhere => return Some(Walk::Ends(done, exchange)),
            };
            let cookies = carried(&done.cookies, exchange);
            let back = |(earlier, _): &&(&Get, &HttpExchange)| earlier.path == path;
            // A cookie that is handed out with the redirect is meant to change the next answer; twice it did not.
            let exact = passed.iter().any(|(earlier, _)| earlier.path == path && earlier.cookies == cookies);
            if exact || passed.iter().filter(back).count() > 2 {
                return Some(Walk::Circles(passed));
            }
            if passed.len() > MOST_REDIRECTS {
                return Some(Walk::Ends(done, exchange));
            }
            get = Get { path, cookies, ..done.clone() };
        }
    }

    /// The proxy that clients of this environment would use: curl's rules, else Go's.
    pub(crate) fn proxy(&self) -> Option<Proxy> {
        let variables = self.proxies.as_ref()?.outcome.as_ref().ok()?;
        let to = Destination { tls: self.origin.https, host: &self.origin.host, port: self.origin.port };
        let chosen = |client| proxy::chosen(client, variables, to).filter(|proxy| proxy.scheme == "http");
        chosen(Client::Curl).or_else(|| chosen(Client::Go))
    }

    /// The address that the verdict is about: the first that fails where another does not, else the first that can be reached.
    pub(crate) fn suspect(&self) -> Option<&str> {
        let opened = |address: &str| self.find(&self.opening(address)).map(end);
        let reachable = || {
            let unreached = |address: &&String| matches!(opened(address), Some(End::NoConnection | End::Untested));
            self.addresses.iter().filter(move |address| !unreached(address)).map(String::as_str)
        };
        reachable().find(|address| opened(address).is_some_and(|end| end.fails())).or_else(|| reachable().next())
    }

    /// Where another address answers the same request well: that answer.
    pub(crate) fn elsewhere(&self, address: &str) -> impl Iterator<Item = &HttpExchange> {
        let others = self.addresses.iter().filter(move |other| *other != address);
        others
            .filter_map(|other| self.find(&self.opening(other)))
            .filter(|exchange| matches!(end(exchange), End::Answered(..400)))
    }
}

/// How an exchange ended.
pub(crate) fn end(exchange: &HttpExchange) -> End {
    let response = exchange.response.as_ref();
    let Err(failure) = &exchange.outcome else {
        return match response {
            Some(response) => End::Answered(status(exchange).unwrap_or(response.status)),
            None => strange(exchange.not_http.as_deref()).unwrap_or(End::Untested),
        };
    };
    if failure.is_our_own() {
        return End::Untested;
    }
    match (failure.phase, &failure.reason) {
        (Phase::Socket | Phase::Connect, _) => return End::NoConnection,
        (Phase::Tls, _) | (_, Reason::TlsAlert(_)) => return End::NoSession,
        // TLS 1.3 refuses a missing client certificate on the first read, sometimes without a word.
        (_, Reason::Closed | Reason::Reset) if response.is_none() && demands_certificate(exchange) => {
            return End::NoSession;
        }
        _ => {}
    }
    if let Some(strange) = strange(exchange.not_http.as_deref()) {
        return strange;
    }
    if limited(exchange) {
        return End::Limited;
    }
    match (&failure.reason, response) {
        (Reason::Reset, _) => End::Reset(response.is_some()),
        (Reason::TimedOut, None) => End::Silent,
        (Reason::TimedOut, Some(response)) if streams(response) => End::Answered(response.status),
        (Reason::TimedOut, Some(_)) => End::Stuck,
        (Reason::Closed, None) => End::Empty,
        (Reason::Closed | Reason::Malformed(_) | Reason::Other(_), Some(_)) => End::Truncated,
        (Reason::Malformed(_), None) => End::NotHttp,
        _ => End::Untested,
    }
}

/// An answer that is not meant to end.
pub(crate) fn streams(response: &HttpResponse) -> bool {
    let endless =
        |value: &str| ["text/event-stream", "multipart/x-mixed-replace"].iter().any(|kind| value.starts_with(kind));
    response.header("content-type").is_some_and(endless)
}

/// The server's own frames say that there are too many streams, or allow none (RFC 9113 sections 6.5.2 and 7).
fn limited(exchange: &HttpExchange) -> bool {
    const REFUSED_STREAM: u32 = 7;
    const ENHANCE_YOUR_CALM: u32 = 11;
    exchange.http2.as_ref().is_some_and(|facts| {
        let too_many = |code| matches!(code, REFUSED_STREAM | ENHANCE_YOUR_CALM);
        facts.max_concurrent_streams == Some(0)
            || facts.resets.iter().any(|reset| too_many(reset.code))
            || facts.goaway.as_ref().is_some_and(|goaway| too_many(goaway.code))
    })
}

/// The HTTP status that means what a gRPC answer says (the reverse of gRPC's "HTTP to gRPC Status Code Mapping").
fn status(exchange: &HttpExchange) -> Option<u16> {
    let response = exchange.response.as_ref().filter(|response| is_grpc(response))?;
    let status = grpc::status(response)?;
    Some(match status.code {
        0 => match grpc::serving(exchange) {
            Some(Serving::Serving) => 200,
            Some(Serving::ServiceUnknown) => 404,
            _ => 503,
        },
        // The server answers, and has no health service.
        12 => 405,
        5 => 404,
        7 => 403,
        16 => 401,
        8 => 429,
        14 => 503,
        4 => 504,
        _ => 500,
    })
}

fn is_grpc(response: &HttpResponse) -> bool {
    response.header("content-type").is_some_and(|value| value.starts_with("application/grpc"))
}

/// What the answer says, in the words of its protocol: `status 503`, `gRPC UNAVAILABLE`.
pub(crate) fn said(exchange: &HttpExchange) -> String {
    let Some(response) = &exchange.response else { return "no status".to_owned() };
    let Some(status) = grpc::status(response).filter(|_| is_grpc(response)) else {
        return format!("status {}", response.status);
    };
    let name = match (status.code, grpc::serving(exchange)) {
        (0, Some(Serving::Serving)) => "SERVING",
        (0, Some(Serving::NotServing)) => "NOT_SERVING",
        (0, Some(Serving::ServiceUnknown)) => "SERVICE_UNKNOWN",
        (0, _) => "an unknown health",
        (code, _) => grpc::status_name(code),
    };
    if status.message.is_empty() { format!("gRPC {name}") } else { format!("gRPC {name} ({:.80})", status.message) }
}

/// As [`said`], where a number alone is clear: `503`, `gRPC UNAVAILABLE`.
pub(crate) fn spoken(exchange: &HttpExchange) -> String {
    let said = said(exchange);
    said.strip_prefix("status ").map_or(said.clone(), str::to_owned)
}

fn demands_certificate(exchange: &HttpExchange) -> bool {
    exchange.session.as_ref().is_some_and(|session| session.client_certificate_requested)
}

/// What bytes that are no HTTP/1 answer are, if there are any.
fn strange(bytes: Option<&[u8]>) -> Option<End> {
    let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
    Some(match bytes {
        // A TLS record: alert or handshake, version 3.x (RFC 8446 section 5.1).
        [21 | 22, 3, ..] => End::TlsBytes,
        // An HTTP/2 SETTINGS frame on stream 0 (RFC 9113 section 4.1).
        [0, _, _, 4, _, 0, 0, 0, 0, ..] => End::Http2,
        _ => End::NotHttp,
    })
}

/// The server took long to begin its answer, and the network had no part in it.
pub(crate) fn slow(exchange: &HttpExchange) -> bool {
    wait_us(exchange).is_some_and(|wait| wait > SLOW_US) && clean(&exchange.connection)
}

/// From the request written to the first byte of the answer.
pub(crate) fn wait_us(exchange: &HttpExchange) -> Option<u64> {
    exchange.response.as_ref()?;
    exchange.phases.wait.as_ref().map(|wait| wait.elapsed_us)
}

/// Nothing was lost or is unacknowledged, and the round trip is short.
pub(crate) fn clean(connection: &Connection) -> bool {
    connection.syn_retransmits == 0
        && connection.info.as_ref().is_some_and(|info| {
            // Where the peer closes first, our own FIN is under way: the payload is what counts. The kernel counts the SYN
            // among the acknowledged bytes.
            let delivered = info.bytes_sent > 0 && info.bytes_acked > info.bytes_sent;
            (info.unacked == 0 || delivered)
                && info.lost == 0
                && info.total_retransmits == 0
                && u64::from(info.rtt_us) < LONG_ROUND_TRIP_US
        })
}

/// The cookies to send next: those sent before, and those just handed out, which replace their namesakes.
fn carried(sent: &str, exchange: &HttpExchange) -> String {
    let mut jar: Vec<(&str, &str)> = sent.split("; ").filter_map(|pair| pair.split_once('=')).collect();
    for header in
        exchange.response.iter().flat_map(|r| &r.headers).filter(|h| h.name.eq_ignore_ascii_case("set-cookie"))
    {
        let pair = header.value.split(';').next().unwrap_or_default().trim();
        if pair.len() > LONGEST_COOKIE || pair.bytes().any(|byte| byte.is_ascii_control()) {
            continue;
        }
        if let Some((name, value)) = pair.split_once('=') {
            jar.retain(|(known, _)| *known != name);
            jar.push((name, value));
        }
    }
    jar.into_iter().take(MOST_COOKIES).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// Catalogue of causes, thresholds: time to first byte.
pub(crate) const SLOW_US: u64 = 1_000_000;
/// Catalogue of causes, thresholds: round trip.
pub(crate) const LONG_ROUND_TRIP_US: u64 = 150_000;
const MOST_ADDRESSES: usize = 3;
const MOST_REDIRECTS: usize = 5;
const MOST_COOKIES: usize = 8;
const LONGEST_COOKIE: usize = 512;
