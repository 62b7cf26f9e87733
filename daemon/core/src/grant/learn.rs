//! What the host calls of a run teach its grants: resolvers, addresses of the target's name, local addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::observation::Call;
use crate::observation::dns::{Exchange, Query, ResolverConfig};
use crate::observation::sockets::Listener;
use crate::observation::system::Link;
use crate::target::{Target, TargetKind};

use super::Grants;

/// How many CNAMEs of one answer are followed; resolvers stop between 8 and 17.
const CNAME_LIMIT: usize = 16;

/// How many search suffixes are held; glibc takes any number since 2.26.
const SEARCH_LIMIT: usize = 64;

/// No such file.
const ENOENT: i32 = 2;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const IN: u16 = 1;

impl Grants {
    /// Takes from a host call of this run what it grants on `target`. Calls that teach nothing are ignored.
    pub fn learn(&mut self, target: &Target, call: &Call) {
        match call {
            Call::DnsConfig { name, answer } => self.learn_config(target, name.as_deref(), answer),
            Call::DnsQuery { request, answer } => self.learn_answer(target, request, answer),
            Call::Listeners { answer: Ok(listeners), .. } => self.learn_listeners(target, listeners),
            Call::Links { answer: Ok(links) } => self.learn_links(target, links),
            _ => {}
        }
    }

    fn learn_config(&mut self, target: &Target, name: Option<&str>, config: &ResolverConfig) {
        for server in &config.nameservers {
            self.add_resolver(*server);
        }
        let read = config.problem.as_ref().is_none_or(|problem| problem.errno == Some(ENOENT));
        if config.nameservers.is_empty() && read {
            // What glibc asks then (resolv.conf(5)). A file that could not be read may name another.
            self.add_resolver(Ipv4Addr::LOCALHOST.into());
        }
        for suffix in &config.search {
            let suffix = normal(suffix);
            if self.search.len() < SEARCH_LIMIT && !self.search.contains(&suffix) {
                self.search.push(suffix);
            }
        }
        if name.is_some_and(|name| self.is_target(target, name)) {
            for address in &config.hosts_addresses {
                self.add_target(*address);
            }
        }
    }

    fn learn_answer(&mut self, target: &Target, request: &Query, exchange: &Exchange) {
        let Ok(answer) = &exchange.outcome else { return };
        let asked = SocketAddr::new(request.server.address.to_canonical(), request.server.port);
        let trusted = asked.port() == super::DNS_PORT && self.resolvers.contains(&asked.ip());
        let wanted = request.qclass == IN && matches!(request.qtype, A | AAAA);
        if !trusted || !wanted || !self.is_target(target, &request.name) {
            return;
        }
        let mut owner = normal(&request.name);
        for _ in 0..=CNAME_LIMIT {
            let records = || answer.answers.iter().filter(|record| normal(&record.name) == owner);
            for record in records().filter(|record| record.rtype == request.qtype) {
                if let Ok(address) = record.rdata.parse::<IpAddr>() {
                    self.add_target(address);
                }
            }
            match records().find(|record| record.rtype == CNAME) {
                Some(alias) => owner = normal(&alias.rdata),
                None => return,
            }
        }
    }

    fn learn_listeners(&mut self, target: &Target, listeners: &[Listener]) {
        match target.kind {
            TargetKind::Listener { port } => {
                for listener in listeners.iter().filter(|listener| listener.port == port.number()) {
                    self.add_target(reachable(listener.address));
                }
            }
            TargetKind::ThisHost => {
                for listener in listeners {
                    self.add_endpoint(SocketAddr::new(reachable(listener.address), listener.port));
                }
            }
            _ => {}
        }
    }

    fn learn_links(&mut self, target: &Target, links: &[Link]) {
        if matches!(target.kind, TargetKind::Listener { .. }) {
            for text in links.iter().flat_map(|link| &link.addresses) {
                if let Ok(network) = text.parse::<ipnet::IpNet>() {
                    self.add_target(network.addr());
                }
            }
        }
    }

    /// The target's name, or that name with a suffix of the search list.
    fn is_target(&self, target: &Target, asked: &str) -> bool {
        let Some(name) = target.name().map(normal).filter(|name| !name.is_empty()) else { return false };
        let asked = normal(asked);
        match asked.strip_prefix(&name).map(|rest| rest.strip_prefix('.')) {
            Some(None) => asked.len() == name.len(),
            Some(Some(suffix)) => self.search.iter().any(|known| known == suffix),
            None => false,
        }
    }
}

/// Where a listener on any address answers.
fn reachable(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        specific => specific,
    }
}

/// DNS names compare without case (RFC 4343) and without the final dot.
fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
