//! What each runtime makes of the files and the environment: defaults filled in, limits applied.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sonde_core::observation::dns::{Nameserver, Personality, View};

use super::environment::Environment;
use super::nsswitch::Source;
use super::resolv::{Parsed, glibc, server};

/// `resolv/res_init.c` of glibc 2.41: LOCALDOMAIN replaces the search list, `RES_OPTIONS` comes last, the host name's domain stands
/// in for a missing list, and 127.0.0.1 for missing servers.
pub(super) fn of_glibc(
    parsed: &Parsed,
    environment: &Environment,
    hostname: Option<&str>,
    sources: Option<&[Source]>,
) -> View {
    let mut parsed = parsed.clone();
    if let Some(value) = environment.get("LOCALDOMAIN") {
        parsed.search = glibc::localdomain(value);
    }
    if parsed.search.is_empty() {
        parsed.search.extend(hostname.and_then(|name| name.split_once('.')).map(|(_, domain)| domain.to_owned()));
    }
    if let Some(value) = environment.get("RES_OPTIONS") {
        glibc::set_options(&mut parsed, value);
    }
    parsed.servers.truncate(glibc::SERVERS);
    let sources = sources.unwrap_or_default().iter().flat_map(Source::words).collect();
    // `send_dg` of resolv/res_send.c waits for at least a second.
    view(Personality::Glibc, parsed, 1, &[Ipv4Addr::LOCALHOST.into()], sources)
}

/// src/network/resolvconf.c of musl 1.2.5; `src/network/lookup_name.c` asks the hosts file, then DNS, whatever nsswitch.conf says.
pub(super) fn of_musl(parsed: &Parsed) -> View {
    let sources = ["files", "dns"].map(str::to_owned).into();
    view(Personality::Musl, parsed.clone(), 0, &[Ipv4Addr::LOCALHOST.into()], sources)
}

/// `src/net/dnsconfig_unix.go` of Go 1.26, for a program that uses Go's own resolver; `order` is conf.go's.
pub(super) fn of_go(parsed: &Parsed, hostname: Option<&str>, order: &str) -> View {
    let mut parsed = parsed.clone();
    if parsed.search.is_empty() {
        let domain = hostname.and_then(|name| name.split_once('.')).map(|(_, domain)| domain);
        let domain = domain.filter(|domain| !domain.is_empty());
        parsed.search.extend(domain.map(|domain| domain.strip_suffix('.').unwrap_or(domain).to_owned()));
    }
    let sources = order.split(',').map(str::to_owned).collect();
    view(Personality::Go, parsed, 1, &[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], sources)
}

fn view(personality: Personality, parsed: Parsed, least: i32, servers: &[IpAddr], sources: Vec<String>) -> View {
    let default = || -> Vec<Nameserver> { servers.iter().map(|address| server(*address, None)).collect() };
    View {
        personality,
        nameservers: if parsed.servers.is_empty() { default() } else { parsed.servers },
        search: parsed.search,
        ndots: parsed.ndots,
        timeout: Duration::from_secs(u64::from(parsed.timeout.max(least).unsigned_abs())),
        attempts: parsed.attempts.max(0).unsigned_abs(),
        options: parsed.options.into_iter().map(str::to_owned).collect(),
        sources,
    }
}
