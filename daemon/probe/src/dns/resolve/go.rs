//! Go's pure resolver, as of Go 1.26: `net.Resolver{PreferGo: true}.LookupNetIP` without a deadline.
//!
//! A literal, then the hosts file and DNS in the order of nsswitch.conf; no `localhost` of its own, no environment but GODEBUG.

mod error;
mod exchange;
mod lookup;
mod message;
mod name;
mod sockets;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::atomic::AtomicUsize;

use sonde_core::observation::dns::{Family, Nameserver, Personality, ResolveError, ResolverConfig, View};
use sonde_core::observation::{Endpoint, Phase};

use self::error::{LookupError, no_suitable_address};
use self::exchange::{Manner, Server};
use self::lookup::Plan;
use self::name::is_domain_name;
use super::{Found, Lookup, Outcome};
use crate::failure::Fault;

pub(super) async fn perform(lookup: &Lookup<'_>) -> Outcome {
    let (name, family) = (lookup.request.name.as_str(), lookup.request.family);
    if name.is_empty() {
        return Ok(Err(LookupError::no_such_host().of(name)));
    }
    if let Some(address) = literal(name) {
        return Ok(suitable("literal", vec![address], None, family, name));
    }
    let view = lookup.view()?;
    // What config makes of nsswitch.conf for a program without cgo: `files,dns`, `dns,files`, `files` or `dns`.
    let place = |source: &str| view.sources.iter().position(|word| word == source);
    let (files, dns) = (place("files"), place("dns"));
    let files_first = files.is_some_and(|files| dns.is_none_or(|dns| files < dns));
    let hosts = || {
        let found = lookup.setup.hosts(Personality::Go, name, Family::Any);
        (!found.addresses.is_empty()).then(|| suitable("files", found.addresses, found.canonical, family, name))
    };
    if let Some(found) = files_first.then(hosts).flatten() {
        return Ok(found);
    }
    if dns.is_none() || !is_domain_name(name) {
        return Ok(Err(LookupError::no_such_host().of(name)));
    }
    let answer = plan(lookup, view).await?.look_up(lookup).await;
    if answer.addresses.is_empty() {
        if let Some(found) = (files.is_some() && !files_first).then(hosts).flatten() {
            return Ok(found);
        }
        if let Some(error) = answer.error {
            return Ok(Err(error.of(name)));
        }
    }
    Ok(suitable("dns", answer.addresses, answer.canonical_name, family, name))
}

/// `netip.ParseAddr`: no short forms, a zone only behind IPv6.
fn literal(name: &str) -> Option<IpAddr> {
    match name.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        Some(_) => None,
        None => name.parse().ok(),
    }
}

/// `internetAddrList` of `net/ipsock.go`: those of the family. `::` alone stands for `0.0.0.0`, too; an IPv4-mapped address is an
/// IPv4 one.
fn suitable(
    source: &'static str,
    mut addresses: Vec<IpAddr>,
    canonical_name: Option<String>,
    family: Family,
    name: &str,
) -> Result<Found, ResolveError> {
    if addresses == [IpAddr::from(Ipv6Addr::UNSPECIFIED)] {
        addresses.push(Ipv4Addr::UNSPECIFIED.into());
    }
    let addresses: Vec<IpAddr> = addresses
        .into_iter()
        .map(|address| address.to_canonical())
        .filter(|address| match family {
            Family::Any => true,
            Family::Ipv4 => address.is_ipv4(),
            Family::Ipv6 => address.is_ipv6(),
        })
        .collect();
    if addresses.is_empty() {
        return Err(no_suitable_address(name));
    }
    let canonical_name = canonical_name.map(|name| if name.ends_with('.') { name } else { name + "." });
    Ok(Found { source, addresses, canonical_name })
}

async fn plan(lookup: &Lookup<'_>, view: &View) -> Result<Plan, Fault> {
    let has = |option: &str| view.options.iter().any(|word| word == option);
    let manner = Manner {
        timeout: view.timeout,
        use_tcp: has("use-vc") || has("usevc") || has("tcp"),
        trust_ad: has("trust-ad"),
        edns: edns(&lookup.setup.config),
    };
    Ok(Plan {
        servers: servers(lookup, view).await?,
        search: view.search.clone(),
        ndots: view.ndots,
        attempts: view.attempts,
        rotate: has("rotate"),
        single_request: has("single-request") || has("single-request-reopen"),
        manner,
        offset: AtomicUsize::new(0),
    })
}

/// GODEBUG's `netedns0=0`; of several the last holds (`internal/godebug`).
fn edns(config: &ResolverConfig) -> bool {
    let godebug = config.environment.iter().find(|variable| variable.name == "GODEBUG");
    let setting = |word: &str| {
        let value = word.strip_prefix("netedns0=")?;
        Some(value.split('#').next() != Some("0"))
    };
    godebug.and_then(|variable| variable.value.rsplit(',').find_map(setting)).unwrap_or(true)
}

async fn servers(lookup: &Lookup<'_>, view: &View) -> Result<Vec<Server>, Fault> {
    let nameservers = view.nameservers.clone();
    let written: Vec<String> = nameservers.iter().map(|server| as_written(&lookup.setup.config, server)).collect();
    let located = move || nameservers.iter().map(|server| (socket_address(server), endpoint(server))).collect();
    let located: Vec<(SocketAddr, Endpoint)> = lookup
        .vantage
        .inspect(located)
        .await
        .map_err(|error| Fault::os(Phase::Inspect, "look for the zones of servers inside the vantage", &error))?;
    let servers = located.into_iter().zip(written);
    Ok(servers.map(|((address, endpoint), text)| Server { text, address, endpoint }).collect())
}

fn endpoint(server: &Nameserver) -> Endpoint {
    Endpoint { address: server.address, port: server.port }
}

/// Inside the vantage: a zone is an interface's name or an index; one that is neither is none.
fn socket_address(server: &Nameserver) -> SocketAddr {
    match (server.address, server.scope.as_deref()) {
        (IpAddr::V6(address), Some(zone)) => {
            let index = super::musl::index_of_interface(zone).or_else(|| zone.parse().ok()).unwrap_or_default();
            SocketAddrV6::new(address, server.port, 0, index).into()
        }
        (address, _) => (address, server.port).into(),
    }
}

/// `JoinHostPort` of the word in resolv.conf.
fn as_written(config: &ResolverConfig, server: &Nameserver) -> String {
    let means = |word: &&String| literal(word).is_some_and(|address| address.to_canonical() == server.address);
    let lines = config.directives.iter().filter(|line| line.keyword == "nameserver");
    let host = lines.filter_map(|line| line.words.first()).find(means).cloned();
    let zone = server.scope.as_ref().map(|zone| format!("%{zone}")).unwrap_or_default();
    let host = host.unwrap_or_else(|| format!("{}{zone}", server.address));
    if host.contains(':') { format!("[{host}]:{}", server.port) } else { format!("{host}:{}", server.port) }
}

#[cfg(test)]
mod tests {
    use sonde_core::observation::dns::{Directive, Variable};

    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn literals_have_no_short_forms() {
        for text in ["127.1", "010.0.0.1", "1.2.3", "0x7f.0.0.1", "1.2.3.4%eth0", "fe80::1%", "db8::g"] {
            assert_eq!(literal(text), None, "{text}");
        }
        assert_eq!(literal("fe80::1%any"), "fe80::1".parse().ok());
        assert_eq!(literal("10.0.0.1"), "10.0.0.1".parse().ok());
    }

    #[test]
    fn addresses_of_the_other_family_are_unsuitable() {
        let error = suitable("files", ips(&["10.0.0.1"]), None, Family::Ipv6, "db").expect_err("nothing fits");
        assert_eq!((error.code.as_str(), error.text.as_str()), ("Other", "address db: no suitable address found"));
        let mapped = suitable("dns", ips(&["::ffff:10.0.0.1", "::1"]), None, Family::Ipv4, "db").expect("one fits");
        assert_eq!(mapped.addresses, ips(&["10.0.0.1"]));
        let any = suitable("literal", ips(&["::"]), None, Family::Any, "::").expect("both fit");
        assert_eq!(any.addresses, ips(&["::", "0.0.0.0"]));
    }

    #[test]
    fn a_server_is_named_as_resolv_conf_writes_it() {
        let line = |word: &str| Directive {
            line: 1,
            keyword: "nameserver".to_owned(),
            words: vec![word.to_owned()],
            heeded_by: vec![Personality::Go],
        };
        let config = ResolverConfig { directives: vec![line("FD00::1"), line("10.0.0.1")], ..Default::default() };
        let named = |address: &str, scope: Option<&str>| {
            let address = address.parse().expect("an address");
            as_written(&config, &Nameserver { address, port: 53, scope: scope.map(str::to_owned) })
        };
        assert_eq!(named("fd00::1", None), "[FD00::1]:53");
        assert_eq!(named("10.0.0.1", None), "10.0.0.1:53");
        assert_eq!(named("fe80::1", Some("eth0")), "[fe80::1%eth0]:53");
        assert_eq!(named("127.0.0.1", None), "127.0.0.1:53");
    }

    #[test]
    fn godebug_turns_edns_off_and_its_last_word_counts() {
        let with = |value: &str| {
            let variable = Variable { name: "GODEBUG".to_owned(), value: value.to_owned() };
            edns(&ResolverConfig { environment: vec![variable], ..Default::default() })
        };
        assert!(edns(&ResolverConfig::default()));
        assert!(!with("netdns=go,netedns0=0"));
        assert!(with("netedns0=0,netedns0=1"));
        assert!(with("netedns0=10"));
    }
}
