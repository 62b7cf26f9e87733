//! In which order a program tries the addresses of a name that sorts them by RFC 6724 (section 6, with the table of section 2.1), as
//! Go does and C libraries with a younger table than glibc's.
//!
//! Absent: what only the kernel knows (deprecated and home addresses, tunnels: rules 3, 4, 7), and the longest common prefix (rule
//! 9), which tells apart addresses of one family alone.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// The addresses in the order in which they are tried. Each comes with the address that packets to it would leave from; one without
/// cannot be reached, and comes last. Equal ones stay as they are.
pub fn sorted(mut destinations: Vec<(IpAddr, Option<IpAddr>)>) -> Vec<IpAddr> {
    destinations.sort_by_key(|(destination, source)| {
        let (scope, policy) = (scope(*destination), Policy::of(*destination));
        (
            source.is_none(),
            source.is_some_and(|source| self::scope(source) != scope),
            source.is_some_and(|source| Policy::of(source).label != policy.label),
            Reverse(policy.precedence),
            scope,
        )
    });
    destinations.into_iter().map(|(destination, _)| destination).collect()
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
struct Policy {
    precedence: u8,
    label: u8,
}

impl Policy {
    fn of(address: IpAddr) -> Self {
        let bits = mapped(address).to_bits();
        let row = TABLE.iter().find(|(prefix, length, ..)| (bits ^ prefix.to_bits()) >> (128 - length) == 0);
        row.map_or(Self { precedence: 40, label: 1 }, |(.., precedence, label)| Self {
            precedence: *precedence,
            label: *label,
        })
    }
}

/// Of a unicast address (section 3.1).
fn scope(address: IpAddr) -> u8 {
    const LINK: u8 = 2;
    const SITE: u8 = 5;
    const GLOBAL: u8 = 14;
    match address {
        IpAddr::V4(address) if address.is_loopback() || address.is_link_local() => LINK,
        IpAddr::V6(address) if address.is_loopback() || address.is_unicast_link_local() => LINK,
        IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfec0 => SITE,
        IpAddr::V4(_) | IpAddr::V6(_) => GLOBAL,
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Prefix, its length, precedence, label; longer prefixes first. What is in none of them is in `::/0`.
const TABLE: [(Ipv6Addr, u32, u8, u8); 8] = [
    (Ipv6Addr::LOCALHOST, 128, 50, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of a destination and its source, as they come out.
    fn order(given: &[(&str, &str)]) -> Vec<String> {
        let address = |text: &str| text.parse().expect("an address");
        let given = given.iter().map(|(to, from)| (address(to), (!from.is_empty()).then(|| address(from))));
        sorted(given.collect()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_examples_of_section_10_2_come_out_as_they_are_there() {
        for (given, first) in [
            ([("198.51.100.121", "169.254.13.78"), ("2001:db8:1::1", "2001:db8:1::2")], "2001:db8:1::1"),
            ([("2001:db8:1::1", "fe80::1"), ("198.51.100.121", "198.51.100.117")], "198.51.100.121"),
            ([("10.1.2.3", "10.1.2.4"), ("2001:db8:1::1", "2001:db8:1::2")], "2001:db8:1::1"),
            ([("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", "fe80::2")], "fe80::1"),
            ([("2001:db8:1::1", "fe80::2"), ("2002:c633:6401::1", "2002:c633:6401::2")], "2002:c633:6401::1"),
            ([("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2001:db8:1::2")], "2001:db8:1::1"),
        ] {
            assert_eq!(order(&given)[0], first, "{given:?}");
        }
    }

    #[test]
    fn unique_local_addresses_come_behind_ipv4_and_unreachable_ones_behind_all() {
        assert_eq!(order(&[("fd00::1", "fd00::2"), ("10.0.0.1", "10.0.0.2")]), ["10.0.0.1", "fd00::1"]);
        assert_eq!(order(&[("2001:db8::1", ""), ("10.0.0.1", "10.0.0.2")]), ["10.0.0.1", "2001:db8::1"]);
        assert_eq!(order(&[("10.0.0.2", "10.0.0.9"), ("10.0.0.1", "10.0.0.9")]), ["10.0.0.2", "10.0.0.1"]);
    }
}
