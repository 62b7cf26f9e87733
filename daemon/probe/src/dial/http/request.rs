//! A request, checked before anything is dialled.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use sonde_core::observation::dial::{HttpProtocol, HttpRequest};

use crate::dial::tls::Settings;
use crate::failure::Fault;

/// What hyper encodes in one buffer; more has no place in a probe.
const MOST_HEADERS: usize = 64;

#[derive(Debug)]
pub(super) struct Checked {
    pub(super) tls: Option<Settings>,
    pub(super) protocol: HttpProtocol,
    /// The origin to ask the proxy for a tunnel to.
    pub(super) tunnel: Option<String>,
    pub(super) method: Method,
    pub(super) body_limit: u64,
    pub(super) again_after: Vec<Duration>,
    /// `GET /health`, without the query: failures are exported, and queries carry secrets.
    pub(super) doing: String,
    /// A proxy is sent the whole URL.
    absolute: Option<Uri>,
    /// Without authority.
    path: Uri,
    authority: HeaderValue,
    headers: HeaderMap,
    body: Bytes,
}

impl Checked {
    pub(super) fn new(request: &HttpRequest) -> Result<Self, Fault> {
        let offered: &[&str] = match request.protocol {
            HttpProtocol::Auto => &[super::HTTP2, "http/1.1"],
            HttpProtocol::Http1 => &["http/1.1"],
            HttpProtocol::Http2 => &[super::HTTP2],
        };
        let offered: Vec<String> = offered.iter().map(|name| (*name).to_owned()).collect();
        let tls = request.tls_server_name.as_ref();
        let tls = tls.map(|name| Settings::new(name, true, &offered)).transpose()?;
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| method != Method::CONNECT)
            .ok_or_else(|| invalid("method", &request.method, "a token such as GET, and not CONNECT, is needed"))?;
        let path = path(&request.path)?;
        let authority = HeaderValue::from_str(&request.host)
            .map_err(|_| invalid("host", &request.host, "visible ASCII is needed"))?;
        let proxied = request.proxied.as_deref().map(origin).transpose()?;
        if proxied.is_some() && tls.is_none() && request.protocol == HttpProtocol::Http2 {
            return Err(Fault::invalid("HTTP/2 in plain text through a proxy: give TLS or HTTP/1.1"));
        }
        if request.protocol != HttpProtocol::Http1 {
            self::authority(&request.host)?;
        }
        let (tunnel, absolute) = match proxied {
            Some(origin) if tls.is_some() => (Some(origin), None),
            Some(_) => (None, Some(absolute(Scheme::HTTP, &request.host, &path)?)),
            None => (None, None),
        };
        Ok(Self {
            tls,
            protocol: request.protocol,
            tunnel,
            doing: format!("{method} {}", path.path()),
            method,
            body_limit: request.body_limit_bytes.into(),
            again_after: request.again_after.clone(),
            absolute,
            path,
            authority,
            headers: headers(request)?,
            body: Bytes::copy_from_slice(&request.body),
        })
    }

    /// As HTTP/1.1 sends it.
    pub(super) fn http1(&self) -> Request<Full<Bytes>> {
        let mut built = Request::new(Full::new(self.body.clone()));
        *built.method_mut() = self.method.clone();
        *built.uri_mut() = self.absolute.as_ref().unwrap_or(&self.path).clone();
        let headers = built.headers_mut();
        headers.insert(HOST, self.authority.clone());
        headers.extend(self.headers.clone());
        if self.again_after.is_empty() {
            // The connection serves one request; the server then closes first.
            headers.entry(CONNECTION).or_insert(HeaderValue::from_static("close"));
        }
        built
    }

    /// As HTTP/2 sends it: the host is in the URI, and there are no fields of the connection (RFC 9113 section 8.2.2).
    pub(super) fn http2(&self) -> (Request<()>, Bytes) {
        let mut built = Request::new(());
        *built.method_mut() = self.method.clone();
        let scheme = if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let host = self.authority.to_str().unwrap_or_default();
        // Checked when it was built.
        *built.uri_mut() = absolute(scheme, host, &self.path).unwrap_or_else(|_| self.path.clone());
        let headers = built.headers_mut();
        headers.extend(self.headers.clone());
        for forbidden in ["keep-alive", "proxy-connection"] {
            headers.remove(forbidden);
        }
        for forbidden in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
            headers.remove(forbidden);
        }
        if headers.get_all(TE).iter().any(|coding| coding != "trailers") {
            headers.remove(TE);
        }
        if !self.body.is_empty() {
            headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(self.body.len()));
        }
        (built, self.body.clone())
    }
}

fn path(path: &str) -> Result<Uri, Fault> {
    path.parse::<Uri>()
        .ok()
        .filter(|uri| path.starts_with('/') && uri.authority().is_none())
        .ok_or_else(|| invalid("path", path, "a path that begins with / is needed, other bytes as %XX"))
}

/// What a proxy is asked for: host and port.
fn origin(text: &str) -> Result<String, Fault> {
    let authority = authority(text)?;
    match authority.port_u16() {
        Some(1..) if !authority.as_str().contains('@') => Ok(authority.as_str().to_owned()),
        _ => Err(invalid("origin", text, "HOST:PORT is needed")),
    }
}

fn authority(host: &str) -> Result<Authority, Fault> {
    host.parse().map_err(|_| invalid("host", host, "a name or an address, and perhaps a port, is needed"))
}

fn absolute(scheme: Scheme, host: &str, path: &Uri) -> Result<Uri, Fault> {
    let path = path.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let built = Uri::builder().scheme(scheme).authority(authority(host)?).path_and_query(path).build();
    built.map_err(|_| invalid("host", host, "a name or an address, and perhaps a port, is needed"))
}

fn headers(request: &HttpRequest) -> Result<HeaderMap, Fault> {
    if request.headers.len() > MOST_HEADERS {
        return Err(Fault::invalid(format!("{} headers: at most {MOST_HEADERS} are allowed", request.headers.len())));
    }
    let mut headers = HeaderMap::new();
    for property in &request.headers {
        let name = HeaderName::from_bytes(property.name.as_bytes())
            .map_err(|_| invalid("header name", &property.name, "a token is needed"))?;
        let value = HeaderValue::from_str(&property.value)
            .map_err(|_| invalid("header value", &property.value, "visible ASCII is needed"))?;
        headers.append(name, value);
    }
    for (name, value) in [(USER_AGENT, concat!("sonde/", env!("CARGO_PKG_VERSION"))), (ACCEPT, "*/*")] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    Ok(headers)
}

fn invalid(what: &str, value: &str, right: &str) -> Fault {
    Fault::invalid(format!("{what} {:?}: {right}", value.chars().take(100).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use sonde_core::observation::dial::Property;
    use sonde_core::observation::{Endpoint, Reason};

    use super::*;

    fn request() -> HttpRequest {
        HttpRequest {
            remote: Endpoint { address: IpAddr::from([127, 0, 0, 1]), port: 80 },
            local_address: None,
            device: None,
            tls_server_name: None,
            protocol: HttpProtocol::Auto,
            proxied: None,
            method: "GET".to_owned(),
            path: "/a?b=c".to_owned(),
            host: "orders.lab:8080".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            again_after: Vec::new(),
            segment_bytes: None,
            timeout: Duration::from_secs(1),
            body_limit_bytes: 10,
            deltas: false,
        }
    }

    fn http1(request: &HttpRequest) -> Request<Full<Bytes>> {
        Checked::new(request).expect("it is fine").http1()
    }

    #[test]
    fn a_plain_request_gets_our_headers() {
        let built = http1(&request());
        assert_eq!(built.uri(), "/a?b=c");
        assert_eq!(built.headers()[HOST], "orders.lab:8080");
        assert_eq!(built.headers()[CONNECTION], "close");
    }

    #[test]
    fn the_callers_headers_win() {
        let header = Property { name: "user-agent".to_owned(), value: "kube-probe/1.30".to_owned() };
        let built = http1(&HttpRequest { headers: vec![header], ..request() });
        assert_eq!(built.headers()[USER_AGENT], "kube-probe/1.30");
    }

    #[test]
    fn a_connection_that_is_used_again_is_not_to_be_closed() {
        let built = http1(&HttpRequest { again_after: vec![Duration::ZERO], ..request() });
        assert!(!built.headers().contains_key(CONNECTION));
    }

    #[test]
    fn http_2_carries_the_host_in_its_uri_and_no_fields_of_the_connection() {
        let header = Property { name: "connection".to_owned(), value: "keep-alive".to_owned() };
        let asked = HttpRequest { headers: vec![header], body: vec![1; 3], ..request() };
        let (built, body) = Checked::new(&asked).expect("it is fine").http2();
        assert_eq!(built.uri(), "http://orders.lab:8080/a?b=c");
        assert!(!built.headers().contains_key(CONNECTION) && !built.headers().contains_key(HOST));
        assert_eq!((built.headers()[CONTENT_LENGTH].to_str().ok(), body.len()), (Some("3"), 3));
    }

    #[test]
    fn http_2_is_told_of_no_transfer_coding_but_that_trailers_are_taken() {
        for (te, sent) in [("trailers", Some("trailers")), ("gzip", None), ("trailers, gzip", None)] {
            let header = Property { name: "te".to_owned(), value: te.to_owned() };
            let (built, _) =
                Checked::new(&HttpRequest { headers: vec![header], ..request() }).expect("it is fine").http2();
            assert_eq!(built.headers().get(TE).and_then(|value| value.to_str().ok()), sent);
        }
    }

    #[test]
    fn a_proxy_gets_the_whole_url_or_is_asked_for_a_tunnel() {
        let proxied = HttpRequest { proxied: Some("orders.lab:8080".to_owned()), ..request() };
        assert_eq!(http1(&proxied).uri(), "http://orders.lab:8080/a?b=c");
        let tls = HttpRequest { tls_server_name: Some("orders.lab".to_owned()), ..proxied };
        let checked = Checked::new(&tls).expect("it is fine");
        assert_eq!((checked.tunnel.as_deref(), checked.http1().uri().path()), (Some("orders.lab:8080"), "/a"));
    }

    #[test]
    fn what_cannot_be_sent_is_quoted() {
        let header = |name: &str, value: &str| Property { name: name.to_owned(), value: value.to_owned() };
        for wrong in [
            HttpRequest { method: "GE T".to_owned(), ..request() },
            HttpRequest { method: "CONNECT".to_owned(), ..request() },
            HttpRequest { path: "a".to_owned(), ..request() },
            HttpRequest { path: "//".to_owned() + "\u{7f} ", ..request() },
            HttpRequest { path: String::new(), ..request() },
            HttpRequest { path: "/a b".to_owned(), ..request() },
            HttpRequest { host: "a\r\nb: c".to_owned(), ..request() },
            HttpRequest { host: "a b".to_owned(), ..request() },
            HttpRequest { proxied: Some("orders.lab".to_owned()), ..request() },
            HttpRequest { proxied: Some("a@orders.lab:1".to_owned()), ..request() },
            HttpRequest { headers: vec![header("a b", "c")], ..request() },
            HttpRequest { headers: vec![header("a", "b\r\nc: d")], ..request() },
        ] {
            let fault = Checked::new(&wrong).expect_err("it is wrong");
            assert!(matches!(fault.reason, Reason::InvalidRequest(_)), "{fault:?}");
        }
    }
}
