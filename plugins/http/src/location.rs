//! Where a redirect leads, and whether that is still the same server.
//!
//! Refuses to leave the origin; how a `Location` is read, `sonde_sdk::location` says.

use sonde_sdk::location::{Astray, Place};

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
        self.place("/").authority()
    }

    /// The address of a page, as a user would write it.
    pub(crate) fn url(&self, path: &str) -> String {
        if self.grpc {
            return format!("{}://{}{path}", if self.https { "grpcs" } else { "grpc" }, self.header());
        }
        self.place(path).url()
    }

    /// Resolves a `Location` that came for `path`.
    pub(crate) fn follow(&self, path: &str, location: &str) -> Leads {
        let from = self.place(path);
        match from.follow(location) {
            Ok(place) if place.is_beside(&from) => Leads::Here(place.path),
            Ok(_) | Err(Astray::Scheme(_)) => Leads::Away(location.trim().to_owned()),
            Err(Astray::Unreadable(_)) => Leads::Nowhere,
        }
    }

    /// The same host behind another scheme or port, where a `Location` that came for `path` leads there.
    pub(crate) fn beyond(&self, path: &str, location: &str) -> Option<Place> {
        let (from, to) = (self.place(path), self.place(path).follow(location).ok()?);
        let at_our_port = Place { https: from.https, port: from.port, ..to.clone() };
        (!to.is_beside(&from) && at_our_port.is_beside(&from)).then_some(to)
    }

    /// The path here that a `Location` leads back to which came from a place beyond.
    pub(crate) fn back(&self, beyond: &Place, location: &str) -> Option<String> {
        let to = beyond.follow(location).ok()?;
        to.is_beside(&self.place("/")).then_some(to.path)
    }

    fn place(&self, path: &str) -> Place {
        Place { https: self.https, host: self.host.clone(), port: self.port, path: path.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(location: &str) -> Leads {
        Origin { https: true, grpc: false, host: "shop.example".to_owned(), port: 8443 }.follow("/a/b?x=1", location)
    }

    #[test]
    fn a_path_or_the_own_server_stays_here() {
        assert_eq!(follow("/app/../login"), Leads::Here("/login".to_owned()));
        assert_eq!(follow("https://SHOP.example.:8443/z?q#top"), Leads::Here("/z?q".to_owned()));
        assert_eq!(follow("//shop.example:8443"), Leads::Here("/".to_owned()));
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
    fn another_scheme_or_port_of_the_host_lies_beyond_and_may_lead_back() {
        let here = Origin { https: true, grpc: false, host: "shop.example".to_owned(), port: 8443 };
        let beyond = here.beyond("/a", "http://shop.example/b").expect("the same host");
        assert_eq!((beyond.https, beyond.port, beyond.path.as_str()), (false, 80, "/b"));
        assert_eq!(here.back(&beyond, "https://shop.example:8443/a"), Some("/a".to_owned()));
        assert_eq!(here.back(&beyond, "/c"), None);
        assert_eq!(here.beyond("/a", "https://other.example/"), None);
        assert_eq!(here.beyond("/a", "/c"), None);
    }

    #[test]
    fn nonsense_leads_nowhere() {
        for location in ["https://[::1/", "https://shop.example:99999/", "/a b", "/a\r\nx: y"] {
            assert_eq!(follow(location), Leads::Nowhere, "{location}");
        }
    }
}
