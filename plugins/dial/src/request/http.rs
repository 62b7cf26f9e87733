//! What is asked of an HTTP server, and what a redirect makes of it.

use sonde_sdk::dial::HttpProtocol;
use sonde_sdk::location::{Place, default_port};
use sonde_sdk::prelude::*;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpWish {
    pub(crate) place: Place,
    /// The Host header or `:authority`, instead of the place's own.
    pub(crate) host: Option<String>,
    /// Instead of the place's own host.
    pub(crate) server_name: Option<String>,
    pub(crate) protocol: HttpProtocol,
    pub(crate) method: String,
    /// But Host, which HTTP/2 would send beside its `:authority`.
    pub(crate) headers: Vec<Header>,
    pub(crate) body_limit: u32,
    pub(crate) redirects: u8,
}

/// Its name and its value.
pub(crate) type Header = (String, String);

impl HttpWish {
    /// That the arguments spell.
    pub(super) fn of(target: &Target, arguments: &Arguments) -> Result<Self, String> {
        let https = target.kind == TargetKind::Https;
        let (host, headers) = headers(&arguments.optional::<String>("headers")?.unwrap_or_default())?;
        Ok(Self {
            place: Place {
                https,
                host: target.host.as_deref().unwrap_or_default().to_ascii_lowercase(),
                port: target.port.unwrap_or(default_port(https)),
                path: target.path.clone().unwrap_or_else(|| "/".to_owned()),
            },
            host,
            server_name: arguments.optional("sni")?,
            protocol: protocol(&arguments.required::<String>("protocol")?)?,
            method: method(&arguments.required::<String>("method")?)?,
            headers,
            body_limit: arguments.required("body-limit")?,
            redirects: redirects(arguments.required("redirects")?)?,
        })
    }

    /// The request that a redirect of this status makes of it (RFC 9110 section 15.4). Credentials stay with their server.
    pub(crate) fn at(&self, place: Place, status: u16) -> Self {
        let turns = status == 303 && self.method != "HEAD" || matches!(status, 301 | 302) && self.method == "POST";
        let stays = place.is_beside(&self.place);
        let secret =
            |name: &str| ["authorization", "cookie", "proxy-authorization"].contains(&&*name.to_ascii_lowercase());
        Self {
            method: if turns { "GET".to_owned() } else { self.method.clone() },
            host: self.host.clone().filter(|_| stays),
            headers: self.headers.iter().filter(|(name, _)| stays || !secret(name)).cloned().collect(),
            server_name: self.server_name.clone().filter(|_| stays),
            place,
            ..self.clone()
        }
    }
}

/// The statuses that a client follows by itself.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

fn protocol(text: &str) -> Result<HttpProtocol, String> {
    match text {
        "auto" => Ok(HttpProtocol::Auto),
        "1" => Ok(HttpProtocol::Http1),
        "2" => Ok(HttpProtocol::Http2),
        other => Err(format!("protocol {other:?}: write auto, 1 or 2")),
    }
}

fn redirects(number: u32) -> Result<u8, String> {
    let right = || format!("redirects {number}: write a number from 0 to {MOST_HOPS}");
    u8::try_from(number).ok().filter(|number| *number <= MOST_HOPS).ok_or_else(right)
}

/// RFC 9110 section 9.1: a token.
fn method(text: &str) -> Result<String, String> {
    let token =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if token { Ok(text.to_owned()) } else { Err(format!("method {text:?}: write a token such as GET or HEAD")) }
}

/// The value of Host, where it is among them, and the others.
fn headers(text: &str) -> Result<(Option<String>, Vec<Header>), String> {
    let (mut host, mut others) = (None, Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once(':')
            .map(|(name, value)| (name, value.trim().to_owned()))
            .filter(|(name, _)| method(name).is_ok())
            .ok_or_else(|| format!("header {line:?}: write NAME: VALUE"))?;
        if !name.eq_ignore_ascii_case("host") {
            others.push((name.to_owned(), value));
        } else if value.is_empty() || host.replace(value).is_some() {
            return Err(format!("header {line:?}: name one host, once"));
        }
    }
    Ok((host, others))
}

/// As many as browsers follow.
pub(super) const MOST_HOPS: u8 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_is_the_requests_host() {
        let (host, others) = headers("HOST: a.example\nAccept: */*").expect("they are right");
        assert_eq!(host.as_deref(), Some("a.example"));
        assert_eq!(others, [("Accept".to_owned(), "*/*".to_owned())]);
    }

    #[test]
    fn no_host_and_two_hosts_are_refused() {
        for text in ["Host:", "Host: a\nhost: b"] {
            assert!(headers(text).is_err_and(|problem| problem.contains("name one host")), "{text}");
        }
    }
}
