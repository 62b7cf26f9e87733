//! What a run has requested and what came back, so far. The plan and the verdict are functions of it.
//!
//! Owns the walk along redirects that both share; names no cause. How one exchange ended is said in `ending`.

mod cookies;
mod ending;
mod timing;

use std::time::Duration;

use sonde_sdk::dial::{HttpExchange, TcpDial, TlsDial};
use sonde_sdk::dns::Resolution;
use sonde_sdk::location::Place;
use sonde_sdk::path::PathMtuResult;
use sonde_sdk::proxy::{self, Client, Destination, Proxy};
use sonde_sdk::system::ProxiesAnswer;
use sonde_sdk::types::Endpoint;

use self::cookies::carried;
pub(crate) use self::ending::{End, end, said, spoken, stops_in_head, streams};
pub(crate) use self::timing::{SLOW_US, clean, slow, wait_us};
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
    /// In segments that pass any path: where the usual ones vanish, these do not.
    Small,
    /// HEAD: the answer fits into one small packet, whatever the page.
    Head,
    /// With the kernel's counters before and after, while no other probe runs: the first as patient as any, further ones short.
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
    /// The page that a redirect leads to at this address, behind another scheme or port of the same host; the attempt tells equal
    /// ones apart.
    Beyond(String, Place, u8),
    /// How large the packets are that come to this address and back.
    Mtu(String),
    /// A connection on which nothing is asked, with the kernel's counters; the attempt tells equal ones apart.
    Hold(String, u8),
    /// The proxy variables of an environment.
    Proxies(Owner),
    /// The request by way of this proxy.
    Via(Get, Proxy),
    /// In which order this host's C library gives the addresses of the name.
    Order,
}

/// Everything known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) origin: Origin,
    pub(crate) path: String,
    pub(crate) addresses: Vec<String>,
    /// `connect` left these addresses answering: a dial that gets no answer now is news.
    pub(crate) answering: bool,
    /// Those that `connect` got no answer from.
    pub(crate) silent: Vec<String>,
    pub(crate) order: Option<Resolution>,
    pub(crate) exchanges: Vec<(Get, HttpExchange)>,
    pub(crate) handshakes: Vec<(String, TlsDial)>,
    pub(crate) mtus: Vec<(String, PathMtuResult)>,
    pub(crate) holds: Vec<(String, u8, TcpDial)>,
    pub(crate) beyond: Vec<(Place, HttpExchange)>,
    pub(crate) idles: Vec<(Get, Duration, HttpExchange)>,
    pub(crate) proxies: Option<ProxiesAnswer>,
    pub(crate) detours: Vec<Detour>,
    pub(crate) wishes: Wishes,
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
    /// It leads on and on, each time to a page that was not asked for before; the exchanges passed.
    Endless(Vec<(&'a Get, &'a HttpExchange)>),
}

impl Case {
    pub(crate) fn new(origin: Origin, path: &str, addresses: &[String]) -> Self {
        Self {
            origin,
            path: path.to_owned(),
            addresses: addresses.iter().take(MOST_ADDRESSES).cloned().collect(),
            answering: false,
            silent: Vec::new(),
            order: None,
            exchanges: Vec::new(),
            handshakes: Vec::new(),
            mtus: Vec::new(),
            holds: Vec::new(),
            beyond: Vec::new(),
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
            Step::Hold(address, attempt) => self.hold(address, *attempt).is_some(),
            Step::Beyond(_, place, attempt) => self.reached(place).count() > usize::from(*attempt),
            Step::Proxies(_) => self.proxies.is_some(),
            Step::Order => self.order.is_some(),
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

    /// What came of each request to a place beyond, oldest first.
    pub(crate) fn reached(&self, place: &Place) -> impl Iterator<Item = &HttpExchange> {
        self.beyond.iter().filter(move |(done, _)| done == place).map(|(_, exchange)| exchange)
    }

    pub(crate) fn hold(&self, address: &str, attempt: u8) -> Option<&TcpDial> {
        self.holds.iter().find(|(at, done, _)| at == address && *done == attempt).map(|(.., dial)| dial)
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
                return Some(Walk::Endless(passed));
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

const MOST_ADDRESSES: usize = 3;
/// Go gives up at the tenth, browsers at the twentieth.
pub(crate) const MOST_REDIRECTS: usize = 20;
