//! Proxies that an environment names: they may be dialled, at the address their name resolves to in this run.

use std::net::{IpAddr, SocketAddr};

use super::learn::normal;
use super::{Grants, PROXIES};
use crate::observation::system::Variable;

impl Grants {
    pub(super) fn learn_proxies(&mut self, variables: &[Variable]) {
        let named = variables.iter().filter(|variable| !variable.name.eq_ignore_ascii_case("no_proxy"));
        for (host, ports) in named.filter_map(|variable| endpoints(&variable.value)) {
            match host.parse::<IpAddr>() {
                Ok(address) => self.add_proxies(address, &ports),
                Err(_) if self.proxy_names.len() < PROXIES => {
                    self.proxy_names.entry(normal(host)).or_default().extend(ports);
                }
                Err(_) => {}
            }
        }
    }

    pub(super) fn is_proxy(&self, name: &str) -> bool {
        self.proxy_names.contains_key(&normal(name))
    }

    /// An address that the run's resolvers gave for a proxy's name.
    pub(super) fn add_proxy(&mut self, name: &str, address: IpAddr) {
        let ports: Vec<u16> = self.proxy_names.get(&normal(name)).into_iter().flatten().copied().collect();
        self.add_proxies(address, &ports);
    }

    fn add_proxies(&mut self, address: IpAddr, ports: &[u16]) {
        for port in ports {
            if self.proxies.len() < PROXIES {
                self.proxies.insert(SocketAddr::new(address.to_canonical(), *port));
            }
        }
    }
}

/// Host and port of a proxy variable's value; the ports that clients take where it names none.
fn endpoints(value: &str) -> Option<(&str, Vec<u16>)> {
    let (scheme, rest) = value.trim().split_once("://").unwrap_or(("http", value.trim()));
    let authority = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let ports = match port.filter(|port| !port.is_empty()) {
        Some(port) => vec![port.parse().ok().filter(|port| *port != 0)?],
        // Go takes the scheme's own, curl 1080 (`CURL_DEFAULT_PROXY_PORT`) or 443.
        None if scheme.eq_ignore_ascii_case("https") => vec![443],
        None => vec![80, 1080],
    };
    (!host.is_empty()).then_some((host, ports))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Grants {
        let mut grants = Grants::default();
        grants.learn_proxies(&[
            Variable { name: "https_proxy".to_owned(), value: value.to_owned() },
            Variable { name: "no_proxy".to_owned(), value: "192.0.2.9:3128".to_owned() },
        ]);
        grants
    }

    #[test]
    fn an_address_in_a_variable_may_be_dialled_at_its_port_only() {
        for value in ["http://***@192.0.2.1:3128/", "192.0.2.1:3128"] {
            let mut grants = after(value);
            assert_eq!(grants.dial("192.0.2.1:3128".parse().expect("an endpoint")), Ok(()));
            assert!(grants.dial("192.0.2.1:22".parse().expect("an endpoint")).is_err());
            assert!(grants.dial("192.0.2.9:3128".parse().expect("an endpoint")).is_err());
        }
        assert_eq!(after("http://[2001:db8::1]").dial("[2001:db8::1]:80".parse().expect("an endpoint")), Ok(()));
    }

    #[test]
    fn a_name_in_a_variable_may_be_dialled_where_it_was_resolved_to() {
        let mut grants = after("http://Proxy.lab.:3128");
        assert!(grants.is_proxy("proxy.lab") && !grants.is_proxy("other.lab"));
        grants.add_proxy("proxy.lab", "192.0.2.1".parse().expect("an address"));
        assert_eq!(grants.dial("192.0.2.1:3128".parse().expect("an endpoint")), Ok(()));
    }

    #[test]
    fn nonsense_grants_nothing() {
        for value in ["", "http://", "http://h:0", "http://h:port", "://", "@:1"] {
            assert_eq!(endpoints(value), None, "{value:?}");
        }
    }
}
