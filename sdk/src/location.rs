//! Where an HTTP request goes, and where a `Location` leads from there (RFC 9110 section 10.2.2, RFC 3986 section 5).
//!
//! Refuses what no client should send on: spaces, control characters, names longer than DNS has them. Escapes stay as they are.
//! Not the crate `url`: it reads as browsers do, which mend what a server got wrong, and brings 200 KB of tables into a check.

use std::fmt;

/// A page of an HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// It is asked over TLS.
    pub https: bool,
    /// Lower case, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub path: String,
}

/// A `Location` that leads nowhere; quoted, and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Astray {
    /// It is of another scheme than HTTP.
    Scheme(String),
    /// It is no URL.
    Unreadable(String),
}

impl Place {
    /// The Host header's value.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.https) { host } else { format!("{host}:{}", self.port) }
    }

    /// As a user would write it.
    pub fn url(&self) -> String {
        format!("{}://{}{}", if self.https { "https" } else { "http" }, self.authority(), self.path)
    }

    /// Whether both are of one origin; a name with the root's dot is the same name.
    pub fn is_beside(&self, other: &Self) -> bool {
        let name = |place: &Self| place.host.strip_suffix('.').unwrap_or(&place.host).to_ascii_lowercase();
        (self.https, self.port, name(self)) == (other.https, other.port, name(other))
    }

    /// Where a `Location` that came from here leads.
    ///
    /// # Errors
    /// It cannot be followed.
    pub fn follow(&self, location: &str) -> Result<Self, Astray> {
        let location = location.trim();
        let quoted = || location.chars().take(80).collect::<String>();
        let unreadable = || Astray::Unreadable(quoted());
        let bare = location.split('#').next().unwrap_or_default();
        if bare.len() > LONGEST || bare.chars().any(|character| character.is_control() || character == ' ') {
            return Err(unreadable());
        }
        if let Some((scheme, rest)) = bare.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            let https = match scheme.to_ascii_lowercase().as_str() {
                "https" => true,
                "http" => false,
                _ => return Err(Astray::Scheme(quoted())),
            };
            return absolute(https, rest).ok_or_else(unreadable);
        }
        if let Some(rest) = bare.strip_prefix("//") {
            return absolute(self.https, rest).ok_or_else(unreadable);
        }
        let (path, _) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let path = match bare.as_bytes().first() {
            None => self.path.clone(),
            Some(b'/') => without_dots(bare),
            Some(b'?') => format!("{path}{bare}"),
            Some(_) => without_dots(&format!("{}{bare}", path.rfind('/').map_or("/", |slash| &path[..=slash]))),
        };
        Ok(Self { path, ..self.clone() })
    }
}

impl fmt::Display for Astray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(location) => write!(f, "Location {location:?} is no http or https URL"),
            Self::Unreadable(location) => write!(f, "Location {location:?} cannot be followed"),
        }
    }
}

/// Where a URL names no port.
pub fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

fn absolute(https: bool, rest: &str) -> Option<Place> {
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, port) = v6.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None | Some("") => default_port(https),
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
    };
    let path = if path.starts_with('/') { without_dots(path) } else { format!("/{path}") };
    let named = !host.is_empty() && host.len() <= LONGEST_HOST;
    named.then(|| Place { https, host: host.to_ascii_lowercase(), port, path })
}

/// RFC 3986 section 5.2.4; the query stays as it is.
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Longer ones are no place to go.
const LONGEST: usize = 4096;
/// RFC 1035 section 3.1.
const LONGEST_HOST: usize = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from(path: &str) -> Place {
        Place { https: true, host: "shop.example".to_owned(), port: 8443, path: path.to_owned() }
    }

    fn follow(location: &str) -> Result<String, Astray> {
        from("/a/b?x=1").follow(location).map(|place| place.url())
    }

    #[test]
    fn a_relative_location_stays_at_its_server() {
        for (location, leads) in [
            ("/login", "/login"),
            ("/app/../login", "/login"),
            ("c", "/a/c"),
            ("./c", "/a/c"),
            ("../c?y=../2", "/c?y=../2"),
            ("../../../c", "/c"),
            ("..", "/"),
            ("?y=2", "/a/b?y=2"),
            ("", "/a/b?x=1"),
            ("#top", "/a/b?x=1"),
        ] {
            assert_eq!(follow(location), Ok(format!("https://shop.example:8443{leads}")), "{location}");
        }
    }

    #[test]
    fn an_absolute_location_leads_to_another_server() {
        for (location, leads) in [
            ("http://SHOP.example/z?q#top", "http://shop.example/z?q"),
            ("//other.example", "https://other.example/"),
            ("https://other.example/app/./../login", "https://other.example/login"),
            ("https://user:word@[2001:db8::1]:443?q", "https://[2001:db8::1]/?q"),
        ] {
            assert_eq!(follow(location), Ok(leads.to_owned()), "{location}");
        }
    }

    #[test]
    fn what_is_no_place_is_quoted() {
        for location in
            ["https://[::1/", "https://[::1]x/", "https://shop.example:99999/", "https://:443/", "/a b", "ftp://a/"]
        {
            let problem = follow(location).expect_err(location).to_string();
            assert!(problem.contains(location), "{problem}");
        }
    }

    #[test]
    fn what_no_request_may_carry_is_not_followed() {
        let long = format!("https://{}/", "a".repeat(256));
        for location in ["/a\r\nx: y", "/a\u{85}b", "https://a\u{9f}.example/", &long] {
            assert!(matches!(follow(location), Err(Astray::Unreadable(_))), "{location}");
        }
    }

    #[test]
    fn a_name_with_the_roots_dot_is_the_same_server() {
        let dotted = Place { host: "SHOP.example.".to_owned(), ..from("/other") };
        assert!(from("/").is_beside(&dotted));
        assert!(!from("/").is_beside(&Place { https: false, ..from("/") }));
    }

    #[test]
    fn the_host_header_names_a_port_only_where_it_is_not_the_schemes() {
        let of = |https, host: &str, port| Place { https, host: host.to_owned(), port, ..from("/") }.authority();
        assert_eq!(of(false, "a.example", 80), "a.example");
        assert_eq!(of(true, "a.example", 80), "a.example:80");
        assert_eq!(of(false, "2001:db8::1", 8080), "[2001:db8::1]:8080");
    }

    proptest! {
        /// What a hostile server sends never makes a request that the host refuses.
        #[test]
        fn whatever_is_followed_is_a_request_that_can_be_sent(location in "\\PC{0,40}|[/.a:?#\\[\\]@\u{85} ]{0,40}") {
            if let Ok(place) = from("/a/b").follow(&location) {
                let path = place.path.split('?').next().unwrap_or_default();
                prop_assert!(path.starts_with('/') && path.split('/').all(|segment| segment != ".."));
                prop_assert!(!place.url().chars().any(|character| character.is_control() || character == ' '));
            }
        }
    }
}
