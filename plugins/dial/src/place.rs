//! Where an HTTP request goes, and where a `Location` leads from there (RFC 9110 section 10.2.2, RFC 3986 section 5).

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) https: bool,
    /// Lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query, beginning with `/`.
    pub(crate) path: String,
}

impl Place {
    /// The Host header's value.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.https) { host } else { format!("{host}:{}", self.port) }
    }

    /// As a user would write it.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", if self.https { "https" } else { "http" }, self.authority(), self.path)
    }

    /// Where a `Location` that came from here leads; what cannot be followed is an error in words.
    pub(crate) fn follow(&self, location: &str) -> Result<Self, String> {
        let location = location.trim();
        let right = || format!("Location {:?} cannot be followed", shortened(location));
        let bare = location.split('#').next().unwrap_or_default();
        if bare.len() > LONGEST || bare.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(right());
        }
        if let Some((scheme, rest)) = bare.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            let https = match scheme.to_ascii_lowercase().as_str() {
                "https" => true,
                "http" => false,
                _ => return Err(format!("Location {:?} is no http or https URL", shortened(location))),
            };
            return absolute(https, rest).ok_or_else(right);
        }
        if let Some(rest) = bare.strip_prefix("//") {
            return absolute(self.https, rest).ok_or_else(right);
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
    (!host.is_empty()).then(|| Place { https, host: host.to_ascii_lowercase(), port, path })
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

pub(crate) fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Longer ones are no place to go.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn from(path: &str) -> Place {
        Place { https: true, host: "shop.example".to_owned(), port: 8443, path: path.to_owned() }
    }

    fn follow(location: &str) -> Result<String, String> {
        from("/a/b?x=1").follow(location).map(|place| place.url())
    }

    #[test]
    fn a_relative_location_stays_at_its_server() {
        for (location, leads) in [
            ("/login", "/login"),
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
            let problem = follow(location).expect_err(location);
            assert!(problem.contains(location), "{problem}");
        }
    }
}
