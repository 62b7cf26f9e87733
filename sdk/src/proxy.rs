//! Which proxy a client would use for a URL, by the variables of its environment: curl's rules and Go's.
//!
//! Written from curl's lib/url.c (`detect_proxy`) and lib/noproxy.c, and from Go's golang.org/x/net/http/httpproxy. Others differ
//! again; most follow one of the two.

use std::net::IpAddr;

use crate::types::Property;

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// curl and libcurl.
    Curl,
    /// Go's net/http with `ProxyFromEnvironment`, as its default transport has.
    Go,
}

/// Where a URL points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    /// https.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
}

/// A proxy that would be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The variable that names it.
    pub variable: String,
    /// `http`, `https`, `socks5`, ...
    pub scheme: String,
    /// Name or address, without brackets.
    pub host: String,
    /// As given, else the client's own default.
    pub port: u16,
}

/// The proxy that the client would use; none where it goes directly.
pub fn chosen(client: Client, variables: &[Property], to: Destination<'_>) -> Option<Proxy> {
    let set = |names: &[&str]| {
        let mut found =
            names.iter().filter_map(|name| variables.iter().find(|v| v.name == *name && !v.value.is_empty()));
        found.next()
    };
    let (variable, exempt) = match client {
        Client::Curl => {
            // HTTP_PROXY in capitals is ignored: a web server sets it from the request's header Proxy.
            let own: &[&str] = if to.tls { &["https_proxy", "HTTPS_PROXY"] } else { &["http_proxy"] };
            let variable = set(own).or_else(|| set(&["all_proxy", "ALL_PROXY"]))?;
            let exempt = set(&["no_proxy", "NO_PROXY"]).is_some_and(|list| curl_exempts(&list.value, to.host));
            (variable, exempt)
        }
        Client::Go => {
            let variable = set(if to.tls { &["HTTPS_PROXY", "https_proxy"] } else { &["HTTP_PROXY", "http_proxy"] })?;
            // A CGI program's HTTP_PROXY is the header's; Go refuses the request then.
            if !to.tls && variables.iter().any(|v| v.name == "REQUEST_METHOD" && !v.value.is_empty()) {
                return None;
            }
            let list = set(&["NO_PROXY", "no_proxy"]).map_or("", |list| list.value.as_str());
            (variable, go_exempts(list, to))
        }
    };
    if exempt { None } else { parsed(client, variable) }
}

fn parsed(client: Client, variable: &Property) -> Option<Proxy> {
    let value = variable.value.trim();
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let authority = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = split_port(authority);
    let scheme = scheme.to_ascii_lowercase();
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => port.parse().ok()?,
        None => match (scheme.as_str(), client) {
            ("https", _) => 443,
            ("http", Client::Go) => 80,
            // CURL_DEFAULT_PROXY_PORT, and SOCKS.
            _ => 1080,
        },
    };
    (!host.is_empty()).then(|| Proxy { variable: variable.name.clone(), scheme, host: host.to_owned(), port })
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None if authority.matches(':').count() > 1 => (authority, None),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    }
}

/// `Curl_check_noproxy`: names match whole or as a suffix behind a dot; ports play no part; `*` only alone.
fn curl_exempts(list: &str, host: &str) -> bool {
    if list == "*" {
        return true;
    }
    let name = host.trim_end_matches('.');
    let address: Option<IpAddr> = name.parse().ok();
    list.split([',', ' ', '\t']).filter(|word| !word.is_empty()).any(|word| {
        if let Some(address) = address {
            in_network(word.trim_start_matches('[').trim_end_matches(']'), address)
        } else {
            let word = word.trim_end_matches('.');
            let word = word.strip_prefix('.').unwrap_or(word);
            !word.is_empty() && (name.eq_ignore_ascii_case(word) || is_below(name, word))
        }
    })
}

/// `useProxy`: loopback is always direct; a leading dot exempts what is below only; a port narrows an entry.
fn go_exempts(list: &str, to: Destination<'_>) -> bool {
    let host = to.host.trim().trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback()) {
        return true;
    }
    list.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()).any(|word| {
        if word == "*" {
            return true;
        }
        if word.contains('/') {
            return address.is_some_and(|address| in_network(&word, address));
        }
        let (entry, port) = split_port(&word);
        if port.is_some_and(|port| !port.is_empty() && port != to.port.to_string()) {
            return false;
        }
        if let Ok(entry) = entry.parse::<IpAddr>() {
            return address.is_some_and(|address| address.to_canonical() == entry.to_canonical());
        }
        let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
        match entry.strip_prefix('.') {
            Some(domain) => is_below(&host, domain),
            None => !entry.is_empty() && (host == entry || is_below(&host, entry)),
        }
    })
}

/// `name` ends in `.domain`.
fn is_below(name: &str, domain: &str) -> bool {
    let Some(at) = name.len().checked_sub(domain.len() + 1) else { return false };
    name.is_char_boundary(at + 1)
        && name.as_bytes().get(at) == Some(&b'.')
        && name.get(at + 1..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
}

/// An address, or a prefix in CIDR notation.
fn in_network(text: &str, address: IpAddr) -> bool {
    let (network, bits) = match text.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (text, Some(u32::MAX)),
    };
    let (Ok(network), Some(bits)) = (network.parse::<IpAddr>(), bits) else { return false };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let host = 32_u32.saturating_sub(bits);
            let differs = u32::from(network) ^ u32::from(address);
            (bits <= 32 || bits == u32::MAX) && differs.checked_shr(host).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let host = 128_u32.saturating_sub(bits);
            let differs = u128::from(network) ^ u128::from(address);
            (bits <= 128 || bits == u32::MAX) && differs.checked_shr(host).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variables(set: &[(&str, &str)]) -> Vec<Property> {
        set.iter().map(|(name, value)| Property { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
    }

    const TO: Destination<'_> = Destination { tls: true, host: "api.example", port: 8443 };

    fn by(client: Client, set: &[(&str, &str)], to: Destination<'_>) -> Option<String> {
        chosen(client, &variables(set), to).map(|proxy| format!("{}={}:{}", proxy.variable, proxy.host, proxy.port))
    }

    #[test]
    fn the_two_prefer_different_spellings() {
        let both = [("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:2")];
        assert_eq!(by(Client::Curl, &both, TO).as_deref(), Some("https_proxy=lower:2"));
        assert_eq!(by(Client::Go, &both, TO).as_deref(), Some("HTTPS_PROXY=upper:1"));
    }

    #[test]
    fn http_proxy_in_capitals_is_ignored_by_curl_and_in_a_cgi_program_by_go() {
        let to = Destination { tls: false, ..TO };
        let set = [("HTTP_PROXY", "http://p:1")];
        assert_eq!(by(Client::Curl, &set, to), None);
        assert_eq!(by(Client::Go, &set, to).as_deref(), Some("HTTP_PROXY=p:1"));
        assert_eq!(by(Client::Go, &[set[0], ("REQUEST_METHOD", "GET")], to), None);
    }

    #[test]
    fn only_curl_knows_all_proxy() {
        let set = [("ALL_PROXY", "socks5://p")];
        assert_eq!(by(Client::Curl, &set, TO).as_deref(), Some("ALL_PROXY=p:1080"));
        assert_eq!(by(Client::Go, &set, TO), None);
    }

    #[test]
    fn a_port_left_out_is_the_clients_default_and_credentials_are_no_host() {
        let set = [("https_proxy", "http://***@[2001:db8::1]/")];
        assert_eq!(by(Client::Curl, &set, TO).as_deref(), Some("https_proxy=2001:db8::1:1080"));
        assert_eq!(by(Client::Go, &set, TO).as_deref(), Some("https_proxy=2001:db8::1:80"));
    }

    #[test]
    fn exemptions_differ_between_the_two() {
        let rows = [
            // list, host, curl, Go
            ("example", "api.example", true, true),
            (".example", "api.example", true, true),
            (".api.example", "api.example", true, false),
            ("*.example", "api.example", false, true),
            ("pi.example", "api.example", false, false),
            ("api.example:8443", "api.example", false, true),
            ("api.example:443", "api.example", false, false),
            ("other example", "api.example", true, false),
            ("*", "api.example", true, true),
            ("a,*", "api.example", false, true),
            ("192.0.2.0/24", "192.0.2.7", true, true),
            ("192.0.2.7", "192.0.2.7", true, true),
            ("192.0.2.8", "192.0.2.7", false, false),
            ("2001:db8::/32", "2001:db8::7", true, true),
            ("", "127.0.0.1", false, true),
            ("", "localhost", false, true),
            ("API.Example", "api.example", true, true),
        ];
        for (list, host, curl, go) in rows {
            let to = Destination { host, ..TO };
            let set = [("https_proxy", "p:1"), ("no_proxy", list)];
            assert_eq!(by(Client::Curl, &set, to).is_none(), curl, "curl: {list:?} for {host}");
            assert_eq!(by(Client::Go, &set, to).is_none(), go, "Go: {list:?} for {host}");
        }
    }

    proptest! {
        #[test]
        fn any_environment_is_survived(list: String, value: String, host: String) {
            let set = variables(&[("https_proxy", &value), ("no_proxy", &list)]);
            for client in [Client::Curl, Client::Go] {
                drop(chosen(client, &set, Destination { tls: true, host: &host, port: 1 }));
            }
        }
    }
}
