//! getaddrinfo of the GNU C library 2.36, as Debian 12 ships it: `getaddrinfo(name, NULL, {family, SOCK_STREAM, flags 0})`.
//!
//! Written after reading that release with Debian's patches (2.36-9+deb12u); each file names the source it follows. Releases
//! that differ: before 2.26 the search list had six domains at most; before 2.36 there was no `no-aaaa`; since 2.36-9+deb12u9
//! (upstream 2.40 and 2.41) SERVFAIL under `single-request` asks the next server, the switch to single requests does not outlive the
//! configuration, and a refusal without a question is taken for a reply; upstream 2.41 adds `strict-error`, and lets a
//! `-` before a flag clear it. `dns/config/resolv/glibc.rs` reads resolv.conf as 2.41 does.
//!
//! Absent on purpose: nscd, IDNA (`AI_IDN` is not set, so a name that is not ASCII is never asked for), the sorting of RFC 6724
//! (addresses stand in the order of the replies), and sources but `files` and `dns`.

mod answer;
mod datagram;
mod errors;
mod literal;
mod lookup;
mod message;
mod modules;
mod search;
mod send;
mod socket;
mod stream;

use std::net::Ipv6Addr;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use sonde_core::observation::dns::Family;

use self::errors::Eai;
use self::send::Resolver;
use super::{Found, Lookup, Outcome};

pub(super) async fn perform(lookup: &Lookup<'_>) -> Outcome {
    let view = lookup.view()?;
    let (name, family) = (lookup.request.name.as_str(), lookup.request.family);
    // A name of `*` is none at all, and then a service would be needed.
    if name == "*" || name.contains('\0') {
        return Ok(Err(Eai::NoName.into()));
    }
    match literal::read(name, family, |address, zone| is_zone(lookup, address, zone)) {
        Ok(None) => {}
        Ok(Some(address)) => {
            return Ok(Ok(Found { source: "literal", addresses: vec![address], canonical_name: None }));
        }
        Err(error) => return Ok(Err(error.into())),
    }
    let mut resolver = Resolver::new(lookup, view)?;
    resolver.installed = modules::installed(lookup.vantage, lookup.setup.sources().unwrap_or_default()).await;
    let found = match (family, lookup.setup.sources()) {
        (Family::Ipv4, _) if literal::looks_numeric(name) => Err(Eai::NoName),
        (Family::Ipv4, Some(sources)) => lookup::walk_ipv4(&mut resolver, sources).await,
        (_, Some(sources)) => lookup::walk(&mut resolver, sources, family).await,
        // The line does not parse: EINVAL for one of the walks, nothing to walk for the other.
        (Family::Ipv4, None) => Err(Eai::System),
        (_, None) => Err(Eai::NoName),
    };
    Ok(found.map_err(Into::into))
}

/// `__inet6_scopeid_pton`: an interface's name for link-local addresses, a number for any.
fn is_zone(lookup: &Lookup<'_>, address: Ipv6Addr, zone: &str) -> bool {
    let link_local = address.is_unicast_link_local() || (address.segments()[0] & 0xff0f) == 0xff02;
    let number = zone.bytes().all(|byte| byte.is_ascii_digit()) && zone.parse::<u32>().is_ok();
    number || (link_local && zone_index(lookup, zone).is_some())
}

/// The index of an interface of the vantage, by name or as a number.
fn zone_index(lookup: &Lookup<'_>, zone: &str) -> Option<u32> {
    if let Ok(index) = zone.parse() {
        return Some(index);
    }
    let name = zone.to_owned();
    let ask = move || {
        let flags = SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None).ok()?;
        rustix::net::netdevice::name_to_index(&socket, &name).ok()
    };
    lookup.vantage.within(ask).ok().flatten()
}
