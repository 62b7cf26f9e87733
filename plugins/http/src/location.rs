//! Where a redirect leads, and whether that is still the same server.
//!
//! Owns the reading of `Location` (RFC 9110 section 10.2.2) as far as a check needs it; refuses to leave the origin.

/// The server that a target names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    /// Asked for its health by gRPC, and not for a page.
    pub(crate) grpc: bool,
    /// Lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Where a `Location` leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// Path and query on the same origin.
    Here(String),
    /// Another scheme, host or port.
    Away(String),
    /// It cannot be read.
    Nowhere,
}

impl Origin {
    /// The Host header's value.
    pub(crate) fn header(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.https) { host } else { format!("{host}:{}", self.port) }
    }

    /// The address of a page, as a user would write it.
    pub(crate) fn url(&self, path: &str) -> String {
        if self.grpc {
            return format!("{}://{}{path}", if self.https { "grpcs" } else { "grpc" }, self.header());
        }
        format!("{}://{}{path}", if self.https { "https" } else { "http" }, self.header())
    }

    /// Resolves a `Location` that came for `path`.
    pub(crate) fn follow(&self, path: &str, location: &str) -> Leads {
        let location = location.trim();
        let location = location.split('#').next().unwrap_or_default();
        if location.len() > LONGEST || location.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Leads::Nowhere;
        }
        if let Some((scheme, rest)) = location.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            let https = match scheme.to_ascii_lowercase().as_str() {
                "https" => true,
                "http" => false,
                _ => return Leads::Away(location.to_owned()),
            };
            return self.absolute(https, rest, location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return self.absolute(self.https, rest, location);
        }
        let bare = path.split('?').next().unwrap_or("/");
        Leads::Here(match location.as_bytes().first() {
            None => path.to_owned(),
            Some(b'/') => location.to_owned(),
            Some(b'?') => format!("{bare}{location}"),
            Some(_) => {
                let folder = bare.rfind('/').map_or("/", |slash| &bare[..=slash]);
                format!("{folder}{}", location.trim_start_matches("./"))
            }
        })
    }

    fn absolute(&self, https: bool, rest: &str, location: &str) -> Leads {
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(cut);
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => match v6.split_once(']') {
                Some((host, port)) => (host, port.strip_prefix(':')),
                None => return Leads::Nowhere,
            },
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None | Some("") => default_port(https),
            Some(port) => match port.parse() {
                Ok(port) => port,
                Err(_) => return Leads::Nowhere,
            },
        };
        let same =
            https == self.https && port == self.port && host.trim_end_matches('.').eq_ignore_ascii_case(&self.host);
        if !same {
            return Leads::Away(location.to_owned());
        }
        Leads::Here(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// Longer ones are no place to go.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(location: &str) -> Leads {
        Origin { https: true, grpc: false, host: "shop.example".to_owned(), port: 8443 }.follow("/a/b?x=1", location)
    }

    #[test]
    fn relative_and_absolute_paths_stay_here() {
        assert_eq!(follow("/login"), Leads::Here("/login".to_owned()));
        assert_eq!(follow("c"), Leads::Here("/a/c".to_owned()));
        assert_eq!(follow("?y=2"), Leads::Here("/a/b?y=2".to_owned()));
        assert_eq!(follow("https://SHOP.example:8443/z?q#top"), Leads::Here("/z?q".to_owned()));
        assert_eq!(follow("//shop.example:8443"), Leads::Here("/".to_owned()));
        assert_eq!(follow("https://shop.example:8443?q"), Leads::Here("/?q".to_owned()));
    }

    #[test]
    fn another_scheme_host_or_port_leads_away() {
        for location in
            ["http://shop.example:8443/", "https://shop.example/", "https://other.example:8443/", "ftp://shop.example/"]
        {
            assert_eq!(follow(location), Leads::Away(location.to_owned()));
        }
    }

    #[test]
    fn nonsense_leads_nowhere() {
        for location in ["https://[::1/", "https://shop.example:99999/", "/a b", "/a\r\nx: y"] {
            assert_eq!(follow(location), Leads::Nowhere, "{location}");
        }
    }

    #[test]
    fn the_host_header_names_a_port_only_where_it_is_not_the_schemes() {
        let origin = |https, host: &str, port| Origin { https, grpc: false, host: host.to_owned(), port }.header();
        assert_eq!(origin(false, "a.example", 80), "a.example");
        assert_eq!(origin(true, "a.example", 80), "a.example:80");
        assert_eq!(origin(false, "2001:db8::1", 8080), "[2001:db8::1]:8080");
    }
}
