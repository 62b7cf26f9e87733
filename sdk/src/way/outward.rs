//! Which links could lead out of this host, as far as their names and addresses say.

use std::net::IpAddr;

use crate::system::Link;

/// Links that carry only traffic of this host with itself: dummies, and the bridges of container engines.
const INWARD: [&str; 8] = ["dummy", "docker", "br-", "virbr", "cni", "cali", "flannel", "kube-ipvs"];
/// Devices that the kernel's tunnel modules put into every namespace, switched off.
const FALLBACK: [&str; 9] =
    ["tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6tnl0", "ip6gre0"];

/// It could lead outside.
pub(super) fn leads(link: &Link) -> bool {
    !link.loopback && !INWARD.iter().any(|name| link.name.starts_with(name)) && !FALLBACK.contains(&link.name.as_str())
}

/// It has an address of the family that others can reach.
pub(super) fn has_family(link: &Link, ipv6: bool) -> bool {
    link.addresses.iter().any(|a| a.contains(':') == ipv6 && !a.starts_with("fe80:"))
}

/// `10.0.0.5/24` holds `10.0.0.7`.
pub(super) fn contains(own: &str, address: &str) -> bool {
    let Some((net, length)) = own.split_once('/') else { return false };
    let (Ok(net), Ok(length), Ok(address)) = (net.parse::<IpAddr>(), length.parse::<u32>(), address.parse::<IpAddr>())
    else {
        return false;
    };
    match (net, address) {
        (IpAddr::V4(net), IpAddr::V4(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros() >= length,
        (IpAddr::V6(net), IpAddr::V6(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros() >= length,
        _ => false,
    }
}
