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
    fn nonsense_leads_nowhere() {
        for location in ["https://[::1/", "https://shop.example:99999/", "/a b", "/a\r\nx: y"] {
            assert_eq!(follow(location), Leads::Nowhere, "{location}");
        }
    }
}
