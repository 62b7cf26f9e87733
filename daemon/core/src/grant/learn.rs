//! What the host calls of a run teach its grants: resolvers, addresses of the target's name, local addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::observation::Call;
use crate::observation::dns::{Answer, Exchange, Query, Resolution, ResolveRequest, ResolverConfig};
use crate::observation::sockets::Listener;
use crate::observation::system::Link;
use crate::target::{Port, Target, TargetKind};

use super::Grants;

/// How many CNAMEs of one answer are followed; resolvers stop between 8 and 17.
const CNAME_LIMIT: usize = 16;

/// How many search suffixes are held; glibc takes any number since 2.26.
const SEARCH_LIMIT: usize = 64;

/// No such file.
const ENOENT: i32 = 2;

const A: u16 = 1;
const NS: u16 = 2;
const SOA: u16 = 6;
const TXT: u16 = 16;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const IN: u16 = 1;
const CHAOS: u16 = 3;
/// dnsmasq's name for the list of its upstream servers (dnsmasq(8)).
const UPSTREAMS: &str = "servers.bind";

impl Grants {
    /// Takes from a host call of this run what it grants on `target`. Calls that teach nothing are ignored.
    ///
    /// A process that nobody named may be anybody's: what its files and variables say is an answer, and no grant.
    pub fn learn(&mut self, target: &Target, call: &Call) {
        let pid = match call {
            Call::DnsConfig { request, .. } => request.pid,
            Call::DnsResolve { request, .. } => request.pid,
            Call::Proxies { pid, .. } => *pid,
            _ => None,
        };
        if pid.is_some_and(|pid| !self.processes.contains(&pid)) {
            return;
        }
        match call {
            Call::DnsConfig { request, answer } => self.learn_config(target, request.name.as_deref(), answer),
            Call::DnsResolve { request, answer } => self.learn_resolution(target, request, answer),
            Call::DnsQuery { request, answer } => self.learn_answer(target, request, answer),
            Call::Listeners { answer: Ok(listeners), .. } => self.learn_listeners(target, listeners),
            Call::Links { answer: Ok(links) } => self.learn_links(target, links),
            Call::Proxies { answer: Ok(variables), .. } => self.learn_proxies(variables),
            _ => {}
        }
    }

    fn learn_config(&mut self, target: &Target, name: Option<&str>, config: &ResolverConfig) {
        for server in config.nameservers.iter().chain(&config.manager.upstreams) {
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
        if request.server.port == super::DNS_PORT && self.authorities.contains(&request.server.address.to_canonical()) {
            self.learn_referral(target, answer);
            self.learn_elsewhere(target, request, answer);
        }
        let trusted = super::RESOLVER_PORTS.contains(&request.server.port)
            && self.resolvers.contains(&request.server.address.to_canonical());
        if !trusted {
            return;
        }
        if request.qclass == CHAOS && request.qtype == TXT && normal(&request.name) == UPSTREAMS {
            self.learn_upstreams(answer);
        }
        if request.qclass != IN {
            return;
        }
        self.learn_primary(target, answer);
        match request.qtype {
            NS => self.learn_authorities(target, &request.name, answer),
            A | AAAA if self.is_target(target, &request.name) => {
                for address in chain(answer, &request.name, request.qtype) {
                    self.add_target(address);
                }
            }
            A | AAAA if self.is_proxy(&request.name) => {
                for address in chain(answer, &request.name, request.qtype) {
                    self.add_proxy(&request.name, address);
                }
            }
            A | AAAA if self.authority_names.contains(&normal(&request.name)) => {
                for address in chain(answer, &request.name, request.qtype) {
                    self.add_authority(address);
                }
            }
            _ => {}
        }
    }

    /// The servers of a zone that holds the target's name, as the run's own resolver names them.
    fn learn_authorities(&mut self, target: &Target, zone: &str, answer: &Answer) {
        if !self.holds_target(target, zone) {
            return;
        }
        for record in answer.answers.iter().filter(|record| record.rtype == NS && normal(&record.name) == normal(zone))
        {
            if self.authority_names.len() < super::AUTHORITIES {
                self.authority_names.insert(normal(&record.rdata));
            }
        }
    }

    /// The primary server of a zone that holds the target's name: every negative answer carries its SOA (RFC 2308).
    fn learn_primary(&mut self, target: &Target, answer: &Answer) {
        for record in answer.answers.iter().chain(&answer.authorities).filter(|record| record.rtype == SOA) {
            let Some(primary) = record.rdata.split_whitespace().next() else { continue };
            if self.holds_target(target, &record.name) && self.authority_names.len() < super::AUTHORITIES {
                self.authority_names.insert(normal(primary));
            }
        }
    }

    /// A server of a zone above refers to those of a zone that holds the target's name, with their addresses as glue.
    fn learn_referral(&mut self, target: &Target, answer: &Answer) {
        for record in answer.authorities.iter().filter(|record| record.rtype == NS) {
            if self.holds_target(target, &record.name) && self.authority_names.len() < super::AUTHORITIES {
                self.authority_names.insert(normal(&record.rdata));
            }
        }
        for record in answer.additionals.iter().filter(|record| matches!(record.rtype, A | AAAA)) {
            if let Ok(address) = record.rdata.parse()
                && self.authority_names.contains(&normal(&record.name))
            {
                self.add_authority(address);
            }
        }
    }

    /// Where a server of the target's own zone leads: to that port of it, and no other, since the name's owner says so.
    fn learn_elsewhere(&mut self, target: &Target, request: &Query, answer: &Answer) {
        let Some(port) = target.port().map(Port::number) else { return };
        if request.qclass == IN && matches!(request.qtype, A | AAAA) && self.is_target(target, &request.name) {
            for address in chain(answer, &request.name, request.qtype) {
                self.add_endpoint(SocketAddr::new(address, port));
            }
        }
    }

    /// What dnsmasq says of the servers it forwards to: `10.0.0.1#53 12 0`, address, port, queries and failures.
    fn learn_upstreams(&mut self, answer: &Answer) {
        for record in answer.answers.iter().filter(|record| record.rtype == TXT) {
            for text in record.rdata.split('"') {
                if let Some(address) = text.split('#').next().and_then(|address| address.trim().parse().ok()) {
                    self.add_authority(address);
                }
            }
        }
    }

    fn learn_resolution(&mut self, target: &Target, request: &ResolveRequest, resolution: &Resolution) {
        if self.is_target(target, &request.name) {
            for address in &resolution.addresses {
                self.add_target(*address);
            }
        } else if self.is_proxy(&request.name) {
            for address in &resolution.addresses {
                self.add_proxy(&request.name, *address);
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

    /// Whether `zone` is the target's name, with or without a suffix of the search list, or an ancestor of it.
    fn holds_target(&self, target: &Target, zone: &str) -> bool {
        let (Some(name), zone) = (target.name().map(normal), normal(zone)) else { return false };
        let mut names =
            std::iter::once(name.clone()).chain(self.search.iter().map(|suffix| format!("{name}.{suffix}")));
        zone.is_empty()
            || names.any(|name| name.strip_suffix(&zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    }

    /// The target's name, or that name with a suffix of the search list.
    pub(super) fn is_target(&self, target: &Target, asked: &str) -> bool {
        let Some(name) = target.name().map(normal).filter(|name| !name.is_empty()) else { return false };
        let asked = normal(asked);
        match asked.strip_prefix(&name).map(|rest| rest.strip_prefix('.')) {
            Some(None) => asked.len() == name.len(),
            Some(Some(suffix)) => self.search.iter().any(|known| known == suffix),
            None => false,
        }
    }
}

/// The addresses of `name` in an answer, along its CNAMEs.
fn chain(answer: &Answer, name: &str, qtype: u16) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    let mut owner = normal(name);
    for _ in 0..=CNAME_LIMIT {
        let records = || answer.answers.iter().filter(|record| normal(&record.name) == owner);
        addresses.extend(
            records().filter(|record| record.rtype == qtype).filter_map(|record| record.rdata.parse::<IpAddr>().ok()),
        );
        match records().find(|record| record.rtype == CNAME) {
            Some(alias) => owner = normal(&alias.rdata),
            None => break,
        }
    }
    addresses
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
pub(super) fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
