//! A request, checked before anything is dialled.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Empty;
use sonde_core::observation::dial::HttpRequest;

use crate::dial::tls::Settings;
use crate::failure::Fault;

/// What hyper encodes in one buffer; more has no place in a probe.
const MOST_HEADERS: usize = 64;

#[derive(Debug)]
pub(super) struct Checked {
    pub(super) tls: Option<Settings>,
    pub(super) request: Request<Empty<Bytes>>,
    pub(super) body_limit: u64,
}

impl Checked {
    pub(super) fn new(request: &HttpRequest) -> Result<Self, Fault> {
        let tls = request.tls_server_name.as_ref();
        let tls = tls.map(|name| Settings::new(name, true, &["http/1.1".to_owned()])).transpose()?;
        Ok(Self { tls, request: build(request)?, body_limit: request.body_limit_bytes.into() })
    }
}

fn build(request: &HttpRequest) -> Result<Request<Empty<Bytes>>, Fault> {
    let method = Method::from_bytes(request.method.as_bytes())
        .ok()
        .filter(|method| method != Method::CONNECT)
        .ok_or_else(|| invalid("method", &request.method, "a token such as GET, and not CONNECT, is needed"))?;
    let path = &request.path;
    let uri = path
        .parse::<Uri>()
        .ok()
        .filter(|uri| path.starts_with('/') && uri.authority().is_none())
        .ok_or_else(|| invalid("path", path, "a path that begins with / is needed, other bytes as %XX"))?;
    let host =
        HeaderValue::from_str(&request.host).map_err(|_| invalid("host", &request.host, "visible ASCII is needed"))?;
    if request.headers.len() > MOST_HEADERS {
        return Err(Fault::invalid(format!("{} headers: at most {MOST_HEADERS} are allowed", request.headers.len())));
    }
    let mut built = Request::new(Empty::new());
    *built.method_mut() = method;
    *built.uri_mut() = uri;
    let headers = built.headers_mut();
    headers.insert(HOST, host);
    for property in &request.headers {
        let name = HeaderName::from_bytes(property.name.as_bytes())
            .map_err(|_| invalid("header name", &property.name, "a token is needed"))?;
        let value = HeaderValue::from_str(&property.value)
            .map_err(|_| invalid("header value", &property.value, "visible ASCII is needed"))?;
        headers.append(name, value);
    }
    let ours = [
        (USER_AGENT, concat!("sonde/", env!("CARGO_PKG_VERSION"))),
        (ACCEPT, "*/*"),
        // The connection serves one request; the server then closes first.
        (CONNECTION, "close"),
    ];
    for (name, value) in ours {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    Ok(built)
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
            tls_server_name: None,
            method: "GET".to_owned(),
            path: "/a?b=c".to_owned(),
            host: "orders.lab:8080".to_owned(),
            headers: Vec::new(),
            timeout: Duration::from_secs(1),
            body_limit_bytes: 10,
            deltas: false,
        }
    }

    #[test]
    fn a_plain_request_gets_our_headers() {
        let built = build(&request()).expect("it is fine");
        assert_eq!(built.uri(), "/a?b=c");
        assert_eq!(built.headers()[HOST], "orders.lab:8080");
        assert_eq!(built.headers()[CONNECTION], "close");
    }

    #[test]
    fn the_callers_headers_win() {
        let header = Property { name: "user-agent".to_owned(), value: "kube-probe/1.30".to_owned() };
        let built = build(&HttpRequest { headers: vec![header], ..request() }).expect("it is fine");
        assert_eq!(built.headers()[USER_AGENT], "kube-probe/1.30");
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
            HttpRequest { headers: vec![header("a b", "c")], ..request() },
            HttpRequest { headers: vec![header("a", "b\r\nc: d")], ..request() },
        ] {
            let fault = build(&wrong).expect_err("it is wrong");
            assert!(matches!(fault.reason, Reason::InvalidRequest(_)), "{fault:?}");
        }
    }
}
